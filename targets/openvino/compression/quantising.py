"""One try with NNCF."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import QuantiseRequest
from bench.contracts.quantising.stated import LINEAGE_KEY
from bench.errors import RunFailure
from bench.words import sentence

if TYPE_CHECKING:
    import openvino

MADE_UP = re.compile(r"([A-Z][A-Za-z]*)_\d+")
"""Names that OpenVINO makes up are an operator's type and a number that counts all nodes of the process."""


def quantised(request: QuantiseRequest) -> Path:
    """Quantise by the request's method. Raises ``RunFailure`` where NNCF cannot."""
    import nncf
    import openvino

    artifact, path = request.artifact, request.folder / "quantised.xml"
    nncf.set_log_level(40)  # errors
    try:
        model = openvino.Core().read_model(str(artifact.path))
        model.reshape({name: list(shape) for name, shape in artifact.shapes.items()})
        made = _compressed(model, request) if "mode" in request.method.options else _quantised(model, request)
        name_nodes(made)
        made.set_rt_info(request.lineage, LINEAGE_KEY.split("."))
        openvino.save_model(made, str(path), compress_to_fp16=False)
    except Exception as error:  # of NNCF and OpenVINO
        lines = str(error).strip().splitlines()
        why = lines[-1][:300] if lines else type(error).__name__
        message = sentence("nncf.not_quantised", file=artifact.path.name, error=why)
        raise RunFailure("runtime_error", message, sentence("nncf.not_quantised.remedy"), "convert") from error
    return path


def name_nodes(model: "openvino.Model") -> None:
    """Number the names that were made up in the order of the graph, so that the same model has the same names."""
    for index, node in enumerate(model.get_ordered_ops()):
        found = MADE_UP.fullmatch(node.get_friendly_name())
        if found:
            node.set_friendly_name(f"{found[1]}_{index}")


def _quantised(model: "openvino.Model", request: QuantiseRequest) -> "openvino.Model":
    import nncf
    import numpy as np

    options = request.method.options

    def inputs(file: Path) -> dict[str, Any]:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    return nncf.quantize(
        model,
        nncf.Dataset(list(request.samples), inputs),
        preset=nncf.QuantizationPreset(options["preset"]),
        subset_size=len(request.samples),
        fast_bias_correction=options.get("fast_bias_correction") != "False",
        advanced_parameters=_ranges(options.get("quantile")),
    )


def _ranges(quantile: str | None) -> Any:
    if quantile is None:
        return None
    from nncf import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import (
        AggregatorType,
        RangeEstimatorParameters,
        StatisticsCollectorParameters,
        StatisticsType,
    )

    def end(kind: StatisticsType) -> StatisticsCollectorParameters:
        return StatisticsCollectorParameters(
            statistics_type=kind, aggregator_type=AggregatorType.MEAN, quantile_outlier_prob=float(quantile)
        )

    estimator = RangeEstimatorParameters(min=end(StatisticsType.QUANTILE), max=end(StatisticsType.QUANTILE))
    return AdvancedQuantizationParameters(activations_range_estimator_params=estimator)


def _compressed(model: "openvino.Model", request: QuantiseRequest) -> "openvino.Model":
    import nncf

    options = dict(request.method.options)
    settings: dict[str, Any] = {"mode": nncf.CompressWeightsMode(options["mode"])}
    if "group_size" in options:
        settings["group_size"] = int(options["group_size"])
    if options.get("all_layers") == "True":
        settings["all_layers"] = True
    return nncf.compress_weights(model, **settings)
