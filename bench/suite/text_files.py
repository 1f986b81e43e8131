"""The files beside a language model's file: how texts become its tokens, and what it states of itself."""

from collections.abc import Sequence
from pathlib import Path

from bench.reading import is_file

TOKENIZER, REFUSED = "tokenizer.json", "tokenizer_refused.json"
CONFIG, JINJA, TEMPLATE = "tokenizer_config.json", "chat_template.jinja", "chat_template.json"
GRAPHS = "*_tokenizer.xml"
"""Tokenizers that are graphs; they keep the template in their ``rt_info``."""
DECODER = ("config.json", "generation_config.json", "genai_config.json")
OWN = (
    "*_detokenizer.xml",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""What OpenVINO GenAI and onnxruntime-genai read besides."""
BESIDE = (TOKENIZER, REFUSED, CONFIG, JINJA, TEMPLATE, GRAPHS, *OWN, *DECODER)


def beside(model: Path, name: str) -> Path | None:
    """The file ``name`` in the folder of the model's file, or in the parent of a folder ``onnx``; ``None`` if there is
    none."""
    return next((folder / name for folder in _folders(model) if is_file(folder / name)), None)


def files_beside(model: Path) -> tuple[Path, ...]:
    """All that belongs to the language model's file at ``model`` and lies where ``beside`` looks for it; each name
    once."""
    found: dict[str, Path] = {}
    for folder in _folders(model):
        for file in (one for pattern in BESIDE for one in sorted(folder.glob(pattern))):
            for one in (file, file.with_suffix(".bin")) if file.suffix == ".xml" else (file,):
                if is_file(one):
                    found.setdefault(one.name, one)
    return tuple(found.values())


def _folders(model: Path) -> Sequence[Path]:
    return [model.parent, *([model.parent.parent] if model.parent.name == "onnx" else [])]
