"""Runs of every scenario of real use, made or played on exact clocks, whose leading figures are known beforehand."""

from functools import cache
from typing import Any

import numpy as np
from open_loops import Device as Lane
from open_loops import scenario_of, sound_run
from sustained import Device, played, run_of, sustained

from bench.record.record import RecordedRun
from bench.record.samples import STAGE_ROLES
from bench.store.derived import judged
from bench.testing.records import fake_run

MS, SECOND = 1_000_000, 1_000_000_000


def camera() -> RecordedRun:
    """50 frames a second, of which each tenth takes 25 ms and is late; the others are done in 10 ms: 90 % in time."""
    return judged(sound_run("fixed-rate:rate=50", lambda: Lane([5 * MS] * 9 + [25 * MS])))


def server() -> RecordedRun:
    """A lane that takes 5 ms a query: its p90 is 20 ms at 138.8 queries a second in the long run."""
    return judged(sound_run("server:rate=auto,latency=20ms,percentile=90", lambda: Lane([5 * MS])))


def lasting() -> RecordedRun:
    """A query takes 100 ms for seven of twenty minutes, and then 125 ms: 8 queries/s of 10 are left, 80 %."""
    scenario = sustained(20)
    work = Device(lambda minute, number: (125 if minute >= 7 else 100) * MS + number % 7 * 1_000)
    return judged(run_of([played(work, scenario)], scenario))


def waking() -> RecordedRun:
    """2 ms warm, 3 ms after 100 ms idle, and 8 ms after a second: four times the warm one."""
    point = np.tile([*[0] * 10, 1, *[0] * 10, 2], 4)
    idle_ns = np.choose(point, [0, 100 * MS, SECOND])
    arrays = {"point": point, "idle_ns": idle_ns, "idle_cpu_ns": idle_ns // 10}
    latency = np.choose(point, [2 * MS, 3 * MS, 8 * MS])
    return judged(fake_run("r", [latency] * 3, arrays=[arrays] * 3, scenario=scenario_of("wake:idle=100ms,1s,wakes=4")))


def pipeline() -> RecordedRun:
    """Two inputs of 10 and 20 ms in turn, of which the network has 4 tenths: 15 ms an input, and a p90 of 20 ms."""
    latency = np.array([10 * MS, 20 * MS] * 100)
    arrays: dict[str, Any] = {
        "pass_ns": latency.reshape(-1, 2).sum(axis=1),
        **{role: latency * tenths // 10 for role, tenths in zip(STAGE_ROLES, (3, 2, 4, 1), strict=True)},
        "network_alone_ns": np.full(12, 5 * MS),
        "overlapped_start_ns": np.arange(21) * 4 * MS,
        "overlapped_latency_ns": np.full(21, 30 * MS),
    }
    scenario = scenario_of("end-to-end:pipeline=detection")
    return judged(fake_run("r", [latency] * 3, arrays=[arrays] * 3, scenario=scenario))


def powered() -> RecordedRun:
    """A thousand queries of 2 ms with 50 J above idle, read at a package: 50 mJ a query."""
    return judged(fake_run("r", [np.full(1000, 2 * MS)] * 3, figures=[{"joules": 50.0}] * 3))


@cache
def made() -> dict[str, RecordedRun]:
    """Each of them by its scenario, and that of power."""
    return {
        "fixed-rate": camera(),
        "sustained": lasting(),
        "server": server(),
        "wake": waking(),
        "end-to-end": pipeline(),
        "power": powered(),
    }
