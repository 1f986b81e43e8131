"""Recognises a decoder with a KV cache by the names and shapes of its inputs and outputs."""

import re
from collections.abc import Sequence

from bench.contracts import DecoderSpec, Shapes, TensorSpec
from bench.errors import InputError

PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
DEFAULT_CONTEXT = 2048  # where no configuration beside the file says more


def decoder_spec(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], context_length: int = DEFAULT_CONTEXT
) -> DecoderSpec | None:
    """The decoder's sizes, or ``None`` for any other layout than ``DecoderSpec`` describes.

    So also for a graph whose sequence or past is fixed: it cannot take a prompt and then generate.
    """
    given = {spec.name: spec for spec in inputs}
    returned = {spec.name: spec for spec in outputs}
    past = {name: spec for name, spec in given.items() if PAST.fullmatch(name)}
    layers = len(past) // 2
    expected = {f"past_key_values.{index}.{part}" for index in range(layers) for part in ("key", "value")}
    present = {name.replace("past_key_values", "present") for name in expected}
    tokens = given.keys() - past.keys()
    if not past or set(past) != expected or returned.keys() != {"logits", *present}:
        return None
    if not {"input_ids", "attention_mask"} <= tokens <= {"input_ids", "attention_mask", "position_ids"}:
        return None
    if any(given[name].dtype != "int64" or len(given[name].shape) != 2 for name in tokens):
        return None
    sizes = {(spec.dtype, spec.shape[1::2]) for spec in past.values() if len(spec.shape) == 4}
    if len(sizes) != 1 or any(len(spec.shape) != 4 for spec in past.values()):
        return None
    fixed = [*(given[name].shape[1] for name in tokens), *(spec.shape[2] for spec in past.values())]
    batches = {spec.shape[0] for spec in given.values()}
    if any(isinstance(size, int) for size in fixed) or any(isinstance(b, int) and b != 1 for b in batches):
        return None
    ((kv_dtype, (kv_heads, head_dim)),) = sizes
    vocab_size = returned["logits"].shape[-1] if len(returned["logits"].shape) == 3 else None
    if not isinstance(kv_heads, int) or not isinstance(head_dim, int) or not isinstance(vocab_size, int):
        return None
    return DecoderSpec(
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=vocab_size,
        context_length=context_length,
        kv_dtype=kv_dtype,
        has_position_ids="position_ids" in tokens,
    )


def refuse_shapes(name: str, shapes: Shapes) -> None:
    """Raise ``InputError`` when shapes were asked for: they are not the user's to choose."""
    if shapes:
        raise InputError(
            f"{name}: --shape {next(iter(shapes))}=… does not apply to a decoder",
            "Leave it out: the scenario chooses the lengths of prompt and context.",
        )


def one_token_shapes(decoder: DecoderSpec) -> dict[str, tuple[int, ...]]:
    """Shapes of one token on an empty cache: those a decoder's MACs and activations are stated for.

    Attention over a longer past adds 2 × heads × head_dim × past MACs a layer.
    """
    tokens = ["input_ids", "attention_mask"] + (["position_ids"] if decoder.has_position_ids else [])
    cache = (1, decoder.kv_heads, 0, decoder.head_dim)
    past: dict[str, tuple[int, ...]] = {
        f"past_key_values.{i}.{part}": cache for i in range(decoder.layers) for part in ("key", "value")
    }
    return {**dict.fromkeys(tokens, (1, 1)), **past}
