"""Sizes and constants of a decoder from its ``config.json``. What changes the arithmetic is honoured, or refused by the
name of its field; fields that change nothing are not read.

Defaults are those of transformers, which leaves out of a file what has its default value.
"""

from typing import Literal

from msgspec import Struct

from bench.errors import InputError
from bench.models.checkpoints.huggingface.fields import Fields
from bench.models.checkpoints.huggingface.rotation import rotation
from bench.models.sllm.config import DecoderConfig, LayerKind
from bench.words import sentence


class Family(Struct, frozen=True):
    """An architecture by the ``model_type`` of its configuration.

    ``writes``: the class of the language model. ``tied``, ``theta``: where the file does not say. ``head_stated``: a
    head's width does not follow from the other sizes. ``attention_bias``, ``mlp_bias``: whether the class has these
    fields.
    """

    name: str
    writes: str
    theta: float = 10_000.0
    tied: bool = False
    head_stated: bool = False
    qkv_bias: bool = False
    query_key_norm: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False


FAMILIES = {
    "llama": Family("llama", "LlamaForCausalLM", attention_bias=True, mlp_bias=True),
    "mistral": Family("mistral", "MistralForCausalLM"),
    "qwen2": Family("qwen2", "Qwen2ForCausalLM", qkv_bias=True),
    "qwen3": Family("qwen3", "Qwen3ForCausalLM", head_stated=True, query_key_norm=True, attention_bias=True),
    "gemma3_text": Family(
        "gemma3",
        "Gemma3ForCausalLM",
        theta=1_000_000.0,
        tied=True,
        head_stated=True,
        query_key_norm=True,
        attention_bias=True,
    ),
    "phi3": Family("phi3", "Phi3ForCausalLM"),
    "smollm3": Family(
        "smollm3", "SmolLM3ForCausalLM", theta=2_000_000.0, tied=True, attention_bias=True, mlp_bias=True
    ),
}
HARMLESS: dict[str, tuple[object, ...]] = {
    "final_logit_softcapping": (),
    "attn_logit_softcapping": (),
    "use_bidirectional_attention": (False,),
    "is_causal": (True,),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "rope_interleaved": (False,),
    "use_mrope": (False,),
    "embedding_multiplier": (1,),
    "residual_multiplier": (1,),
    "logits_scaling": (1,),
    "attention_multiplier": (),
}
"""Fields that change the arithmetic, and the values with which they do not."""
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
ACTIVATIONS: dict[str, Literal["silu", "gelu_tanh"]] = {
    "silu": "silu",
    "swish": "silu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}
KINDS: dict[str, LayerKind] = {"full_attention": "full", "sliding_attention": "sliding"}
MOST_LAYERS = 1024


def family_of(config: Fields) -> Family:
    """The architecture. Raises ``InputError`` naming one that is not known."""
    named = config.text("model_type")
    family = FAMILIES.get(named)
    written = config.values.get("architectures")
    classes = [str(one) for one in written] if isinstance(written, list) else []
    if family is None or (classes and family.writes not in classes):
        raise InputError(
            sentence("checkpoint.architecture_unknown", file=config.file, architecture=", ".join(classes) or named),
            sentence("checkpoint.architectures_known", known=[one.writes for one in FAMILIES.values()]),
        )
    return family


def decoder_config(config: Fields, generation: Fields) -> DecoderConfig:
    """``generation``: of ``generation_config.json``, whose special tokens go before those of ``config``. Raises
    ``InputError`` naming the field that is missing, wrong or not computed."""
    family = family_of(config)
    _refuse_what_is_not_computed(config)
    attention_bias = _bias(config, "attention_bias", family.attention_bias)
    mlp_bias = _bias(config, "mlp_bias", family.mlp_bias)
    dim, heads, context = (
        config.integer(key, most=1 << 24) for key in ("hidden_size", "num_attention_heads", "max_position_embeddings")
    )
    head_dim = _head_dim(config, family, dim, heads)
    angles = rotation(config, family.name, head_dim, family.theta)
    context = min(context, angles.context or context)
    gemma = family.name == "gemma3"
    layers = config.integer("num_hidden_layers", most=MOST_LAYERS)
    kinds, window = _kinds(config, family, layers, context)
    return DecoderConfig(
        dim=dim,
        layers=layers,
        heads=heads,
        kv_heads=_kv_heads(config, family, heads),
        hidden=config.integer("intermediate_size", most=1 << 24),
        vocab=config.integer("vocab_size", most=1 << 24),
        context=context,
        tied=config.flag("tie_word_embeddings", family.tied),
        qkv_bias=family.qkv_bias or attention_bias,
        output_bias=attention_bias,
        feed_forward_bias=mlp_bias,
        epsilon=config.number("rms_norm_eps"),
        bos=next(iter(generation.tokens("bos_token_id") or config.tokens("bos_token_id")), None),
        eos=generation.tokens("eos_token_id") or config.tokens("eos_token_id"),
        head_width=head_dim,
        query_key_norm=family.query_key_norm,
        output_norms=gemma,
        activation=_activation(config, family),
        embedding_scale=dim**0.5 if gemma else 1.0,
        attention_scale=config.number("query_pre_attn_scalar") ** -0.5 if gemma else None,
        layer_kinds=kinds if any(kind != "full" for kind in kinds) else (),
        sliding_window=window if "sliding" in kinds else None,
        rope_theta=angles.theta,
        rope_scaling=angles.scaling,
        local_rope_theta=angles.local_theta,
        rotated=angles.rotated,
        rope_divisors=angles.divisors,
        rope_magnitude=angles.magnitude,
    )


def _refuse_what_is_not_computed(config: Fields) -> None:
    if "quantization_config" in config:
        raise config.refused("quantization_config", sentence("checkpoint.name_unquantised"))
    for key in EXPERTS:
        config.refuse_unless(key, 0)
    for key, values in HARMLESS.items():
        config.refuse_unless(key, *values)


def _bias(config: Fields, key: str, known: bool) -> bool:
    """Whether there are biases; a class without the field has none, whatever the file says."""
    if not known:
        config.refuse_unless(key, False)
    return known and config.flag(key, False)


def _head_dim(config: Fields, family: Family, dim: int, heads: int) -> int:
    if "head_dim" not in config and not family.head_stated and dim % heads:
        raise config.wrong("num_attention_heads", sentence("checkpoint.divisor_of_field", field="hidden_size"))
    head_dim = config.integer("head_dim", -1 if family.head_stated else dim // heads, most=1 << 16)
    if head_dim % 2:
        raise config.wrong("head_dim" if "head_dim" in config else "hidden_size", sentence("checkpoint.even_head"))
    return head_dim


def _kv_heads(config: Fields, family: Family, heads: int) -> int:
    """As many as heads where the field is ``null``; where it is missing, only in the classes that say so."""
    key = "num_key_value_heads"
    usual = heads if family.name in ("llama", "phi3") or (key in config.values and family.name != "gemma3") else -1
    kv_heads = config.integer(key, usual)
    if heads % kv_heads:
        raise config.wrong(key, sentence("checkpoint.divisor_of_field", field="num_attention_heads"))
    return kv_heads


def _activation(config: Fields, family: Family) -> Literal["silu", "gelu_tanh"]:
    gemma = family.name == "gemma3"
    key = "hidden_activation" if gemma else "hidden_act"
    name = config.text(key, "gelu_pytorch_tanh" if gemma else "silu")
    if name not in ACTIVATIONS:
        raise config.refused(key)
    return ACTIVATIONS[name]


def _kinds(config: Fields, family: Family, layers: int, context: int) -> tuple[tuple[LayerKind, ...], int | None]:
    """What each layer attends to, and the window of the sliding ones."""
    window = _window(config, family, context)
    kinds: tuple[LayerKind, ...] = _usual_kinds(config, family, layers, window)
    types = config.choices("layer_types", layers, tuple(KINDS))
    stated = None if types is None else tuple(KINDS[name] for name in types)
    if stated is not None and family.name in ("gemma3", "qwen2", "qwen3"):
        kinds = stated
    elif stated is not None and stated != tuple("full" if kind == "unrotated" else kind for kind in kinds):
        raise config.refused("layer_types")
    if "sliding" in kinds and window is None:
        raise config.refused("layer_types")
    if window is not None and window >= context and family.name != "gemma3":
        kinds = tuple("full" if kind == "sliding" else kind for kind in kinds)
    return kinds, window


def _usual_kinds(config: Fields, family: Family, layers: int, window: int | None) -> tuple[LayerKind, ...]:
    """Where ``layer_types`` does not say."""
    kinds: list[LayerKind] = ["full"] * layers
    if family.name == "smollm3":
        every = config.integer("no_rope_layer_interval", 4)
        rotated = config.choices("no_rope_layers", layers, (0, 1)) or [(n + 1) % every for n in range(layers)]
        kinds = ["full" if turns else "unrotated" for turns in rotated]
        return tuple(kinds)
    if window is None:
        return tuple(kinds)
    if family.name == "gemma3":
        every = config.integer("sliding_window_pattern", config.integer("_sliding_window_pattern", 6))
        windowed = [(n + 1) % every != 0 for n in range(layers)]
    else:
        first = config.integer("max_window_layers", 28, least=0) if family.name in ("qwen2", "qwen3") else 0
        windowed = [n >= first for n in range(layers)]
    return tuple(KINDS["sliding_attention" if one else "full_attention"] for one in windowed)


def _window(config: Fields, family: Family, context: int) -> int | None:
    """In tokens, the present one among them."""
    key = "sliding_window"
    if family.name == "gemma3":
        return config.integer(key)
    if family.name in ("qwen2", "qwen3", "smollm3"):
        used = config.flag("use_sliding_window", False)
        if used and family.name == "smollm3":
            raise config.refused("use_sliding_window")
        return config.integer(key) if used else None
    window = config.integer(key, None)
    if family.name == "llama" and window is not None and window < context:
        raise config.refused(key)
    if family.name == "mistral" and key not in config.values:
        return 4096
    return window if family.name != "llama" else None
