"""The quantiser ``onnx``: ONNX Runtime's quantisation tool with its configuration for QNN.

The result is an ONNX file in QDQ form: QuantizeLinear and DequantizeLinear around every operator, inputs and outputs of
the graph float32 as before. Shapes are fixed to those of the artifact, since QNN takes no others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, Format, LayerError, Method, PlacementCheck, QuantiseRequest
from bench.errors import InputError
from bench.targets.ort.qdq.methods import METHODS
from bench.targets.quantisable import named, refuse_unquantisable
from bench.words import Sentence, sentence

MOST_BYTES = 2**31 - 2**20
"""Of a model in float32, since the result is one file of protobuf."""


class OnnxRuntimeQdq:
    summary = sentence("qdq.summary")
    formats: Sequence[Format] = ("onnx",)
    result: Format = "onnx"
    schemes: Mapping[str, Sentence | str] = {name: sentence(f"qdq.scheme.{name}") for name in METHODS}
    requires: Sequence[str] = ("onnxruntime", "onnx")
    install = "pip install ondevice-bench"

    def refuse(self, artifact: Artifact, scheme: str) -> None:
        file = named(artifact)
        if artifact.task == "text_generation":
            raise InputError(sentence("qdq.language_model", file=file), sentence("qdq.language_model.remedy"))
        refuse_unquantisable(artifact)
        size_bytes = artifact.size_bytes * (2 if artifact.precision == "float16" else 1)
        if size_bytes > MOST_BYTES:
            message = sentence("qdq.too_large", file=file, size_bytes=size_bytes, most_bytes=MOST_BYTES)
            raise InputError(message, sentence("qdq.too_large.remedy"))

    def methods(self, artifact: Artifact, scheme: str) -> Sequence[Method]:
        return METHODS[scheme]

    def widening(self, method: Method, layers: Sequence[str], scheme: str) -> Method | None:
        if scheme != "int8" or not layers:
            return None
        return replace(method, widened=tuple(layers))

    def quantise(self, request: QuantiseRequest) -> Path:
        from bench.targets.ort.qdq.quantising import quantised

        return quantised(request)

    def layer_errors(self, request: QuantiseRequest, quantised: Path) -> Sequence[LayerError]:
        from bench.targets.ort.qdq.layers import layer_errors

        return layer_errors(request, quantised)

    def placements(self, scheme: str) -> Sequence[PlacementCheck]:
        """An HTP without floating point, which takes nothing that is not quantised; of 16 bits the usual one."""
        soc = "snapdragon-778g" if scheme == "int8" else "snapdragon-x-elite"
        return (PlacementCheck("qnn:htp-emu", {"soc": soc}),)
