"""What a language model is asked: seeded token ids, never the same twice, or the user's own prompts.

A file of prompts is a ``.txt`` (the file is one prompt, without the line end that editors put behind the last line) or
a ``.jsonl`` with one object a line: ``{"ids": [1, 403]}``, ``{"prompt": "Once upon a time"}`` or, for the model's chat
template, ``{"messages": [{"role": "user", "content": "Tell me a story."}]}``. Either is UTF-8, or UTF-16 with a
byte-order mark.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.contracts import DecoderSpec, Tokenizer
from bench.errors import InputError, RunFailure, of_flag
from bench.reading import NOT_DECODED, is_file, lines_of, lone_surrogate, read_text
from bench.record.inputs import InputFacts
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

BLOCK = 64  # prompts drawn at once
NUL = "\0"
"""In no text: engines written in C end there, and UTF-16 without a byte-order mark is full of it."""


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation. ``role``: ``system``, ``user``, ``assistant`` …, as the model's template has."""

    role: str
    content: str


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a ``.jsonl``."""

    ids: tuple[int, ...] | None = None
    prompt: str | None = None
    messages: tuple[Message, ...] | None = None


class Prompt(Struct, frozen=True):
    """The user's own: token ``ids``, text for a tokenizer, or ``messages`` for the model's chat template.
    ``templated``: the text is what the template made, with its special tokens in it."""

    ids: tuple[int, ...] | None = None
    prompt: str | None = None
    messages: tuple[Message, ...] | None = None
    templated: bool = False


class Query(Struct, frozen=True):
    """One generation: int64 ids that are in the cache beforehand [depth], and the prompt's [n]. ``shared_tokens``: how
    many of its first tokens an earlier query began with, too, without its context."""

    context: "Ids"
    prompt: "Ids"
    shared_tokens: int = 0


def read_prompts(ids: Sequence[int], file: str, model_id: Sentence | str) -> tuple[Prompt, ...]:
    """The prompts of ``--prompt-ids`` and ``--prompts``. Raises ``InputError`` naming file, line and what is wrong."""
    given = [Prompt(ids=tuple(ids))] if ids else []
    return (*given, *(prompts_of(Path(file), model_id) if file else ()))


def prompts_of(file: Path, model_id: Sentence | str) -> list[Prompt]:
    """The prompts of a file. Raises ``InputError`` as ``read_prompts`` does."""
    try:
        return [prompt for _, prompt in numbered_prompts(file, model_id)]
    except InputError as error:
        raise InputError(of_flag("--prompts", error.sentence), error.advice) from None


def numbered_prompts(file: Path, model_id: Sentence | str, *, whole: bool = False) -> list[tuple[int, Prompt]]:
    """The prompts of a file, each with its line. ``whole``: a ``.txt`` is taken as it is, with the end of its last
    line. Raises ``InputError`` naming file, line and what is wrong."""
    if not is_file(file):
        raise InputError(
            sentence("input.prompts_no_such_file", file_name=file.name),
            sentence("input.check_path"),
        )
    text = read_text(file, name=file.name)
    if NUL in text:
        line = text.count("\n", 0, text.index(NUL)) + 1
        raise InputError(
            sentence("input.prompts_line_nul", file_name=file.name, number=line),
            sentence("input.save_without_nul"),
        )
    if file.suffix.lower() == ".jsonl":
        prompts = [(number, _of_line(file, number, line)) for number, line in lines_of(text)]
        if not prompts:
            raise InputError(
                sentence("input.prompts_without_prompt", file_name=file.name),
                sentence("input.give_one_object_a_line"),
            )
        return prompts
    if not text.strip():
        raise InputError(
            sentence("input.prompts_empty", file_name=file.name),
            sentence("input.write_text") if whole else sentence("input.write_prompt", model_id=model_id),
        )
    return [(1, Prompt(prompt=text if whole else without_line_end(text)))]


def without_line_end(text: str) -> str:
    """``text`` without the one line end that an editor puts behind the last line."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _of_line(file: Path, number: int, line: str) -> Prompt:
    try:
        found = msgspec.json.decode(line.encode(), type=Line)
        wrong: Sentence | str | None = _wrong_of(found)
    except NOT_DECODED as error:
        wrong = not_read(line, error)
    if wrong:
        raise InputError(
            sentence("input.prompts_line", file_name=file.name, number=number, error=wrong),
            sentence("input.give_prompt_or_ids"),
        )
    return Prompt(found.ids, found.prompt, found.messages)


