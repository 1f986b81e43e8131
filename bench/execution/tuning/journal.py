"""What a search has done, in a file that outlives its process: a line for each measurement, check and decision.

A search that begins with the lines of an earlier one takes them in their order instead of doing the same again. What
depends on the time or on the machine is kept too, so that it takes the same way. Every line has its checksum
(``bench.store.lines``): a last line that is not whole is cut off, and any other damage is refused.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from bench import __version__
from bench.errors import InputError, OdbError
from bench.execution.runner import JobRunner
from bench.execution.tuning.checking import Answered
from bench.execution.tuning.heats import Process
from bench.execution.tuning.opening import Opened
from bench.execution.tuning.question import Asked
from bench.execution.twins import named_twin
from bench.passes.evidence import known
from bench.reading import exists, read_bytes
from bench.record.record import Failure
from bench.store.lines import line_of, lines_in
from bench.tuning.result import Confirmation
from bench.words import Sentence, sentence

JOURNAL = "journal.jsonl"
MOST_BYTES = 256_000_000


class Line(Struct, frozen=True, kw_only=True, tag_field="what"):
    """``about``: what was asked; the same question is answered by the line. ``used_ns``: of the budget, afterwards."""

    about: str
    used_ns: int = 0


class Question(Line, frozen=True, kw_only=True, tag="question"):
    """The first line. ``facts``: what must be the same for the other lines to hold."""

    facts: dict[str, str]


class Number(Line, frozen=True, kw_only=True, tag="number"):
    """A decision that time or memory took part in."""

    value: int


class Outcome(Struct, frozen=True):
    """Of one process: either of them. Raises ``ValueError`` for both, and for none."""

    process: Process | None = None
    failure: Failure | None = None

    def __post_init__(self) -> None:
        if (self.process is None) == (self.failure is None):
            raise ValueError("a process measured something, or failed")

    @property
    def of(self) -> Process | Failure:
        if self.failure is not None:
            return self.failure
        return known(self.process)


class HeatLine(Line, frozen=True, kw_only=True, tag="heat"):
    """``outcomes``: one a setting, in the order of ``about``. ``wall_ns``: of all its processes, from the first start
    to the last exit."""

    outcomes: tuple[Outcome, ...]
    wall_ns: int


class CheckLine(Line, frozen=True, kw_only=True, tag="check"):
    answered: Answered


class SideLine(Struct, frozen=True):
    """One process of a pair. ``answer``: what its worker answered; ``samples``: the file of its samples,
    deflated."""

    answer: Raw
    samples: bytes


class PairLine(Line, frozen=True, kw_only=True, tag="pair"):
    """A pair of the confirmation. ``busy``: fraction of the machine that others used; ``wall_ns``: of both."""

    base: SideLine
    new: SideLine
    busy: float | None
    wall_ns: int


class ConfirmationLine(Line, frozen=True, kw_only=True, tag="confirmation"):
    confirmation: Confirmation


AnyLine = Question | Number | HeatLine | CheckLine | PairLine | ConfirmationLine
L = TypeVar("L", Question, Number, HeatLine, CheckLine, ConfirmationLine)


class Journal:
    """``path``: the file; made with the first line. ``earlier``: what an earlier search left, in order; it
    measured in so many ``processes``. ``cut``: the line that was not whole, and does not count."""

    def __init__(
        self, path: Path, earlier: tuple[AnyLine, ...] = (), whole_bytes: int = 0, cut: int | None = None
    ) -> None:
        self._path, self._earlier, self._whole_bytes, self._cut = path, deque(earlier), whole_bytes, cut
        heats = sum(len(line.outcomes) for line in earlier if isinstance(line, HeatLine))
        self.processes = heats + 2 * sum(isinstance(line, PairLine) for line in earlier)

    def told(self) -> Iterator[Sentence]:
        """What of an earlier search is not done again, and what is lost."""
        if self.processes:
            yield sentence("tune.goes_on", processes=self.processes)
        if self._cut is not None:
            yield sentence("tune.journal_cut", file=self._path.name, line=self._cut)

    def line(self, kind: type[L], about: str, make: Callable[[], L]) -> L:
        """The next line, if an earlier search did this; otherwise what ``make`` does, kept before it is returned.
        Raises ``InputError`` where the earlier search did something else, or the line cannot be kept."""
        if self._earlier:
            found = self._earlier.popleft()
            if not isinstance(found, kind) or found.about != about:
                raise self.unfit()
            return found
        made = make()
        self._append(made)
        return made

    def pairs(self, about: str) -> tuple[PairLine, ...]:
        """Those that an earlier search measured next, to confirm the setting that they are ``about``."""
        found = []
        while self._earlier and isinstance(line := self._earlier[0], PairLine) and line.about == about:
            self._earlier.popleft()
            found.append(line)
        return tuple(found)

    def add_pair(self, line: PairLine) -> None:
        """Keep one more."""
        self._append(line)

    def number(self, name: str, value: int) -> int:
        """``value``, which depends on the time or the machine; or what it was in the earlier search."""
        return self.line(Number, name, lambda: Number(about=name, value=int(value))).value

    def begin(self, facts: Mapping[str, str]) -> None:
        """Raises ``InputError`` where the earlier search was for something else."""
        asked = Question(about="question", facts=dict(facts))
        theirs = self.line(Question, asked.about, lambda: asked).facts
        other = sorted(name for name in {**facts, **theirs} if facts.get(name) != theirs.get(name))
        if other:
            raise InputError(
                sentence("tune.journal_of_another", file=self._path, names=other), sentence("tune.exists.remedy")
            )

    def unfit(self) -> InputError:
        """The error of a file that no search of this kind has left."""
        return InputError(sentence("tune.journal_unfit", file=self._path), sentence("tune.exists.remedy"))

    @contextmanager
    def removed_if_refused(self) -> Iterator[None]:
        """Raises what the block raises, and removes the file for an ``OdbError``: the next search begins anew."""
        try:
            yield
        except OdbError:
            with suppress(OSError):
                self._path.unlink()
            raise

    def _append(self, line: AnyLine) -> None:
        data = line_of(line)
        try:
            with self._path.open("r+b" if self._whole_bytes else "wb") as file:
                file.seek(self._whole_bytes)
                file.truncate()  # the half line of a process that was killed
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            message = sentence("store.not_written", path=self._path, strerror=error.strerror)
            raise InputError(message, sentence("store.free_space_choose_another_folder")) from None
        self._whole_bytes += len(data)


def journal_in(folder: Path) -> Journal:
    """With the lines that an earlier search left in ``folder``; a last one that is not whole does not count. Raises
    ``InputError`` for a file that is not a journal, and for one that is damaged before its last line."""
    path = folder / JOURNAL
    if not exists(path):
        return Journal(path)
    data = read_bytes(path, MOST_BYTES)
    ended = data[: data.rfind(b"\n") + 1]
    found = [*lines_in(ended, msgspec.json.Decoder(AnyLine))]
    cut = len(found) + 1 if len(ended) < len(data) else None
    if len(found) > 1 and isinstance(found[-1][1], Sentence):
        cut, _ = found.pop()
        ended = ended[: ended.rstrip(b"\n").rfind(b"\n") + 1]
    lines: list[AnyLine] = []
    for number, one in found:
        if isinstance(one, Sentence):
            wrong = sentence("tune.journal_damaged", file=path, line=number, why=one)
            raise InputError(wrong, sentence("tune.exists.remedy"))
        lines.append(one)
    return Journal(path, tuple(lines), len(ended), cut)


def facts_of(asked: Asked, opened: Opened) -> dict[str, str]:
    """What must be the same for measurements to hold. The budget may be another."""
    facts, artifact, prepared = known(opened.evidence.checked).facts, opened.artifact, opened.evidence.prepared
    suite = msgspec.json.encode(asked.suite)
    fed = None if prepared is None else prepared.inputs
    twin = named_twin(opened.run, artifact, JobRunner(opened.bench, opened.memo, opened.bench.deadline_s))
    return {
        "version": __version__,
        "model_sha256": artifact.sha256 or (artifact.source.sha256 if artifact.source is not None else ""),
        "inputs_sha256": "" if fed is None else fed.sha256,
        "template_sha256": "" if fed is None or fed.template is None else fed.template.sha256,
        "reference_sha256": "" if twin is None else str(twin.sha256),
        "device": str(facts.device_name),
        "cpu": str(opened.evidence.environment.host.get("cpu")),
        "runtime": _text(facts.versions),
        "options": _text(opened.run.target.options),
        "scenario": str(msgspec.json.encode(opened.measure.scenario), "utf-8"),
        "goal": asked.goal,
        "tolerance": repr(asked.tolerance),
        "tunables": str(msgspec.json.encode(opened.space.tunables), "utf-8"),
        "suite_sha256": hashlib.sha256(suite).hexdigest(),  # its paths are the user's
    }


def _text(values: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(values.items()))
