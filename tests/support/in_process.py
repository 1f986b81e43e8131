"""Jobs played in the test's own process, for tests of what becomes of their answers.

A worker costs a third of a second and more, most of it for starting Python and importing numpy. Use the fixture
``in_process`` only with fakes and where neither the process nor its memory or CPU time is the point: what a worker's
process does is tested by ``tests/bench/process`` and ``tests/bench/run/test_suite_run.py``.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter_ns

import pytest

from bench import plugins
from bench.jobs import Failed, Job, Result, T, Worker, decode_answer, decode_job, done, encode_job
from bench.process.failure import failure_of

PROCESS_START_NS = 50_000_000


def play_here(
    job: Job[T],
    folder: Path,
    deadline_s: float,
    on_phase: Callable[[str], None] = lambda name: None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Result[T]:
    """As ``bench.process.supervisor.run_job``, without a process: the job and its answer are written and read as between
    two, and plugin files are imported anew."""
    folder.mkdir(parents=True, exist_ok=True)
    begin_ns, phase = perf_counter_ns(), "start"

    def announce(name: str) -> None:
        nonlocal phase
        phase = name
        on_phase(name)

    plugins._module_of.cache_clear()
    try:
        played = decode_job(encode_job(job)).play(Worker(folder, announce, PROCESS_START_NS, lambda satisfied: False))
        answer: T | Failed = decode_answer(done(played), job)
    except Exception as error:
        answer = failure_of(error, phase)
    return Result(answer, perf_counter_ns() - begin_ns, ())


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Probes, passes and repeats are played in this process; those of an alternation have their processes."""
    for module in ("runner", "probe"):
        monkeypatch.setattr(f"bench.run.{module}.run_job", play_here)
    yield
    plugins._module_of.cache_clear()
