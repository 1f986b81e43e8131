"""Shapes of an IR's layers, once those of its inputs are chosen: a file exported with dynamic ones stores them so.

Arithmetic on shapes is evaluated as far as possible. Layers without a known rule keep the dimensions that the file
states, so that unknown ones stay unknown.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Shapes
from bench.models.files.ir_graph import Dims, IrGraph, Layer, Port

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Shape = tuple[int, ...]
SMALL_BYTES = 8192
AS_FIRST_INPUT = frozenset(
    "Abs BatchNormInference Ceiling Clamp Convert Elu Erf Exp FakeQuantize Floor GRN Gelu HSigmoid HSwish HardSigmoid "
    "LRN Log LogSoftmax MVN Mish Negative NormalizeL2 PReLU ReLU Result Round Selu Sigmoid Sign SoftMax SoftPlus "
    "SoftSign Softmax Sqrt Swish Tanh".split()
)
BROADCAST = frozenset(
    "Add And Divide Equal FloorMod Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mod "
    "Multiply NotEqual Power Select SquaredDifference Subtract".split()
)
ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "Add": lambda a, b: a + b,
    "Divide": lambda a, b: a // b,
    "Maximum": lambda a, b: a if a > b else b,
    "Minimum": lambda a, b: a if a < b else b,
    "Multiply": lambda a, b: a * b,
    "Subtract": lambda a, b: a - b,
}


def with_shapes(graph: IrGraph, shapes: Shapes, weights: Path) -> IrGraph:
    """``graph`` with the inputs at ``shapes`` and the shapes that follow; unchanged if its inputs are already fixed.
    ``weights``: its ``.bin``, from which small integer constants are read."""
    names = {
        layer.identifier: spec.name for layer, spec in zip(_parameters(graph), graph.specs("Parameter"), strict=True)
    }
    if all(port.shape is not None for layer in _parameters(graph) for port in layer.outputs):
        return graph
    found = _Shapes(weights)
    layers: dict[str, Layer] = {}
    for layer in graph.layers.values():
        pairs = zip(layer.inputs, layer.sources, strict=True)
        fed = replace(layer, inputs=tuple(_sized(port, found.shapes.get(source)) for port, source in pairs))
        given = shapes.get(names.get(layer.identifier, ""))
        made = tuple(_sized(port, found.output(fed) if given is None else given) for port in layer.outputs[:1])
        sized = replace(fed, outputs=(*made, *layer.outputs[1:]))
        layers[layer.identifier] = sized
        found.note(sized)
    return IrGraph({key: layers[key] for key in graph.layers})


def _parameters(graph: IrGraph) -> list[Layer]:
    return [layer for layer in graph.layers.values() if layer.kind == "Parameter"]


def _sized(port: Port, shape: Shape | None) -> Port:
    """The port with ``shape``, unless the file's own dimensions contradict it."""
    if shape is None or len(shape) != len(port.dims):
        return port
    fits = all(own is None or own == size for own, size in zip(port.dims, shape, strict=True))
    return replace(port, dims=shape) if fits else port


class _Shapes:
    """Shapes and small integer values by (layer, output), filled in the order of the layers."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self.shapes: dict[tuple[str, int], Shape] = {}
        self.values: dict[tuple[str, int], Array] = {}

    def note(self, layer: Layer) -> None:
        for index, port in enumerate(layer.outputs):
            if port.shape is not None:
                self.shapes[layer.identifier, index] = port.shape
        try:
            value = self._value(layer)
        except (IndexError, KeyError, ValueError):  # arithmetic of another kind than is followed here
            return
        if value is not None:
            self.values[layer.identifier, 0] = value

    def output(self, layer: Layer) -> Shape | None:
        """The first output's shape; ``None`` where it cannot be told."""
        try:
            return self._output(layer)
        except (IndexError, KeyError, StopIteration, ValueError, ZeroDivisionError):  # as above
            return None

    def _output(self, layer: Layer) -> Shape | None:
        shapes = [port.shape for port in layer.inputs]
        kind, data = layer.kind, shapes[0] if shapes else None
        if kind in BROADCAST:
            return _broadcast(shapes)
        if data is None:
            return None
        if kind in AS_FIRST_INPUT:
            return data
        if "Convolution" in kind or kind in ("MaxPool", "AvgPool"):
            return _slid(layer, data)
        if kind == "MatMul" and shapes[1]:
            return _product(layer, data, shapes[1])
        if kind == "Concat" and None not in shapes:
            axis = int(layer.data["axis"])
            extent = sum(shape[axis] for shape in shapes if shape is not None)
            return tuple(extent if i == axis % len(data) else size for i, size in enumerate(data))
        if kind == "ShapeOf":
            return (len(data),)
        return self._rearranged(layer, data)

    def _rearranged(self, layer: Layer, data: Shape) -> Shape | None:
        given = self.values.get(layer.sources[1]) if len(layer.sources) > 1 else None
        if given is None:
            return None
        axes = [int(number) for number in given.reshape(-1)]
        if layer.kind == "Transpose":
            return tuple(data[axis] for axis in axes or reversed(range(len(data))))
        if layer.kind == "Reshape":
            return _reshaped(data, axes, layer.data.get("special_zero", "false").lower() in ("true", "1"))
        if layer.kind.startswith("Reduce"):
            kept = layer.data.get("keep_dims", "false").lower() in ("true", "1")
            reduced = {axis % len(data) for axis in axes}
            return tuple(1 if i in reduced else size for i, size in enumerate(data) if kept or i not in reduced)
        if layer.kind == "Squeeze":
            reduced = {axis % len(data) for axis in axes}
            return tuple(size for i, size in enumerate(data) if i not in reduced)
        if layer.kind == "Unsqueeze":
            added = {axis % (len(data) + len(axes)) for axis in axes}
            rest = iter(data)
            return tuple(1 if i in added else next(rest) for i in range(len(data) + len(added)))
        return None

    def _value(self, layer: Layer) -> "Array | None":
        """A small tensor of integers, where it follows from constants and shapes."""
        import numpy as np

        if layer.kind == "Const":
            return self._constant(layer)
        if layer.kind == "ShapeOf":
            shape = layer.inputs[0].shape
            return None if shape is None else np.array(shape, np.int64)
        values = [self.values.get(source) for source in layer.sources]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        if layer.kind == "Convert":
            return known[0]
        if layer.kind == "Gather" and known[0].ndim == 1:
            return np.asarray(known[0][known[1]])
        if layer.kind == "Concat":
            return np.concatenate(known)
        if layer.kind in ("Unsqueeze", "Squeeze", "Reshape"):
            shape = layer.outputs[0].shape
            return known[0].reshape(shape if shape is not None else -1)
        if layer.kind in ARITHMETIC and all(value.size == 1 for value in known):
            return np.asarray(ARITHMETIC[layer.kind](known[0], known[1]))
        return None

    def _constant(self, layer: Layer) -> "Array | None":
        import numpy as np

        port, (offset, size) = layer.outputs[0], layer.constant_extent
        if port.dtype not in ("int32", "int64") or size > SMALL_BYTES or port.shape is None:
            return None
        with self._weights.open("rb") as file:
            file.seek(offset)
            return np.frombuffer(file.read(size), port.dtype).reshape(port.shape).astype(np.int64)


