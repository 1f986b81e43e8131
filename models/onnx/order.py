"""The order of an ONNX graph's nodes. The format wants each node after those that it reads from; exporters do not all
keep to it, and runtimes sort the main graph themselves."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import onnx

DAMAGED = sentence("model.download_or_export_again")
UNSORTED = sentence("model.unsorted_nodes")


def sort_nodes(file: str, graph: "onnx.GraphProto") -> None:
    """Put the nodes of the main graph in order, in place; of nodes that may come next the first in the file.

    Raises ``InputError`` naming ``file`` for a node or an output that reads what nothing produces, for nodes that wait
    for one another, and for nodes in the wrong order inside the branches of control flow.
    """
    made = _given(graph)
    order = _order(file, graph, made)
    made |= {name for node in graph.node for name in node.output}
    for output in graph.output:
        if output.name not in made:
            raise InputError(sentence("model.output_not_produced", file=file, output_name=output.name), DAMAGED)
    if order != sorted(order):
        nodes = list(graph.node)
        copies = [type(nodes[index]).FromString(nodes[index].SerializeToString()) for index in order]
        del graph.node[:]
        graph.node.extend(copies)
    for node in graph.node:
        for branch in branches(node):
            _check_branch(file, node, branch, made)


def check_functions(file: str, functions: "Iterable[onnx.FunctionProto]") -> None:
    """Raises ``InputError`` naming ``file`` for nodes in the wrong order inside a function: runtimes read it as it
    is."""
    for function in functions:
        _check_nodes(file, sentence("model.function", name=function.name), function.node, {"", *function.input})


def reads(node: "onnx.NodeProto") -> set[str]:
    """The names that a node reads, also those that its branches take from the graph around them. Raises ``TypeError``
    for a name that is not text."""
    if not all(isinstance(text, str) for text in (node.op_type, node.name, *node.input, *node.output)):
        raise TypeError(sentence("model.name_is_not_text"))
    names = {name for name in node.input if name}
    for branch in branches(node):
        made = _given(branch) | {name for inner in branch.node for name in inner.output}
        wanted = {name for inner in branch.node for name in reads(inner)} | {out.name for out in branch.output}
        names |= wanted - made
    return names


def branches(node: "onnx.NodeProto") -> "Iterator[onnx.GraphProto]":
    """The graphs inside a node: the branches of an If, the body of a Loop or Scan."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _given(graph: "onnx.GraphProto") -> set[str]:
    names = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    return names | {tensor.values.name for tensor in graph.sparse_initializer} | {""}


def _order(file: str, graph: "onnx.GraphProto", given: set[str]) -> list[int]:
    """The nodes' places in the file, in an order in which each comes after those that it reads from."""
    missing = [reads(node) - given for node in graph.node]
    readers: dict[str, list[int]] = {}
    for index, names in enumerate(missing):
        for name in names:
            readers.setdefault(name, []).append(index)
    ready = [index for index, names in enumerate(missing) if not names]
    order: list[int] = []
    while ready:
        index = heappop(ready)
        order.append(index)
        for name in graph.node[index].output:
            for reader in readers.pop(name, ()):
                missing[reader].discard(name)
                if not missing[reader]:
                    heappush(ready, reader)
    if len(order) != len(missing):
        raise _stuck(file, graph, missing)
    return order


def _stuck(file: str, graph: "onnx.GraphProto", missing: list[set[str]]) -> InputError:
    made = {name for node in graph.node for name in node.output}
    for node, names in zip(graph.node, missing, strict=True):
        for name in sorted(names - made):
            return InputError(sentence("model.read_not_produced", file=file, op_type=node.op_type, name=name), DAMAGED)
    late = [node for node, names in zip(graph.node, missing, strict=True) if names]
    shown = ", ".join(f"{node.op_type} {node.name or node.output[0]}" for node in late[:3])
    return InputError(sentence("model.nodes_form_cycle", file=file, shown=shown), sentence("model.no_cycle_allowed"))


def _check_branch(file: str, owner: "onnx.NodeProto", branch: "onnx.GraphProto", outer: set[str]) -> None:
    _check_nodes(file, f"{owner.op_type} {owner.name or owner.output[0]}", branch.node, outer | _given(branch))


def _check_nodes(file: str, inside: Sentence | str, nodes: "Iterable[onnx.NodeProto]", made: set[str]) -> None:
    """``inside``: what holds the nodes. ``made``: what they may read from the beginning; it grows."""
    for node in nodes:
        for name in sorted(reads(node) - made):
            raise InputError(
                sentence("model.read_before_produced", file=file, inside=inside, inner_op_type=node.op_type, name=name),
                UNSORTED,
            )
        made.update(node.output)
        for inner in branches(node):
            _check_branch(file, node, inner, made)
