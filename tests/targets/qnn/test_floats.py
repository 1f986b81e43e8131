"""Which nodes of a quantised graph are still float."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.targets.qnn.floats import float_nodes


def test_a_wholly_quantised_graph_has_none(qdq_net: Path) -> None:
    """Its only operator stands between DequantizeLinear and QuantizeLinear."""
    assert () == float_nodes(qdq_net)


def test_what_was_left_float_is_found_on_either_side(half_quantised_net: Path, float_tail_net: Path) -> None:
    """Before the first QuantizeLinear, and behind the last DequantizeLinear."""
    assert [(("SpaceToDepth", "focus"),), (("Sub", "tail"),)] == [
        float_nodes(half_quantised_net),
        float_nodes(float_tail_net),
    ]


def test_only_those_asked_for_are_told(float_net: Path) -> None:
    """Of a float graph every node is float; a name narrows the answer."""
    assert [2, (("Relu", "relu"),)] == [len(float_nodes(float_net)), float_nodes(float_net, {("relu", "")})]


def test_a_float_constant_keeps_an_operand_float_and_a_nameless_node_is_found_by_its_operator(tmp_path: Path) -> None:
    """Div by a float constant between quantisations stays float; the scales of a Resize are no operand."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xd"]),
        helper.make_node("Div", ["xd", "k"], ["d"]),
        helper.make_node("QuantizeLinear", ["d", "s", "z"], ["dq"]),
        helper.make_node("DequantizeLinear", ["dq", "s", "z"], ["dd"]),
        helper.make_node("Resize", ["dd", "", "scales"], ["r"], name="resize"),
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    infos = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, shape)
        for name, shape in (("x", [1, 1, 4, 4]), ("y", [1, 1, 8, 8]))
    ]
    constants = {"s": np.float32(0.03), "z": np.uint8(128), "k": np.float32(2), "scales": np.float32([1, 1, 2, 2])}
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], held)
    file = tmp_path / "nameless.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    assert (("Div", ""),) == float_nodes(file) == float_nodes(file, {("", "Div"), ("resize", "")})
