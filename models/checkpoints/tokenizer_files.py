"""Writes the tokenizer that a GGUF file holds as the files that engines read: ``tokenizer.json``,
``tokenizer_config.json`` and ``generation_config.json``.

GGUF has two kinds of tokenizer (``tokenizer.ggml.model``): ``gpt2``, bytes that are merged by a list, within words that
``tokenizer.ggml.pre`` says how to cut; and ``llama``, SentencePiece's, where the pair with the best score is merged
first and letters without a token are bytes. Source: ggml-org/llama.cpp, src/llama-vocab.cpp; the form is that of
huggingface/tokenizers.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bench.errors import InputError
from bench.models.checkpoints.pre_tokenizers import CUTS, byte_level, splitting
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

PREFIX = "tokenizer.ggml."
TOKENIZER, CONFIG, GENERATION = "tokenizer.json", "tokenizer_config.json", "generation_config.json"
REFUSED = "tokenizer_refused.json"
"""Lies in the place of the others where they cannot be written exactly: a sentence, that says why."""
NONE = (None, "none", "no_vocab")
"""``tokenizer.ggml.model`` of a file without a tokenizer."""
UNKNOWN, CONTROL, OWN, BYTE = 2, 3, 4, 6
"""Types of tokens in ``tokenizer.ggml.token_type``; 1 is a plain one, 4 the maker's own, 5 unused."""
SPACE = "▁"
ENDS = (
    *("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<eos>"),
    *("<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<end_of_utterance>", "<｜end▁of▁sentence｜>"),
)
"""Tokens that end a text or a turn by their text, as in llama.cpp: converters state only one of them as a number.
llama.cpp also ends at tokens between the files of a repository, at which Hugging Face's configurations do not."""
END_OR_TAG = "</s>"
"""Ends a text where it is a control token; Gemma has it as a tag of HTML."""
PHI3_PLAIN = ("<unk>", "<s>", "<|endoftext|>")
"""Tokens of Phi 3 that do not take the spaces behind them."""


class Fields(Protocol):
    """The header of a GGUF file. ``values``: its named values, those that are no lists."""

    @property
    def values(self) -> Mapping[str, Any]: ...

    def texts(self, field: str) -> Sequence[str]:
        """A list of texts. Raises ``InputError``."""

    def numbers(self, field: str) -> "np.ndarray[Any, Any]":
        """A list of numbers. Raises ``InputError``."""


class Vocabulary(msgspec.Struct, frozen=True):
    """Tokens by id with their types. ``bos`` and the others: ids, ``None`` where the file states none."""

    kind: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    bos: int | None
    eos: int | None
    unknown: int | None
    padding: int | None


def tokenizer_files(fields: Fields) -> dict[str, Callable[[], bytes]]:
    """File name -> its contents, made when they are asked for. ``REFUSED`` alone for a file without a tokenizer, and
    for one of an unknown kind or with an unknown cut: the model can still be fed ids. Contents raise ``InputError``
    for tokens that contradict each other."""
    try:
        _cut_of(fields, fields.values.get(f"{PREFIX}model"))
    except InputError as error:
        told = error.sentence
        return (
            {REFUSED: lambda: _json({"code": told.code, "figures": told.figures})} if isinstance(told, Sentence) else {}
        )
    read = cache(lambda: vocabulary(fields))
    return {
        TOKENIZER: lambda: _json(_tokenizer(fields, read())),
        CONFIG: lambda: _json(_config(fields, read())),
        GENERATION: lambda: _json(_generation(fields, read())),
    }


def end_tokens(fields: Fields) -> tuple[int, ...]:
    """The tokens that end a generation: the stated ones first, then those that do by their text."""
    if fields.values.get(f"{PREFIX}model") in NONE:
        return ()
    return _ends(fields, vocabulary(fields))


def vocabulary(fields: Fields) -> Vocabulary:
    """Raises ``InputError`` for two tokens of one text, and for lists of different lengths."""
    tokens = [text or f"[EMPTY_{i}]" for i, text in enumerate(fields.texts(f"{PREFIX}tokens"))]
    if len(set(tokens)) != len(tokens):
        (twice, _), *_ = Counter(tokens).most_common(1)
        raise _refused("model.tokenizer_token_twice", token=twice)
    types = _numbers(fields, "token_type", len(tokens)) or [1] * len(tokens)
    for i, text in enumerate(tokens):
        if text in ENDS:
            types[i] = CONTROL
    return Vocabulary(
        kind=str(fields.values[f"{PREFIX}model"]),
        tokens=tuple(tokens),
        types=tuple(types),
        bos=_id(fields, "bos", len(tokens)),
        eos=_id(fields, "eos", len(tokens)),
        unknown=_id(fields, "unknown", len(tokens)),
        padding=_id(fields, "padding", len(tokens)),
    )


