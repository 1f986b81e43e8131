"""The files of a dataset of texts: found, read, and cut into what a model can be evaluated on.

A file that cannot be used says why, with the line where there are several. The same reading tells before anything is
opened whether any file can be used at all.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import DecoderSpec
from bench.errors import InputError, OdbError, RunFailure, problem_of
from bench.inputs.prompts import Prompt, check_ids, encoded, numbered_prompts
from bench.quality.text.limits import EMULATED, TextLimits
from bench.quality.text.questions import (
    Found,
    all_tokens_in,
    holds_questions,
    items_of,
    longest_question,
    most_tokens_in,
    read_questions,
    with_words,
)
from bench.quality.text.samples import Item, windows_of
from bench.reading import is_folder
from bench.record.record import Failure
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

SUFFIXES = (".txt", ".jsonl")
BEGINNING = 4096
"""Letters of a text that show whether it has two tokens."""


class FileSamples(Struct, frozen=True):
    """What one file holds: ``windows`` of its texts, or ``items``, its questions. ``texts``: whether any of it is text
    and not ids."""

    windows: "tuple[Ids, ...]" = ()
    items: tuple[Item, ...] = ()
    texts: bool = False


def text_files(folder: Path) -> tuple[Path, ...]:
    """The files of texts in ``folder``, by name. Raises ``InputError`` where there is none."""
    if not is_folder(folder):
        raise InputError(sentence("quality.no_such_folder", folder=folder.name), sentence("quality.check_path"))
    files = tuple(path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise InputError(
            sentence("quality.no_text", folder=folder.name),
            sentence("quality.put_texts"),
        )
    return files


def samples_at_most(folder: Path, limits: TextLimits) -> int:
    """About how many samples the texts of ``folder`` make at most: for the time that evaluating them may take."""
    windows = sum(_tokens_at_most(path) // limits.window + 1 for path in text_files(folder))
    return min(windows, limits.windows or windows) + limits.prompts


def _tokens_at_most(file: Path) -> int:
    """That a model is given for ``file``."""
    size = file.stat().st_size
    try:
        return max(size, all_tokens_in(file)) if holds_questions(file) else size
    except InputError:  # in no encoding of text
        return size


def samples_of(file: Path, decoder: DecoderSpec, tokenizer: Found, window: int) -> FileSamples:
    """``window``: tokens of a window. Raises ``InputError`` for a file that cannot be used, or in which there is
    nothing to score, and ``RunFailure`` for one that cannot be used with this tokenizer."""
    if holds_questions(file):
        items = tuple(items_of(file, decoder, tokenizer))
        return FileSamples(items=items, texts=any(question.ids is None for question in read_questions(file)))
    prompts = _prompts_of(file)
    cuts = min(window, decoder.context_length)
    found = (_ids_of(file, number, prompt, decoder, tokenizer) for number, prompt in prompts)
    windows = tuple(cut for ids in found for cut in windows_of(ids, cuts))
    if not windows:
        raise _too_short()
    return FileSamples(windows=windows, texts=any(prompt.prompt for _, prompt in prompts))


def _prompts_of(file: Path) -> list[tuple[int, Prompt]]:
    return numbered_prompts(file, sentence("quality.the_model"), whole=True)


def _too_short() -> InputError:
    return InputError(sentence("quality.left_out.text_too_short"))


def _ids_of(file: Path, number: int, prompt: Prompt, decoder: DecoderSpec, tokenizer: Found) -> "Ids":
    """Errors name the line of a ``.jsonl``; those of the tokenizer itself are of the model."""
    if prompt.messages:
        raise InputError(_at_line(file, number, sentence("quality.messages")), sentence("quality.put_texts"))
    found = tokenizer()[0] if prompt.prompt else None
    try:
        check_ids((prompt,), decoder)
        return encoded((prompt,), decoder, found)[0]
    except (InputError, RunFailure) as error:
        if file.suffix.lower() != ".jsonl":
            raise
        raise with_words(error, _at_line(file, number, problem_of(error))) from None


def _at_line(file: Path, number: int, error: Sentence | str) -> Sentence:
    return sentence("input.prompts_line", file_name=file.name, number=number, error=error)


class Foreseen(Struct, frozen=True):
    """``question_tokens``: of the longest question with a choice, where that is more than the smallest window; of
    questions whose tokens are not known, as many as they can have, up to the context. ``failure``: why this tokenizer
    makes no tokens of any file, where another might; ``None`` where a file can be used."""

    question_tokens: int = 0
    failure: Failure | None = None


def foreseen_texts(folder: Path, decoder: DecoderSpec, tokenizer: Found) -> Foreseen:
    """What is known of ``folder`` before it is evaluated. Raises ``InputError`` where no file of it can be used, with
    any tokenizer.

    Reads texts up to the first file that can be used, and makes tokens only of what may decide: a tokenizer that fails
    further on is left to the evaluation."""
    left: list[tuple[Path, InputError | RunFailure]] = []
    longest, usable, smallest = 0, False, min(EMULATED.window, decoder.context_length)
    for file in text_files(folder):
        try:
            if holds_questions(file):
                longest = max(longest, longest_question(file, decoder, tokenizer, smallest))
            elif not usable:
                _demand_text(file, decoder, tokenizer)
        except (InputError, RunFailure) as error:
            left.append((file, error))
            if isinstance(error, RunFailure) and holds_questions(file):
                longest = max(longest, most_tokens_in(file))
        else:
            usable = True
    found = min(longest, decoder.context_length)
    if usable:
        return Foreseen(found)
    why = none_usable(folder, *left[0])
    if any(isinstance(error, RunFailure) for _, error in left):
        return Foreseen(found, Failure("prepare", "bad_input", why.sentence, why.advice))
    raise why


def _demand_text(file: Path, decoder: DecoderSpec, tokenizer: Found) -> None:
    """Raises as ``samples_of`` does. Of the texts behind the first that can be used only ids are looked at."""
    usable = False
    for number, prompt in _prompts_of(file):
        if usable and prompt.prompt:
            continue
        usable = len(_ids_of(file, number, _beginning(prompt), decoder, tokenizer)) > 1 or usable
    if not usable:
        raise _too_short()


def _beginning(prompt: Prompt) -> Prompt:
    text = prompt.prompt or ""
    return prompt if len(text) <= BEGINNING else Prompt(prompt=text.lstrip()[:BEGINNING] or text)


def none_usable(folder: Path, file: Path, error: OdbError) -> InputError:
    """That every file of ``folder`` was left out, the first one because of ``error``."""
    told = error.sentence
    named = isinstance(told, Sentence) and file.name in told.figures.values()
    why = told if named else sentence("text.at", where=file.name, message=told)
    return InputError(
        sentence("quality.no_text_left", folder=folder.name, why=why), error.advice or sentence("quality.put_texts")
    )
