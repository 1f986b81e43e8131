"""How a text is cut into words before its bytes are merged, by the name that GGUF has for it.

The names are llama.cpp's (``tokenizer.ggml.pre``; ggml-org/llama.cpp, src/llama-vocab.cpp); the expressions are those
of the tokenizers that were published with the models. A name that is not here is refused: another cut gives other
tokens.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_SHORT_FORMS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = rf"{_SHORT_FORMS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
QWEN2 = rf"{_SHORT_FORMS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
_CASED_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = rf"{_CASED[0]}|{_CASED[1]}|\p{{N}}|{_CASED_REST}"
GPT4O = rf"{_CASED[0]}{_SHORT_FORMS}?|{_CASED[1]}{_SHORT_FORMS}?|\p{{N}}{{1,3}}|{_CASED_REST}"


class Cut(Struct, frozen=True):
    """``patterns``: applied one after another, each to the pieces that the one before it left. ``composed``: the text
    is put into Unicode's form NFC first. ``whole_words``: a word that is a token is not merged from its bytes.
    ``begins``: a beginning of sequence is put before a text, unless the file says otherwise."""

    patterns: tuple[str, ...]
    composed: bool = False
    whole_words: bool = False
    begins: bool = False


_GPT2, _DIGITS = Cut((GPT2,)), Cut((r"\p{N}", GPT2))
_LLAMA3 = Cut((LLAMA3,), whole_words=True, begins=True)
_QWEN2 = Cut((QWEN2,), composed=True)
CUTS: Mapping[str, Cut] = {
    "default": Cut((r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais", "a.x-4.0", "mellum", "trillion"), _GPT2),
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"), _DIGITS),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3", "midm-2.0", "pixtral"), _LLAMA3),
    **dict.fromkeys(("dbrx", "smaug-bpe"), Cut((LLAMA3,))),
    **dict.fromkeys(("qwen2", "megrez"), _QWEN2),
    **dict.fromkeys(("deepseek-r1-qwen", "kormo"), Cut((QWEN2,))),
    "deepseek-coder": Cut((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}")),
    "tekken": Cut((TEKKEN,), whole_words=True, begins=True),
    "gpt-4o": Cut((GPT4O,)),
}


def splitting(cut: Cut) -> dict[str, Any]:
    """As ``tokenizer.json`` has it: the cuts, then bytes as letters."""
    cuts = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        for pattern in cut.patterns
    ]
    return {"type": "Sequence", "pretokenizers": [*cuts, byte_level()]}


def byte_level() -> dict[str, Any]:
    """Each byte as a letter; in a decoder the way back."""
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
