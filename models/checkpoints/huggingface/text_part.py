"""The language model inside a model of text and pictures: Gemma 3 of 4 billion parameters and more is published so.

Its text alone is computed, as the whole model computes it without pictures.
"""

from collections.abc import Mapping
from typing import Any

from bench.models.checkpoints.huggingface.fields import Fields
from bench.models.checkpoints.huggingface.shards import Stored
from bench.words import sentence

WHOLE, WRITTEN, TEXT = "gemma3", "Gemma3ForConditionalGeneration", "text_config"
USUAL: Mapping[str, Any] = {
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
    "vocab_size": 262_208,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-6,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
    "bos_token_id": 2,
    "eos_token_id": 1,
}
"""What transformers leaves out of ``text_config`` where it has these values (``Gemma3TextConfig``)."""
OF_THE_WHOLE = ("bos_token_id", "eos_token_id", "tie_word_embeddings")
PREFIXES = {"language_model.": "", "model.language_model.": "model."}
"""Of the text's tensors, as transformers wrote them first and since 4.52; and the same in a model of text alone."""
PICTURES = ("vision_tower.", "multi_modal_projector.")


def text_part(config: Fields) -> Fields | None:
    """The configuration of the text, as a model of text alone would have it; ``None`` if ``config`` is of such a model.
    Raises ``InputError`` naming a field that changes the arithmetic of all parts."""
    written = config.values.get("architectures")
    text = config.inner(TEXT) if config.values.get("model_type") == WHOLE else None
    if text is None or not isinstance(written, list) or WRITTEN not in written:
        return None
    if "quantization_config" in config:
        raise config.refused("quantization_config", sentence("checkpoint.name_unquantised"))
    stated = {key: value for key, value in text.values.items() if value is not None and key != "architectures"}
    whole = {key: config.values[key] for key in OF_THE_WHOLE if key in config}
    return Fields({**USUAL, **whole, **stated}, config.file, f"{TEXT}.")


def text_tensors(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """The tensors of the text by the names of a model of text alone. Those of the pictures are left out; others keep
    their names."""
    found: dict[str, Stored] = {}
    for name, tensor in stored.items():
        if name.removeprefix("model.").startswith(PICTURES):
            continue
        prefix = next((one for one in PREFIXES if name.startswith(one)), "")
        found[PREFIXES.get(prefix, "") + name.removeprefix(prefix)] = tensor
    return found
