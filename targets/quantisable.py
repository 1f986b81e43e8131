"""Which models can be quantised, whatever the library: not those that are compiled or quantised already, and not those
without weights of floating point. Each refusal says what to do instead."""

from bench.contracts import Artifact
from bench.errors import InputError
from bench.targets.compiled_graphs import holds_context
from bench.words import sentence

QUANTISED_OPERATORS = frozenset(
    "ConvInteger DequantizeLinear DynamicQuantizeLinear DynamicQuantizeMatMul FakeQuantize GatherBlockQuantized "
    "MatMulInteger MatMulNBits QAttention QGemm QuantizeLinear".split()
)
"""Of ONNX and of OpenVINO. Those of ONNX that begin with ``QLinear`` count besides."""
FLOATS = ("float32", "float16")


def named(artifact: Artifact) -> str:
    """The file or folder that the user named."""
    return (artifact.path if artifact.source is None else artifact.source.path).name


def refuse_unquantisable(artifact: Artifact) -> None:
    """Raise ``InputError`` unless the model computes in floating point with weights of its own."""
    file, remedy = named(artifact), sentence("quantise.name_the_float_model")
    if holds_context(artifact):
        raise InputError(sentence("quantise.compiled", file=file), remedy)
    operators = artifact.facts.operators
    found = sorted(op for op in operators if op in QUANTISED_OPERATORS or op.startswith("QLinear"))
    if found:
        raise InputError(sentence("quantise.already_quantised", file=file, operators=found), remedy)
    if artifact.precision not in FLOATS:
        code = "quantise.no_float_weights" if artifact.precision else "quantise.unknown_weights"
        raise InputError(sentence(code, file=file, precision=artifact.precision), remedy)
