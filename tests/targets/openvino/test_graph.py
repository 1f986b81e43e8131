"""What counts as executed, on a runtime graph recorded by hand."""

from types import SimpleNamespace
from typing import Any

import pytest

from bench.contracts import NodePlacement, Precisions
from bench.targets.openvino.graph import (
    ExecutedNode,
    executed_nodes,
    kv_cache_bits,
    numpy_name,
    placed,
    precision,
    precisions,
    queried,
    weighed_sources,
)


class FakeNode:
    """A node of a runtime graph (``layer`` given) or of a model."""

    def __init__(self, name: str, kind: str, sources: "tuple[FakeNode, ...]" = (), **layer: str) -> None:
        self._name, self._kind, self._sources = name, kind, sources
        self._info = {key: SimpleNamespace(value=value) for key, value in layer.items()}

    def get_friendly_name(self) -> str:
        return self._name

    def get_type_name(self) -> str:
        return self._kind

    def get_rt_info(self) -> dict[str, Any]:
        return self._info

    def input_values(self) -> list[Any]:
        return [
            SimpleNamespace(get_node=lambda node=source: node, get_element_type=source.element)
            for source in self._sources
        ]

    def element(self) -> Any:
        """The type of its output."""
        name = self._info["outputPrecisions"].value if "outputPrecisions" in self._info else "dynamic"
        return SimpleNamespace(get_type_name=lambda: name)


def layer(name: str, kind: str, originals: str, *sources: FakeNode, element: str = "f32", gives: str = "") -> FakeNode:
    """One that runs in ``element`` and hands on ``gives``, else the same."""
    info = {"layerType": kind, "originalLayersNames": originals, "runtimePrecision": element}
    info["outputPrecisions"] = gives or element
    return FakeNode(name, "ExecutionNode", sources, **info)


def graph() -> Any:
    """input -> reorder -> conv(+relu) with folded weights -> output."""
    start = layer("x", "Input", "x")
    weight = layer("w", "Const", "w")
    flat = layer("w_flat", "Reshape", "w_flat", weight)
    order = layer("x_reordered", "Reorder", "", start, gives="bf16")
    conv = layer("conv", "Convolution", "conv,relu", order, flat, element="bf16", gives="u8")
    gemm = layer("fc", "FullyConnected", "fc", conv, weight, element="u8")
    soft = layer("soft", "Softmax", "soft", gemm)
    nodes = [start, weight, flat, order, conv, gemm, soft, layer("y", "Output", "y", soft)]
    return SimpleNamespace(get_ordered_ops=lambda: nodes)


def test_only_work_counts() -> None:
    """Inputs, outputs, constants, what is folded from them, and inserted reorders are left out."""
    assert ["conv", "fc", "soft"] == [node.name for node in executed_nodes(graph())]


def test_a_fused_node_takes_the_name_that_has_macs() -> None:
    """Of the originals fused into one, the one the model's facts weigh; else the first."""
    nodes = executed_nodes(graph())
    assert (["relu", "fc", "soft"], ["conv", "fc", "soft"]) == (
        [node.name for node in placed(nodes, "CPU", {"relu": 5}, {})],
        [node.name for node in placed(nodes, "CPU", {}, {})],
    )


def test_a_forgotten_name_is_traced_back() -> None:
    """Arithmetic leads to the node whose MACs it runs; a softmax after it claims nothing."""
    nodes = executed_nodes(graph())
    sources = {"conv": "stem", "relu": "stem", "fc": "head", "soft": "head"}
    found = [node.name for node in placed(nodes, "CPU", {"stem": 1, "head": 2}, sources)]
    assert ["stem", "head", "soft"] == found


def test_a_name_is_given_once() -> None:
    """What another node is called by itself is not claimed by a trace."""
    nodes = executed_nodes(graph())
    assert ["conv", "fc", "soft"] == [n.name for n in placed(nodes, "CPU", {"conv": 1}, {"fc": "conv", "conv": "conv"})]


def test_sources_follow_the_first_input() -> None:
    """Through everything that follows a weighed node, up to the next one."""
    start = FakeNode("x", "Parameter")
    conv = FakeNode("conv", "Convolution", (start,))
    norm = FakeNode("norm", "BatchNormInference", (conv,))
    head = FakeNode("head", "MatMul", (norm,))
    model = SimpleNamespace(get_ordered_ops=lambda: [start, conv, norm, head])
    assert {"conv": "conv", "norm": "conv", "head": "head"} == weighed_sources(model, {"conv": 1, "head": 1})