def _wrong_of(line: Line) -> Sentence | None:
    """What is wrong with a line whose fields have the right types; ``None`` if nothing."""
    given = {"prompt": line.prompt, "ids": line.ids, "messages": line.messages}
    stated = {name: value for name, value in given.items() if value is not None}
    if len(stated) != 1:
        return sentence("input.prompt_not_one")
    ((name, value),) = stated.items()
    if not value:
        return sentence("input.prompt_empty", name=name)
    texts = (line.prompt or "", *(part for one in line.messages or () for part in (one.role, one.content)))
    if any(NUL in text for text in texts):
        return sentence("input.prompt_nul")
    if any(not message.role for message in line.messages or ()):
        return sentence("input.message_without_role")
    negative = next((i for i in line.ids or () if i < 0), None)
    return None if negative is None else sentence("input.prompt_negative_id", id=negative)


def not_read(line: str, error: Exception) -> Sentence | str:
    """Why the reader of JSON cannot take ``line``. It takes half a surrogate pair among its texts for the end of its
    input."""
    try:
        half = lone_surrogate(json.dumps(json.loads(line), ensure_ascii=False))
    except NOT_DECODED:
        half = ""
    return sentence("input.prompt_half_a_character", unit=half) if half else str(error)[:200]


def check_ids(prompts: Sequence[Prompt], decoder: DecoderSpec) -> None:
    """Raise ``InputError`` for an id outside the vocabulary, with the number of its prompt where there are several."""
    for number, prompt in enumerate(prompts, 1):
        bad = next((i for i in prompt.ids or () if not 0 <= i < decoder.vocab_size), None)
        if bad is not None:
            told = sentence("input.id_outside_vocabulary", bad=str(bad))
            raise InputError(
                sentence("input.of_prompt", number=number, problem=told) if len(prompts) > 1 else told,
                sentence("input.ids_run_to", last=decoder.vocab_size - 1),
            )


def prompt_facts(prompts: Sequence[Prompt]) -> InputFacts:
    """As the record states them."""
    source = "prompt_text" if any(p.prompt for p in prompts) else "prompt_ids"
    first, fed = prompts[0], [{"ids": p.ids, "prompt": p.prompt} | _marks(p) for p in prompts]
    shapes: dict[str, tuple[int, ...]] = {"input_ids": (1, len(first.ids))} if first.ids else {}
    return InputFacts(source, sha256(msgspec.json.encode(fed)).hexdigest(), shapes)


def _marks(prompt: Prompt) -> dict[str, bool]:
    return {"templated": True} if prompt.templated else {}


def save_prompts(path: Path, prompts: Sequence[Prompt]) -> None:
    path.write_bytes(msgspec.json.encode(list(prompts)))


def load_prompts(path: Path | None) -> tuple[Prompt, ...]:
    """What ``save_prompts`` wrote; nothing for ``None``."""
    return () if path is None else msgspec.json.decode(path.read_bytes(), type=tuple[Prompt, ...])


class Lengths(Struct, frozen=True):
    """How long seeded prompts are, and what is in the cache before any prompt."""

    prompt: int
    depth: int


def queries(given: "Sequence[Ids]", decoder: DecoderSpec, lengths: Lengths, seed: int) -> Iterator[Query]:
    """Endless queries. Seeded ones never repeat, and the first is the same in every process of the same seed; the
    user's own, where any are ``given``, are used in turn."""
    prompts = _in_turn(given) if given else None
    seeded = _seeded(decoder, lengths, seed)
    while True:
        query = next(seeded)
        if prompts is not None:
            prompt, shared = next(prompts)
            query = Query(query.context, prompt, 0 if lengths.depth else shared)
        yield query


