"""Every field of a ``config.json`` that changes the arithmetic is honoured or refused by its name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import ModelRequest
from bench.errors import InputError
from bench.models.checkpoints.huggingface.fields import Fields
from bench.models.checkpoints.huggingface.sizes import decoder_config
from bench.models.checkpoints.huggingface.text_part import text_part
from bench.models.files.folder import ModelFolder
from bench.models.sllm.config import DecoderConfig, RopeScaling
from tests.support.checkpoints.published_folders import (
    GEMMA3,
    LLAMA,
    LLAMA3,
    LONGROPE,
    MODELS,
    PHI3,
    QWEN2,
    QWEN3,
    SIZES,
    SMOLLM3,
    YARN,
)

MISTRAL = {**LLAMA, "model_type": "mistral", "architectures": ["MistralForCausalLM"]}
WIDE_PHI3 = {**PHI3, "original_max_position_embeddings": 64, "rope_scaling": LONGROPE}


def sizes(config: Mapping[str, Any], generation: Mapping[str, Any] | None = None) -> DecoderConfig:
    return decoder_config(Fields(config, "config.json"), Fields(generation or {}, "generation_config.json"))


def refusal(config: Mapping[str, Any]) -> str:
    with pytest.raises(InputError) as error:
        sizes(config)
    assert error.value.remedy
    return error.value.message


@pytest.mark.parametrize("config", [LLAMA, MISTRAL, QWEN2, QWEN3, PHI3, SMOLLM3])
def test_heads_that_share_no_keys(config: Mapping[str, Any]) -> None:
    """``null`` is as many as there are heads; a class with another number of its own is not guessed."""
    assert config["num_attention_heads"] == sizes({**config, "num_key_value_heads": None}).kv_heads
    left_out = {key: value for key, value in config.items() if key != "num_key_value_heads"}
    if config in (LLAMA, PHI3):
        assert config["num_attention_heads"] == sizes(left_out).kv_heads
    else:
        assert "num_key_value_heads is missing" in refusal(left_out)


@pytest.mark.parametrize("config", [LLAMA, QWEN2, QWEN3, GEMMA3, PHI3, SMOLLM3])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("final_logit_softcapping", 30.0),
        ("attn_logit_softcapping", 50.0),
        ("use_bidirectional_attention", True),
        ("is_causal", False),
        ("quantization_config", {"quant_method": "gptq", "bits": 4}),
        ("num_local_experts", 8),
        ("num_experts", 64),
        ("rope_interleaved", True),
        ("residual_multiplier", 0.22),
        ("partial_rotary_factor", 0.4),
        ("rope_scaling", {"rope_type": "ntk", "factor": 4.0}),
        ("rope_scaling", {"type": "dynamic", "factor": 2.0}),
        ("rope_scaling", {"type": "mrope", "mrope_section": [2, 1, 1]}),
        ("rope_scaling", {"type": "linear", "factor": 2.0, "mrope_section": [2, 1, 1]}),
        ("layer_types", ["sliding_attention"] * 3 + ["chunked_attention"]),
    ],
)
def test_what_is_not_computed_is_refused(config: Mapping[str, Any], field: str, value: object) -> None:
    """In every architecture, whether transformers reads the field there or not; the message names file and field."""
    message = refusal({**config, field: value})
    assert message.startswith("config.json: ")
    assert field in message


def test_biases_are_those_that_a_class_has() -> None:
    """A field that the class of the architecture does not have is refused, unless it says that there are none."""
    has = {"attention_bias": (LLAMA, QWEN3, GEMMA3, SMOLLM3), "mlp_bias": (LLAMA, SMOLLM3)}
    for field, known in has.items():
        for config in (LLAMA, QWEN2, QWEN3, GEMMA3, PHI3, SMOLLM3):
            assert sizes({**config, field: False}) == sizes(config)
            if config in known:
                found = sizes({**config, field: True})
                assert (field == "attention_bias", field == "mlp_bias") == (found.output_bias, found.feed_forward_bias)
                assert found.qkv_bias == found.output_bias
                assert f'{field} is "yes", not true or false' in refusal({**config, field: "yes"})
            else:
                assert f"{field} is true, which changes the arithmetic" in refusal({**config, field: True})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**LLAMA, "hidden_act": "gelu"}, 'hidden_act is "gelu", which changes the arithmetic and is not supported'),
        ({**GEMMA3, "hidden_activation": "relu"}, 'hidden_activation is "relu", which changes'),
        ({**LLAMA, "sliding_window": 8}, "sliding_window is 8, which changes"),
        ({**QWEN2, "layer_types": ["sliding_attention"] * 4}, "layer_types is"),
        ({**MISTRAL, "sliding_window": None, "layer_types": ["sliding_attention"] * 4}, "layer_types is"),
        ({**SMOLLM3, "use_sliding_window": True, "sliding_window": 8}, "use_sliding_window is true, which changes"),
        ({**LLAMA, "rope_scaling": {**LLAMA3, "high_freq_factor": 1.0}}, "rope_scaling.high_freq_factor is 1.0, not"),
        ({**LLAMA, "rope_scaling": LONGROPE}, 'rope_scaling.type is "longrope", which changes'),
        ({**LLAMA, "rope_scaling": {**YARN, "factor": 8.0}}, "rope_scaling.factor is 8.0, which changes"),
        ({**LLAMA, "rope_scaling": {**YARN, "mscale": 0.7}}, "rope_scaling.mscale is 0.7, which changes"),
        ({**LLAMA, "rope_scaling": {"type": "yarn", "factor": 4.0}}, "original_max_position_embeddings is missing"),
        ({**LLAMA, "rope_scaling": "linear"}, 'rope_scaling is "linear", not a JSON object'),
        ({**LLAMA, "rope_scaling": {"type": "linear"}}, "rope_scaling.factor is missing"),
        ({**LLAMA, "rope_scaling": {"type": "linear", "factor": 0}}, "rope_scaling.factor is 0, not a number above 0"),
        ({**LLAMA, "rope_scaling": LLAMA3, "rope_parameters": {"rope_theta": 1e4}}, "rope_scaling is"),
        ({**WIDE_PHI3, "rope_scaling": {**LONGROPE, "short_factor": [1.0]}}, "short_factor is [1.0], not a list of 4"),
        ({**WIDE_PHI3, "rope_scaling": {**LONGROPE, "factor": 3.0}}, "rope_scaling.factor is 3.0, which changes"),
        ({**WIDE_PHI3, "rope_scaling": {**LONGROPE, "short_mscale": 1.2}}, "rope_scaling.short_mscale is 1.2, which"),
        ({**PHI3, "rope_scaling": LONGROPE}, "original_max_position_embeddings is missing"),
        ({**PHI3, "partial_rotary_factor": 1e308}, "partial_rotary_factor is 1e+308, not a number above 0 of a usual"),
        ({**PHI3, "partial_rotary_factor": 0.4}, "partial_rotary_factor is 0.4, which changes"),
        ({**LLAMA, "model_type": "mixtral", "architectures": ["MixtralForCausalLM"]}, "MixtralForCausalLM is not"),
        ({**LLAMA, "architectures": ["LlamaForSequenceClassification"]}, "LlamaForSequenceClassification is not"),
        ({**GEMMA3, "model_type": "gemma3", "architectures": None}, "the architecture gemma3 is not supported"),
        ({**LLAMA, "model_type": None}, "model_type is missing"),
        ({**LLAMA, "model_type": 3}, "model_type is 3, not a text"),
        ({**LLAMA, "hidden_size": "32"}, 'hidden_size is "32", not a whole number from 1 to'),
        ({**LLAMA, "hidden_size": True}, "hidden_size is true, not a whole number"),
        ({**LLAMA, "num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, not a whole number from 1 to 1024"),
        ({**LLAMA, "vocab_size": -1}, "vocab_size is -1, not"),
        ({**LLAMA, "num_attention_heads": 5}, "num_attention_heads is 5, not a divisor of hidden_size"),
        ({**LLAMA, "num_key_value_heads": 3}, "num_key_value_heads is 3, not a divisor of num_attention_heads"),
        ({**LLAMA, "head_dim": 7}, "head_dim is 7, not a size that gives heads of even width"),
        ({**LLAMA, "rms_norm_eps": float("nan")}, "rms_norm_eps is NaN, not a number above 0"),
        ({**LLAMA, "eos_token_id": "</s>"}, 'eos_token_id is "</s>", not the id of a token'),
        ({**LLAMA, "bos_token_id": -1}, "bos_token_id is -1, not the id of a token"),
        ({**LLAMA, "tie_word_embeddings": "no"}, 'tie_word_embeddings is "no", not true or false'),
        ({**SMOLLM3, "no_rope_layers": [1, 0]}, "no_rope_layers is [1, 0], not a list of 4 or more of 0, 1"),
    ],
)
def test_wrong_fields_are_named(config: Mapping[str, Any], message: str) -> None:
    """With the value that is wrong and what would be right."""
    assert message in refusal(config)


@pytest.mark.parametrize("field", [*(key for key in SIZES if not key.endswith("token_id")), "head_dim"])
def test_a_size_is_never_guessed(field: str) -> None:
    """What a file must say is asked for by name."""
    assert refusal({key: value for key, value in QWEN3.items() if key != field}) == f"config.json: {field} is missing"


def test_defaults_are_those_of_transformers() -> None:
    """Which leaves out of a file what has its default value."""
    bare = {key: value for key, value in SMOLLM3.items() if key in SIZES or key == "model_type"}
    found = sizes(bare)
    assert (found.tied, found.rope_theta) == (True, 2_000_000.0)
    assert found.layer_kinds == ("full", "full", "full", "unrotated")
    assert sizes({**bare, "model_type": "llama"}) == sizes({**LLAMA, "tie_word_embeddings": False})
    gemma = sizes({**bare, "model_type": "gemma3_text", "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 4})
    assert (gemma.tied, gemma.rope_theta, gemma.local_rope_theta) == (True, 1e6, 1e4)
    assert gemma.layer_kinds == ("sliding",) * 4
    assert sizes({**MISTRAL, "max_position_embeddings": 8192}).sliding_window == 4096


def test_the_text_of_a_model_with_pictures() -> None:
    """Its published configuration leaves out what has the usual value: Gemma 3 of 4 billion parameters, by hand."""
    found = text_sizes({})
    assert found is not None
    assert (262_208, 2560, 34, 8, 4, 256, 10_240) == (
        *(found.vocab, found.dim, found.layers, found.heads, found.kv_heads, found.head_dim, found.hidden),
    )
    assert (131_072, 1024, 1e6, 1e4) == (found.context, found.sliding_window, found.rope_theta, found.local_rope_theta)
    assert (1 / 16, (8.0,) * 128, True) == (found.attention_scale, found.rope_divisors, found.tied)
    assert (5 * ("sliding",) + ("full",)) * 5 + ("sliding",) * 4 == found.layer_kinds
    assert (2, (1, 106), 1e-6) == (found.bos, found.eos, found.epsilon)
    assert 3_880_263_168 == found.parameters  # 4,300,079,472 with the pictures' tower and projector


GEMMA_4B = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "model_type": "gemma3",
    "eos_token_id": [1, 106],
    "mm_tokens_per_image": 256,
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 10_240,
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    },
    "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model"},
}


def text_sizes(whole: Mapping[str, Any], **text: Any) -> DecoderConfig | None:
    config = {**GEMMA_4B, **whole, "text_config": {**GEMMA_4B["text_config"], **text}}
    found = text_part(Fields(config, "config.json"))
    return None if found is None else decoder_config(found, Fields({}, "generation_config.json"))


@pytest.mark.parametrize(
    ("whole", "text", "message"),
    [
        ({"quantization_config": {"bits": 4}}, {}, "config.json: quantization_config is"),
        ({}, {"attn_logit_softcapping": 50.0}, "text_config.attn_logit_softcapping is 50.0, which changes"),
        ({}, {"hidden_size": "x"}, 'text_config.hidden_size is "x", not a whole number'),
        ({}, {"model_type": "llama"}, "Gemma3ForCausalLM is not supported"),
        ({}, {"use_bidirectional_attention": True}, "text_config.use_bidirectional_attention is true"),
    ],
)
def test_the_text_of_a_model_with_pictures_is_refused_by_field(
    whole: Mapping[str, Any], text: Mapping[str, Any], message: str
) -> None:
    """With where it stands."""
    with pytest.raises(InputError) as caught:
        text_sizes(whole, **text)
    assert message in caught.value.message


def test_other_models_are_whole() -> None:
    """Of text alone, of another class, and without a part for the text."""
    assert text_sizes({"architectures": ["Gemma3nForConditionalGeneration"]}) is None
    assert text_sizes({"model_type": "llava"}) is None
    for config in (GEMMA3, {**GEMMA_4B, "text_config": None}):
        assert text_part(Fields(config, "config.json")) is None


def test_a_window_that_spans_the_context_is_none() -> None:
    """Phi-3-mini-128k states one of 262,144 tokens."""
    assert sizes({**PHI3, "sliding_window": 128}) == sizes(PHI3)


def test_scalings_are_read() -> None:
    """In the notation of transformers 4 and 5."""
    assert sizes({**LLAMA, "rope_scaling": LLAMA3}).rope_scaling == RopeScaling(8.0, 1.0, 4.0, 32)
    moved = {**LLAMA, "rope_theta": None, "rope_parameters": {**LLAMA3, "rope_theta": 10_000.0}}
    assert sizes(moved) == sizes({**LLAMA, "rope_scaling": LLAMA3})
    assert sizes({**LLAMA, "rope_scaling": {"type": "linear", "factor": 2}}).rope_divisors == (2.0,) * 4


def test_longrope_ends_at_the_context_first_trained_on() -> None:
    """Beyond it other divisors would be right, also for what is already in the cache."""
    found = sizes(WIDE_PHI3)
    assert found.context == 64
    assert found.rope_divisors == tuple(LONGROPE["short_factor"])
    assert found.rope_magnitude == pytest.approx((1 + 1 / 6) ** 0.5)  # √(1 + ln(128 / 64) / ln 64)
    named_su = {**WIDE_PHI3, "rope_scaling": {**LONGROPE, "type": "su"}}
    assert sizes(named_su) == found


def test_special_tokens_are_those_of_generation() -> None:
    """``generation_config.json`` goes before ``config.json``, as in transformers."""
    assert (sizes(LLAMA).bos, sizes(LLAMA).eos) == (1, (2,))
    found = sizes(LLAMA, {"bos_token_id": 5, "eos_token_id": [7, 8]})
    assert (found.bos, found.eos) == (5, (7, 8))


def test_only_stated_facts_are_read(tmp_path: Path) -> None:
    """Code that a configuration names is neither looked for nor executed."""
    (tmp_path / "modeling_own.py").write_text("raise SystemExit('executed')")
    own = {"auto_map": {"AutoModelForCausalLM": "modeling_own.Own"}, "trust_remote_code": True, "note": {"x": [1]}}
    assert sizes({**PHI3, **own}) == sizes(PHI3)


@pytest.mark.parametrize("text", ["", "{", "[]", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9"])
def test_a_configuration_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    """A Git LFS pointer among them."""
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"config\.json: (not JSON|is not a JSON object|is a Git LFS pointer)"):
        ModelFolder().prepare(ModelRequest(str(tmp_path)), tmp_path / "cache")


JUNK = [True, 0, -1, 3, 0.5, 10**30, 1e-320, float("inf"), "", [], [1], [None] * 4, [[1]], {}, {"full_attention": 3}]


@pytest.mark.parametrize("name", MODELS)
def test_no_value_of_any_field_is_a_fault_of_the_program(name: str) -> None:
    """It is refused, or what it means can be computed."""
    added = ("rope_parameters", "rope_scaling", "layer_types", "sliding_window", "use_sliding_window", "head_dim")
    for field in (*MODELS[name], *added):
        for value in JUNK:
            try:
                found = sizes({**MODELS[name], field: value})
            except InputError:
                continue
            assert np.isfinite(found.frequencies()).all()


def test_integers_written_as_floats_are_whole_numbers() -> None:
    """As some converters write them."""
    assert sizes(json.loads(json.dumps({**LLAMA, "hidden_size": 32.0}))) == sizes(LLAMA)
