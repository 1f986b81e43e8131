"""Sizes and constants of a decoder from a GGUF header.

The meaning of a field, and what an architecture has without any field, is that of the program that reads these files:
ggml-org/llama.cpp, src/llama-model.cpp and src/models/; how the files are written: its conversion/. Where it leaves a
part of the model out (the sliding window of Phi 3), the model's own code decides.
"""

import math

from msgspec import Struct

from bench.models.checkpoints.gguf.fields import Fields, naming
from bench.models.checkpoints.gguf.header import Header, StoredList
from bench.models.checkpoints.gguf.rotation import DIVISORS, LONG, SHORT, rotation
from bench.models.checkpoints.tokenizer_files import end_tokens
from bench.models.sllm.config import DecoderConfig, LayerKind


class Architecture(Struct, frozen=True):
    """How files of an architecture differ. ``neighbours``: they rotate neighbouring numbers of a head.
    ``gate_above_up``: both feed-forward matrices lie in one tensor. ``every_layer_slides``: where the file has a window
    (Mistral, Phi 3). ``divisors``: tensors that may scale the rotation."""

    neighbours: bool = False
    query_key_norm: bool = False
    gemma: bool = False
    gate_above_up: bool = False
    every_layer_slides: bool = False
    unrotated_every: int = 0
    divisors: tuple[str, ...] = ()


ARCHITECTURES = {
    "llama": Architecture(neighbours=True, every_layer_slides=True, divisors=(SHORT, LONG, DIVISORS)),
    "qwen2": Architecture(),
    "qwen3": Architecture(query_key_norm=True),
    "gemma3": Architecture(query_key_norm=True, gemma=True),
    "phi3": Architecture(gate_above_up=True, every_layer_slides=True, divisors=(SHORT, LONG)),
    "smollm3": Architecture(neighbours=True, unrotated_every=4, divisors=(DIVISORS,)),
}
STOP_TOKENS = ("eos_token_id", "eot_token_id", "eom_token_id")
MOST_WIDTH = 1 << 16  # of a head
GEMMA_PERIOD, GEMMA_LOCAL_THETA, GEMMA_27B_LAYERS = 6, 10_000.0, 62


def decoder_config(header: Header, name: str) -> DecoderConfig:
    """The sizes of a model of one of ``ARCHITECTURES``. Raises ``InputError`` naming the file and the field."""
    architecture, fields = ARCHITECTURES[name], Fields(header, name)
    layers = fields.count("block_count", most=len(header.tensors))
    dim, heads = fields.count("embedding_length"), fields.count("attention.head_count")
    kv_heads = fields.count("attention.head_count_kv", heads)
    width = _head_width(fields, dim, heads)
    if heads % kv_heads:
        raise fields.refused("attention.head_count_kv", "gguf.heads_not_shared", heads=heads)
    if fields.has("attention.causal") and fields.off("attention.causal"):
        raise fields.refused("attention.causal", "gguf.not_causal")
    context = fields.count("context_length")
    turned, vocab = rotation(fields, width, context), _vocabulary(header)
    window, kinds = _layer_kinds(fields, architecture, layers, turned.context)
    config = DecoderConfig(
        dim=dim,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        hidden=fields.count("feed_forward_length"),
        vocab=vocab,
        context=turned.context,
        tied="output.weight" not in header.tensors,
        qkv_bias=any(f"blk.0.{part}.bias" in header.tensors for part in ("attn_q", "attn_qkv")),
        output_bias="blk.0.attn_output.bias" in header.tensors,
        feed_forward_bias="blk.0.ffn_down.bias" in header.tensors and not architecture.gate_above_up,
        rope_theta=turned.theta,
        epsilon=fields.number("attention.layer_norm_rms_epsilon"),
        head_width=width if width * heads != dim else None,
        query_key_norm=architecture.query_key_norm,
        output_norms=architecture.gemma,
        activation="gelu_tanh" if architecture.gemma else "silu",
        embedding_scale=math.sqrt(dim) if architecture.gemma else 1.0,
        attention_scale=_attention_scale(fields, architecture, dim, heads, layers),
        layer_kinds=kinds,
        sliding_window=window,
        local_rope_theta=_local_theta(fields, architecture) if window else None,
        rotated=turned.rotated,
        rope_divisors=turned.divisors,
        rope_magnitude=turned.magnitude,
        bos=fields.token("tokenizer.ggml.bos_token_id", vocab),
        eos=_stop_tokens(fields, vocab),
    )
    fields.refuse_others()
    return config