def behind_one_context(endless: Iterator[Query]) -> Iterator[Query]:
    """The same prompts, all behind the context of the first."""
    first = next(endless)
    yield first
    for query in endless:
        yield Query(first.context, query.prompt, query.shared_tokens)


def _in_turn(prompts: "Sequence[Ids]") -> "Iterator[tuple[Ids, int]]":
    """The prompts over and over, each with how many of its first tokens an earlier one began with."""
    for index, prompt in enumerate(prompts):
        yield prompt, max((_shared(prompt, earlier) for earlier in prompts[:index]), default=0)
    yield from cycle([(prompt, len(prompt)) for prompt in prompts])


def _shared(a: "Ids", b: "Ids") -> int:
    """How many first tokens are the same."""
    length = min(len(a), len(b))
    differs = (a[:length] != b[:length]).nonzero()[0]
    return int(differs[0]) if len(differs) else length


def encoded(given: Sequence[Prompt], decoder: DecoderSpec, tokenizer: Tokenizer | None) -> "list[Ids]":
    """Int64 ids of each prompt."""
    import numpy as np

    found: list[Ids] = []
    for prompt in given:
        if prompt.ids:
            found.append(np.array(prompt.ids, np.int64))
            continue
        if prompt.messages:
            raise RunFailure(
                "bad_input", sentence("input.messages_without_chat"), sentence("input.give_chat"), "prepare"
            )
        if tokenizer is None:
            raise RunFailure(
                "bad_input",
                sentence("input.no_tokenizer"),
                sentence("input.use_engine_with_tokenizer"),
                "prepare",
            )
        ids = np.asarray(encode(tokenizer, prompt), np.int64).reshape(-1)
        if not len(ids):
            raise RunFailure(
                "bad_input",
                sentence("input.tokenizer_makes_no_token"),
                sentence("input.give_another_text"),
                "prepare",
            )
        if ids.min() < 0 or ids.max() >= decoder.vocab_size:
            raise RunFailure(
                "bad_input",
                sentence("input.tokenizer_ids_outside", highest=int(ids.max()), vocab_size=decoder.vocab_size),
                sentence("input.tokenizer_of_another_model"),
                "prepare",
            )
        found.append(ids)
    return found


def demand_room(lengths: Iterable[int], decoder: DecoderSpec, beside: int) -> None:
    """Raise ``RunFailure`` for the first prompt that does not fit into the context together with ``beside`` other
    tokens. ``lengths``: tokens of each prompt."""
    for number, length in enumerate(lengths, start=1):
        if length + beside > decoder.context_length:
            raise RunFailure(
                "bad_input",
                sentence(
                    "run.prompt_too_long",
                    number=number,
                    n_ids=length,
                    beside=beside,
                    context_length=decoder.context_length,
                ),
                sentence("run.shorten_prompt"),
                "prepare",
            )


def encode(tokenizer: Tokenizer, prompt: Prompt) -> "Ids":
    """The ids of a text; a template's has its special tokens in it."""
    text = prompt.prompt or ""
    return tokenizer.encode(text, special=False) if prompt.templated else tokenizer.encode(text)


def _seeded(decoder: DecoderSpec, lengths: Lengths, seed: int) -> Iterator[Query]:
    import numpy as np

    rng = np.random.default_rng(seed)
    length, padding = lengths.depth + lengths.prompt, decoder.padding
    while True:
        drawn = rng.integers(1, decoder.vocab_size, size=(BLOCK, length), dtype=np.int64)
        if padding:  # the next id in its place; 0 is not drawn
            drawn[drawn == padding] = padding % (decoder.vocab_size - 1) + 1
        for ids in drawn:
            yield Query(ids[: lengths.depth], ids[lengths.depth :])