def _broadcast(shapes: list[Shape | None]) -> Shape | None:
    known = [shape for shape in shapes if shape is not None]
    if not known or len(known) < len(shapes):
        return None
    rank = max(map(len, known))
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in known), strict=True)
    return tuple(max(column) if 0 not in column else 0 for column in columns)


def _product(layer: Layer, left: Shape, right: Shape) -> Shape | None:
    if len(left) < 2 or len(right) < 2:
        return None
    rows = left[-1 if _true(layer, "transpose_a") else -2]
    columns = right[-2 if _true(layer, "transpose_b") else -1]
    batch = _broadcast([left[:-2], right[:-2]])
    return None if batch is None else (*batch, rows, columns)


def _true(layer: Layer, name: str) -> bool:
    return layer.data.get(name, "false").lower() in ("true", "1")


def _reshaped(data: Shape, pattern: list[int], special_zero: bool) -> Shape | None:
    sizes = [data[i] if size == 0 and special_zero and i < len(data) else size for i, size in enumerate(pattern)]
    rest = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or (-1 in sizes and (not rest or math.prod(data) % rest)):
        return None
    return tuple(math.prod(data) // rest if size == -1 else size for size in sizes)


def _slid(layer: Layer, data: Shape) -> Shape | None:
    """Of a convolution or pooling: batch as it comes in, channels as the file states, and what the window leaves."""
    stated: Dims = layer.outputs[0].dims
    grouped, transposed = layer.kind.startswith("Group"), "BackpropData" in layer.kind
    if "Convolution" in layer.kind:
        weight = layer.inputs[1].shape
        kernel = None if weight is None else weight[(3 if grouped else 2) :]
        channels = stated[1]
    else:
        kernel, channels = _numbers(layer, "kernel"), data[1]
    if kernel is None or channels is None or len(kernel) != len(data) - 2 or (len(layer.sources) > 2 and transposed):
        return None
    spatial = [
        _window(layer, axis, size, extent, transposed)
        for axis, (size, extent) in enumerate(zip(data[2:], kernel, strict=True))
    ]
    return None if None in spatial else (data[0], channels, *(size for size in spatial if size is not None))


def _window(layer: Layer, axis: int, size: int, kernel: int, transposed: bool) -> int | None:
    def of(name: str, default: int) -> int:
        numbers = _numbers(layer, name)
        return numbers[axis] if numbers else default

    stride, dilation, padding = of("strides", 1), of("dilations", 1), of("pads_begin", 0) + of("pads_end", 0)
    automatic, reach = layer.data.get("auto_pad", "explicit").lower(), dilation * (kernel - 1) + 1
    if transposed:
        if automatic not in ("explicit", "valid", "notset"):
            return None
        return stride * (size - 1) + reach - (padding if automatic != "valid" else 0) + of("output_padding", 0)
    if automatic in ("same_upper", "same_lower"):
        return -(-size // stride)
    room = size + (0 if automatic == "valid" else padding) - reach
    if layer.data.get("rounding_type", "floor").lower() not in ("floor", "ceil"):
        return None
    return (-(-room // stride) if layer.data.get("rounding_type", "floor").lower() == "ceil" else room // stride) + 1


def _numbers(layer: Layer, name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in layer.data.get(name, "").replace(" ", "").split(",") if number)
