"""Carries out several jobs whose workers live at the same time and take turns."""

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from bench.jobs import Job, Result, Said, T, unheard
from bench.process.supervisor import run_job, stop
from bench.process.turnstile import Turnstile


def run_in_turns(
    jobs: Sequence[tuple[Job[T], Path]],
    deadline_s: float,
    turnstile: Turnstile | None = None,
    said: Sequence[Said] = (),
) -> list[Result[T]]:
    """Each job, in its folder; ``turnstile`` has a side for each. ``said``: of each job, gets what is happening in it.
    A separate thread follows each worker, and calls it. An interrupt ends the workers, and with them the threads."""
    gate = turnstile or Turnstile(sides=len(jobs))
    results: dict[int, Result[T]] = {}
    errors: dict[int, BaseException] = {}
    workers: list[subprocess.Popen[bytes]] = []
    interrupted = threading.Event()

    def spawned(worker: "subprocess.Popen[bytes]") -> None:
        workers.append(worker)
        if interrupted.is_set():
            stop(worker)

    def follow(side: int) -> None:
        try:
            results[side] = run_job(
                *jobs[side],
                deadline_s,
                take_turn=lambda satisfied: gate.take(side, satisfied),
                on_spawn=spawned,
                on_said=said[side] if said else unheard,
            )
        except BaseException as error:  # handed to the parent's own thread
            errors[side] = error
        finally:
            gate.leave(side)

    sides = range(len(jobs))
    threads = [threading.Thread(target=follow, args=(side,), name=f"side-{side}", daemon=True) for side in sides]
    for thread in threads:
        thread.start()
    try:
        _join(threads)
    except BaseException:
        interrupted.set()
        for worker in workers:
            stop(worker)
        _join(threads)
        raise
    for side in sorted(errors):
        raise errors[side]
    return [results[side] for side in sides]


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
