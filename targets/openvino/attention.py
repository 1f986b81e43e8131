"""Our plain decoder with OpenVINO's ``ScaledDotProductAttention``, as Optimum exports it: keys and values are repeated
for the queries that share them right in front of it. A CPU then fuses it with the cache in the model's state, and
OpenVINO GenAI rewrites it for paged attention.

Cosines and sines are picked from a table by position. A CPU that computes in bfloat16 would round the angles otherwise,
once the cache is in the state: from position 256 on, not even the positions themselves are exact.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from bench.contracts import Artifact
from bench.targets.plain_decoder import Attention, PlainDecoder

if TYPE_CHECKING:
    import numpy.typing as npt

OPERATOR = "ScaledDotProductAttention"


def with_attention(model: Any, plain: PlainDecoder, context_length: int) -> None:
    """Put the operator into ``model``, read from the graph of ``plain``, whose names its values have. Positions are
    below ``context_length``."""
    named = _named(model)
    for layer, attention in enumerate(plain.attentions):
        _fuse(layer, attention, named)
    rotations = [r for a in plain.attentions for r in (a.query_rotation, a.key_rotation) if r is not None]
    for rotation in {(rotation.cosine, rotation.sine): rotation for rotation in rotations}.values():
        angles = np.arange(context_length, dtype=np.float32)[:, None] * rotation.frequencies
        for name, table in ((rotation.cosine, np.cos(angles)), (rotation.sine, np.sin(angles))):
            _pick_by_position(model, named[name], table * np.float32(rotation.magnitude), name)
    model.validate_nodes_and_infer_types()


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


def with_attention_facts(artifact: Artifact, plain: PlainDecoder) -> Artifact:
    """``artifact`` with the work of the products at the operators that now do it."""
    macs, operators = dict(artifact.facts.node_macs), dict(artifact.facts.operators)
    for layer, attention in enumerate(plain.attentions):
        moved = [macs.pop(name) for name in attention.products if name in macs]
        if moved:
            macs[_name(layer)] = sum(moved)
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
