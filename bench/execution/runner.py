"""Carries out the jobs of one run, in the suite's workspace and within the run's deadline; jobs that runs share are
carried out once."""

import subprocess
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.errors import RunFailure
from bench.execution.workbench import Bench
from bench.jobs import Failed, Job, Result, Said, T, unheard
from bench.plugins import Catalog
from bench.process.supervisor import run_job
from bench.words import Sentence, sentence

Memo = dict[tuple[type[Job[object]], Hashable], Result[object]]
"""What one run of a suite leaves for the next: models made, and reference runs; by the kind of job, and its key."""


class JobRunner:
    """The ``Runner`` of one run. ``deadline_s``: what a job may take now. ``log_tail``: of the job that was carried out
    last, of those whose log is the run's. ``on_spawn`` gets each process, which another thread may ``stop``."""

    def __init__(
        self,
        bench: Bench,
        memo: Memo,
        deadline_s: Callable[[], float],
        say: Callable[[Sentence | str], None] = lambda text: None,
        on_spawn: "Callable[[subprocess.Popen[bytes]], None]" = lambda process: None,
    ) -> None:
        self._bench, self._memo, self._deadline_s, self._say = bench, memo, deadline_s, say
        self._on_spawn = on_spawn
        self._title: Sentence | str = ""
        self.log_tail: tuple[str, ...] = ()

    @property
    def catalog(self) -> Catalog:
        return self._bench.catalog

    @property
    def cache(self) -> Path:
        return self._bench.cache

    def folder(self) -> Path:
        return self._bench.folder()

    def say(self, text: Sentence | str) -> None:
        self._title = text
        self._say(text)

    def run(self, job: Job[T], more_s: float = 0.0) -> T:
        return self.settled(self.attempt(job, more_s))

    def attempt(
        self,
        job: Job[T],
        more_s: float = 0.0,
        environment: Mapping[str, str] | None = None,
        on_phase: Callable[[str], None] = lambda name: None,
        on_part: Callable[[int], None] | None = None,
        on_said: Said = unheard,
    ) -> Result[T]:
        if on_part is not None:
            return self._carried_out(job, more_s, on_phase, environment, on_part=on_part, on_said=on_said)
        with self._parts(self._title) as shown:
            return self._carried_out(job, more_s, on_phase, environment, on_part=shown, on_said=on_said)

    def once(
        self,
        kind: type[Job[T]],
        key: Hashable,
        make: Callable[[], Job[T]],
        more_s: float = 0.0,
        says: Sentence | str = "",
    ) -> Result[T]:
        if (kind, key) not in self._memo:
            if says:
                self.say(says)
            with self._parts(says) as shown:
                self._memo[kind, key] = self._carried_out(make(), more_s, on_part=shown)
        found = self._memo[kind, key]
        return Result(_as(kind, found.answer), found.wall_ns, found.log_tail)

    def _carried_out(
        self,
        job: Job[T],
        more_s: float,
        on_phase: Callable[[str], None] = lambda name: None,
        environment: Mapping[str, str] | None = None,
        on_part: Callable[[int], None] = lambda percent: None,
        on_said: Said = unheard,
    ) -> Result[T]:
        deadline_s = self._deadline_s() + more_s
        return run_job(
            job,
            self.folder(),
            deadline_s,
            on_phase,
            on_spawn=self._on_spawn,
            environment=environment,
            on_part=on_part,
            on_said=on_said,
        )

    @contextmanager
    def _parts(self, title: Sentence | str) -> Iterator[Callable[[int], None]]:
        """Says how much is done of what ``title`` says, if anything does; in the end the title alone."""
        told = False

        def say(percent: int) -> None:
            nonlocal told
            told = bool(title)
            if title:
                self._say(sentence("run.part_done", title=title, percent=percent))

        yield say
        if told:
            self._say(title)

    def settled(self, result: Result[T]) -> T:
        self.log_tail = result.log_tail
        if isinstance(result.answer, Failed):
            raise failure_of(result.answer)
        return result.answer


def failure_of(failed: Failed) -> RunFailure:
    """What ends the run, where a job without which it cannot go on has failed."""
    failure = failed.failure
    return RunFailure(failure.kind, failure.sentence, failure.advice, failure.phase)


def _as(kind: type[Job[T]], answer: object) -> T | Failed:
    expected = kind.answers()
    if isinstance(answer, (Failed, expected)):
        return answer
    raise TypeError(f"answers of {kind.__name__}")
