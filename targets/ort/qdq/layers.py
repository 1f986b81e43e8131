"""How far each layer of a QDQ graph is from the float graph that it was made of.

A layer is what gives a quantised value: one operator, or a convolution or product with the activation behind it. Its
own error is that of rounding its weights, and its float output to the steps that the QDQ graph has for it, added up as
if the two were independent. For the error with all that comes before, every quantised value is compared with that of
the float graph. Errors are added up sample by sample, so that only one sample's values are held at a time. ONNX
Runtime's ``qdq_loss_debug`` does the same for graphs in which onnx can infer all types, and those with 16 bits in the
domain com.microsoft are none.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import LayerError, QuantiseRequest
from bench.targets.ort.qdq.preparing import prepared
from bench.targets.ort.qdq.quantising import ACTIVATIONS, feeds_of

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

RANGES = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}


class Steps(Struct, frozen=True):
    """How a value is quantised: ``scale`` × (integer − ``zero_point``), within the range of ``dtype``."""

    scale: float
    zero_point: int
    dtype: str

    def rounded(self, values: "Array") -> "Array":
        import numpy as np

        low, high = RANGES[self.dtype]
        integers = np.clip(np.rint(values / self.scale) + self.zero_point, low, high)
        return np.asarray((integers - self.zero_point) * self.scale)


class Point(Struct, frozen=True):
    """Where a value is quantised: what the QDQ graph goes on with, and by which steps."""

    after: str
    steps: Steps


class Layer(Struct, frozen=True):
    """``name`` and ``op`` in the float graph; ``value``: what it gives; ``weights``: of its own."""

    name: str
    op: str
    value: str
    weights: str


class _Sums:
    """Squares of one value and of its errors, over all samples."""

    def __init__(self) -> None:
        self.signal = self.error = self.rounding = 0.0

    def add(self, exact: "Array", after: "Array", steps: Steps) -> None:
        self.signal += float((exact**2).sum())
        self.error += float(((exact - after) ** 2).sum())
        self.rounding += float(((exact - steps.rounded(exact)) ** 2).sum())


def layer_errors(request: QuantiseRequest, quantised: Path) -> tuple[LayerError, ...]:
    """Of every value that the QDQ graph quantises; the largest own error first."""
    import numpy as np
    import onnx

    source = onnx.load_model(prepared(request.artifact, request.kept))
    qdq = onnx.load_model(quantised)
    points = points_of(qdq.graph, {name for node in source.graph.node for name in node.output})
    shown = {name: point.after for name, point in points.items()}
    exact_of, rounded_of = showing(source, list(shown)), showing(qdq, list(shown.values()))
    sums: dict[str, _Sums] = {name: _Sums() for name in points}
    for sample in request.samples:
        feeds = feeds_of(sample)
        exact, rounded = exact_of(feeds), rounded_of(feeds)
        for name, point in points.items():
            after = np.asarray(rounded[point.after], np.float64)
            sums[name].add(np.asarray(exact[name], np.float64), after, point.steps)
    weights = weight_errors(source.graph, qdq.graph)
    errors = [
        LayerError(layer.name, layer.op, _db(s.error, s.signal), _own(s, weights.get(layer.weights, 0.0)))
        for layer in layers_of(source.graph, sums)
        if (s := sums[layer.value]).signal > 0
    ]
    return tuple(sorted(errors, key=lambda one: (math.inf if one.own_sqnr_db is None else one.own_sqnr_db, one.name)))


def showing(model: "onnx.ModelProto", values: Sequence[str]) -> "Callable[[dict[str, Any]], dict[str, Array]]":
    """A session of ``model`` that gives ``values`` besides, unoptimised so that they are all there."""
    import onnxruntime
    from onnx import TensorProto, helper

    there = {output.name for output in model.graph.output}
    added = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in values if name not in there]
    model.graph.output.extend(added)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    del model.graph.output[len(model.graph.output) - len(added) :]

    def run(feeds: dict[str, Any]) -> "dict[str, Array]":
        return dict(zip(values, session.run(list(values), feeds), strict=True))

    return run


def layers_of(graph: "onnx.GraphProto", values: Mapping[str, object]) -> tuple[Layer, ...]:
    """The layers that give ``values``, in the graph's order."""
    makers = {name: node for node in graph.node for name in node.output}
    stored = {tensor.name for tensor in graph.initializer}
    found = []
    for node in graph.node:
        for value in node.output:
            if value not in values:
                continue
            before = makers.get(node.input[0]) if node.op_type in ACTIVATIONS and node.input[0] not in values else None
            first = node if before is None else before
            op = node.op_type if before is None else f"{before.op_type}+{node.op_type}"
            own = next((name for name in first.input[1:2] if name in stored), "")
            found.append(Layer(first.name, op, value, own))
    return tuple(found)


def points_of(graph: "onnx.GraphProto", values: Collection[str]) -> dict[str, Point]:
    """By value of the float graph, those of ``values`` that are quantised with one scale. An output of the graph keeps
    its name behind its quantisation, others before it."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    after = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    found = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or len(node.input) < 3 or not set(node.input[1:3]) <= stored.keys():
            continue
        back = after.get(node.output[0], "")
        name = next((one for one in (node.input[0], back) if one in values), "")
        scale, zero_point = (numpy_helper.to_array(stored[one]) for one in node.input[1:3])
        if name and back and scale.size == 1 and zero_point.dtype.name in RANGES:
            found[name] = Point(back, Steps(float(scale.item()), int(zero_point.item()), zero_point.dtype.name))
    return found


def weight_errors(float_graph: "onnx.GraphProto", qdq_graph: "onnx.GraphProto") -> dict[str, float]:
    """Sum of squared rounding errors over the sum of squares, by weight."""
    import numpy as np
    from onnx import numpy_helper

    exact = {tensor.name: tensor for tensor in float_graph.initializer}
    stored = {tensor.name: tensor for tensor in qdq_graph.initializer}
    found = {}
    for node in qdq_graph.node:
        if node.op_type != "DequantizeLinear" or not set(node.input) <= stored.keys():
            continue
        name = node.input[0].removesuffix("_quantized")
        if name not in exact:
            continue
        integers, scale, zero_point = (numpy_helper.to_array(stored[i]).astype(np.float64) for i in node.input[:3])
        if scale.size > 1:
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            sides = [-1 if side == axis else 1 for side in range(integers.ndim)]
            scale, zero_point = scale.reshape(sides), zero_point.reshape(sides)
        values = numpy_helper.to_array(exact[name]).astype(np.float64)
        whole = float((values**2).sum())
        if whole:
            found[name] = float((((integers - zero_point) * scale - values) ** 2).sum()) / whole
    return found


def _own(sums: _Sums, of_weights: float) -> float | None:
    return _db(sums.rounding + of_weights * sums.signal, sums.signal)


def _db(error: float, signal: float) -> float | None:
    if not (math.isfinite(signal) and math.isfinite(error) and signal > 0 and error > 0):
        return None
    return 10 * math.log10(signal / error)
