"""What a worker says on its pipe and prints into its log, both bounded: a runtime may print without end."""

import os
import queue
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from bench.jobs import AnyEvent, PartDone, PhaseBegan, Told, TurnWanted, decode_event
from bench.record.shown.redact import without_paths

LOG_LINES, LINE_CHARACTERS = 30, 400
LOG_TAIL_BYTES = 1 << 16  # of a log that is looked at, and that is kept of one that is cut
LOG_MOST_BYTES = 1 << 26  # of a log on disk, give or take what is printed between two looks
LOOK_SECONDS = 5.0  # between two looks at the log's size: one system call, while nothing else is heard of the worker
EVENT_MOST_BYTES = 1 << 26  # the largest placement seen is a hundredth of it
DRAIN_SECONDS = 1.0  # for what a worker that has ended left in the pipe

_Heard = bytes | None  # a line; none: the pipe has ended
_ENDED = b"\0ended"
"""Stands in the queue for the worker's end; no line of JSON begins so."""


class EventStream:
    """Iterates over the events of a worker, up to its final event. Raises ``TimeoutError`` at the deadline, and
    ``ValueError`` for an invalid event.

    Ends with the final event, with the end of the pipe, or when the worker has ended and no more events arrive: a child
    that it left behind may keep the pipe open. A thread blocks on the pipe and another on the process, as not every
    platform can wait for them with a time limit.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", deadline_ns: int, log: Path) -> None:
        assert process.stdout is not None
        pipe = os.fdopen(os.dup(process.stdout.fileno()), "rb")  # the thread's own: a close would wait for its read
        self._deadline_ns, self._log = deadline_ns, log
        self._ended = self._done = False
        self._lines: queue.SimpleQueue[_Heard] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(pipe,), name="worker-pipe", daemon=True).start()
        threading.Thread(target=self._watch, args=(process,), name="worker-end", daemon=True).start()

    def _read(self, pipe: IO[bytes]) -> None:
        with suppress(OSError), pipe:
            while line := pipe.readline(EVENT_MOST_BYTES + 1):
                self._lines.put(line)
                if len(line) > EVENT_MOST_BYTES:
                    break
        self._lines.put(None)

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        self._lines.put(_ENDED)

    def __iter__(self) -> "EventStream":
        return self

    def __next__(self) -> AnyEvent:
        if self._done:
            raise StopIteration
        line = self._next_line()
        if line is None:
            self._done = True
            raise StopIteration
        if len(line) > EVENT_MOST_BYTES:
            raise ValueError(f"over {EVENT_MOST_BYTES:,} bytes in one line")
        event = decode_event(line)
        self._done = not isinstance(event, PhaseBegan | PartDone | Told | TurnWanted)
        return event

    def _next_line(self) -> _Heard:
        while True:
            left_s = (self._deadline_ns - time.perf_counter_ns()) / 1e9
            try:
                line = self._lines.get(timeout=max(0.0, min(left_s, DRAIN_SECONDS if self._ended else LOOK_SECONDS)))
            except queue.Empty:
                if self._ended:
                    return None
                if time.perf_counter_ns() >= self._deadline_ns:
                    raise TimeoutError from None
                cut_log(self._log)
                continue
            if line != _ENDED:
                return line
            self._ended = True


def decode_failure(error: ValueError) -> str:
    """Why an event could not be read, in a line."""
    kind = "" if isinstance(error, msgspec.DecodeError) else f"{type(error).__name__}: "
    return f"{kind}{str(error)[:200]}"


def cut_log(log: Path, most_bytes: int = LOG_MOST_BYTES) -> None:
    """Keep the last of a log that has grown over ``most_bytes``. Whoever writes appends, and goes on after it."""
    with suppress(OSError):
        if log.stat().st_size > most_bytes:
            kept = _last_bytes(log, LOG_TAIL_BYTES)
            os.truncate(log, 0)
            with log.open("ab") as file:
                file.write(b"[the log was cut here]\n" + kept)


def log_tail(log: Path) -> tuple[str, ...]:
    """The last lines a worker printed, without colour codes and without absolute paths."""
    try:
        text = _last_bytes(log, LOG_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ()
    lines = [line for line in without_paths(text).splitlines() if line.strip()]
    return tuple(line[:LINE_CHARACTERS] for line in lines[-LOG_LINES:])


def _last_bytes(log: Path, count: int) -> bytes:
    """The last ``count`` bytes, from the beginning of a line where one begins among them."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - count))
        found = file.read(count)
    return found.partition(b"\n")[2] or found if size > count else found
