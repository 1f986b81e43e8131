"""Makes the marker: loads every core of this machine in pulses, by the clock."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.power.marker import Marker, planned
from bench.reading import NOT_DECODED, is_file, read_bytes
from bench.store.records import write_atomically
from bench.words import sentence

FILE = "meter-markers.json"
SPIN = (
    "import sys, time\n"
    "edges = [int(edge) for edge in sys.argv[1:]]\n"
    "for on, off in zip(edges[::2], edges[1::2]):\n"
    "    time.sleep(max(0, on - time.time_ns()) / 1e9)\n"
    "    while time.time_ns() < off:\n"
    "        pass\n"
)
"""What each core's process does."""


def make_marker(number: int, sleep: Callable[[float], None] = time.sleep) -> Marker:
    """Idle, pulses, idle; about 19 seconds. ``number``: as of ``planned``. Returns what was done by this machine's
    clock."""
    marker = planned(time.time_ns(), number)
    words = [sys.executable, "-c", SPIN, *map(str, marker.edges_unix_ns)]
    cores = [subprocess.Popen(words) for _ in range(os.cpu_count() or 1)]
    try:
        sleep(max(0, marker.ends_unix_ns - time.time_ns()) / 1e9)
    finally:
        for process in cores:
            process.terminate()
            process.wait()
    return marker


def keep_marker(folder: Path, marker: Marker) -> None:
    """Add a marker to those of the results in ``folder``."""
    write_atomically(folder / FILE, msgspec.json.format(msgspec.json.encode([*markers_in(folder), marker])))


def markers_in(folder: Path) -> tuple[Marker, ...]:
    """The markers of the results in ``folder``, in order of time; none where there is no file of them. Raises
    ``InputError`` for a damaged one."""
    file = folder / FILE
    if not is_file(file):
        return ()
    try:
        return msgspec.json.decode(read_bytes(file), type=tuple[Marker, ...])
    except NOT_DECODED as error:
        raise InputError(
            sentence("power.markers_damaged", file=f"{folder.name}/{FILE}", error=str(error)),
            sentence("power.markers_damaged.remedy"),
        ) from error
