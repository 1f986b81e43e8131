"""Runs one job in a fresh process, and turns however it ends into an event.

The parent blocks on the child's pipe until the job is done or its deadline has passed; it does not poll.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from bench.jobs import (
    Announce,
    Done,
    Failed,
    Job,
    PartDone,
    PhaseBegan,
    Result,
    Said,
    T,
    TakeTurn,
    Told,
    TurnWanted,
    decode_answer,
    encode_job,
    unheard,
)
from bench.process import trees
from bench.process.leftovers import MARK, end_leftovers
from bench.process.output import EventStream, decode_failure, log_tail
from bench.process.worker import ENOUGH, GO
from bench.record.record import Failure
from bench.record.shown.redact import without_paths
from bench.words import mapped, sentence

STEP_SECONDS = 600.0
"""Time allowed for one untimed job, unless the user says otherwise."""
LINGER_SECONDS = 30  # that a worker which has nothing more to say may take to end
CRASH_SIGNALS = {
    int(getattr(signal, name)): name
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
    if hasattr(signal, name)
}

CRASH_STATUSES = {
    0xC000_0005: "ACCESS_VIOLATION",
    0xC000_0006: "IN_PAGE_ERROR",
    0xC000_0017: "NO_MEMORY",
    0xC000_001D: "ILLEGAL_INSTRUCTION",
    0xC000_0094: "INTEGER_DIVIDE_BY_ZERO",
    0xC000_00FD: "STACK_OVERFLOW",
    0xC000_0135: "DLL_NOT_FOUND",
    0xC000_0142: "DLL_INIT_FAILED",
    0xC000_0374: "HEAP_CORRUPTION",
    0xC000_0409: "STACK_BUFFER_OVERRUN",
}
"""How Windows says that a program crashed: the status of its end (NTSTATUS, [MS-ERREF] 2.3)."""


def run_job(
    job: Job[T],
    folder: Path,
    deadline_s: float,
    on_phase: Announce = lambda name: None,
    take_turn: TakeTurn = lambda satisfied: not satisfied,
    on_spawn: "Callable[[subprocess.Popen[bytes]], None]" = lambda process: None,
    environment: Mapping[str, str] | None = None,
    on_part: Callable[[int], None] = lambda percent: None,
    on_said: Said = unheard,
) -> Result[T]:
    """Spawn a worker for ``job`` in its plugin's environment, wait for it, leave no process behind.

    ``folder`` is the job's own, and is made if missing: its log, the arrays it leaves, and its temporary files, which a
    worker that is killed does not remove. The answer is a ``Failed``
    made up from how the worker died where it told none.

    ``take_turn`` blocks until a worker that measures in turns may go on; see ``bench.process.turnstile``. ``on_spawn``
    gets the worker, which another thread may ``stop``. ``environment``: variables that the worker gets besides.
    ``on_part`` gets how many percent of its phase are done, ``on_said`` what is happening in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job_file, log = folder / "job.json", folder / "log.txt"
    job_file.write_bytes(encode_job(job))
    mark = secrets.token_hex(8)
    begin_ns = time.perf_counter_ns()
    with log.open("ab") as stderr:
        process = trees.begin(
            [job.plugin.python or sys.executable, "-P", "-m", "bench.process.worker", str(job_file), str(begin_ns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **temporary_in(folder.resolve()), **(environment or {}), MARK: mark},
        )
    phase, timed_out = "start", False
    last: Done | Failed | None = None
    try:
        on_spawn(process)
        for event in EventStream(process, begin_ns + int(deadline_s * 1e9), log):
            if isinstance(event, PhaseBegan):
                phase = event.name
                on_phase(phase)
            elif isinstance(event, PartDone):
                on_part(event.percent)
            elif isinstance(event, Told):
                on_said(event.words)
            elif isinstance(event, TurnWanted):
                _let_go_on(process, take_turn(event.satisfied))
            else:
                last = event
        process.wait(timeout=LINGER_SECONDS)
    except ValueError as error:  # no JSON, no event, no UTF-8, or too long
        last = _unreadable(error, phase)
    except TimeoutError:
        timed_out = True
    except subprocess.TimeoutExpired:
        lingers = sentence("run.process_lingers", linger_seconds=LINGER_SECONDS, phase=phase)
        last = last or Failed(Failure(phase, "crashed", lingers, sentence("run.last_words_in_log")))
    finally:
        stop(process)
        end_leftovers(mark)
        kill(process)
    wall_ns = time.perf_counter_ns() - begin_ns
    if timed_out:
        last = Failed(
            Failure(
                phase,
                "timeout",
                sentence("run.timed_out", deadline_s=deadline_s, phase=phase),
                sentence("run.allow_more_time"),
            )
        )
    answer = _answer_to(job, last or Failed(_died(process.returncode, phase)), phase)
    return Result(answer, wall_ns, log_tail(log))


def _answer_to(job: Job[T], last: Done | Failed, phase: str) -> T | Failed:
    if isinstance(last, Failed):
        return _shareable(last)
    try:
        return decode_answer(last, job)
    except ValueError as error:
        return _unreadable(error, phase)


def _unreadable(error: ValueError, phase: str) -> Failed:
    message = sentence("run.answer_unreadable", why=decode_failure(error))
    return Failed(Failure(phase, "plugin_error", message, sentence("run.plugin_returned_wrong_type")))


def temporary_in(folder: Path, platform: str = sys.platform) -> dict[str, str]:
    """The variables of a process whose temporary files go into ``folder``, its own and those of native runtimes.
    Windows looks at TMP and TEMP, Python at TMPDIR first."""
    names = ("TMPDIR", "TMP", "TEMP") if platform == "win32" else ("TMPDIR",)
    return dict.fromkeys(names, str(folder))


def _let_go_on(process: "subprocess.Popen[bytes]", go_on: bool) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it died while it waited: its end is noticed where all ends are
        process.stdin.write(bytes([GO if go_on else ENOUGH]))
        process.stdin.flush()


def _shareable(failed: Failed) -> Failed:
    """A failure goes into a record that others read: no absolute paths."""
    failure = failed.failure
    clean = msgspec.structs.replace(
        failure, sentence=mapped(failure.sentence, without_paths), advice=mapped(failure.advice, without_paths)
    )
    return Failed(clean)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the worker and whatever it started."""
    trees.end(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """``stop`` it, and reap it."""
    stop(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _died(returncode: int, phase: str) -> Failure:
    """How a worker without a final event ended."""
    name = CRASH_SIGNALS.get(-returncode) or CRASH_STATUSES.get(returncode & 0xFFFF_FFFF)
    if name is not None:
        return Failure(
            phase,
            "crashed",
            sentence("run.runtime_crashed", name=name, phase=phase),
            sentence("run.last_words_try_another"),
        )
    if returncode == -getattr(signal, "SIGKILL", 9):
        return Failure(
            phase,
            "killed",
            sentence("run.process_killed", phase=phase),
            sentence("run.if_out_of_memory_killer"),
        )
    return Failure(phase, "crashed", sentence("run.process_ended", returncode=returncode, phase=phase), "")
