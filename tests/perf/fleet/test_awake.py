"""Does a worker of a fleet disturb what is timed beside it? A/B within one process that measures: its worker, which
carries out an order, is frozen by a signal for every other quarter of a second. A frozen process does nothing at all.
Neighbouring quarters are compared, so that it does not matter by how many percent processes of one model differ, those
of test_quiet.py for example.

    pytest tests/perf/fleet/test_awake.py -m perf

Two minutes each on a quiet machine. The control is a process that works for 1 ms every 20: it must be noticed.
"""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
import pytest
from loopback_rack import Loopback

from bench.comparison.interleaved import neighbours
from bench.fleet.orders import Order

pytestmark = [pytest.mark.perf, pytest.mark.real, pytest.mark.timeout(1200)]

MARGIN, ALPHA = 0.01, 0.05
PAIRS, SECONDS = 240, 0.25
LEFT_OUT_NS = 20_000_000
"""At the begin of each, while the processor turns from one to the other."""
RESTLESS = """
import time
while True:
    end = time.monotonic() + 0.001
    while time.monotonic() < end:
        pass
    time.sleep(0.019)
"""


class Ratio(NamedTuple):
    """Of times, with the bounds that it is beyond with a chance of ``ALPHA`` on each side: it is within a margin by two
    one-sided tests if both are."""

    ratio: float
    low: float
    high: float

    @classmethod
    def of(cls, log: float, error: float | None) -> "Ratio":
        assert error is not None
        reach = NormalDist().inv_cdf(1 - ALPHA) * error
        return cls(math.exp(log), math.exp(log - reach), math.exp(log + reach))


@contextmanager
def worker(folder: Path) -> Iterator[int]:
    """The process of a device that carries out an order whose run is timed, without end."""
    pytest.importorskip("distributed")
    rack = Loopback(folder)
    try:
        rack.begin_scheduler()
        rack.begin_device()
        rack.connect()
        rack.submit(Order(suite=b"{}"))
        while not (rack.device_folder / "begun").exists():
            time.sleep(0.05)
        yield rack.processes["device"].pid
    finally:
        rack.end()


@contextmanager
def restless(folder: Path) -> Iterator[int]:
    """A process that works a twentieth of the time."""
    with subprocess.Popen([sys.executable, "-S", "-c", RESTLESS]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def awake_over_frozen(pid: int, model: Path, out: Path) -> tuple[Ratio, Ratio]:
    """Median and mean time of a query while the process is awake, over those while it is frozen: of each the median
    ratio of ``PAIRS`` pairs of neighbours, in the order a b, b a, as `odb compare` has it of blocks."""
    seconds = 2 * PAIRS * SECONDS + 2
    command = [sys.executable, str(Path(__file__).with_name("timed_queries.py")), str(model), str(seconds), str(out)]
    turns: list[tuple[bool, int]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as timing:
        assert timing.stdout is not None
        assert timing.stdout.readline() == b"begun\n"
        try:
            for number in range(2 * PAIRS):
                awake = number % 4 in (0, 3)
                os.kill(pid, signal.SIGCONT if awake else signal.SIGSTOP)
                turns.append((awake, perf_counter_ns()))
                time.sleep(SECONDS)
            turns.append((False, perf_counter_ns()))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert timing.wait(60) == 0
    began_ns, took_ns = np.load(out).T
    figures: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for (awake, from_ns), (_, to_ns) in pairwise(turns):
        inside = took_ns[(began_ns >= from_ns + LEFT_OUT_NS) & (began_ns + took_ns < to_ns)]
        figures[awake].append((float(np.median(inside)), float(inside.mean())))
    by_figure = zip(zip(*figures[False], strict=True), zip(*figures[True], strict=True), strict=True)
    median, mean = (Ratio.of(*neighbours(frozen, awake)) for frozen, awake in by_figure)
    return median, mean


@pytest.mark.skipif(os.name != "posix", reason="a process is frozen by a signal")
@pytest.mark.parametrize("beside", [worker, restless])
def test_a_worker_that_is_awake_disturbs_nothing(benchmark: Any, tmp_path: Path, realdata: Path, beside: Any) -> None:
    """UltraFace on both cores, as many threads as it takes: the worker within 1 % by two one-sided tests, median and
    mean; the control beyond."""
    model = realdata / "models" / "ultraface_rfb_320.onnx"
    with beside(tmp_path / "beside") as pid:
        args = (pid, model, tmp_path / "queries.npy")
        median, mean = benchmark.pedantic(awake_over_frozen, args, rounds=1)
    benchmark.extra_info |= {"pairs": PAIRS, "median": median, "mean": mean}
    if beside is restless:
        assert mean.low > 1 + MARGIN, benchmark.extra_info
        return
    for found in (median, mean):
        assert 1 / (1 + MARGIN) < found.low, benchmark.extra_info
        assert found.high < 1 + MARGIN, benchmark.extra_info
