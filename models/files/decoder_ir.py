"""Recognises a language model that keeps its KV cache in its state, from an IR's XML alone."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import DecoderSpec
from bench.errors import InputError
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.models.files.ir_graph import IrGraph

DEMANDED, OPTIONAL = {"input_ids", "attention_mask"}, {"position_ids", "beam_idx"}
SIZES = re.compile(r"(\?|-1|\d+(?:\.\.\d+)?),(\d+),(\?|-1|\d+\.\.\d*),(\d+)")
UNDERSTOOD = sentence("model.decoder_ir_understood")


def decoder_of_ir(path: Path, graph: "IrGraph") -> DecoderSpec | None:
    """The decoder in ``graph``; ``None`` if the graph is not a language model.

    Raises ``InputError`` for one that looks like a language model with another layout, and says how it differs.
    """
    inputs = {name for spec in graph.specs("Parameter") for name in (spec.name,)}
    states = [layer.data for layer in graph.layers.values() if layer.kind == "ReadValue"]
    past = {name for name in inputs if name.startswith("past_key_values")}
    if not (states or past) or not inputs & {"input_ids", "inputs_embeds"}:
        return None
    outputs = graph.specs("Result")
    sizes = {_sizes(data) for data in states}
    vocab = outputs[0].shape[-1] if len(outputs[0].shape) == 3 else None
    why: Sentence | None = None
    if past:
        why = sentence("model.cache_in_inputs", n_past=len(past), past=min(past))
    elif not DEMANDED <= inputs <= DEMANDED | OPTIONAL or "beam_idx" not in inputs:
        why = sentence("model.inputs_are", inputs=sorted(inputs))
    elif [spec.name for spec in outputs] != ["logits"]:
        why = sentence("model.outputs_are", outputs=(spec.name for spec in outputs))
    elif not isinstance(vocab, int):
        why = sentence("model.vocabulary_not_fixed")
    elif len(sizes) != 1 or None in sizes or len(states) % 2:
        shapes = sorted({data.get("variable_shape", "?") for data in states})
        why = sentence("model.variables_are", n_states=len(states), shapes=[f"[{shape}]" for shape in shapes])
    if why:
        raise InputError(sentence("model.not_a_supported_language_model", file=path.name, why=why), UNDERSTOOD)
    return _spec(path, len(states) // 2, next(iter(sizes)), vocab, "position_ids" in inputs)


def _spec(
    path: Path, layers: int, sizes: tuple[int, int, str] | None, vocab: int | str | None, positions: bool
) -> DecoderSpec:
    from bench.models.files.decoder_config import decoder_facts
    from bench.models.onnx.decoder_layout import DEFAULT_CONTEXT

    assert sizes is not None
    assert isinstance(vocab, int)
    heads, head_dim, kind = sizes
    facts = decoder_facts(path)
    return DecoderSpec(
        layers,
        heads,
        head_dim,
        vocab,
        facts.context_length or DEFAULT_CONTEXT,
        kind,
        positions,
        stateful=True,
        bos_token_id=facts.bos_token_id,
        eos_token_ids=facts.eos_token_ids,
    )


def _sizes(data: dict[str, str]) -> tuple[int, int, str] | None:
    """Heads, head size and element type of a variable; ``None`` for another shape."""
    from bench.models.files.ir_graph import DTYPES

    found = SIZES.fullmatch(data.get("variable_shape", "").replace(" ", ""))
    kind = DTYPES.get(data.get("variable_type", "").lower())
    return None if found is None or kind is None else (int(found[2]), int(found[4]), kind)