def _cut_of(fields: Fields, kind: object) -> Any:
    """The cut of a ``gpt2`` tokenizer; ``None`` of a ``llama`` one. Raises ``InputError`` for others, and without."""
    if kind in NONE:
        raise _refused("model.tokenizer_missing")
    if kind == "llama":
        return None
    if kind != "gpt2":
        raise _refused("model.tokenizer_kind_unknown", kind=str(kind))
    name = fields.values.get(f"{PREFIX}pre")
    if not name:
        raise _refused("model.tokenizer_cut_missing")
    if name not in CUTS:
        raise _refused("model.tokenizer_cut_unknown", pre=str(name))
    return CUTS[str(name)]


# ------------------------------------------------------------------------------------------------ tokenizer.json


def _tokenizer(fields: Fields, known: Vocabulary) -> dict[str, Any]:
    cut, ids = _cut_of(fields, known.kind), {text: i for i, text in enumerate(known.tokens)}
    prefixed = cut is None and _flag(fields, "add_space_prefix", True)
    normalizer: dict[str, Any] | None
    splits: dict[str, Any] | None
    if cut is None:
        merges = _merges_by_score(known, _numbers(fields, "scores", len(known.tokens)))
        normalizer, splits, decoder = _spaces(prefixed), None, _from_spaces(prefixed)
    else:
        merges = _stated_merges(fields, ids)
        normalizer = {"type": "NFC"} if cut.composed else None
        splits, decoder = splitting(cut), byte_level()
    unknown = known.unknown if known.unknown is not None or cut is not None else _first_of(known, UNKNOWN)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(_added(fields, known)),
        "normalizer": normalizer,
        "pre_tokenizer": splits,
        "post_processor": _around(fields, known),
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": known.tokens[unknown] if cut is None and unknown is not None else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": cut is None,
            "byte_fallback": cut is None,
            "ignore_merges": cut is not None and cut.whole_words,
            "vocab": ids,
            "merges": merges,
        },
    }


def _added(fields: Fields, known: Vocabulary) -> Iterator[dict[str, Any]]:
    """Tokens that are found in a text as they are, before anything else."""
    name = str(fields.values.get("general.name", "")).lower()
    phi3 = known.kind == "llama" and ("phi-3" in name or "phi3" in name)
    for i, (text, kind) in enumerate(zip(known.tokens, known.types, strict=True)):
        if kind not in (UNKNOWN, CONTROL, OWN):
            continue
        taken = phi3 and (kind == CONTROL or text == "</s>") and text not in PHI3_PLAIN
        yield {
            "id": i,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": taken,
            "normalized": False,
            "special": kind != OWN,
        }


def _spaces(prefixed: bool) -> dict[str, Any]:
    replaced = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if not prefixed:
        return replaced
    return {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, replaced]}


def _from_spaces(prefixed: bool) -> dict[str, Any]:
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    taken = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefixed else []
    return {"type": "Sequence", "decoders": [*decoders, *taken]}


def _stated_merges(fields: Fields, ids: Mapping[str, int]) -> list[list[str]]:
    """Raises ``InputError`` for a merge whose parts or result are no tokens."""
    merges = []
    for text in fields.texts(f"{PREFIX}merges"):
        left, _, right = text[1:].partition(" ")
        pair = [text[:1] + left, right]
        if any(part not in ids for part in (*pair, "".join(pair))):
            raise _refused("model.tokenizer_merge_of_no_token", merge=text)
        merges.append(pair)
    return merges


