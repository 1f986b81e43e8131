"""The marker that a meter's log is aligned by, as it is made: its shape on a scripted clock, and the load of a core."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.power import pulses
from bench.power.marker import Marker
from bench.power.pulses import SPIN, keep_marker, make_marker, markers_in

S = 1_000_000_000
START_NS = 1_767_225_600 * S
LENGTHS_S = (7 / 6, 7 / 6, 13 / 6, 19 / 6, 7 / 6)
"""Pulse, pause, pulse, pause, pulse."""


class Script:
    """A clock that moves while it is slept, and the processes that were started by it."""

    def __init__(self) -> None:
        self.now_ns, self.told = START_NS, list[str]()
        self.commands: list[list[str]] = []

    def time_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.told.append("slept")
        self.now_ns += round(seconds * S)

    def started(self, words: list[str]) -> "Script":
        self.commands.append(words)
        return self

    def terminate(self) -> None:
        self.told.append("ended")

    def wait(self) -> None:
        self.told.append("gone")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    found = Script()
    monkeypatch.setattr(pulses.time, "time_ns", found.time_ns)
    monkeypatch.setattr(pulses.subprocess, "Popen", found.started)
    monkeypatch.setattr(pulses.os, "cpu_count", lambda: 3)
    return found


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_shape_of_a_marker(number: int, script: Script) -> None:
    """Five seconds of idle, three pulses, five seconds of idle; every other one is the same backwards. Each core is
    told the edges, and ends with the marker."""
    marker = make_marker(number, script.sleep)
    lengths = LENGTHS_S[::-1] if number % 2 else LENGTHS_S
    assert START_NS == marker.begins_unix_ns
    assert 5 * S == marker.edges_unix_ns[0] - START_NS
    assert np.diff(marker.edges_unix_ns) / S == pytest.approx(lengths, abs=1e-8)
    assert 5 * S == marker.ends_unix_ns - marker.edges_unix_ns[-1]
    assert (marker.ends_unix_ns - START_NS) / S == pytest.approx(10 + 53 / 6)
    assert [[sys.executable, "-c", SPIN, *map(str, marker.edges_unix_ns)]] * 3 == script.commands
    assert ["slept", *["ended", "gone"] * 3] == script.told
    assert script.now_ns == pytest.approx(marker.ends_unix_ns, abs=1_000)


def test_the_edges_are_a_sixth_of_a_second_apart_in_their_fractions(script: Script) -> None:
    """So that a meter that reads once a second still shows where they are."""
    edges = make_marker(0, script.sleep).edges_unix_ns
    assert [0, 1, 2, 3, 4, 5] == sorted(round((edge - edges[0]) % S * 6 / S) for edge in edges)


def test_what_is_interrupted_leaves_no_load(script: Script) -> None:
    """Every core's process is ended."""

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_marker(0, interrupted)
    assert ["ended", "gone"] * 3 == script.told


def test_the_cores_load_between_the_edges_alone() -> None:
    """The program of a core, on a clock of its own that moves 10 ms with each look: it sleeps until each pulse begins,
    and looks at the clock until it is over."""
    looks = list[int]()
    slept = list[tuple[int, int]]()

    class Time:
        now_ns = 0

        def time_ns(self) -> int:
            looks.append(self.now_ns)
            Time.now_ns += S // 100
            return looks[-1]

        def sleep(self, seconds: float) -> None:
            slept.append((self.now_ns, round(seconds * S)))
            Time.now_ns += round(seconds * S)

    edges = [5 * S, 6 * S, 7 * S, 9 * S, 12 * S, 13 * S]
    module: Any = Time()
    program = SPIN.replace("import sys, time\n", "")
    exec(program, {"sys": type("Words", (), {"argv": ["-c", *map(str, edges)]}), "time": module})
    ends = [begin + length for begin, length in slept]
    assert ends == pytest.approx([5 * S, 7 * S, 12 * S], abs=2 * S // 100)
    busy = [
        look
        for look in looks
        if any(on + S // 50 <= look < off for on, off in zip(edges[::2], edges[1::2], strict=True))
    ]
    assert len(busy) == pytest.approx(4 * 100, abs=8)


def test_markers_are_kept_in_order(tmp_path: Path) -> None:
    made = [Marker(n, (n + 1, n + 2), n + 3) for n in (10, 20)]
    for marker in made:
        keep_marker(tmp_path, marker)
    assert tuple(made) == markers_in(tmp_path)


TOLD = """
import pathlib, time
told, sleep = pathlib.Path({file!r}).open("w"), time.sleep
def now():
    print(time.time_ns(), time.process_time_ns(), file=told, flush=True)
def told_sleep(seconds):
    now()
    sleep(seconds)
    now()
time.sleep = told_sleep
{program}
now()
print("done", file=told, flush=True)
"""
"""The program of a core, which tells when it sleeps and wakes, and what it has used of a processor by then."""


@pytest.mark.process
def test_a_real_marker_loads_a_core_in_its_pulses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pulses of 0.4, 0.8 and 0.4 s after half a second, on one core: its process uses a processor in them, as far as
    the machine gives it one, and hardly any before and between them; it begins none early, and ends none early."""
    file = tmp_path / "told"
    monkeypatch.setattr("bench.power.marker.IDLE_S", 0.5)
    monkeypatch.setattr("bench.power.marker.EDGES_S", (0.0, 0.4, 0.8, 1.6, 2.2, 2.6))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(pulses, "SPIN", TOLD.format(file=str(file), program=SPIN))

    def sleep(seconds: float) -> None:
        """At least so long, and until the process is done, however little of a processor it gets."""
        time.sleep(seconds)
        until = time.monotonic() + 60
        while not (file.exists() and file.read_text().endswith("done\n")) and time.monotonic() < until:
            time.sleep(0.05)

    marker = make_marker(0, sleep)
    assert time.time_ns() >= marker.ends_unix_ns
    at, used = np.array([line.split() for line in file.read_text().splitlines()[:-1]], np.int64).T
    assert 7 == len(at)  # three times asleep and awake, and the end
    woke, ended = at[1::2], at[2::2]
    on, off = (np.array(marker.edges_unix_ns[side::2]) for side in (0, 1))
    assert (woke >= on).all()
    assert (ended >= off).all()
    if (woke >= off).any():
        pytest.skip("the machine gave the process no processor during a whole pulse")
    asleep, awake = np.diff(used)[::2], np.diff(used)[1::2]
    assert awake.min() > 2 * asleep.max()
