"""A forward pass of published language models in numpy, from their definitions: float64, token by token, head by head.

It takes a model as Hugging Face publishes it, the parsed ``config.json`` and the tensors by their names there, and
shares no code with the reader and the graph builder that it checks. The definitions are those of transformers'
``modeling_llama``, ``modeling_mistral``, ``modeling_qwen2``, ``modeling_qwen3``, ``modeling_gemma3``,
``modeling_phi3``, ``modeling_smollm3``, ``modeling_rope_utils`` and ``masking_utils``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Config = Mapping[str, Any]
Weights = Mapping[str, Array]


def logits(config: Config, weights: Weights, ids: Sequence[int]) -> Array:
    """Float64 [len(ids), vocab]: the scores of the token that follows each."""
    wide = {name: np.asarray(values, np.float64) for name, values in weights.items()}
    gemma = config["model_type"] == "gemma3_text"
    hidden = [wide["model.embed_tokens.weight"][token] for token in ids]
    if gemma:
        hidden = [row * math.sqrt(config["hidden_size"]) for row in hidden]
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(config, wide, layer, hidden)
    head = wide["lm_head.weight"] if "lm_head.weight" in wide else wide["model.embed_tokens.weight"]
    return np.stack([head @ _norm(config, wide["model.norm.weight"], row) for row in hidden])


def _layer(config: Config, weights: Weights, layer: int, hidden: list[Array]) -> list[Array]:
    own = {
        name.removeprefix(f"model.layers.{layer}."): values
        for name, values in weights.items()
        if name.startswith(f"model.layers.{layer}.")
    }
    gemma = config["model_type"] == "gemma3_text"

    def norm(name: str, row: Array) -> Array:
        return _norm(config, own[f"{name}.weight"], row)

    mixed = _attention(config, own, layer, [norm("input_layernorm", row) for row in hidden])
    if gemma:
        hidden = [row + norm("post_attention_layernorm", one) for row, one in zip(hidden, mixed, strict=True)]
        inner = [_feed_forward(config, own, norm("pre_feedforward_layernorm", row)) for row in hidden]
        return [row + norm("post_feedforward_layernorm", one) for row, one in zip(hidden, inner, strict=True)]
    hidden = [row + one for row, one in zip(hidden, mixed, strict=True)]
    return [row + _feed_forward(config, own, norm("post_attention_layernorm", row)) for row in hidden]


def _norm(config: Config, weight: Array, row: Array) -> Array:
    unit = row / np.sqrt(np.mean(row * row) + config["rms_norm_eps"])
    result: Array = unit * ((1 + weight) if config["model_type"] == "gemma3_text" else weight)
    return result


def _feed_forward(config: Config, own: Weights, row: Array) -> Array:
    biased = config.get("mlp_bias")
    if config["model_type"] == "phi3":
        gate, up = np.split(own["mlp.gate_up_proj.weight"] @ row, 2)
    else:
        gate, up = own["mlp.gate_proj.weight"] @ row, own["mlp.up_proj.weight"] @ row
    if biased:
        gate, up = gate + own["mlp.gate_proj.bias"], up + own["mlp.up_proj.bias"]
    name = config.get("hidden_activation", config.get("hidden_act"))
    if name == "gelu_pytorch_tanh":
        active = 0.5 * gate * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
    else:
        assert name == "silu"
        active = gate / (1 + np.exp(-gate))
    result: Array = own["mlp.down_proj.weight"] @ (active * up)
    return result + own["mlp.down_proj.bias"] if biased else result


def _attention(config: Config, own: Weights, layer: int, rows: list[Array]) -> list[Array]:
    heads = config["num_attention_heads"]
    groups = heads // config.get("num_key_value_heads", heads)
    width = config.get("head_dim") or config["hidden_size"] // heads
    queries, keys, values = zip(*(_projected(config, own, row, width) for row in rows), strict=True)
    if _rotates(config, layer):
        queries = [_rotated(config, layer, position, one, width) for position, one in enumerate(queries)]
        keys = [_rotated(config, layer, position, one, width) for position, one in enumerate(keys)]
    scale = 1 / math.sqrt(config.get("query_pre_attn_scalar", width))
    window = _window(config, layer)
    results = []
    for position in range(len(rows)):
        first = 0 if window is None else max(0, position - window + 1)
        parts = []
        for head in range(heads):
            seen = [keys[other][head // groups] @ queries[position][head] for other in range(first, position + 1)]
            shares = np.exp(scale * (np.array(seen) - max(seen)))
            shares /= shares.sum()
            read = [values[other][head // groups] for other in range(first, position + 1)]
            parts.append(sum(share * value for share, value in zip(shares, read, strict=True)))
        output = own["self_attn.o_proj.weight"] @ np.concatenate(parts)
        results.append(output + own["self_attn.o_proj.bias"] if config.get("attention_bias") else output)
    return results


def _projected(config: Config, own: Weights, row: Array, width: int) -> tuple[list[Array], list[Array], list[Array]]:
    """Query, key and value of one token, head by head."""
    if config["model_type"] == "phi3":
        heads = config["num_attention_heads"] * width
        kv_heads = config.get("num_key_value_heads", config["num_attention_heads"]) * width
        found = np.split(own["self_attn.qkv_proj.weight"] @ row, [heads, heads + kv_heads])
    else:
        found = [own[f"self_attn.{part}_proj.weight"] @ row for part in "qkv"]
    if config["model_type"] == "qwen2" or config.get("attention_bias"):
        found = [one + own[f"self_attn.{part}_proj.bias"] for one, part in zip(found, "qkv", strict=True)]
    query, key, value = ([one[n : n + width] for n in range(0, len(one), width)] for one in found)
    if config["model_type"] in ("qwen3", "gemma3_text"):
        query = [_norm(config, own["self_attn.q_norm.weight"], head) for head in query]
        key = [_norm(config, own["self_attn.k_norm.weight"], head) for head in key]
    return query, key, value


def _rotates(config: Config, layer: int) -> bool:
    if config["model_type"] != "smollm3":
        return True
    if config.get("no_rope_layers") is not None:
        return bool(config["no_rope_layers"][layer])
    return (layer + 1) % config.get("no_rope_layer_interval", 4) != 0


def _sliding(config: Config, layer: int) -> bool:
    kind = config["model_type"]
    if kind in ("mistral", "phi3"):
        return config.get("sliding_window") is not None
    if config.get("layer_types") is not None:
        return bool(config["layer_types"][layer] == "sliding_attention")
    if kind == "gemma3_text":
        return (layer + 1) % config.get("sliding_window_pattern", 6) != 0
    if kind in ("qwen2", "qwen3"):
        return bool(config.get("use_sliding_window") and layer >= config.get("max_window_layers", 28))
    return False


def _window(config: Config, layer: int) -> int | None:
    return config["sliding_window"] if _sliding(config, layer) else None


def _rotated(config: Config, layer: int, position: int, heads: list[Array], width: int) -> list[Array]:
    """Number i and number i + half of each head as one complex number, turned by its angle; what is behind stays."""
    rope = _rope(config, layer)
    turned = int(width * rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)))
    half = turned // 2
    base = rope.get("rope_theta", config.get("rope_theta"))
    speeds, magnitude = _scaled(config, rope, [base ** (-2 * i / turned) for i in range(half)])
    turn = magnitude * np.exp(1j * position * np.array(speeds))
    results = []
    for head in heads:
        pairs = (head[:half] + 1j * head[half:turned]) * turn
        results.append(np.concatenate([pairs.real, pairs.imag, head[turned:]]))
    return results


def _rope(config: Config, layer: int) -> Mapping[str, Any]:
    """The parameters of this layer's rotation, in the notation of transformers 4 or 5."""
    sliding = config["model_type"] == "gemma3_text" and _sliding(config, layer)
    stated: Mapping[str, Any] | None = config.get("rope_parameters")
    if stated is not None and "full_attention" in stated:
        nested: Mapping[str, Any] = stated["sliding_attention" if sliding else "full_attention"]
        return nested
    if sliding:
        return {"rope_theta": config["rope_local_base_freq"]}
    return stated or config.get("rope_scaling") or {}


