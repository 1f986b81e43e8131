"""RMSNorm of the plain decoder of this project as one operator.

On an HTP numbers are float16. The plain operators square a number, which overflows there above 256. Language models
have such numbers between their layers, and their outputs are then wrong. QNN's own RmsNorm does not overflow.

Over the heads of more than 8 tokens (Qwen 3, Gemma 3) the emulated HTP computes RmsNorm wrongly: its cosine is 0.81 for
[12, 4, 32], and 1 for the same numbers as [1, 48, 32]. So the heads of all tokens lie below one another there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.contracts import Artifact
from bench.targets.grouped_attention import fused_norm, needed
from bench.targets.onnx_graphs import ANEW, written_anew
from bench.targets.plain_decoder import Norm, PlainDecoder, plain_decoder

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
    fused = {norm.output: _fused(plain, norm) for norm in plain.norms}
    nodes: list[onnx.NodeProto] = [one for node in graph.node for one in fused.get(node.output[0], (node,))]
    kept = needed(nodes, [value.name for value in graph.output])
    read = {name for node in kept for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _fused(plain: PlainDecoder, norm: Norm) -> "Sequence[onnx.NodeProto]":
    """The operator; over heads, of rows [B, S × heads, width]."""
    import numpy as np
    from onnx import helper, numpy_helper

    shape = _shape_of_heads(plain, norm.value)
    if shape is None:
        return [fused_norm(norm)]
    rows, normed = f"{norm.output}.rows", f"{norm.output}.normed_rows"
    shapes = {rows: [0, -1, shape[-1]], norm.output: [0, -1, *shape[2:]]}
    for value, sizes in shapes.items():
        plain.model.graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), f"{value}.shape"))
    return [
        helper.make_node("Reshape", [norm.value, f"{rows}.shape"], [rows], rows),
        fused_norm(norm._replace(value=rows, output=normed)),
        helper.make_node("Reshape", [normed, f"{norm.output}.shape"], [norm.output], f"{norm.output}.by_head"),
    ]


def _shape_of_heads(plain: PlainDecoder, value: str) -> list[int] | None:
    """[0, 0, heads, width] of a value that was cut into heads, whatever its type was changed to since."""
    from onnx import numpy_helper

    node = plain.values.made_by.get(value)
    while node is not None and node.op_type == "Cast":
        node = plain.values.made_by.get(node.input[0])
    if node is None or node.op_type != "Reshape":
        return None
    sizes = plain.values.constants.get(node.input[1])
    found: list[int] = [] if sizes is None else numpy_helper.to_array(sizes).tolist()
    return found if len(found) == 4 else None
