"""The quantiser ``openvino``: NNCF, for ONNX, OpenVINO IR and TFLite; the result is an OpenVINO IR.

``int8`` is NNCF's ``quantize``: weights and activations of 8 bits. ``w8a16`` and ``w4a16`` are ``compress_weights``:
weights of 8 or 4 bits, and activations that stay in floating point, 16 bits on devices that compute so.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.contracts import Artifact, Format, LayerError, Method, PlacementCheck, QuantiseRequest
from bench.errors import InputError
from bench.targets.distributions import importable
from bench.targets.quantisable import named, refuse_unquantisable
from bench.words import Sentence, sentence

METHODS: Mapping[str, Sequence[Method]] = MappingProxyType(
    {
        "int8": (
            Method("performance", {"preset": "performance"}),
            Method("mixed", {"preset": "mixed"}),
            Method("mixed, quantile 99.99", {"preset": "mixed", "quantile": "0.0001"}),
            Method("mixed, full bias correction", {"preset": "mixed", "fast_bias_correction": "False"}),
        ),
        "w8a16": (
            Method("weights, asymmetric", {"mode": "int8_asym"}),
            Method("weights, symmetric", {"mode": "int8_sym"}),
        ),
        "w4a16": (
            Method("weights, asymmetric", {"mode": "int4_asym", "group_size": "-1", "all_layers": "True"}),
            Method("weights, symmetric", {"mode": "int4_sym", "group_size": "-1", "all_layers": "True"}),
        ),
    }
)
"""By scheme; options are of ``nncf.quantize`` and ``nncf.compress_weights``, but ``quantile``, which is the fraction
that the ranges of activations leave out at each end."""


class OpenVinoNncf:
    summary = sentence("nncf.summary")
    formats: Sequence[Format] = ("onnx", "openvino_ir", "tflite")
    result: Format = "openvino_ir"
    schemes: Mapping[str, Sentence | str] = {name: sentence(f"nncf.scheme.{name}") for name in METHODS}
    requires: Sequence[str] = ("nncf", "openvino")
    install = "pip install 'ondevice-bench[nncf]'"

    def refuse(self, artifact: Artifact, scheme: str) -> None:
        if artifact.task == "text_generation":
            message = sentence("nncf.language_model", file=named(artifact))
            raise InputError(message, sentence("nncf.language_model.remedy"))
        refuse_unquantisable(artifact)
        if not (importable("nncf") and importable("openvino")):
            raise InputError(sentence("target.not_installed", package="nncf"), self.install)

    def methods(self, artifact: Artifact, scheme: str) -> Sequence[Method]:
        return METHODS[scheme]

    def widening(self, method: Method, layers: Sequence[str], scheme: str) -> Method | None:
        return None

    def quantise(self, request: QuantiseRequest) -> Path:
        from bench.targets.openvino.compression.quantising import quantised

        return quantised(request)

    def layer_errors(self, request: QuantiseRequest, quantised: Path) -> Sequence[LayerError]:
        return ()

    def placements(self, scheme: str) -> Sequence[PlacementCheck]:
        return (PlacementCheck("openvino:CPU"),)
