"""Constants of an ONNX graph wherever the format allows them, counted by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import GraphFacts, ModelRequest
from bench.models.files.onnx_file import OnnxFile
from bench.models.onnx.facts import onnx_facts

Build = Callable[..., onnx.ModelProto]
FLOAT = TensorProto.FLOAT


def facts_of(model: onnx.ModelProto, folder: Path) -> GraphFacts:
    onnx.save(model, folder / "m.onnx")
    return OnnxFile().prepare(ModelRequest(str(folder / "m.onnx")), folder / "cache").facts


@pytest.mark.parametrize(
    ("attribute", "parameters", "stored"),
    [
        ({"value_floats": [0.5] * 1000}, 1000, 4000),
        ({"value_float": 0.5}, 0, 4),
        ({"value_ints": [1] * 10}, 0, 80),
        ({"value_int": 1}, 0, 8),
        ({"value_strings": ["ab", "c"]}, 0, 3),
        ({"value_string": "abc"}, 0, 3),
        ({"value": numpy_helper.from_array(np.zeros(7, np.float16))}, 7, 14),
    ],
)
def test_every_form_of_a_constant_node_is_stored(
    onnx_model: Build, attribute: dict[str, object], parameters: int, stored: int
) -> None:
    """Lists of numbers are weights as tensors are; lone numbers, indices and text are stored only."""
    nodes = [
        helper.make_node("Constant", [], ["k"], **attribute),
        helper.make_node("Mul", ["x", "k"], ["y"]),
    ]
    facts = onnx_facts(onnx_model(nodes, {"x": [1, 1]}, {"y": None}), {"x": (1, 1)})
    assert (parameters, stored, 0) == (facts.parameters, facts.weight_bytes, facts.macs)


def sparse_tensor(name: str = "") -> onnx.SparseTensorProto:
    """Three of 32 numbers."""
    values = numpy_helper.from_array(np.array([1, 2, 3], np.float32), name)
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 5, 31])), [8, 4])


@pytest.mark.parametrize("initializer", [True, False])
def test_a_sparse_weight_counts_what_is_stored(onnx_model: Build, initializer: bool) -> None:
    """Three values and where they lie; operators see the whole matrix."""
    made = [] if initializer else [helper.make_node("Constant", [], ["w"], sparse_value=sparse_tensor())]
    nodes = [*made, helper.make_node("MatMul", ["x", "w"], ["y"], "fc")]
    model = onnx_model(nodes, {"x": [2, 8]}, {"y": None})
    if initializer:
        model.graph.sparse_initializer.append(sparse_tensor("w"))
    facts = onnx_facts(model, {"x": (2, 8)})
    assert (3, 3 * 4 + 3 * 8, 2 * 4 * 8) == (facts.parameters, facts.weight_bytes, facts.macs)


def branch(elements: int, op: str) -> onnx.GraphProto:
    """A branch with a weight of its own, which goes by the same name in each."""
    weight = numpy_helper.from_array(np.zeros(elements, np.float32), "w")
    inputs = ["x", "w"] if op == "Add" else ["x", "", "w"]
    return helper.make_graph(
        [helper.make_node(op, inputs, ["r"])], "b", [], [helper.make_tensor_value_info("r", FLOAT, None)], [weight]
    )


def test_constants_of_branches_are_told_apart(onnx_model: Build) -> None:
    """Names count within a branch only: each has a ``w``, one of them a weight and one a bound."""
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch(4, "Add"), else_branch=branch(1, "Clip"))
    facts = onnx_facts(onnx_model([node], {"x": [1, 4]}, {"y": None}, {"c": np.array(True)}), {"x": (1, 4)})
    assert (4, (4 + 1) * 4 + 1, 0) == (facts.parameters, facts.weight_bytes, facts.macs)


def test_weights_of_a_loop_and_a_scan_are_counted(onnx_model: Build) -> None:
    """How often they are used is not known, so MACs are not told; parameters are those stored."""
    weight = numpy_helper.from_array(np.zeros((4, 4), np.float32), "w")
    infos = [helper.make_tensor_value_info(n, FLOAT, [2, 4]) for n in ("s", "s2")]
    body = helper.make_graph([helper.make_node("MatMul", ["s", "w"], ["s2"])], "b", infos[:1], infos[1:], [weight])
    scan = helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1)
    facts = onnx_facts(onnx_model([scan], {"x": [3, 2, 4]}, {"y": None}), {"x": (3, 2, 4)})
    assert (16, 64, None, None, None) == (
        facts.parameters,
        facts.weight_bytes,
        facts.macs,
        facts.bytes_moved,
        facts.live_activation_bytes,
    )


def test_a_constant_of_a_function_is_stored_once(tmp_path: Path) -> None:
    """Called twice, inlined twice, and in the file once."""
    body = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(np.ones((4, 4), np.float32))),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
    ]
    function = helper.make_function("my", "Block", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    nodes = [helper.make_node("Block", [i], [o], domain="my") for i, o in (("x", "t"), ("t", "y"))]
    infos = [helper.make_tensor_value_info(n, FLOAT, [1, 4]) for n in "xy"]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:])
    facts = facts_of(helper.make_model(graph, ir_version=8, opset_imports=opsets, functions=[function]), tmp_path)
    assert (16, 64, 32) == (facts.parameters, facts.weight_bytes, facts.macs)


def test_scales_and_thresholds_are_no_parameters(onnx_model: Build) -> None:
    """Of a dynamically quantised product the weights count; of non-maximum suppression nothing does."""
    nodes = [
        helper.make_node("DynamicQuantizeMatMul", ["x", "w", "s", "z"], ["y"], "fc", domain="com.microsoft"),
        helper.make_node("NonMaxSuppression", ["boxes", "y", "", "iou", "least"], ["n"]),
    ]
    weights = {
        "w": np.zeros((4, 3), np.uint8),
        "s": np.zeros(3, np.float32),
        "z": np.zeros(3, np.uint8),
        "iou": np.zeros(1, np.float32),
        "least": np.zeros(1, np.float32),
    }
    model = onnx_model(nodes, {"x": [1, 2, 4], "boxes": [1, 3, 4]}, {"n": None}, weights)
    assert 12 == onnx_facts(model, {"x": (1, 2, 4), "boxes": (1, 3, 4)}).parameters
