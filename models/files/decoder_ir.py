"""Recognises a language model that keeps its KV cache in its state, from an IR's XML alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import CACHE_WIDTHS, CacheTensor, DecoderSpec
from bench.errors import InputError
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.models.files.decoder_config import DecoderFacts
    from bench.models.files.ir_graph import IrGraph

DEMANDED, OPTIONAL = {"input_ids", "attention_mask"}, {"position_ids", "beam_idx"}
UNDERSTOOD = sentence("model.decoder_ir_understood")


def decoder_of_ir(path: Path, graph: "IrGraph") -> DecoderSpec | None:
    """The decoder in ``graph``; ``None`` if the graph is not a language model.

    Its variables may have any shapes: the runtime itself fills them and takes them back. Raises ``InputError`` for one
    that looks like a language model with other inputs, and says how it differs.
    """
    from bench.models.files.decoder_config import decoder_facts

    inputs = {name for spec in graph.specs("Parameter") for name in (spec.name,)}
    states = [layer.data for layer in graph.layers.values() if layer.kind == "ReadValue"]
    past = {name for name in inputs if name.startswith("past_key_values")}
    if not (states or past) or not inputs & {"input_ids", "inputs_embeds"}:
        return None
    outputs = {spec.name: spec.shape for spec in graph.specs("Result")}
    facts = decoder_facts(path)
    vocabulary = _vocabulary(outputs.get("logits", ()), facts)
    why: Sentence | None = None
    if past:
        why = sentence("model.cache_in_inputs", n_past=len(past), past=min(past))
    elif not DEMANDED <= inputs <= DEMANDED | OPTIONAL or "beam_idx" not in inputs:
        why = sentence("model.inputs_are", inputs=sorted(inputs))
    elif "logits" not in outputs:
        why = sentence("model.outputs_are", outputs=list(outputs))
    elif vocabulary is None:
        why = sentence("model.vocabulary_not_fixed")
    if why or vocabulary is None:
        raise InputError(sentence("model.not_a_supported_language_model", file=path.name, why=why), UNDERSTOOD)
    return _spec(_cache(states), states, vocabulary, facts, "position_ids" in inputs)


def _vocabulary(logits: Sequence[int | str | None], facts: "DecoderFacts") -> int | None:
    """The width of the logits [B, S, width], or what the configuration says where the graph leaves it open."""
    if len(logits) != 3:
        return None
    return logits[-1] if isinstance(logits[-1], int) else facts.vocab_size


def _spec(
    cache: Sequence[CacheTensor] | None,
    states: Sequence[Mapping[str, str]],
    vocabulary: int,
    facts: "DecoderFacts",
    positions: bool,
) -> DecoderSpec:
    from bench.models.onnx.decoder_layout import DEFAULT_CONTEXT, head_sizes

    first = cache[0] if cache else None
    heads, width = head_sizes(first) if first is not None else (0, 0)
    shapes = sorted({data.get("variable_shape", "?") for data in states})
    unknown = sentence("model.variables_are", n_states=len(states), shapes=[f"[{shape}]" for shape in shapes])
    return DecoderSpec(
        layers=len(cache) // 2 if cache else 0,
        kv_heads=heads,
        head_dim=width,
        vocab_size=vocabulary,
        context_length=facts.context_length or DEFAULT_CONTEXT,
        kv_dtype=first.dtype if first is not None else "float32",
        has_position_ids=positions,
        stateful=True,
        bos_token_id=facts.bos_token_id,
        eos_token_ids=facts.eos_token_ids,
        cache=() if cache is None or _plain(cache) else tuple(cache),
        unknown="" if cache is not None else unknown,
    )


def _plain(cache: Sequence[CacheTensor]) -> bool:
    """Whether all variables are [batch, heads, length, width] of one size and type, one of keys and one of values a
    layer."""
    layouts = {(tensor.dtype, tensor.shape, tensor.length_axis, tensor.batch_axis) for tensor in cache}
    return len(layouts) == 1 and len(cache) % 2 == 0 and (len(cache[0].shape), cache[0].length_axis) == (4, 2)


def _cache(states: Sequence[Mapping[str, str]]) -> tuple[CacheTensor, ...] | None:
    """What the variables hold, those that grow first; ``None`` where one does not show how it grows."""
    found = [_cache_tensor(data) for data in states]
    known = [tensor for tensor in found if tensor is not None]
    return tuple(sorted(known, key=lambda tensor: tensor.length_axis is None)) if len(known) == len(found) else None


def _cache_tensor(data: Mapping[str, str]) -> CacheTensor | None:
    """One variable. Of its open dimensions the first is the batch and the second the length; a single one is the batch
    if it comes first. ``None`` for more, and for elements of an unknown size."""
    from bench.models.files.ir_graph import DTYPES

    dims = [
        int(size) if size.isdigit() else None for size in data.get("variable_shape", "").replace(" ", "").split(",")
    ]
    kind = DTYPES.get(data.get("variable_type", "").lower(), "")
    is_open = [axis for axis, size in enumerate(dims) if size is None]
    if kind not in CACHE_WIDTHS or len(is_open) > 2:
        return None
    batch = is_open[0] if len(is_open) == 2 or is_open == [0] else dims.index(1) if 1 in dims else 0
    length = next((axis for axis in is_open if axis != batch), None)
    shape = tuple(1 if axis == batch else size or 0 for axis, size in enumerate(dims))
    name = data.get("variable_id", "")
    return CacheTensor(name, name, kind, shape, length, batch)
