"""Our plain decoder with OpenVINO's ``ScaledDotProductAttention``, as Optimum exports it: keys and values are repeated
for the queries that share them right in front of it. A CPU then fuses it with the cache in the model's state, and
OpenVINO GenAI rewrites it for paged attention."""

from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.contracts import Artifact
from bench.targets.plain_decoder import Attention, PlainDecoder

OPERATOR = "ScaledDotProductAttention"


def with_attention(model: Any, plain: PlainDecoder) -> None:
    """Put the operator into ``model``, read from the graph of ``plain``, whose names its values have."""
    named = _named(model)
    for layer, attention in enumerate(plain.attentions):
        _fuse(layer, attention, named)
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
