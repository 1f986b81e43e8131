"""RMSNorm of the plain decoder of this project as one operator.

On an HTP numbers are float16. The plain operators square a number, which overflows there above 256. Language models
have such numbers between their layers, and their outputs are then wrong. QNN's own RmsNorm does not overflow.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.contracts import Artifact
from bench.targets.grouped_attention import fused_norm, needed
from bench.targets.onnx_graphs import ANEW, written_anew
from bench.targets.plain_decoder import PlainDecoder, plain_decoder

if TYPE_CHECKING:
    import onnx


def with_fused_norms(artifact: Artifact, folder: Path) -> Artifact:
    """The plain decoder with a graph in ``folder`` that names its weights where they lie; any other artifact is
    returned as it is."""
    plain = plain_decoder(artifact)
    if plain is None:
        return artifact
    fuse_norms(plain)
    made = written_anew(artifact, plain.model, folder / ANEW)
    return replace(made, facts=artifact.facts)


def fuse_norms(plain: PlainDecoder) -> None:
    """Change the graph of ``plain`` in place."""
    graph = plain.model.graph
    fused = {norm.output: fused_norm(norm) for norm in plain.norms}
    nodes: list[onnx.NodeProto] = [fused.get(node.output[0], node) for node in graph.node]
    kept = needed(nodes, [value.name for value in graph.output])
    read = {name for node in kept for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(constants)
