"""What a job is: what the parent sends one worker, what the worker does with it, and what comes back.

A ``Job`` goes to its worker as a file that names its class, so that a worker imports what its one job needs. ``Event``s
come back as JSON lines on a pipe: phases, turns, and one last word, ``Done`` with the job's answer or ``Failed``. The
pipe is the worker's original stdout; before anything else the worker points file descriptors 1 and 2 at its log, so
what native libraries print lands there.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Generic, Protocol, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from bench.plugins import Catalog, PluginRef
from bench.record.record import Failure
from bench.words import Sentence

T = TypeVar("T")
Answer_co = TypeVar("Answer_co", covariant=True)

Announce = Callable[[str], None]
"""Called with the name of each phase as it begins."""
TakeTurn = Callable[[bool], bool]
"""Ends the worker's turn, waits for the next, and returns whether to measure on. The argument: whether enough was
measured."""


Said = Callable[[Sentence], None]
"""Called with what is happening, in a few words, every few seconds of a long measurement."""


def unheard(words: Sentence) -> None:
    """A ``Said`` that nobody listens to."""


class Worker(Struct, frozen=True):
    """The process that plays a job. ``folder`` is the job's: its log, and the arrays it leaves for the parent.
    ``process_start_ns``: from spawn to the worker's first statement."""

    folder: Path
    announce: Announce
    process_start_ns: int
    take_turn: TakeTurn
    said: Said = unheard


class Job(Struct, Generic[Answer_co], frozen=True):
    """Base. A job is a value: two that are equal ask for the same. ``plugin``: in whose environment it is played."""

    plugin: PluginRef

    def play(self, worker: Worker) -> Answer_co:
        """What the worker does. Raises ``OdbError`` for what a person can put right; anything else is a runtime's error
        or a defect."""
        raise NotImplementedError

    @classmethod
    def answers(cls) -> type[Answer_co]:
        """The type of the answer: ``Checked`` of ``class CheckJob(Job[Checked])``."""
        bases: tuple[type, ...] = vars(cls)["__orig_bases__"]
        answer: type[Answer_co] = get_args(bases[0])[0]
        return answer


class Event(Struct, frozen=True, tag=True):
    """Base of what a worker says."""


class PhaseBegan(Event, frozen=True, tag=True):
    name: str


class PartDone(Event, frozen=True, tag=True):
    """How far the job has come in its phase, in whole percent."""

    percent: int


class Told(Event, frozen=True, tag=True):
    """What is happening in the job's phase."""

    words: Sentence


class TurnWanted(Event, frozen=True, tag=True):
    """The worker's turn is over, if it had one, and it waits for the next. ``satisfied``: it has measured enough, and
    goes on only to keep the other company."""

    satisfied: bool = False


class Failed(Event, frozen=True, tag=True):
    failure: Failure


class Done(Event, frozen=True, tag=True):
    """``answer``: as JSON. The parent decodes it as what the job answers."""

    answer: Raw


AnyEvent = PhaseBegan | PartDone | Told | TurnWanted | Failed | Done


class Result(Struct, Generic[Answer_co], frozen=True):
    """How a job ended: with its answer, or with a failure, which the worker told or its death did. ``wall_ns``: spawn
    to exit."""

    answer: Answer_co | Failed
    wall_ns: int
    log_tail: tuple[str, ...]


class Runner(Protocol):
    """Carries out the jobs of one run, each in a separate process, within the run's deadline."""

    @property
    def catalog(self) -> Catalog: ...

    @property
    def cache(self) -> Path:
        """Where built models are kept."""
        ...

    def folder(self) -> Path:
        """A new folder in the workspace, for files that a job is given."""
        ...

    def say(self, text: Sentence | str) -> None:
        """What is done now, for progress: how much is done of a job that is run or attempted is shown behind it."""
        ...

    def run(self, job: Job[T], more_s: float = 0.0) -> T:
        """The job's answer; its log becomes the run's. Raises ``RunFailure`` where it failed. ``more_s``: what it may
        take beyond the deadline."""
        ...

    def attempt(self, job: Job[T], more_s: float = 0.0, environment: Mapping[str, str] | None = None) -> Result[T]:
        """How the job ended; the run's log stays. ``environment``: variables that the worker gets in addition."""
        ...

    def once(
        self,
        kind: type[Job[T]],
        key: Hashable,
        make: Callable[[], Job[T]],
        more_s: float = 0.0,
        says: Sentence | str = "",
    ) -> Result[T]:
        """How the job ended that ``make`` gives, or an earlier one of this kind and key in the same suite. ``says``:
        for progress, where it has to be done."""
        ...

    def settled(self, result: Result[T]) -> T:
        """As ``run``, of a job that has ended."""
        ...


class _JobFile(Struct, frozen=True):
    """``kind``: ``module:Class``."""

    kind: str
    job: Raw


def _encode_path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _decode_path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind.__name__)


def _json(value: object) -> bytes:
    """Text that is not Unicode, such as a runtime's message about a file of another encoding, is replaced by ``?``."""
    try:
        return msgspec.json.encode(value, enc_hook=_encode_path)
    except UnicodeEncodeError:
        return msgspec.json.encode(_unicode(msgspec.to_builtins(value, enc_hook=_encode_path)))


def _unicode(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_unicode(key): _unicode(item) for key, item in value.items()}
    return [_unicode(item) for item in value] if isinstance(value, list | tuple) else value


def encode_job(job: Job[object]) -> bytes:
    """What ``decode_job`` reads."""
    kind = type(job)
    return _json(_JobFile(f"{kind.__module__}:{kind.__qualname__}", Raw(_json(job))))


def decode_job(data: bytes) -> Job[object]:
    """Imports the job's module, and with it what the job needs."""
    file = msgspec.json.decode(data, type=_JobFile)
    module, _, name = file.kind.partition(":")
    kind: type[Job[object]] = getattr(import_module(module), name)
    return msgspec.json.decode(file.job, type=kind, dec_hook=_decode_path)


def done(answer: object) -> Done:
    """The last word of a job that went well."""
    return Done(Raw(_json(answer)))


def answer_of(answer: object) -> bytes:
    """An answer as JSON, which ``decode_answer`` reads as part of ``Done``."""
    return _json(answer)


def encode(event: AnyEvent) -> bytes:
    """One line of JSON, without the newline."""
    return _json(event)


def decode_event(data: bytes) -> AnyEvent:
    """Raises ``ValueError`` for an invalid event."""
    with _bounded():
        event: AnyEvent = msgspec.json.decode(data, type=AnyEvent, dec_hook=_decode_path)
        return event


def decode_answer(event: Done, job: Job[T]) -> T:
    """Raises ``ValueError`` for an invalid answer to ``job``."""
    return decode_as(type(job), event.answer)


def decode_as(kind: type[Job[T]], answer: Raw | bytes) -> T:
    """An answer to a job of that kind. Raises ``ValueError`` for one that is invalid."""
    with _bounded():
        return msgspec.json.decode(answer, type=kind.answers(), dec_hook=_decode_path)


@contextmanager
def _bounded() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise ValueError("nested too deeply") from None
