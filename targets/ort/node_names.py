"""Names of executed nodes as names of the model's own: optimisation fuses nodes, and calls what it made after an
output, or after the operator that it began with."""

import re
from collections.abc import Callable, Collection

from bench.contracts import Artifact
from bench.targets.onnx_nodes import weighed_sources

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
    sources = weighed_sources(artifact) if len(taken) < len(weighed) else {}

    def named(name: str, op: str) -> str:
        own = MADE.sub("", name)
        if own in weighed or op not in ARITHMETIC:
            return own
        traced = sources.get(own, "")
        return traced if traced and traced not in taken else name

    return named
