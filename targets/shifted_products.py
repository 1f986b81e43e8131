"""Products of the plain decoder with blocks that have an offset: ``x × (scale × codes)`` plus the sums of x over each
block times the offsets, as ``bench.models.sllm.weights`` writes them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import onnx

DEQUANTISING = "DequantizeLinear"


class ShiftedProduct(NamedTuple):
    """``added`` adds ``product``, which is with what ``matrix`` dequantises, and ``rest``, which is that of ``sums``
    with the offsets."""

    added: "onnx.NodeProto"
    product: "onnx.NodeProto"
    matrix: "onnx.NodeProto"
    rest: "onnx.NodeProto"
    sums: "onnx.NodeProto"


def shifted_product(node: "onnx.NodeProto", made_by: "Mapping[str, onnx.NodeProto]") -> ShiftedProduct | None:
    """What ``node`` adds, if it is such a product. ``made_by``: of each value the node that makes it."""
    if node.op_type != "Add":
        return None
    product, rest = (made_by.get(name) for name in node.input)
    if product is None or rest is None or {product.op_type, rest.op_type} != {"MatMul"}:
        return None
    matrix, sums = made_by.get(product.input[1]), made_by.get(rest.input[0])
    if matrix is None or sums is None or matrix.op_type != DEQUANTISING:
        return None
    block = next((attribute.i for attribute in matrix.attribute if attribute.name == "block_size"), 0)
    named = [f"{product.input[0]}.block_sums_{block}", f"{matrix.input[0]}.offset"]
    return ShiftedProduct(node, product, matrix, rest, sums) if list(rest.input) == named else None


def shifted_products(graph: "onnx.GraphProto") -> Iterator[ShiftedProduct]:
    """All of them, in the order of the graph."""
    made_by = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if (found := shifted_product(node, made_by)) is not None:
            yield found
