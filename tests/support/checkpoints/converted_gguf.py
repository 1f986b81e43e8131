"""Hugging Face models as GGUF files, converted as llama.cpp does it: with the library's own table of names.

Sources: ggml-org/llama.cpp, conversion/base.py, llama.py, gemma.py, phi.py (``set_gguf_parameters``,
``modify_tensors``, ``generate_extra_tensors``). Shares no code with the reader that it checks.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

Array = np.ndarray[Any, Any]
ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}


def converted_gguf(path: Path, config: Mapping[str, Any], weights: Mapping[str, Array]) -> Path:
    """``config``: a ``config.json`` of a model type that is read; ``weights``: by the names of transformers."""
    name = ARCHITECTURES.get(config["model_type"], config["model_type"])
    writer = gguf.GGUFWriter(path, name)
    _add_sizes(writer, name, config)
    architecture = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == name)
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    for key, array in {**weights, **_rotation(writer, config)}.items():
        stored = names.get_name(key, try_suffixes=(".weight", ".bias")) or key
        writer.add_tensor(stored, np.ascontiguousarray(_as_stored(name, key, array, config)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_sizes(writer: Any, name: str, config: Mapping[str, Any]) -> None:
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if "head_dim" in config:
        writer.add_key_length(width)
        writer.add_value_length(width)
    if name in ("llama", "smollm3"):
        writer.add_rope_dimension_count(width)
    if name == "phi3":
        writer.add_rope_dimension_count(int(width * config.get("partial_rotary_factor", 1.0)))
        writer.add_rope_scaling_orig_ctx_len(
            config.get("original_max_position_embeddings", config["max_position_embeddings"])
        )
    if name in ("gemma3", "phi3") or (name == "llama" and "sliding_window" in config):
        writer.add_sliding_window(config.get("sliding_window") or 0)
    if name == "gemma3":
        writer.add_sliding_window_pattern(config["sliding_window_pattern"])
        writer.add_rope_freq_base_swa(config["rope_local_base_freq"])
    writer.add_rope_freq_base(config["rope_theta"])


def _rotation(writer: Any, config: Mapping[str, Any]) -> dict[str, Array]:
    """The tensors of a scaled rotation; its fields are written."""
    rope = config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type"))
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "llama3":
        return {"rope_freqs.weight": _llama3(config, rope)}
    if kind != "longrope":
        return {}
    original = config["original_max_position_embeddings"]
    scale = config["max_position_embeddings"] / original
    usual = math.sqrt(1 + math.log(scale) / math.log(original))
    writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
    writer.add_rope_scaling_attn_factors(rope.get("attention_factor", usual))
    parts = ("long", "short")
    return {f"rope_factors_{part}.weight": np.array(rope[f"{part}_factor"], np.float32) for part in parts}


def _llama3(config: Mapping[str, Any], rope: Mapping[str, Any]) -> Array:
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    original, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
    divisors = []
    for number in range(0, width, 2):
        length = 2 * math.pi * config["rope_theta"] ** (number / width)
        if length < original / high:
            divisors.append(1.0)
        elif length > original / low:
            divisors.append(rope["factor"])
        else:
            smooth = (original / length - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(divisors, np.float32)


def _as_stored(name: str, key: str, array: Array, config: Mapping[str, Any]) -> Array:
    if name == "gemma3" and key.endswith("norm.weight"):
        return array + 1
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    part = key.split(".")[-2]
    if name in ("llama", "smollm3") and part in heads:
        split = array.reshape(heads[part], 2, array.shape[0] // heads[part] // 2, *array.shape[1:])
        return split.swapaxes(1, 2).reshape(array.shape)
    return array
