"""Nodes in the order that the format wants."""

from collections.abc import Callable

import onnx
import pytest
from onnx import TensorProto, helper

from bench.errors import InputError
from bench.models.onnx.order import check_functions, sort_nodes

FLOAT = TensorProto.FLOAT


def graph(nodes: list[onnx.NodeProto], output: str = "y") -> onnx.GraphProto:
    x = [helper.make_tensor_value_info("x", FLOAT, [1])]
    x.append(helper.make_tensor_value_info("b", TensorProto.BOOL, []))
    return helper.make_graph(nodes, "g", x, [helper.make_tensor_value_info(output, FLOAT, [1])])


def chain(length: int) -> list[onnx.NodeProto]:
    names = ["x", *(f"v{i}" for i in range(length - 1)), "y"]
    return [helper.make_node("Relu", [names[i]], [names[i + 1]], f"n{i}") for i in range(length)]


def branch(nodes: list[onnx.NodeProto], output: str) -> onnx.GraphProto:
    return helper.make_graph(nodes, "branch", [], [helper.make_tensor_value_info(output, FLOAT, [1])])


def test_a_reversed_graph_is_sorted() -> None:
    """Long chains too, in time that grows with their length."""
    unsorted = graph(chain(5000)[::-1])
    sort_nodes("m.onnx", unsorted)
    assert [f"n{i}" for i in range(5000)] == [node.name for node in unsorted.node]


def test_a_sorted_graph_keeps_its_order() -> None:
    """Nodes that do not read from one another stay as the file has them."""
    nodes = [
        helper.make_node("Neg", ["x"], ["c"], "late"),
        helper.make_node("Abs", ["x"], ["a"], "early"),
        helper.make_node("Add", ["a", "c"], ["y"], "sum"),
    ]
    kept = graph(nodes)
    sort_nodes("m.onnx", kept)
    assert ["late", "early", "sum"] == [node.name for node in kept.node]


def test_what_a_branch_reads_comes_first() -> None:
    """A node inside an If reads a value of the graph around it, which is produced later in the file."""
    then = branch([helper.make_node("Neg", ["made"], ["t"])], "t")
    other = branch([helper.make_node("Abs", ["made"], ["e"])], "e")
    nodes = [
        helper.make_node("If", ["b"], ["y"], "if", then_branch=then, else_branch=other),
        helper.make_node("Relu", ["x"], ["made"], "first"),
    ]
    unsorted = graph(nodes)
    sort_nodes("m.onnx", unsorted)
    assert ["first", "if"] == [node.name for node in unsorted.node]


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (lambda: chain(3)[1:], "m.onnx: Relu reads 'v0', which nothing produces"),
        (lambda: chain(3)[:2], "m.onnx: nothing produces its output 'y'"),
        (
            lambda: [helper.make_node("Add", ["x", "y"], ["a"]), helper.make_node("Relu", ["a"], ["y"], "back")],
            "m.onnx: its nodes form a cycle: Add a, Relu back",
        ),
        (
            lambda: [
                helper.make_node(
                    "If",
                    ["b"],
                    ["y"],
                    "if",
                    then_branch=branch(
                        [helper.make_node("Relu", ["r"], ["t"]), helper.make_node("Neg", ["x"], ["r"])], "t"
                    ),
                    else_branch=branch([helper.make_node("Neg", ["x"], ["e"])], "e"),
                )
            ],
            "m.onnx: inside If if, Relu reads 'r' before it is produced",
        ),
    ],
)
def test_what_no_order_mends_is_refused(nodes: Callable[[], list[onnx.NodeProto]], said: str) -> None:
    """A missing value, a missing output, a cycle, and a branch, which runtimes do not sort."""
    with pytest.raises(InputError) as refused:
        sort_nodes("m.onnx", graph(nodes()))
    assert said == refused.value.message


def test_a_function_in_the_wrong_order_is_refused() -> None:
    """Runtimes read its nodes as they are."""
    nodes = [helper.make_node("Relu", ["t"], ["c"]), helper.make_node("Neg", ["a"], ["t"])]
    opset = [helper.make_opsetid("", 17)]
    check_functions("m.onnx", [helper.make_function("my", "Two", ["a"], ["c"], nodes[::-1], opset)])
    with pytest.raises(InputError) as refused:
        check_functions("m.onnx", [helper.make_function("my", "Two", ["a"], ["c"], nodes, opset)])
    assert "m.onnx: inside the function Two, Relu reads 't' before it is produced" == refused.value.message
