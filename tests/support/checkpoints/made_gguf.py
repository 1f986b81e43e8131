"""Small GGUF files of every architecture, written as llama.cpp's converter writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from msgspec.structs import replace

from bench.models.checkpoints.expected import tensor_shapes
from bench.models.sllm.config import DecoderConfig

Array = np.ndarray[Any, Any]

PLAIN = DecoderConfig(
    dim=64, layers=2, heads=4, kv_heads=2, hidden=96, vocab=48, context=128, rope_theta=500_000.0, bos=1, eos=(2,)
)
CONFIGS = {
    "llama": PLAIN,
    "qwen2": replace(PLAIN, qkv_bias=True, tied=False),
    "qwen3": replace(PLAIN, query_key_norm=True, head_width=24, epsilon=1e-6),
    "gemma3": replace(
        PLAIN,
        layers=7,
        query_key_norm=True,
        output_norms=True,
        activation="gelu_tanh",
        embedding_scale=8.0,
        layer_kinds=("sliding",) * 5 + ("full", "sliding"),
        sliding_window=32,
        local_rope_theta=10_000.0,
        rope_theta=1_000_000.0,
        head_width=32,
    ),
    "phi3": replace(PLAIN, tied=False, rotated=12),
    "smollm3": replace(PLAIN, layers=5, layer_kinds=("full", "full", "full", "unrotated", "full")),
}
"""What the file of an architecture says, unless a test asks for another."""
NAMES = {
    "attention_norm": "attn_norm",
    "feed_forward_norm": "ffn_norm",
    "attention_output_norm": "post_attention_norm",
    "feed_forward_output_norm": "post_ffw_norm",
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.query_norm": "attn_q_norm",
    "attention.key_norm": "attn_k_norm",
    "attention.output": "attn_output",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}

QUANTISED = ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
"""Types that the library can write. Of others, a test gives the bytes."""


class MadeGguf(NamedTuple):
    """``tensors`` have the names and the order of rows of a checkpoint."""

    path: Path
    config: DecoderConfig
    tensors: dict[str, Array]


def made_gguf(
    folder: Path,
    architecture: str = "llama",
    config: DecoderConfig | None = None,
    kind: str = "F32",
    *,
    name: str = "tiny.gguf",
    values: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Array | None] | None = None,
) -> MadeGguf:
    """A file of random weights stored as ``kind``. ``values`` and ``tensors`` are written instead of or in addition to
    the model's own; ``None`` leaves one out. Arrays of bytes are blocks of ``kind``."""
    config = config or CONFIGS[architecture]
    rng = np.random.default_rng(7)
    made = {
        key: rng.normal(size=shape).astype(np.float32) / 8 + float("norm" in key)
        for key, shape in tensor_shapes(config).items()
    }
    path = folder / name
    fields = _fields(architecture, config) | dict(values or {})
    _write(path, architecture, fields, {**_stored(architecture, config, made), **(tensors or {})}, kind)
    return MadeGguf(path, config, made)


def _fields(architecture: str, config: DecoderConfig) -> dict[str, Any]:
    fields = {
        "block_count": config.layers,
        "context_length": config.context,
        "embedding_length": config.dim,
        "feed_forward_length": config.hidden,
        "attention.head_count": config.heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.layer_norm_rms_epsilon": config.epsilon,
        "rope.freq_base": config.rope_theta,
        "rope.dimension_count": config.rotated or config.head_dim,
    }
    if config.head_width:
        fields |= {"attention.key_length": config.head_width, "attention.value_length": config.head_width}
    if config.sliding_window:
        fields["attention.sliding_window"] = config.sliding_window
    named: dict[str, Any] = {f"{architecture}.{key}": value for key, value in fields.items()}
    return named | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.tokens": ["a", "b", "ab", *(f"token{n}" for n in range(3, config.vocab))],
        "tokenizer.ggml.bos_token_id": config.bos,
        "tokenizer.ggml.eos_token_id": config.eos[0],
    }


def _stored(architecture: str, config: DecoderConfig, made: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors by the file's names, with the rows as the file has them."""
    ends = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    stored = {ends.get(key, key): array for key, array in made.items() if not key.startswith("layers.")}
    for key, array in made.items():
        if key.startswith("layers."):
            _, number, inner = key.split(".", 2)
            part, _, suffix = inner.rpartition(".")
            if architecture in ("llama", "smollm3") and part in ("attention.query", "attention.key"):
                stored[f"blk.{number}.{NAMES[part]}.{suffix}"] = _neighbours(array, config.head_dim)
            else:
                stored[f"blk.{number}.{NAMES[part]}.{suffix}"] = array
    if architecture == "phi3":
        for number in range(config.layers):
            layer = f"blk.{number}."
            parts = [stored.pop(f"{layer}attn_{part}.weight") for part in "qkv"]
            gate, up = stored.pop(f"{layer}ffn_gate.weight"), stored.pop(f"{layer}ffn_up.weight")
            stored |= {
                f"{layer}attn_qkv.weight": np.concatenate(parts),
                f"{layer}ffn_up.weight": np.concatenate((gate, up)),
            }
    return stored


def _neighbours(rows: Array, width: int) -> Array:
    """As conversion/llama.py reorders the rows of heads (``permute``)."""
    return rows.reshape(-1, 2, width // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def _write(
    path: Path, architecture: str, fields: Mapping[str, Any], tensors: Mapping[str, Array | None], kind: str
) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in fields.items():
        if value is not None:
            _add(writer, key, value)
    for name, array in tensors.items():
        if array is None:
            continue
        stored = gguf.GGMLQuantizationType[kind]
        if array.dtype == np.uint8:
            writer.add_tensor(name, array, raw_dtype=stored)
        elif array.ndim > 1 and kind in QUANTISED:
            writer.add_tensor(name, gguf.quantize(array, stored), raw_dtype=stored)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_string(key, value)
