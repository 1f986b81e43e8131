"""A process and whatever it starts, begun and ended together: a session of its own on POSIX, a job on Windows."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from bench.process.job_objects import JobObject, kernel32

CREATE_NEW_PROCESS_GROUP = 0x200
Process = subprocess.Popen[bytes] | subprocess.Popen[str]
_jobs: "WeakKeyDictionary[Process, JobObject]" = WeakKeyDictionary()


def begin(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """``subprocess.Popen`` with a tree of its own: the terminal's Ctrl-C is the parent's to handle."""
    if sys.platform == "win32":
        process = subprocess.Popen(command, creationflags=CREATE_NEW_PROCESS_GROUP, **options)
        job = JobObject(kernel32())
        if job.add(int(process._handle)):
            _jobs[process] = job
        return process
    return subprocess.Popen(command, start_new_session=True, **options)


def end(process: "Process") -> None:
    """End the process and whatever it started; the caller waits for it."""
    if sys.platform == "win32":
        job = _jobs.pop(process, None)
        if job is not None:
            job.end()
            job.close()
        with suppress(OSError):  # it has ended
            process.kill()
    else:
        with suppress(OSError):  # the group outlives its leader while any child does
            os.killpg(process.pid, signal.SIGKILL)


def interrupt(process: "Process") -> None:
    """Ask it to end as Ctrl-C would. Windows delivers no Ctrl-C to a group of its own, but Ctrl-Break."""
    number = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
    with suppress(OSError, ValueError):
        process.send_signal(number)
