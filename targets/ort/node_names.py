"""Names of executed nodes as names of the model's own: optimisation fuses nodes, and calls what it made after an
output, or after the operator that it began with."""

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from bench.contracts import Artifact

if TYPE_CHECKING:
    import onnx

LARGEST_READ = 500_000_000
"""Bytes of a graph's own file that is read for this: names are worth less than the time beyond."""
MADE = re.compile(r"^InsertedPrecisionFreeCast_|^fused |/MatMulAddFusion.*$|_gemm_transform$")
"""What optimisers of ONNX Runtime put around the name of the product that they fuse into."""
ARITHMETIC = frozenset(
    (
        *("Conv", "ConvTranspose", "FusedConv", "FusedGemm", "FusedMatMul", "Gemm", "MatMul", "MatMulNBits"),
        *("QGemm", "QLinearConv", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"),
    )
)
Naming = Callable[[str, str], str]
"""Takes an executed node's name and operator; gives the name of the model's node that it computes."""


def naming(artifact: Artifact, executed: Collection[str]) -> Naming:
    """For nodes of ``artifact``. ``executed``: the names of all that were executed."""
    weighed = artifact.facts.node_macs
    taken = {MADE.sub("", name) for name in executed} & weighed.keys()
    sources = _sources(artifact) if len(taken) < len(weighed) else {}

    def named(name: str, op: str) -> str:
        own = MADE.sub("", name)
        if own in weighed or op not in ARITHMETIC:
            return own
        traced = sources.get(own, "")
        return traced if traced and traced not in taken else name

    return named


def _sources(artifact: Artifact) -> dict[str, str]:
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
