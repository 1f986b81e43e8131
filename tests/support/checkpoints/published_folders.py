"""Small language models with random weights, as Hugging Face folders have them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

Array = np.ndarray[Any, Any]
Config = Mapping[str, Any]

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LONGROPE = {
    "type": "longrope",
    "short_factor": [1.0, 1.05, 1.2, 1.6],
    "long_factor": [1.1, 2.0, 5.0, 20.0],
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def config_of(model_type: str, written: str, **fields: object) -> dict[str, Any]:
    return {"model_type": model_type, "architectures": [written], **SIZES, **fields}


LLAMA = config_of("llama", "LlamaForCausalLM", hidden_act="silu", tie_word_embeddings=False, rope_theta=10_000.0)
QWEN2 = config_of("qwen2", "Qwen2ForCausalLM", hidden_act="silu", tie_word_embeddings=True, rope_theta=1e6)
QWEN3 = config_of("qwen3", "Qwen3ForCausalLM", hidden_act="silu", tie_word_embeddings=True, rope_theta=1e6, head_dim=16)
GEMMA3 = config_of(
    "gemma3_text",
    "Gemma3ForCausalLM",
    hidden_activation="gelu_pytorch_tanh",
    head_dim=16,
    query_pre_attn_scalar=24,
    sliding_window=6,
    sliding_window_pattern=2,
    rope_theta=1e6,
    rope_local_base_freq=1e4,
)
PHI3 = config_of("phi3", "Phi3ForCausalLM", hidden_act="silu", tie_word_embeddings=False, rope_theta=10_000.0)
SMOLLM3 = config_of(
    "smollm3", "SmolLM3ForCausalLM", hidden_act="silu", rope_theta=5e6, no_rope_layers=[1, 0, 1, 0], layer_types=None
)
MODELS: dict[str, dict[str, Any]] = {
    "llama": LLAMA,
    "llama, tied, one KV head for each": {**LLAMA, "tie_word_embeddings": True, "num_key_value_heads": 4},
    "llama, llama3": {**LLAMA, "rope_scaling": LLAMA3},
    "llama, linear": {**LLAMA, "rope_scaling": {"type": "linear", "factor": 4.0}},
    "llama, yarn": {**LLAMA, "rope_scaling": YARN},
    "llama, of transformers 5": {
        **{key: value for key, value in LLAMA.items() if key != "rope_theta"},
        "rope_parameters": {**LLAMA3, "rope_theta": 5e5},
    },
    "llama, biases": {**LLAMA, "attention_bias": True, "mlp_bias": True},
    "qwen3, biases of attention": {**QWEN3, "attention_bias": True},
    "gemma3, biases of attention": {**GEMMA3, "attention_bias": True},
    "smollm3, biases": {**SMOLLM3, "attention_bias": True, "mlp_bias": True},
    "mistral, a head wider than its part, a window": {
        **LLAMA,
        "model_type": "mistral",
        "architectures": ["MistralForCausalLM"],
        "head_dim": 12,
        "sliding_window": 5,
    },
    "qwen2": QWEN2,
    "qwen2, a window from layer 2 on": {
        **QWEN2,
        "use_sliding_window": True,
        "sliding_window": 7,
        "max_window_layers": 2,
    },
    "qwen3": QWEN3,
    "qwen3, untied": {**QWEN3, "tie_word_embeddings": False},
    "gemma3": GEMMA3,
    "gemma3, linear": {**GEMMA3, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "gemma3, of transformers 5": {
        **{key: value for key, value in GEMMA3.items() if not key.startswith("rope_")},
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 1e5},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e3},
        },
    },
    "phi3": PHI3,
    "phi3, a window": {**PHI3, "sliding_window": 5},
    "phi3, longrope": {**PHI3, "rope_scaling": LONGROPE, "original_max_position_embeddings": 64},
    "phi3, part of each head, longrope": {
        **PHI3,
        "head_dim": 12,
        "partial_rotary_factor": 0.67,
        "rope_scaling": {**LONGROPE, "attention_factor": 1.3},
        "original_max_position_embeddings": 64,
        "tie_word_embeddings": True,
    },
    "smollm3": SMOLLM3,
}
"""By name; every architecture, and every field that changes the arithmetic."""


def random_weights(config: Config, seed: int = 0) -> dict[str, Array]:
    """Float32 tensors by the names of transformers. Scores and logits have a spread of about 1."""
    random = np.random.default_rng(seed)
    dim, hidden, kind = config["hidden_size"], config["intermediate_size"], config["model_type"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    width = config.get("head_dim") or dim // heads
    center = 0.0 if kind == "gemma3_text" else 1.0

    def matrix(rows: int, inside: int) -> Array:
        return (random.standard_normal((rows, inside)) / np.sqrt(inside)).astype(np.float32)

    def vector(size: int, mean: float = center, spread: float = 0.2) -> Array:
        return random.normal(mean, spread, size).astype(np.float32)

    weights = {"model.embed_tokens.weight": matrix(config["vocab_size"], dim), "model.norm.weight": vector(dim)}
    if not config.get("tie_word_embeddings", kind in ("gemma3_text", "smollm3")):
        weights["lm_head.weight"] = matrix(config["vocab_size"], dim)
    norms = ["input_layernorm", "post_attention_layernorm"]
    norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"] if kind == "gemma3_text" else []
    projections = {"q": heads * width, "k": kv_heads * width, "v": kv_heads * width}
    for layer in range(config["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        weights |= {f"{name}.{norm}.weight": vector(dim) for norm in norms}
        weights[f"{name}.self_attn.o_proj.weight"] = matrix(dim, heads * width)
        weights[f"{name}.mlp.down_proj.weight"] = matrix(dim, hidden)
        if kind == "phi3":
            weights[f"{name}.self_attn.qkv_proj.weight"] = matrix(sum(projections.values()), dim)
            weights[f"{name}.mlp.gate_up_proj.weight"] = matrix(2 * hidden, dim)
            continue
        weights |= {f"{name}.self_attn.{part}_proj.weight": matrix(size, dim) for part, size in projections.items()}
        weights |= {f"{name}.mlp.{part}_proj.weight": matrix(hidden, dim) for part in ("gate", "up")}
        if kind == "qwen2" or config.get("attention_bias"):
            weights |= {f"{name}.self_attn.{p}_proj.bias": vector(n, 0.0, 0.5) for p, n in projections.items()}
        if config.get("attention_bias"):
            weights[f"{name}.self_attn.o_proj.bias"] = vector(dim, 0.0, 0.5)
        if config.get("mlp_bias"):
            sizes = {"gate": hidden, "up": hidden, "down": dim}
            weights |= {f"{name}.mlp.{part}_proj.bias": vector(n, 0.0, 0.5) for part, n in sizes.items()}
        if kind in ("qwen3", "gemma3_text"):
            weights |= {f"{name}.self_attn.{part}_norm.weight": vector(width) for part in "qk"}
    return weights


def write_folder(folder: Path, config: Config, weights: Mapping[str, Array], dtype: str = "float32") -> Path:
    """``config.json`` and ``model.safetensors``, the weights rounded to ``dtype`` (``bfloat16``, ``float16``)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(rounded(weights, dtype), folder / "model.safetensors")
    return folder


def rounded(weights: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    return {name: values.astype(kind) for name, values in weights.items()}


def write_shards(folder: Path, config: Config, weights: Mapping[str, Array], shards: int) -> Path:
    """The same in several files with their index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    placed = {}
    for n in range(shards):
        name = f"model-{n + 1:05}-of-{shards:05}.safetensors"
        own = dict(list(weights.items())[n::shards])
        save_file(own, folder / name)
        placed |= dict.fromkeys(own, name)
    index = {"metadata": {"total_size": sum(one.nbytes for one in weights.values())}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder
