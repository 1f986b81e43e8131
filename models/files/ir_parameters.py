"""Which constants of an OpenVINO IR are weights, and how constants are distinguished from activations."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.models.dtypes import BITS, INDEX_DTYPES
from bench.models.files.ir_graph import IrGraph, Layer

# layer -> inputs that hold no weights
NO_WEIGHTS: Mapping[str, Iterable[int]] = {
    "BatchNormInference": (3, 4),
    "Clamp": (1, 2),
    "EmbeddingBagPackedSum": (2,),
    "FakeConvert": (1, 2),
    "FakeQuantize": (1, 2, 3, 4),
    "GRUSequence": (1,),
    "Interpolate": (1, 2, 3),
    "LSTMSequence": (1, 2),
    "NonMaxSuppression": (2, 3, 4, 5),
    "OneHot": (1, 2, 3),
    "Pad": (1, 2, 3),
    "RNNSequence": (1,),
    "Range": (0, 1, 2),
}
CARRIERS = frozenset({"Broadcast", "Convert", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""What hands a constant on as it is, in another type or shape."""
QUANTISED_BITS = 16
ELEMENTWISE = frozenset({"Add", "Divide", "Maximum", "Minimum", "Multiply", "Power", "Subtract"})
PRODUCTS = frozenset({"Convolution", "ConvolutionBackpropData", "GroupConvolution", "MatMul"})


def constants_of(graph: IrGraph) -> dict[tuple[int, int], Layer]:
    """Constants by their place in the ``.bin``, bodies included: a constant used by several layers appears once."""
    return {
        layer.constant_extent: layer
        for part in graph.everywhere()
        for layer in part.layers.values()
        if layer.kind == "Const"
    }


def parameters(graph: IrGraph) -> int:
    """Elements of the constants that are weights: of a quantised or floating-point type and at least one dimension, or
    the int32 of a quantised bias; not bounds, scales, zero points, factors of a resize or initial states. A constant
    that several layers share counts where any of them takes it for a weight."""
    counted: dict[tuple[int, int], int] = {}
    for part in graph.everywhere():
        readers = _readers(part)
        for layer in part.layers.values():
            if layer.kind == "Const" and _is_weight(part, layer, readers):
                counted[layer.constant_extent] = math.prod(layer.outputs[0].shape or ())
    return sum(counted.values())


Readers = Mapping[str, list[tuple[Layer, int]]]


def _readers(graph: IrGraph) -> Readers:
    found: dict[str, list[tuple[Layer, int]]] = defaultdict(list)
    for layer in graph.layers.values():
        for index, (source, _) in enumerate(layer.sources):
            found[source].append((layer, index))
    return found


def _is_weight(graph: IrGraph, constant: Layer, readers: Readers) -> bool:
    port = constant.outputs[0]
    if not port.shape or port.dtype == "string":
        return False
    uses = _uses(constant, readers)
    if port.dtype in INDEX_DTYPES:
        return port.dtype == "int32" and any(_dequantises(graph, layer, index) for layer, index in uses)
    roles = [_weighs(graph, layer, index) for layer, index in uses]
    return any(roles) or not roles


def _uses(layer: Layer, readers: Readers) -> list[tuple[Layer, int]]:
    """Who reads it in the end, past what hands it on."""
    found: list[tuple[Layer, int]] = []
    for reader, index in readers[layer.identifier]:
        found += _uses(reader, readers) if reader.kind in CARRIERS and index == 0 else [(reader, index)]
    return found


def _weighs(graph: IrGraph, reader: Layer, index: int) -> bool:
    """Whether what ``reader`` reads there may be a weight."""
    if index in NO_WEIGHTS.get(reader.kind, ()):
        return False
    other = 1 - index
    if reader.kind in ELEMENTWISE and math.prod(reader.inputs[index].shape or ()) == 1:
        return reader.kind == "Add" and graph.layers[reader.sources[other][0]].kind in PRODUCTS  # else a lone number
    if reader.kind in ("Multiply", "Subtract") and len(reader.sources) == 2:
        if reader.kind == "Subtract" and index == 1 and _from_quantised(graph, reader.sources[0][0]):
            return False  # a zero point
        if reader.kind == "Multiply" and _from_quantised(graph, reader.sources[other][0]):
            return False  # a scale
    return True


def _dequantises(graph: IrGraph, reader: Layer, index: int) -> bool:
    """Whether ``reader`` scales a converted integer by a floating-point constant, as a quantised bias is."""
    if reader.kind == "Subtract" and index == 0:
        return any(_dequantises(graph, r, i) for r, i in _readers(graph)[reader.identifier])
    if reader.kind != "Multiply" or len(reader.sources) != 2:
        return False
    scale = _origin(graph, reader.sources[1 - index][0])
    return scale.kind == "Const" and scale.outputs[0].dtype.startswith(("float", "bfloat"))


def _from_quantised(graph: IrGraph, identifier: str) -> bool:
    """Whether a value is a converted quantised one, perhaps less its zero point."""
    layer = graph.layers[identifier]
    if layer.kind == "Subtract":
        layer = graph.layers[layer.sources[0][0]]
    while layer.kind in CARRIERS:
        if layer.kind == "Convert" and _quantised(layer.inputs[0].dtype):
            return True
        layer = graph.layers[layer.sources[0][0]]
    return False


def _quantised(dtype: str) -> bool:
    whole = dtype.startswith(("int", "uint", "nf4", "float4", "float8"))
    return dtype == "int32" or (whole and BITS.get(dtype, 64) <= QUANTISED_BITS)


def _origin(graph: IrGraph, identifier: str) -> Layer:
    layer = graph.layers[identifier]
    while layer.kind in CARRIERS and layer.sources:
        layer = graph.layers[layer.sources[0][0]]
    return layer
