"""The files of a dataset of texts: found, read, and cut into what a model can be evaluated on.

A file that cannot be used says why, with the line where there are several. The same reading tells before anything is
opened whether any file can be used at all.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import DecoderSpec
from bench.errors import InputError, OdbError, RunFailure, problem_of
from bench.inputs.prompts import Prompt, check_ids, encoded, numbered_prompts
from bench.quality.text.limits import WINDOW, TextLimits
from bench.quality.text.questions import Found, holds_questions, items_of, read_questions
from bench.quality.text.samples import Item, windows_of
from bench.reading import is_folder
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

SUFFIXES = (".txt", ".jsonl")


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
    windows = sum(path.stat().st_size // limits.window + 1 for path in text_files(folder))
    return min(windows, limits.windows or windows) + limits.prompts


def samples_of(file: Path, decoder: DecoderSpec, tokenizer: Found, window: int, room: int) -> FileSamples:
    """``window``: tokens of a window; ``room``: most tokens of a question with a choice. Raises ``InputError`` or
    ``RunFailure`` for a file that cannot be used, or in which there is nothing to score."""
    if holds_questions(file):
        items = tuple(items_of(file, decoder, tokenizer, room))
        return FileSamples(items=items, texts=any(question.ids is None for question in read_questions(file)))
    prompts = numbered_prompts(file, sentence("quality.the_model"), whole=True)
    cuts = min(window, decoder.context_length)
    windows = tuple(cut for ids in _ids_of(file, prompts, decoder, tokenizer) for cut in windows_of(ids, cuts))
    if not windows:
        raise InputError(sentence("quality.left_out.text_too_short"))
    return FileSamples(windows=windows, texts=any(prompt.prompt for _, prompt in prompts))


def _ids_of(file: Path, prompts: list[tuple[int, Prompt]], decoder: DecoderSpec, tokenizer: Found) -> "Iterator[Ids]":
    """The ids of each. Errors name the line of a ``.jsonl``; those of the tokenizer itself are of the model."""
    lines = file.suffix.lower() == ".jsonl"
    for number, prompt in prompts:
        if prompt.messages:
            why = sentence("input.prompts_line", file_name=file.name, number=number, error=sentence("quality.messages"))
            raise InputError(why, sentence("quality.put_texts"))
        found = tokenizer()[0] if prompt.prompt else None
        try:
            check_ids((prompt,), decoder)
            ids = encoded((prompt,), decoder, found)[0]
        except (InputError, RunFailure) as error:
            if not lines:
                raise
            why = sentence("input.prompts_line", file_name=file.name, number=number, error=problem_of(error))
            raise InputError(why, error.advice) from None
        yield ids


def refuse_unusable(folder: Path, decoder: DecoderSpec, tokenizer: Found) -> None:
    """Raise ``InputError`` where no file of ``folder`` can be used with ``tokenizer``. Reads up to the first that
    can."""
    left: list[tuple[Path, OdbError]] = []
    for file in text_files(folder):
        try:
            samples_of(file, decoder, tokenizer, WINDOW, decoder.context_length)
        except (InputError, RunFailure) as error:
            left.append((file, error))
        else:
            return
    raise none_usable(folder, *left[0])


def none_usable(folder: Path, file: Path, error: OdbError) -> InputError:
    """That every file of ``folder`` was left out, the first one because of ``error``."""
    told = error.sentence
    named = isinstance(told, Sentence) and file.name in told.figures.values()
    why = told if named else sentence("text.at", where=file.name, message=told)
    return InputError(
        sentence("quality.no_text_left", folder=folder.name, why=why), error.advice or sentence("quality.put_texts")
    )
