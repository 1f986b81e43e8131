"""The child process: plays one job, says what happened on a pipe, and is gone. It imports what that job needs.

Started as ``python -P -m bench.process.worker JOB_FILE SPAWN_NS``. It never outlives its parent: on Linux the kernel
kills it with the parent; everywhere, the end of its stdin does.
"""

import os
import queue
import sys
import threading
import time

from bench.parent import end_with_parent
from bench.process.telemetry import switch_off

FIRST_STATEMENT_NS = time.perf_counter_ns()
GO, ENOUGH = b"g"[0], b"e"[0]
"""The parent's answers to a worker that wants its turn: measure on; or, both have measured enough."""


def main() -> None:
    """Claim the pipe, carry out the job, leave at once, because the teardown of a runtime is not measured. Telemetry of
    runtimes is off."""
    job_file, spawn_ns = sys.argv[1], int(sys.argv[2])
    switch_off()
    answers = die_with_parent()
    pipe = claim_stdout(os.path.join(os.path.dirname(job_file), "log.txt"))

    from contextlib import suppress
    from pathlib import Path

    from bench import progress
    from bench.jobs import AnyEvent, PartDone, PhaseBegan, Told, TurnWanted, Worker, decode_job, done, encode
    from bench.process.failure import failure_of

    def say(event: AnyEvent) -> None:
        os.write(pipe, encode(event) + b"\n")

    phase, percent = "start", -1

    def announce(name: str) -> None:
        nonlocal phase
        phase = name
        say(PhaseBegan(name))

    def tell_part(part: int, whole: int) -> None:
        nonlocal percent
        found = 100 * part // max(1, whole)
        if found != percent:
            percent = found
            say(PartDone(found))

    def take_turn(satisfied: bool) -> bool:
        say(TurnWanted(satisfied))
        return answers.get() == GO

    status = 0
    progress.listen(tell_part)
    try:
        with open(job_file, "rb") as file:
            job = decode_job(file.read())
        folder, started_ns = Path(job_file).parent, FIRST_STATEMENT_NS - spawn_ns
        say(done(job.play(Worker(folder, announce, started_ns, take_turn, lambda words: say(Told(words))))))
    except BaseException as error:
        say(failure_of(error, phase))
        status = 1
    for printed in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the log's disk is full, and all is said
            printed.flush()
    os._exit(status)


def claim_stdout(log: str) -> int:
    """Keep the original stdout for events; send everything printed from now on, by whomever, to ``log``."""
    pipe = os.dup(1)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    return pipe


def die_with_parent() -> "queue.SimpleQueue[int]":
    """Make sure that the worker ends when the parent is killed. Returns the bytes that the parent sends."""
    end_with_parent()
    answers: queue.SimpleQueue[int] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(answers,), name="parent-watch", daemon=True).start()
    return answers


def _listen(answers: "queue.SimpleQueue[int]") -> None:
    while said := os.read(0, 4096):
        for byte in said:
            answers.put(byte)
    os._exit(3)


if __name__ == "__main__":
    main()
