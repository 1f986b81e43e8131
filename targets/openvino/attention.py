"""Our plain decoder in the forms that OpenVINO fuses.

``ScaledDotProductAttention`` is as Optimum exports it: keys and values are repeated for the queries that share them
right in front of it. A CPU then fuses it with the cache in the model's state, and OpenVINO GenAI rewrites it for paged
attention. The rotation is written so that it becomes one operator.

A CPU multiplies by ``(codes - zero point) × scale`` in one operator also where the zero point is a floating-point
number, which here is -offset / scale: blocks with offsets need no second product then. Where that is done is decided
by ``devices.takes_zero_points``.

Cosines and sines are picked from a table by position. A CPU that computes in bfloat16 would round the angles otherwise,
once the cache is in the state: from position 256 on, not even the positions themselves are exact.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from bench.contracts import Artifact
from bench.targets.plain_decoder import Attention, PlainDecoder, Rotation
from bench.targets.shifted_products import ShiftedProduct, shifted_products

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

OPERATOR = "ScaledDotProductAttention"


def with_attention(
    model: Any, plain: PlainDecoder, context_length: int, zero_points: bool = False
) -> tuple[ShiftedProduct, ...]:
    """Put the operators into ``model``, read from the graph of ``plain``, whose names its values have. Positions are
    below ``context_length``. ``zero_points``: offsets of blocks become zero points. Returns the products whose offsets
    did."""
    named = _named(model)
    for layer, attention in enumerate(plain.attentions):
        for value, rotation in (
            (attention.query, attention.query_rotation),
            (attention.key, attention.key_rotation),
        ):
            if rotation is not None:
                _rotate(value, rotation, attention.head_dim, named)
        _fuse(layer, attention, named)
    offsets = shifted_products(plain.model.graph) if zero_points else ()
    moved = tuple(shifted for shifted in offsets if _move_into_zero_points(shifted, named))
    rotations = [r for a in plain.attentions for r in (a.query_rotation, a.key_rotation) if r is not None]
    for rotation in {(rotation.cosine, rotation.sine): rotation for rotation in rotations}.values():
        angles = np.arange(context_length, dtype=np.float32)[:, None] * rotation.frequencies
        for name, table in ((rotation.cosine, np.cos(angles)), (rotation.sine, np.sin(angles))):
            _pick_by_position(model, named[name], table * np.float32(rotation.magnitude), name)
    model.validate_nodes_and_infer_types()
    return moved


def _named(model: Any) -> dict[str, Any]:
    """Every value by its names. ``get_ordered_ops`` would remember its answer: results that are removed later stay in
    what is saved."""
    found: dict[str, Any] = {}
    waiting, seen = list(model.get_results()), set()
    while waiting:
        for port in waiting.pop().input_values():
            node = port.get_node()
            found |= dict.fromkeys(port.get_names(), port)
            if (name := node.get_friendly_name()) not in seen:
                seen.add(name)
                waiting.append(node)
    return found


def with_attention_facts(
    artifact: Artifact, plain: PlainDecoder, without_offsets: Sequence[ShiftedProduct] = ()
) -> Artifact:
    """``artifact`` with the work of the products at the operators that now do it. ``without_offsets``: what
    ``with_attention`` returned."""
    macs, operators = dict(artifact.facts.node_macs), dict(artifact.facts.operators)
    for layer, attention in enumerate(plain.attentions):
        moved = [macs.pop(name) for name in attention.products if name in macs]
        if moved:
            macs[_name(layer)] = sum(moved)
    for shifted in without_offsets:
        moved = [macs.pop(node.name, 0) for node in (shifted.rest, shifted.sums)]
        macs[shifted.product.name] = macs.get(shifted.product.name, 0) + sum(moved)
    operators[OPERATOR] = len(plain.attentions)
    return replace(artifact, facts=replace(artifact.facts, node_macs=macs, operators=operators))


def _name(layer: int) -> str:
    return f"layers.{layer}.attention.fused"


def _fuse(layer: int, attention: Attention, named: dict[str, Any]) -> None:
    from openvino import opset13 as op

    query, mask = named[attention.query], named[attention.mask]
    kind = query.get_element_type()
    keys, values = (
        _repeated(named[name], attention, f"{_name(layer)}.{part}")
        for name, part in zip(attention.present, ("keys", "values"), strict=True)
    )
    scale = op.constant(np.array(attention.scale, np.float32), kind)
    fused = op.scaled_dot_product_attention(query, keys, values, mask, scale, name=_name(layer))
    by_token = op.transpose(fused, op.constant(np.array([0, 2, 1, 3], np.int64)))
    width = attention.heads * attention.head_dim
    mixed = op.reshape(by_token, op.constant(np.array([0, 0, width], np.int64)), special_zero=True)
    by_token.set_friendly_name(f"{_name(layer)}.by_token")
    mixed.set_friendly_name(f"{_name(layer)}.mixed")
    plain = named[attention.mixed]
    for reader in plain.get_target_inputs():
        reader.replace_source_output(mixed.output(0))


def _rotate(value: str, rotation: Rotation, head_dim: int, named: dict[str, Any]) -> None:
    """Write ``value`` [B, heads, S, head_dim] anew as the plugins find a rotation in it."""
    from openvino import opset13 as op

    old, whole, half = named[value], named[rotation.unrotated], rotation.width // 2
    made: dict[str, Any] = {}

    def split(part: str, of: Any, *sizes: int) -> list[Any]:
        made[part] = op.variadic_split(of, op.constant(np.array(3, np.int64)), op.constant(np.array(sizes, np.int64)))
        return list(made[part].outputs())

    still = []
    turning = whole
    if rotation.width < head_dim:
        turning, *still = split("parts", whole, rotation.width, head_dim - rotation.width)
    left, right = split("halves", turning, half, half)
    made["negative"] = op.multiply(right, op.constant(np.array(-1, np.float32), old.get_element_type()))
    made["turned"] = op.concat([made["negative"], left], -1)
    made["along"] = op.multiply(turning, named[rotation.cosine])
    made["across"] = op.multiply(made["turned"], named[rotation.sine])
    made["rotated"] = op.add(made["along"], made["across"])
    if still:
        made["whole"] = op.concat([made["rotated"], *still], -1)
    for part, node in made.items():
        node.set_friendly_name(f"{value}.fusible.{part}")
    named[value] = made["whole" if still else "rotated"].output(0)
    for reader in old.get_target_inputs():
        reader.replace_source_output(named[value])


def _move_into_zero_points(shifted: ShiftedProduct, named: dict[str, Any]) -> bool:
    """``codes × scale``, with ``offset`` in a second product, becomes ``(codes - zero point) × scale``, the same values
    to the rounding of float32. ``False``: left as it is, since OpenVINO reads blocks in another form than this one."""
    from openvino import opset13 as op

    scaled = named[shifted.matrix.output[0]].get_node().input_value(0).get_node()
    if scaled.get_type_name() != "Multiply":
        return False
    codes, scale = (value.get_node() for value in scaled.input_values())
    if (codes.get_type_name(), scale.get_type_name()) != ("Convert", "Unsqueeze"):
        return False
    stored, offset = (named[name].get_node().get_data() for name in (shifted.matrix.input[1], shifted.rest.input[1]))
    scales, zero_points = _zero_points(stored, offset)
    name = shifted.matrix.input[0]
    axis = scale.input_value(1).get_node().get_data()
    subtracted = op.subtract(codes, op.constant(np.expand_dims(zero_points, tuple(axis)), name=f"{name}.zero_point"))
    subtracted.set_friendly_name(f"{name}.shifted")
    scaled.input(0).replace_source_output(subtracted.output(0))
    if scales is not stored:
        widened = op.constant(np.expand_dims(scales, tuple(axis)), name=f"{name}.own_scale")
        scaled.input(1).replace_source_output(widened.output(0))
    old, product = named[shifted.added.output[0]], named[shifted.product.output[0]]
    names = old.get_names()
    old.get_tensor().set_names(set())
    product.get_tensor().set_names(names)
    for reader in old.get_target_inputs():
        reader.replace_source_output(product)
    return True


def _zero_points(scale: "Array", offset: "Array") -> "tuple[Array, Array]":
    """Scales, and zero points for which ``(code - zero point) × scale`` is ``code × scale + offset``. A block of equal
    numbers has a scale of 0: it gets one so small that no code changes the difference."""
    equal = (scale == 0) & (offset != 0)
    if equal.any():
        scale = np.where(equal, np.abs(offset) * np.float32(2.0**-30), scale)
    return scale, np.divide(-offset, scale, out=np.zeros_like(offset), where=scale != 0)


def _pick_by_position(model: Any, turns: Any, table: "npt.NDArray[np.float32]", name: str) -> None:
    """Replace ``turns`` [B, 1, S, rotated] by the rows of ``table`` [positions, rotated / 2], twice over."""
    from openvino import opset13 as op

    stored = op.constant(table, turns.get_element_type(), name=f"{name}.table")
    rows = op.gather(stored, model.input("position_ids"), op.constant(np.array(0, np.int64)))
    both = op.concat([rows, rows], 2)
    picked = op.unsqueeze(both, op.constant(np.array(1, np.int64)))
    for part, node in (("rows", rows), ("both_halves", both), ("picked", picked)):
        node.set_friendly_name(f"{name}.{part}")
    for reader in turns.get_target_inputs():
        reader.replace_source_output(picked.output(0))


def _repeated(cache: Any, attention: Attention, name: str) -> Any:
    """[B, kv_heads, T, head_dim] → [B, heads, T, head_dim], each one after itself."""
    from openvino import opset13 as op

    times = attention.heads // attention.kv_heads
    if times == 1:
        return cache
    apart = op.unsqueeze(cache, op.constant(np.array(2, np.int64)))
    shape = op.shape_of(cache, output_type="i64")
    zero = op.constant(np.array(0, np.int64))
    front = op.gather(shape, op.constant(np.array([0, 1], np.int64)), zero)
    behind = op.gather(shape, op.constant(np.array([2, 3], np.int64)), zero)
    target = op.concat([front, op.constant(np.array([times], np.int64)), behind], 0)
    spread = op.broadcast(apart, target, broadcast_spec="BIDIRECTIONAL")
    sizes = op.constant(np.array([0, attention.heads, -1, attention.head_dim], np.int64))
    merged = op.reshape(spread, sizes, special_zero=True)
    for part, node in (("apart", apart), ("spread", spread), ("merged", merged)):
        node.set_friendly_name(f"{name}.{part}")
    return merged