def test_precision_is_that_of_the_arithmetic() -> None:
    """Softmax in float32 does not make a model float32; mixed arithmetic is said to be mixed."""
    nodes = executed_nodes(graph())
    assert "bfloat16+int8" == precision(nodes, "f32")


def test_precision_without_arithmetic() -> None:
    """That of the nodes, whatever was asked for; as asked for where loops hide theirs, or nodes differ."""
    soft, loop = ExecutedNode("s", "Softmax", "f32", ("s",)), ExecutedNode("l", "TensorIterator", "f32", ("l",))
    other, whole = ExecutedNode("a", "Eltwise", "bf16", ("a",)), ExecutedNode("i", "Gather", "i32", ("i",))
    found = [precision(nodes, "bf16") for nodes in ([soft, whole], [loop], [soft, other], [whole], [])]
    assert ["float32", *["bfloat16"] * 4] == found


def test_weights_and_activations_are_read_from_what_flows_in() -> None:
    """A product of compressed weights calls itself by their type; weights behind a transposition are still weights, and
    a runtime that does not tell what flows in leaves the node's own type."""
    start = layer("x", "Input", "x", element="bf16")
    weight = layer("w", "Const", "w", element="i4")
    turned = layer("t", "Transpose", "t", weight, element="i4")
    silent = layer("s", "Reorder", "", start, gives="dynamic")
    nodes = {
        name: layer(name, "FullyConnected", name, source, turned, element="i4")
        for name, source in (("told", start), ("silent", silent))
    }
    found = [
        precisions(
            executed_nodes(SimpleNamespace(get_ordered_ops=lambda last=last: [start, weight, silent, turned, last]))
        )
        for last in nodes.values()
    ]
    assert [Precisions("int4", "bfloat16"), Precisions("int4", "int4")] == found


@pytest.mark.parametrize(
    ("element", "expected"), [("u8", "int8"), ("bf16", "bfloat16"), ("undefined", ""), ("i32", "i32")]
)
def test_element_names(element: str, expected: str) -> None:
    """numpy's words; nothing where nothing is known."""
    assert expected == numpy_name(element)


def test_a_split_graph_is_placed_by_query() -> None:
    """The model's own nodes, constants and what hangs on them left out."""
    weight = FakeNode("w", "Constant")
    start = FakeNode("x", "Parameter")
    folded = FakeNode("w_convert", "Convert", (weight,))
    conv = FakeNode("conv", "Convolution", (start, folded))
    relu = FakeNode("relu", "Relu", (conv,))
    nodes = [weight, start, folded, conv, relu, FakeNode("y", "Result", (relu,))]
    model = SimpleNamespace(get_ordered_ops=lambda: nodes)
    devices = {"conv": "GPU", "relu": "CPU", "w_convert": "CPU", "y": "CPU", "x": "CPU"}
    expected = (NodePlacement("conv", "Convolution", "GPU"), NodePlacement("relu", "Relu", "CPU"))
    assert expected == queried(model, devices)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (8, 8)),
        ({"KV_CACHE_PRECISION": "f32"}, (32, 32)),
        ({"KEY_CACHE_PRECISION": "u8", "VALUE_CACHE_PRECISION": "u4"}, (8, 4)),
        ({"KV_CACHE_PRECISION": "f16", "VALUE_CACHE_PRECISION": "u8"}, (16, 8)),
        ({"KV_CACHE_PRECISION": "dynamic"}, (8, 8)),
    ],
)
def test_the_types_of_the_cache_are_told_by_the_properties(options: dict[str, str], expected: tuple[int, int]) -> None:
    """Keys and values apart where they are named apart; one byte where no type is named."""
    assert expected == kv_cache_bits(options)


@pytest.mark.parametrize(
    ("executed", "expected"), [("bfloat16", (16, 16)), ("int8+int4", (8, 4)), ("float32", (32, 32)), ("", (32, 32))]
)
def test_the_type_as_executed_goes_before_the_properties(executed: str, expected: tuple[int, int]) -> None:
    """With ``KV_CACHE_PRECISION=f32`` a processor that computes in bfloat16 keeps bfloat16."""
    assert expected == kv_cache_bits({"KV_CACHE_PRECISION": "f32"}, executed)
