"""Reads the configuration files next to a decoder, which state what its graph does not: context length, special tokens,
vocabulary.

``config.json`` and ``generation_config.json`` are transformers', ``genai_config.json`` is onnxruntime-genai's.
"""

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.errors import InputError
from bench.reading import is_file, read_object
from bench.words import sentence


class DecoderFacts(Struct, frozen=True):
    """``None`` or empty where no file says it."""

    context_length: int | None = None
    vocab_size: int | None = None
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()


def decoder_facts(path: Path) -> DecoderFacts:
    """The configurations of the model at ``path``: in its folder, or in the parent of a folder ``onnx``.

    Special tokens are taken from ``generation_config.json`` before the others, as transformers does. Raises
    ``InputError`` for a file that is not JSON and for a field of the wrong type.
    """
    folders = [path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])]
    config = _read(folders, "config.json")
    generation = _read(folders, "generation_config.json")
    genai = _read(folders, "genai_config.json").get("model", {})
    genai = genai if isinstance(genai, dict) else {}
    tokens = (("generation_config.json", generation), ("genai_config.json", genai), ("config.json", config))
    sizes = (("config.json", config), ("genai_config.json", genai))
    return DecoderFacts(
        context_length=_first(sizes, ("max_position_embeddings", "context_length"), least=1),
        vocab_size=_first(sizes, ("vocab_size",), least=1),
        bos_token_id=_first(tokens, ("bos_token_id",), least=0),
        eos_token_ids=_end_tokens(tokens),
    )


Sources = tuple[tuple[str, dict[str, Any]], ...]


def _read(folders: list[Path], name: str) -> dict[str, Any]:
    file = next((folder / name for folder in folders if is_file(folder / name)), None)
    return {} if file is None else read_object(file, file.name)


def genai_context(file: Path) -> int | None:
    """The context length that a ``genai_config.json`` states, in tokens. Raises ``InputError`` for no such number."""
    return genai_number(file, "context_length")


def genai_number(file: Path, field: str, least: int = 1) -> int | None:
    """A field of ``model`` in a ``genai_config.json``, of ``least`` or more; ``None`` where it is not stated. Raises
    ``InputError`` for no such number."""
    model = read_object(file, file.name).get("model")
    value = model.get(field) if isinstance(model, dict) else None
    return None if value is None else _number(file.name, field, value, least)


def _first(sources: Sources, keys: tuple[str, ...], least: int) -> int | None:
    for name, source in sources:
        for key in keys:
            if source.get(key) is not None:
                return _number(name, key, source[key], least)
    return None


def _end_tokens(sources: Sources) -> tuple[int, ...]:
    for name, source in sources:
        value = source.get("eos_token_id")
        if value is not None:
            values = value if isinstance(value, list) else [value]
            return tuple(_number(name, "eos_token_id", token, 0) for token in values)
    return ()


def _number(name: str, key: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(
            sentence("model.config_number_wrong", name=name, key=key, dumps=json.dumps(value), least=least),
            sentence("model.correct_config_line", key=key, name=name),
        )
    return value