def _scaled(config: Config, rope: Mapping[str, Any], speeds: list[float]) -> tuple[list[float], float]:
    """Radians a position, and what multiplies cosine and sine."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return speeds, 1.0
    if kind == "linear":
        return [speed / rope["factor"] for speed in speeds], 1.0
    if kind == "llama3":
        return [_llama3(rope, speed) for speed in speeds], 1.0
    if kind == "yarn":
        return _yarn(rope, speeds), rope.get("attention_factor", 0.1 * math.log(rope["factor"]) + 1)
    assert kind in ("longrope", "su")
    original = config.get("original_max_position_embeddings") or rope["original_max_position_embeddings"]
    longer = config["max_position_embeddings"] / original
    magnitude = math.sqrt(1 + math.log(longer) / math.log(original)) if longer > 1 else 1.0
    short = [speed / factor for speed, factor in zip(speeds, rope["short_factor"], strict=True)]
    return short, rope.get("attention_factor", magnitude)


def _llama3(rope: Mapping[str, Any], speed: float) -> float:
    """By wavelength: short waves stay, long ones are stretched, those between by degrees."""
    length = 2 * math.pi / speed
    original, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
    if length < original / high:
        return speed
    if length > original / low:
        return float(speed / rope["factor"])
    smooth = (original / length - low) / (high - low)
    return float((1 - smooth) * speed / rope["factor"] + smooth * speed)


def _yarn(rope: Mapping[str, Any], speeds: list[float]) -> list[float]:
    """By the turns that a pair makes within the context first trained on: as the paper's ramp, from whole pair to whole
    pair."""
    base = speeds[0] / speeds[1]  # of one pair to the next

    def pair(turns: float) -> float:
        return math.log(rope["original_max_position_embeddings"] / (2 * math.pi * turns)) / math.log(base)

    low = max(math.floor(pair(rope.get("beta_fast", 32))), 0)
    high = min(math.ceil(pair(rope.get("beta_slow", 1))), 2 * len(speeds) - 1)
    results = []
    for number, speed in enumerate(speeds):
        stretched = min(max((number - low) / max(high - low, 0.001), 0), 1)
        results.append(stretched * speed / rope["factor"] + (1 - stretched) * speed)
    return results
