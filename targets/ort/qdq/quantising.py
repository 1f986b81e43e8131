"""One try with ONNX Runtime's quantisation tool."""

import inspect
import logging
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Method, QuantiseRequest
from bench.contracts.quantising.stated import LINEAGE_KEY
from bench.errors import RunFailure
from bench.targets.ort.qdq.methods import PERCENTILE
from bench.targets.ort.qdq.preparing import prepared
from bench.words import sentence

if TYPE_CHECKING:
    import onnx

ACTIVATIONS = frozenset(("Clip", "Relu"))
"""Operators that the tool takes into the range of the one before."""
RANGES = "calibration_cache_path"
"""The argument with which newer versions of the tool take ranges that were found before."""
TYPES = {"activation_type": "QuantType", "weight_type": "QuantType", "calibrate_method": "CalibrationMethod"}


class Samples:
    """A ``CalibrationDataReader``: the samples are read one by one when the tool asks for them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self.set_range(0, len(files))

    def __len__(self) -> int:
        return len(self._files)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._left = iter(self._files[start_index:end_index])

    def get_next(self) -> dict[str, Any] | None:
        file = next(self._left, None)
        return None if file is None else feeds_of(file)


def feeds_of(file: Path) -> dict[str, Any]:
    """The inputs in a ``.npz``, as the prepared graph takes them."""
    import numpy as np

    with np.load(file, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in found.items()}


def quantised(request: QuantiseRequest) -> Path:
    """Quantise by the request's method. Raises ``RunFailure`` where the tool cannot."""
    from onnxruntime.quantization import quantize_static

    logging.getLogger().setLevel(logging.ERROR)  # the tool warns of what is not done here
    source = prepared(request.artifact, request.kept)
    path = request.folder / "quantised.onnx"
    try:
        config = configuration(request, source)
        options = {**config.extra_options, **_calibration(request.method)}
        cache = {RANGES: _cache(request)} if RANGES in inspect.signature(quantize_static).parameters else {}
        quantize_static(
            source,
            path,
            Samples(request.samples),
            per_channel=config.per_channel,
            activation_type=config.activation_type,
            weight_type=config.weight_type,
            op_types_to_quantize=sorted(config.op_types_to_quantize),
            calibrate_method=config.calibrate_method,
            extra_options=options,
            **cache,
        )
    except RunFailure:
        raise
    except Exception as error:  # of the tool, ONNX Runtime and onnx
        lines = str(error).strip().splitlines()
        why = lines[0][:300] if lines else type(error).__name__
        message = sentence("qdq.not_quantised", file=request.artifact.path.name, error=why)
        raise RunFailure("runtime_error", message, sentence("qdq.not_quantised.remedy"), "convert") from error
    finish(path, request.lineage)
    return path


def configuration(request: QuantiseRequest, source: Path) -> Any:
    """``StaticQuantConfig`` for QNN."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.execution_providers.qnn import get_qnn_qdq_config

    settings: dict[str, Any] = {}
    for key, value in request.method.options.items():
        if key != PERCENTILE:
            settings[key] = getattr(quantization, TYPES[key])[value] if key in TYPES else value == "True"
    model = onnx.load_model(source)
    return get_qnn_qdq_config(
        model, Samples(request.samples), init_overrides=overrides(model, request.method), stride=1, **settings
    )


def overrides(model: "onnx.ModelProto", method: Method) -> dict[str, Any] | None:
    """Outputs of the layers that keep 16 bits; the tool's own helper widens what goes into them, and converts where
    widths meet."""
    from onnxruntime.quantization import QuantType

    widened = set(method.widened)
    outputs = {
        out: [{"quant_type": QuantType.QUInt16}] for n in model.graph.node if n.name in widened for out in n.output
    }
    return outputs or None


def _calibration(method: Method) -> dict[str, Any]:
    return {"CalibPercentile": float(method.options[PERCENTILE])} if PERCENTILE in method.options else {}


def _cache(request: QuantiseRequest) -> Path:
    """Where the ranges of this way to calibrate are kept. Types of 4 and 16 bits change the opset, and so the graph."""
    options = request.method.options
    names = ("calibrate_method", PERCENTILE, "weight_type", "activation_type")
    key = [f"{name}={options.get(name, '')}" for name in names] + [str(bool(request.method.widened))]
    return request.kept / f"ranges-{sha256(' '.join(key).encode()).hexdigest()[:16]}.json"


def finish(path: Path, lineage: str) -> None:
    """Put the lineage into the metadata, and take out the domains that the graph does not use."""
    import onnx

    model = onnx.load_model(path)
    used = {node.domain for node in _all_nodes(model.graph)} | {""}
    kept = [one for one in model.opset_import if one.domain in used or (one.domain == "ai.onnx" and "" in used)]
    imports = sorted((one.domain, one.version) for one in kept)
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in imports)
    model.producer_name, model.producer_version, model.doc_string = "ondevice-bench", "", ""
    onnx.helper.set_model_props(model, {LINEAGE_KEY: lineage})
    path.write_bytes(model.SerializeToString(deterministic=True))


def _all_nodes(graph: "onnx.GraphProto") -> "list[onnx.NodeProto]":
    found = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                found += _all_nodes(inner)
    return found
