"""Questions with choices: read from the user's JSONL, and answered by the likelihood of each choice.

One object a line: ``{"question": "…", "choices": ["…", "…"], "answer": 0}``. ``question`` is put as ``Question: …`` and
``Answer:`` on two lines; ``prompt`` instead of it is taken as it is, ``ids`` are token ids, whose choices are ids too.
A choice follows after one space, as in lm-evaluation-harness.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.contracts import DecoderSpec, Tokenizer
from bench.errors import InputError, RunFailure, problem_of
from bench.inputs.prompts import NUL, Prompt, check_ids, encoded, not_read
from bench.inputs.tokenizer_file import ADDED_TOKENS
from bench.quality.text.samples import Item
from bench.reading import NOT_DECODED, lines_of, read_text
from bench.record.text import TokenizerUsed
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

CHOICES = re.compile(r"\bchoices[\"']?\s*:")

Found = Callable[[], tuple[Tokenizer | None, TokenizerUsed | None]]
"""The tokenizer and whose it is, loaded when the first text needs it. Raises ``InputError``."""


class Question(Struct, frozen=True):
    """As the user writes it; other keys of the line are not read."""

    choices: tuple[str | tuple[int, ...], ...]
    answer: int
    question: str | None = None
    prompt: str | None = None
    ids: tuple[int, ...] | None = None

    def wrong(self) -> Sentence | None:
        """What is wrong with it; ``None`` if nothing."""
        if sum(part is not None for part in (self.question, self.prompt, self.ids)) != 1:
            return sentence("quality.question.not_one")
        for name, part in (("question", self.question), ("prompt", self.prompt), ("ids", self.ids)):
            if part is not None and not (part.strip() if isinstance(part, str) else part):
                return sentence("input.prompt_empty", name=name)
        if len(self.choices) < 2:
            return sentence("quality.question.few_choices", choices=len(self.choices))
        if not 0 <= self.answer < len(self.choices):
            return sentence("quality.question.no_such_answer", answer=self.answer, last=len(self.choices) - 1)
        for index, choice in enumerate(self.choices):
            if isinstance(choice, str) == (self.ids is not None) or not _said(choice):
                return sentence("quality.question.choices_of_another_kind", index=index)
        if any(isinstance(text, str) and NUL in text for text in (self.question, self.prompt, *self.choices)):
            return sentence("input.prompt_nul")
        return None


def _said(choice: str | tuple[int, ...]) -> bool:
    """Whether there is anything in it: a text of spaces is a choice without bytes."""
    return bool(choice.strip() if isinstance(choice, str) else choice)


def holds_questions(file: Path) -> bool:
    """Whether the first line of ``file`` is a question rather than a text; of one that cannot be read, by the key
    ``choices`` in it."""
    if file.suffix.lower() != ".jsonl":
        return False
    first = next((line for _, line in lines_of(read_text(file, name=file.name))), "")
    try:
        found = msgspec.json.decode(first.encode())
    except NOT_DECODED:
        return CHOICES.search(first) is not None
    return isinstance(found, dict) and "choices" in found


def read_questions(file: Path) -> tuple[Question, ...]:
    """Raises ``InputError`` naming file, line and what is wrong."""
    return tuple(question for _, question in _numbered(file))


def _numbered(file: Path) -> Iterator[tuple[int, Question]]:
    for number, line in lines_of(read_text(file, name=file.name)):
        try:
            question = msgspec.json.decode(line.encode(), type=Question)
        except NOT_DECODED as error:
            wrong: Sentence | str | None = not_read(line, error)
        else:
            wrong = question.wrong()
        if wrong:
            raise InputError(
                sentence("quality.question.line", file=file.name, number=number, why=wrong),
                sentence("quality.question.example"),
            )
        yield number, question


def items_of(file: Path, decoder: DecoderSpec, tokenizer: Found) -> Iterator[Item]:
    """The questions of ``file`` as token ids. Errors name the line: ``InputError`` for one that is no tokens of this
    model, or more than its context, ``RunFailure`` for text that this tokenizer makes no tokens of."""
    for number, question in _numbered(file):
        yield _fitting(file, number, question, decoder, tokenizer)


def longest_question(file: Path, decoder: DecoderSpec, tokenizer: Found, enough: int) -> int:
    """Tokens of the longest question of ``file`` with a choice, where that is more than ``enough``. Raises as
    ``items_of`` does, but makes tokens only of the first text, and of those that may be longer than all before."""
    longest, tried = 0, False
    for number, question in _numbered(file):
        text = question.ids is None
        if text and tried and _most_tokens(question) <= max(longest, enough):
            continue
        tried = tried or text
        item = _fitting(file, number, question, decoder, tokenizer)
        longest = max(longest, *map(len, item.choices))
    return longest


def most_tokens_in(file: Path) -> int:
    """As many tokens as a question of ``file`` can have with a choice, whatever the tokenizer; 0 where a line is no
    question."""
    try:
        return max(map(_most_tokens, read_questions(file)), default=0)
    except InputError:
        return 0


def all_tokens_in(file: Path) -> int:
    """As many tokens as a model can be given for all questions of ``file``, each once for each of its choices; 0 where
    a line is no question."""
    try:
        return sum(sum(_tokens_at_most(question)) for question in read_questions(file))
    except InputError:
        return 0


def _most_tokens(question: Question) -> int:
    return max(_tokens_at_most(question))


def _tokens_at_most(question: Question) -> list[int]:
    """Of the question with each choice."""
    choices = [len(one.strip().encode()) if isinstance(one, str) else len(one) for one in question.choices]
    before = len(question.ids) if question.ids is not None else len(_head(question).encode()) + 1 + ADDED_TOKENS
    return [before + choice for choice in choices]


def _fitting(file: Path, number: int, question: Question, decoder: DecoderSpec, tokenizer: Found) -> Item:
    try:
        item = _item(question, decoder, tokenizer)
    except (InputError, RunFailure) as error:
        told = sentence("quality.question.line", file=file.name, number=number, why=problem_of(error))
        raise with_words(error, told) from None
    longest, context = max(len(ids) for ids in item.choices), decoder.context_length
    if longest > context:
        code = "quality.question.too_long" if decoder.past_length is None else "quality.question.longer_than_graph"
        why = sentence(code, tokens=longest, context=context)
        told = sentence("quality.question.line", file=file.name, number=number, why=why)
        raise InputError(told, sentence("quality.question.shorten"))
    return item


def with_words(error: InputError | RunFailure, told: Sentence) -> InputError | RunFailure:
    """The same error, which says ``told``."""
    if isinstance(error, RunFailure):
        return RunFailure(error.kind, told, error.advice, error.phase)
    return InputError(told, error.advice)


def _head(question: Question) -> str:
    """The text before the choice and its space."""
    return (question.prompt if question.prompt is not None else f"Question: {question.question}\nAnswer:").rstrip()


def _item(question: Question, decoder: DecoderSpec, tokenizer: Found) -> Item:
    if question.ids is not None:
        given = [(*question.ids, *choice) for choice in question.choices if not isinstance(choice, str)]
        prompts = [Prompt(ids=ids) for ids in given]
        for prompt in prompts:
            check_ids([prompt], decoder)
        begins = [max(1, len(question.ids))] * len(given)
        sizes = tuple(len(choice) for choice in question.choices)
        return Item(tuple(encoded(prompts, decoder, None)), tuple(begins), sizes, question.answer)
    head = _head(question)
    choices = [str(choice).strip() for choice in question.choices]
    texts = [Prompt(prompt=text) for text in (head, *(f"{head} {choice}" for choice in choices))]
    alone, *whole = encoded(texts, decoder, tokenizer()[0])
    begins = [max(1, _equal(alone, ids)) for ids in whole]
    sizes = tuple(len(choice.encode()) for choice in choices)
    return Item(tuple(whole), tuple(begins), sizes, question.answer)


def _equal(one: "Ids", other: "Ids") -> int:
    """How many ids both begin with alike, less than all of ``other``."""
    same = 0
    while same < min(len(one), len(other) - 1) and one[same] == other[same]:
        same += 1
    return same
