"""The same small models as GGUF files, as llama.cpp's converter writes them from a Hugging Face folder.

What it changes (ggml-org/llama.cpp, conversion/): names; rows of query and key of Llama and SmolLM 3, whose rotation
then takes neighbours; norms of Gemma 3, to which it adds 1; scalings of Llama 3.1 and Phi 3, which become tensors.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Config = Mapping[str, Any]

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
NAMES_OF_GEMMA = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def write_gguf(path: Path, config: Config, weights: Mapping[str, Array]) -> Path:
    """All tensors as float32."""
    import gguf

    kind = config["model_type"]
    architecture = ARCHITECTURES.get(kind, kind)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_rope_dimension_count(int(width * config.get("partial_rotary_factor", 1)))
    if "head_dim" in config:
        writer.add_key_length(width)
        writer.add_value_length(width)
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    for name, array in _scaling(writer, config, width).items():
        writer.add_tensor(name, array)
    for name, array in weights.items():
        writer.add_tensor(_name(kind, name), _converted(config, name, array))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token{n}" for n in range(config["vocab_size"])])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _name(kind: str, name: str) -> str:
    names = {**NAMES, **NAMES_OF_GEMMA} if kind == "gemma3_text" else NAMES
    part, _, suffix = name.rpartition(".")
    if not part.startswith("model.layers."):
        return f"{names[part]}.{suffix}"
    _, _, layer, inner = part.split(".", 3)
    return f"blk.{layer}.{names[inner]}.{suffix}"


def _converted(config: Config, name: str, array: Array) -> Array:
    kind = config["model_type"]
    if kind == "gemma3_text" and name.endswith("norm.weight"):
        return array + np.float32(1)
    if kind in ("llama", "mistral", "smollm3") and (".q_proj." in name or ".k_proj." in name):
        heads = config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"]
        result: Array = array.reshape(heads, 2, -1, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
        return np.ascontiguousarray(result)
    return array


def _scaling(writer: Any, config: Config, width: int) -> dict[str, Array]:
    """Writes the fields of the scaling, and returns its tensors."""
    import gguf

    rope = config.get("rope_scaling")
    if rope is None:
        return {}
    kind = rope.get("rope_type", rope.get("type"))
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(getattr(gguf.RopeScalingType, kind.upper()))
        writer.add_rope_scaling_factor(rope["factor"])
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        return {}
    if kind == "llama3":
        speeds = config["rope_theta"] ** -(np.arange(0, width, 2) / width)
        return {"rope_freqs.weight": np.array([_llama3(rope, speed) for speed in speeds], np.float32)}
    original = config["original_max_position_embeddings"]
    longer = config["max_position_embeddings"] / original
    writer.add_rope_scaling_orig_ctx_len(original)
    writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(longer) / math.log(original)))
    return {f"rope_factors_{n}.weight": np.array(rope[f"{n}_factor"], np.float32) for n in ("long", "short")}


def _llama3(rope: Mapping[str, Any], speed: float) -> float:
    """What divides a frequency."""
    low, high, original = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
    length = 2 * math.pi / speed
    if length < original / high:
        return 1.0
    if length > original / low:
        return float(rope["factor"])
    smooth = (original / length - low) / (high - low)
    return float(1 / ((1 - smooth) / rope["factor"] + smooth))
