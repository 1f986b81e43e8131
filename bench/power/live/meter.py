"""The seam to meters that are read live, and the log that is written meanwhile."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from bench.errors import RunFailure
from bench.power.formats.tabular import LIVE
from bench.words import sentence

FILE = "meter-live.csv"


class Interval(Struct, frozen=True):
    """The mean power of an interval that ended then, by the machine's clock."""

    ended_unix_ns: int
    watts: float


class LiveMeter(Protocol):
    """All that a meter's library has to do."""

    def start(self, keep: Callable[[Interval], None]) -> Mapping[str, str]:
        """Read until ``stop``; each interval goes to ``keep``, from any thread. Returns what is known of the device:
        ``model``, ``serial`` and the like. Raises ``RunFailure`` where there is no meter."""

    def stop(self) -> None:
        """Read no more, and let go of the device."""


@contextmanager
def recorded(meter: LiveMeter, file: Path, first_s: float = 5.0) -> Iterator[None]:
    """Write what ``meter`` reads to ``file`` while the body runs. Raises ``RunFailure`` where no reading came within
    ``first_s``; then there is no file. A meter that is gone at the end is let go: its log shows until when it read."""
    came, begun, lock = threading.Event(), threading.Event(), threading.Lock()
    waiting: list[str] = []

    def keep(interval: Interval) -> None:
        line = f"{interval.ended_unix_ns},{interval.watts:.9g}\n"
        with lock:
            if not begun.is_set():
                waiting.append(line)
            elif not stream.closed:
                stream.write(line)
        came.set()

    with _only_if(came, file), file.open("w", encoding="utf-8", newline="\n", buffering=1) as stream:
        about = meter.start(keep)
        try:
            with lock:
                stream.writelines(f"# {key}: {' '.join(str(value).split())}\n" for key, value in about.items())
                stream.write(",".join(LIVE) + "\n")
                stream.writelines(waiting)
                begun.set()
            if not came.wait(first_s):
                raise RunFailure("unavailable", sentence("power.live.silent", seconds=first_s))
            yield
        finally:
            with suppress(Exception):  # the library's own, of a device that was unplugged
                meter.stop()


@contextmanager
def _only_if(came: threading.Event, file: Path) -> Iterator[None]:
    """Remove ``file`` where nothing was read."""
    try:
        yield
    finally:
        if not came.is_set():
            file.unlink(missing_ok=True)