def _merges_by_score(known: Vocabulary, scores: Sequence[float]) -> list[list[str]]:
    """All pairs of tokens that make a third one, the one with the best score first. Raises ``InputError`` without
    scores."""
    if not scores:
        raise _refused("model.tokenizer_without_scores")
    apart = (UNKNOWN, CONTROL, OWN, BYTE)
    plain = {text for text, kind in zip(known.tokens, known.types, strict=True) if kind not in apart}
    ordered = sorted(range(len(known.tokens)), key=lambda i: -scores[i])
    return [
        [text[:at], text[at:]]
        for text in (known.tokens[i] for i in ordered)
        if text in plain
        for at in range(1, len(text))
        if text[:at] in plain and text[at:] in plain
    ]


def _around(fields: Fields, known: Vocabulary) -> dict[str, Any] | None:
    """What puts the tokens around a text that belong there."""
    before = known.bos if _begins(fields, known) else None
    after = known.eos if _flag(fields, "add_eos_token", False) else None
    special = {known.tokens[i]: i for i in (before, after) if i is not None}
    if not special:
        return byte_level() if known.kind == "gpt2" else None

    def place(i: int | None) -> list[dict[str, Any]]:
        return [] if i is None else [{"SpecialToken": {"id": known.tokens[i], "type_id": 0}}]

    text, second = ({"Sequence": {"id": part, "type_id": 0}} for part in "AB")
    return {
        "type": "TemplateProcessing",
        "single": [*place(before), text, *place(after)],
        "pair": [*place(before), text, second, *place(after)],
        "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]} for name, i in special.items()},
    }


# ------------------------------------------------------------------------------------------------ the other files


def _config(fields: Fields, known: Vocabulary) -> dict[str, Any]:
    named = {"bos": known.bos, "eos": known.eos, "unk": known.unknown, "pad": known.padding}
    template = fields.values.get("tokenizer.chat_template")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": _begins(fields, known),
        "add_eos_token": _flag(fields, "add_eos_token", False),
        "clean_up_tokenization_spaces": False,
        **{f"{name}_token": known.tokens[i] for name, i in named.items() if i is not None},
        **({"chat_template": template} if isinstance(template, str) else {}),
    }


def _generation(fields: Fields, known: Vocabulary) -> dict[str, Any]:
    ends = _ends(fields, known)
    return {
        **({"bos_token_id": known.bos} if known.bos is not None else {}),
        **({"eos_token_id": list(ends)} if ends else {}),
    }


def _ends(fields: Fields, known: Vocabulary) -> tuple[int, ...]:
    stated = [_id(fields, name, len(known.tokens)) for name in ("eos", "eot", "eom")]
    texts = enumerate(known.tokens)
    by_text = [i for i, text in texts if text in ENDS or (text == END_OR_TAG and known.types[i] == CONTROL)]
    return tuple(dict.fromkeys(i for i in (*stated, *by_text) if i is not None))


def _begins(fields: Fields, known: Vocabulary) -> bool:
    """Whether a beginning of sequence is put before a text. Raises ``InputError`` where it is, and the file names
    none."""
    cut = _cut_of(fields, known.kind)
    begins = _flag(fields, "add_bos_token", cut is None or cut.begins)
    if begins and known.bos is None:
        raise _refused("model.tokenizer_without_bos")
    return begins


def _first_of(known: Vocabulary, kind: int) -> int | None:
    return next((i for i, one in enumerate(known.types) if one == kind), None)


def _id(fields: Fields, name: str, tokens: int) -> int | None:
    value = fields.values.get(f"{PREFIX}{name}_token_id")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < tokens:
        raise _refused("model.tokenizer_id_outside", field=f"{PREFIX}{name}_token_id", value=str(value), tokens=tokens)
    return value


def _flag(fields: Fields, name: str, default: bool) -> bool:
    value = fields.values.get(f"{PREFIX}{name}", default)
    if not isinstance(value, bool):
        raise _refused("model.tokenizer_no_flag", field=f"{PREFIX}{name}", value=str(value))
    return value


def _numbers(fields: Fields, name: str, tokens: int) -> list[Any]:
    """One number a token; none where the file has no such list."""
    if f"{PREFIX}{name}" not in fields.values:
        return []
    found: list[Any] = fields.numbers(f"{PREFIX}{name}").tolist()
    if len(found) != tokens:
        raise _refused("model.tokenizer_list_length", field=f"{PREFIX}{name}", n=len(found), tokens=tokens)
    return found


def _refused(code: str, **figures: Any) -> InputError:
    return InputError(sentence(code, **figures), sentence("model.put_tokenizer_beside"))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
