"""Which node of an ONNX graph a name stands for: runtimes call nodes also after their outputs, and fused ones after the
output of the last."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from bench.contracts import Artifact

if TYPE_CHECKING:
    import onnx

LARGEST_READ = 500_000_000
"""Bytes of a graph's own file that is read for this: names are worth less than the time beyond."""


def weighed_sources(artifact: Artifact) -> dict[str, str]:
    """For the name of every node and of every output the nearest node with MACs up the first inputs, itself included.
    Empty for a graph that is not read."""
    import onnx

    if artifact.format != "onnx" or artifact.path.stat().st_size > LARGEST_READ:
        return {}
    found: dict[str, str] = {}
    for node in onnx.load_model(artifact.path, load_external_data=False).graph.node:
        source = _own(node, artifact.facts.node_macs) or (found.get(node.input[0], "") if node.input else "")
        if source:
            found |= dict.fromkeys(filter(None, (node.name, *node.output)), source)
    return found


def _own(node: "onnx.NodeProto", weighed: Collection[str]) -> str:
    """Its key among the nodes with MACs: its name, or that of its first output."""
    return next((name for name in (node.name, *node.output[:1]) if name and name in weighed), "")
