"""A Hugging Face folder as a ``Checkpoint``."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from bench.errors import InputError
from bench.models.checkpoints.checkpoint import Checkpoint, Tensor
from bench.models.checkpoints.expected import check_tensors
from bench.models.checkpoints.huggingface.fields import Fields
from bench.models.checkpoints.huggingface.shards import (
    INDEX,
    TYPES,
    Stored,
    most_used_type,
    refuse_pointer,
    safetensors_in,
    stored_in,
)
from bench.models.checkpoints.huggingface.sizes import decoder_config, family_of
from bench.models.checkpoints.huggingface.text_part import text_part, text_tensors
from bench.models.sllm.config import DecoderConfig, Shape
from bench.reading import MIB, is_file, read_bytes, read_object
from bench.words import sentence

CONFIG, GENERATION = "config.json", "generation_config.json"
BESIDE = (
    *(CONFIG, GENERATION, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json"),
)
"""What the engines and the tokenizer look for beside a model."""
MOST_BESIDE_BYTES = 128 * MIB
PIECE_ELEMENTS = 1 << 22
NORMS = {
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
}
NORMS_OF_GEMMA = {
    "attention_norm": "input_layernorm",
    "attention_output_norm": "post_attention_layernorm",
    "feed_forward_norm": "pre_feedforward_layernorm",
    "feed_forward_output_norm": "post_feedforward_layernorm",
}
PARTS = {
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}
FUSED = {
    "attention.query": "self_attn.qkv_proj",
    "attention.key": "self_attn.qkv_proj",
    "attention.value": "self_attn.qkv_proj",
    "feed_forward.gate": "mlp.gate_up_proj",
    "feed_forward.up": "mlp.gate_up_proj",
}
"""Of Phi 3: the rows of several matrices one below the other, in this order."""
ENDS = {
    "embedding.weight": "model.embed_tokens.weight",
    "output.weight": "lm_head.weight",
    "norm.weight": "model.norm.weight",
}
RECOMPUTED = ".self_attn.rotary_emb.inv_freq"
"""A table that old files contain; it follows from the configuration, and transformers does not read it."""


def has_weights(folder: Path) -> bool:
    """Whether the folder is one of those that ``open_folder`` reads, complete or not."""
    return is_file(folder / INDEX) or bool(safetensors_in(folder))


def open_folder(folder: Path) -> Checkpoint:
    """The model in the folder. Its weights are read when they are asked for, piece by piece.

    Raises ``InputError`` naming file, field or tensor: an architecture that is not built; a field that changes the
    arithmetic and is not computed; a tensor that is missing, left over, or of another shape or type than the
    architecture and the sizes say; a file that is missing, damaged or a Git LFS pointer.
    """
    whole, generation = _fields(folder, CONFIG), _fields(folder, GENERATION)
    text = text_part(whole)
    config = whole if text is None else text
    family = family_of(config)
    sizes = decoder_config(config, generation)
    stored, files = stored_in(folder)
    kept = stored if text is None else text_tensors(stored)
    kept = {name: tensor for name, tensor in kept.items() if not name.endswith(RECOMPUTED)}
    _refuse_other_types(kept)
    if sizes.tied:
        kept = _without_copy(kept)
    tensors = _tensors(sizes, family.name, family.writes, kept)
    beside = [folder / name for name in BESIDE if is_file(folder / name)]
    return Checkpoint(
        architecture=family.writes,
        config=sizes,
        tensors=tensors,
        precision="float32",
        stored_as=most_used_type(kept),
        files=(folder / CONFIG, *files, *(file for file in beside if file.name != CONFIG)),
        companions={file.name: partial(read_bytes, file, MOST_BESIDE_BYTES, file.name) for file in beside},
    )


def _fields(folder: Path, name: str) -> Fields:
    if not is_file(folder / name):
        return Fields({}, name)
    refuse_pointer(folder / name)
    return Fields(read_object(folder / name, name), name)


def _tensors(sizes: DecoderConfig, family: str, written: str, stored: Mapping[str, Stored]) -> dict[str, Tensor]:
    """The tensors by the names of ``checkpoint``, once those in the files are exactly the expected ones."""
    shapes = sizes.tensors
    names = {name: _published(name, family) for name in shapes}
    expected: dict[str, Shape] = {}
    first: dict[str, int] = {}
    for name, shape in shapes.items():
        above = expected.get(names[name])
        first[name] = 0 if above is None else above[0]
        expected[names[name]] = shape if above is None else (above[0] + shape[0], *shape[1:])
    check_tensors("*.safetensors", written, expected, {name: tensor.shape for name, tensor in stored.items()})
    gemma = family == "gemma3"
    return {
        name: replace(
            stored[names[name]],
            shape=shape,
            first=first[name],
            added=1.0 if gemma and name.endswith("norm.weight") else 0.0,
        )
        for name, shape in shapes.items()
    }


def _published(name: str, family: str) -> str:
    """The name in the file of a tensor of ``checkpoint``."""
    if name in ENDS:
        return ENDS[name]
    _, layer, inner = name.split(".", 2)
    part, kind = inner.rsplit(".", 1)
    norms = NORMS_OF_GEMMA if family == "gemma3" else NORMS
    fused = FUSED if family == "phi3" else {}
    return f"model.layers.{layer}.{({**PARTS, **norms, **fused})[part]}.{kind}"


def _refuse_other_types(stored: Mapping[str, Stored]) -> None:
    for tensor in stored.values():
        if tensor.stored_as not in TYPES:
            raise InputError(
                sentence("checkpoint.type_not_read", file=tensor.file.name, tensor=tensor.name, type=tensor.stored_as),
                sentence("checkpoint.name_unquantised"),
            )


def _without_copy(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """Without an output matrix that a tied model's file contains all the same. Raises ``InputError`` if it is not the
    embedding."""
    output, embedding = stored.get(ENDS["output.weight"]), stored.get(ENDS["embedding.weight"])
    if output is not None and embedding is not None and not _equal(output, embedding):
        raise InputError(
            sentence("checkpoint.output_not_tied", file=output.file.name, tensor=output.name),
            sentence("checkpoint.correct_tied"),
        )
    return {name: tensor for name, tensor in stored.items() if tensor is not output or embedding is None}


def _equal(one: Stored, other: Stored) -> bool:
    import numpy as np

    if one.shape != other.shape or one.stored_as != other.stored_as or len(one.shape) != 2:
        return False
    step = max(PIECE_ELEMENTS // max(one.shape[1], 1), 1)
    return all(
        np.array_equal(one.raw(start, start + step), other.raw(start, start + step))
        for start in range(0, one.shape[0], step)
    )