def _head_width(fields: Fields, dim: int, heads: int) -> int:
    width = fields.count("attention.key_length", max(1, dim // heads), MOST_WIDTH)
    if fields.count("attention.value_length", width) != width:
        raise fields.refused("attention.value_length", "gguf.widths_differ", width=width)
    if width % 2 or width > MOST_WIDTH or (dim % heads and not fields.has("attention.key_length")):
        raise fields.refused("attention.head_count", "gguf.head_not_even", width=width, dim=dim)
    return width


def _vocabulary(header: Header) -> int:
    """The rows of the embedding, which the tokenizer in the file must have, too."""
    embedding = header.tensors.get("token_embd.weight")
    if embedding is None:
        raise header.refused("gguf.field_missing", field="token_embd.weight")
    tokens, rows = header.values.get("tokenizer.ggml.tokens"), embedding.shape[0]
    if isinstance(tokens, StoredList) and tokens.count != rows:
        raise header.refused(
            "gguf.other_number_of_tokens", field="tokenizer.ggml.tokens", count=tokens.count, rows=rows
        )
    return rows


def _layer_kinds(
    fields: Fields, architecture: Architecture, layers: int, context: int
) -> tuple[int | None, tuple[LayerKind, ...]]:
    """The sliding window, and what each layer attends to; empty: all to everything."""
    if architecture.unrotated_every:
        step = architecture.unrotated_every
        return None, tuple("full" if (n + 1) % step else "unrotated" for n in range(layers))
    pattern = "attention.sliding_window_pattern"
    if fields.off("attention.sliding_window"):
        fields.has(pattern)
        return None, ()
    window = fields.count("attention.sliding_window")
    if fields.is_list(pattern):
        flags = fields.flags(pattern)
        if len(flags) != layers:
            raise fields.refused(pattern, "gguf.one_for_each_layer", layers=layers)
    else:
        if not (architecture.every_layer_slides or architecture.gemma or fields.has(pattern) or window >= context):
            raise fields.refused("attention.sliding_window", "gguf.layers_of_window_unknown", pattern=pattern)
        period = fields.count(pattern, GEMMA_PERIOD if architecture.gemma else layers + 1)
        flags = [(n + 1) % period != 0 for n in range(layers)]
    if window >= context and not architecture.gemma:
        return None, ()
    kinds: tuple[LayerKind, ...] = tuple("sliding" if flag else "full" for flag in flags)
    return (window, kinds) if "sliding" in kinds else (None, ())


def _local_theta(fields: Fields, architecture: Architecture) -> float | None:
    """The rotation base of the sliding layers, where it is their own."""
    if architecture.gemma:
        return fields.number("rope.freq_base_swa", GEMMA_LOCAL_THETA)
    return fields.number("rope.freq_base_swa") if fields.has("rope.freq_base_swa") else None


def _attention_scale(fields: Fields, architecture: Architecture, dim: int, heads: int, layers: int) -> float | None:
    """Gemma 3 of 27 billion parameters scales by its width, and no field says so."""
    if fields.has("attention.scale"):
        return fields.number("attention.scale")
    return (dim / heads) ** -0.5 if architecture.gemma and layers == GEMMA_27B_LAYERS else None


def _stop_tokens(fields: Fields, vocab: int) -> tuple[int, ...]:
    """Those that the file states, then those that end a turn by their text."""
    stated = [fields.token(f"tokenizer.ggml.{name}", vocab) for name in STOP_TOKENS]
    with naming(fields.header.path.name):
        by_text = end_tokens(fields.header)
    return tuple(dict.fromkeys((*(token for token in stated if token is not None), *by_text)))
