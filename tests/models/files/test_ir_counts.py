"""Counts of IRs that OpenVINO converts from small ONNX graphs, by hand: the same graph has the same weights."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import GraphFacts, ModelRequest
from bench.models.files.ir_file import IrFile

pytestmark = pytest.mark.real
Convert = Callable[..., GraphFacts]
FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL
N = helper.make_node


def array(name: str, *shape: int, dtype: str = "float32") -> onnx.TensorProto:
    values = np.random.default_rng(list(name.encode())).integers(1, 100, shape).astype(dtype)
    return numpy_helper.from_array(values, name)


def value(name: str, shape: Sequence[int | str] | None, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def converted(tmp_path: Path) -> Convert:
    """``converted(nodes, inputs, outputs, weights, **shapes)``: the facts of the IR that OpenVINO makes of a graph."""
    openvino = pytest.importorskip("openvino")

    def convert(nodes: Any, inputs: Any, outputs: Any, weights: Any = (), **shapes: tuple[int, ...]) -> GraphFacts:
        graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
        path = tmp_path / "m.onnx"
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
        openvino.save_model(openvino.convert_model(path), tmp_path / "m.xml", compress_to_fp16=False)
        request = ModelRequest(str(tmp_path / "m.xml"), shapes=dict(shapes))
        return IrFile().prepare(request, tmp_path / "cache").facts

    return convert


def branch(nodes: Any, output: str, weights: Any = ()) -> onnx.GraphProto:
    return helper.make_graph(nodes, f"b{output}", [], [value(output, None)], list(weights))


def test_weights_of_both_branches_are_stored(converted: Convert) -> None:
    """Which of two convolutions runs is not in the file: 216 parameters, no MACs."""
    sides = {
        f"{side}_branch": branch(
            [N("Conv", ["x", f"w{side}"], [side], pads=[1] * 4)], side, [array(f"w{side}", 4, 3, 3, 3)]
        )
        for side in ("then", "else")
    }
    inputs = [value("k", [], BOOL), value("x", [1, 3, 8, 8])]
    facts = converted([N("If", ["k"], ["y"], **sides)], inputs, [value("y", [1, 4, 8, 8])])
    assert (216, 864, None, None) == (facts.parameters, facts.weight_bytes, facts.macs, facts.peak_activation_bytes)
    assert (None, None) == (facts.live_activation_bytes, facts.bytes_moved)


def test_branches_without_products_leave_the_rest_counted(converted: Convert) -> None:
    """A convolution before them; the factor -1 of a negation is no parameter."""
    sides = {
        "then_branch": branch([N("Relu", ["t"], ["a"])], "a"),
        "else_branch": branch([N("Neg", ["t"], ["b"])], "b"),
    }
    nodes = [N("Conv", ["x", "w"], ["t"], pads=[1] * 4), N("If", ["k"], ["y"], **sides)]
    inputs = [value("k", [], BOOL), value("x", [1, 3, 8, 8])]
    facts = converted(nodes, inputs, [value("y", [1, 4, 8, 8])], [array("w", 4, 3, 3, 3)])
    assert (108, 256 * 27) == (facts.parameters, facts.macs)


def test_weights_of_a_loop_are_counted_once(converted: Convert) -> None:
    """However often it runs."""
    nodes = [N("MatMul", ["s", "w"], ["s2"]), N("Identity", ["c"], ["c2"])]
    before = [value("i", [], TensorProto.INT64), value("c", [], BOOL), value("s", [2, 4])]
    body = helper.make_graph(nodes, "b", before, [value("c2", [], BOOL), value("s2", [2, 4])], [array("w", 4, 4)])
    weights = [numpy_helper.from_array(np.array(3), "n"), numpy_helper.from_array(np.array(True), "c0")]
    facts = converted(
        [N("Loop", ["n", "c0", "x"], ["y"], body=body)], [value("x", [2, 4])], [value("y", [2, 4])], weights
    )
    assert (16, None) == (facts.parameters, facts.macs)


def test_scales_and_zero_points_are_no_parameters(converted: Convert) -> None:
    """Of a quantised convolution the int8 weights and the int32 bias count, as they do in the ONNX file. What is alive
    has the types of the file, as its widest operator has: the convolution's 3 and 4 channels in float32."""
    nodes = [
        N("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        N("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        N("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=0),
        N("DequantizeLinear", ["b", "sb"], ["bd"], axis=0),
        N("Conv", ["xd", "wd", "bd"], ["y"], pads=[1] * 4),
    ]
    weights = [
        array("sx"),
        array("zx", dtype="uint8"),
        array("w", 4, 3, 3, 3, dtype="int8"),
        array("sw", 4),
        array("zw", 4, dtype="int8"),
        array("b", 4, dtype="int32"),
        array("sb", 4),
    ]
    facts = converted(nodes, [value("x", [1, 3, 8, 8])], [value("y", [1, 4, 8, 8])], weights)
    assert (108 + 4, 256 * 27) == (facts.parameters, facts.macs)
    assert ((3 + 4) * 64 * 4,) * 2 == (facts.peak_activation_bytes, facts.live_activation_bytes)


def test_an_output_that_nothing_reads_takes_no_memory(converted: Convert) -> None:
    """OpenVINO's MaxPool can give the places of the maxima, too."""
    nodes = [N("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])]
    facts = converted(nodes, [value("x", [1, 8, 16, 16])], [value("y", [1, 8, 8, 8])])
    assert (8 * (256 + 64) * 4,) * 3 == (
        facts.peak_activation_bytes,
        facts.live_activation_bytes,
        facts.bytes_moved,
    )


def test_fused_attention_counts_as_its_products(converted: Convert) -> None:
    """The converter makes one operator of scores, softmax and mix: 8 heads of 16 × 16 × 16 products, twice."""
    nodes = [
        N("MatMul", ["x", "w"], ["q"]),
        N("Transpose", ["q"], ["k"], perm=[0, 1, 3, 2]),
        N("MatMul", ["q", "k"], ["scores"]),
        N("Softmax", ["scores"], ["p"], axis=-1),
        N("MatMul", ["p", "q"], ["y"]),
    ]
    facts = converted(nodes, [value("x", [1, 8, 16, 16])], [value("y", [1, 8, 16, 16])], [array("w", 16, 16)])
    assert {"ScaledDotProductAttention": 1, "MatMul": 1} == facts.operators
    assert (1 + 2) * 8 * 16**3 == facts.macs


def test_factors_of_a_resize_are_no_parameters(converted: Convert) -> None:
    """OpenVINO keeps them as floating-point constants of an Interpolate."""
    nodes = [N("Resize", ["x", "", "s"], ["t"]), N("Conv", ["t", "w"], ["y"])]
    weights = [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "s"), array("w", 4, 3, 1, 1)]
    assert 12 == converted(nodes, [value("x", [1, 3, 8, 8])], [value("y", None)], weights).parameters


@pytest.mark.parametrize(
    ("declared", "given"), [(["n", 3, 12, 12], (2, 3, 12, 12)), (["n", 3, "h", "w"], (1, 3, 20, 14))]
)
def test_dynamic_shapes_are_followed(converted: Convert, declared: list[int | str], given: tuple[int, ...]) -> None:
    """Convolution with a stride, pooling, an activation, flattening by arithmetic on shapes, and a product."""
    batch, _, height, width = given
    pooled = (height - 1) // 2 + 1, (width - 1) // 2 + 1
    nodes = [
        N("Conv", ["x", "w"], ["c"], pads=[1] * 4, strides=[2, 2]),
        N("Relu", ["c"], ["r"]),
        N("GlobalAveragePool", ["r"], ["g"]),
        N("Shape", ["g"], ["shape"]),
        N("Gather", ["shape", "zero"], ["n"]),
        N("Concat", ["n", "rest"], ["flat"], axis=0),
        N("Reshape", ["g", "flat"], ["f"]),
        N("MatMul", ["f", "fc"], ["y"]),
    ]
    ints = [numpy_helper.from_array(np.array([n]), name) for name, n in (("zero", 0), ("rest", -1))]
    weights = [array("w", 4, 3, 3, 3), array("fc", 4, 5), *ints]
    facts = converted(nodes, [value("x", declared)], [value("y", None)], weights, x=given)
    assert batch * (4 * pooled[0] * pooled[1] * 27 + 4 * 5) == facts.macs
    assert batch * (3 * height * width + 4 * pooled[0] * pooled[1]) * 4 == facts.peak_activation_bytes


def test_what_no_rule_is_known_for_stays_unknown(converted: Convert) -> None:
    """A shape that follows from values is not guessed."""
    nodes = [N("NonZero", ["x"], ["i"]), N("Cast", ["i"], ["f"], to=FLOAT), N("MatMul", ["w", "f"], ["y"])]
    facts = converted(nodes, [value("x", ["n", 4])], [value("y", None)], [array("w", 3, 2)], x=(2, 4))
    assert (None, 6) == (facts.macs, facts.parameters)
