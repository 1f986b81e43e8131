"""Every error the engine raises on purpose.

    OdbError                    a sentence and a remedy; never a traceback at the terminal
    ├── InputError              the user's file, flag or field is wrong            exit 2
    │   └── UnknownName         a name nobody knows; suggests the nearest one      exit 2
    ├── PluginError             a plugin cannot be imported or breaks its contract exit 2
    └── RunFailure              one planned run cannot be measured                 becomes a record

A ``RunFailure`` never leaves the suite: it is written as a record with its phase, kind, message and remedy.
"""

import errno
from collections.abc import Iterable

from bench.printable import one_line
from bench.words import Sentence, sentence

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def disk_is_full(error: BaseException | None) -> bool:
    """Whether a system says with ``error`` that a disk is full, or what a user may take of it."""
    return isinstance(error, OSError) and error.errno in FULL


class OdbError(Exception):
    """An error that a user can fix: ``message`` says what is wrong and where, ``remedy`` says what to do. Both are
    sentences (``bench.words``); a plugin without a catalogue gives its own text. Both may contain names from other
    people's files; they are shown as one line of printable text."""

    exit_status = 2

    def __init__(self, message: Sentence | str, remedy: Sentence | str = "") -> None:
        self.sentence = message
        self.advice = remedy
        super().__init__(message)

    @property
    def message(self) -> str:
        """``sentence`` in the language that is spoken."""
        return one_line(str(self.sentence))

    @property
    def remedy(self) -> str:
        """``advice`` in the language that is spoken."""
        return one_line(str(self.advice))

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class InputError(OdbError):
    """Bad input by the user. ``message`` names the file or flag and the field."""


def of_flag(flag: str, problem: Sentence | str) -> Sentence:
    """What is wrong with what ``flag`` gives; ``problem_of`` has it without the flag."""
    return sentence("error.of_flag", flag=flag, problem=problem)


def problem_of(error: OdbError) -> Sentence | str:
    """What is wrong, without the flag that would give it: the same is read from the files of a dataset."""
    told = error.sentence
    problem = told.figures.get("problem") if isinstance(told, Sentence) and told.code == "error.of_flag" else None
    return problem if isinstance(problem, Sentence) else told


class UnknownName(InputError):
    """``name`` is none of ``known``; the remedy offers the nearest, or lists them all."""

    def __init__(self, what: Sentence | str, name: str, known: Iterable[str], hint: Sentence | str = "") -> None:
        from difflib import get_close_matches

        names = sorted(set(known))
        near = get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.5)
        by_lower = {n.lower(): n for n in names}
        if near:
            remedy = sentence("error.did_you_mean", name=by_lower[near[0]])
        elif names:
            remedy = sentence("error.known" if len(names) <= 40 else "error.known_some", names=names[:40])
        else:
            remedy = sentence("error.none_known")
        both = sentence("text.two", first=remedy, second=hint) if hint else remedy
        super().__init__(sentence("error.unknown", what=what, name=name), both)


class PluginError(OdbError):
    """A plugin cannot be imported, or is not what its entry point says."""


class RunFailure(OdbError):
    """One planned run cannot be measured.

    ``kind`` is a stable word for scripts: ``unavailable``, ``unsupported_format``, ``unsupported_operator``,
    ``unsupported_precision``, ``unsupported_scenario``, ``unsupported_task``, ``fallback``, ``bad_input``,
    ``runtime_error``, ``crashed``, ``timeout``, ``killed``,
    ``out_of_memory``, ``interrupted``, ``plugin_error``.
    ``phase`` is where it happened: a phase of the record, or ``plan``.
    """

    exit_status = 3

    def __init__(self, kind: str, message: Sentence | str, remedy: Sentence | str = "", phase: str = "") -> None:
        super().__init__(message, remedy)
        self.kind = kind
        self.phase = phase
