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

import msgspec
from msgspec import Struct

from bench.jobs import AnyEvent, AnyJob, Failed, PhaseBegan, TurnWanted, encode
from bench.process.leftovers import MARK, end_leftovers
from bench.process.output import EventStream, decode_failure, log_tail
from bench.process.worker import ENOUGH, GO
from bench.record.record import Failure
from bench.record.redact import without_paths
from bench.words import mapped

STEP_SECONDS = 600.0
"""Time allowed for one untimed job, unless the user says otherwise."""
LINGER_SECONDS = 30  # that a worker which has nothing more to say may take to end
CRASH_SIGNALS = {
    getattr(signal, name): name
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
    if hasattr(signal, name)
}


class JobResult(Struct, frozen=True):
    """``event`` is the worker's last word, or a ``Failed`` made up from how it died. ``wall_ns``: spawn to exit."""

    event: AnyEvent
    wall_ns: int
    log_tail: tuple[str, ...]


def run_job(
    job: AnyJob,
    deadline_s: float,
    on_phase: Callable[[str], None] = lambda name: None,
    take_turn: Callable[[bool], bool] = lambda satisfied: not satisfied,
    on_spawn: "Callable[[subprocess.Popen[bytes]], None]" = lambda process: None,
    environment: Mapping[str, str] | None = None,
) -> JobResult:
    """Spawn a worker for ``job`` in its plugin's environment, wait for it, leave no process behind. ``job.folder`` is
    made if missing.

    ``take_turn`` blocks until a worker that measures in turns may go on; see ``bench.process.turnstile``. ``on_spawn``
    gets the worker, which another thread may ``stop``. ``environment``: variables that the worker gets besides.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    job_file, log = job.folder / "job.json", job.folder / "log.txt"
    job_file.write_bytes(encode(job))
    mark = secrets.token_hex(8)
    begin_ns = time.perf_counter_ns()
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [job.plugin.python or sys.executable, "-P", "-m", "bench.process.worker", str(job_file), str(begin_ns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(environment or {}), MARK: mark},
            start_new_session=True,  # the terminal's Ctrl-C is the parent's to handle
        )
    phase, last, timed_out = "start", None, False
    try:
        on_spawn(process)
        for event in EventStream(process, begin_ns + int(deadline_s * 1e9), log):
            if isinstance(event, PhaseBegan):
                phase = event.name
                on_phase(phase)
            elif isinstance(event, TurnWanted):
                _answer(process, take_turn(event.satisfied))
            else:
                last = event
        process.wait(timeout=LINGER_SECONDS)
    except ValueError as error:  # no JSON, no event, no UTF-8, or too long
        message = f"the worker's answer cannot be read: {decode_failure(error)}"
        last = Failed(Failure(phase, "plugin_error", message, "A plugin returned a value of the wrong type, or none."))
    except TimeoutError:
        timed_out = True
    except subprocess.TimeoutExpired:
        lingers = f"the process said nothing more and did not end within {LINGER_SECONDS} s, in phase {phase}"
        last = last or Failed(Failure(phase, "crashed", lingers, "Its last words are in the log."))
    finally:
        stop(process)
        end_leftovers(mark)
        kill(process)
    wall_ns = time.perf_counter_ns() - begin_ns
    if timed_out:
        last = Failed(
            Failure(
                phase, "timeout", f"not done after {deadline_s:.0f} s, in phase {phase}", "Allow more with --timeout."
            )
        )
    return JobResult(_shareable(last or Failed(_died(process.returncode, phase))), wall_ns, log_tail(log))


def _answer(process: "subprocess.Popen[bytes]", go_on: bool) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it died while it waited: its end is noticed where all ends are
        process.stdin.write(bytes([GO if go_on else ENOUGH]))
        process.stdin.flush()


def _shareable(event: AnyEvent) -> AnyEvent:
    """A failure goes into a record that others read: no absolute paths."""
    if not isinstance(event, Failed):
        return event
    failure = event.failure
    clean = msgspec.structs.replace(
        failure, sentence=mapped(failure.sentence, without_paths), advice=mapped(failure.advice, without_paths)
    )
    return msgspec.structs.replace(event, failure=clean)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the worker, on POSIX also whatever it started."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(OSError):  # the group outlives its leader while any child does
            os.killpg(process.pid, signal.SIGKILL)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """``stop`` it, and reap it."""
    stop(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _died(returncode: int, phase: str) -> Failure:
    """How a worker that said nothing at the end went."""
    if -returncode in CRASH_SIGNALS:
        name = CRASH_SIGNALS[signal.Signals(-returncode)]
        return Failure(
            phase,
            "crashed",
            f"the runtime crashed with {name} in phase {phase}",
            "Its last words are in the log; try another runtime version, device or option.",
        )
    if returncode == -getattr(signal, "SIGKILL", 9):
        return Failure(
            phase,
            "killed",
            f"the process was killed in phase {phase}, by a person or for want of memory",
            "If the kernel's log names the out-of-memory killer, use a smaller model, batch or precision.",
        )
    return Failure(
        phase, "crashed", f"the process ended with status {returncode} in phase {phase} and said nothing", ""
    )
