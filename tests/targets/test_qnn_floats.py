"""Which nodes of a quantised graph are still float."""

from pathlib import Path

from bench.targets.qnn_floats import float_nodes


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
    assert [2, (("Relu", "relu"),)] == [len(float_nodes(float_net)), float_nodes(float_net, {"relu"})]
