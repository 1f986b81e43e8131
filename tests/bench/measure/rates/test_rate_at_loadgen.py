"""The largest rate that ``server:rate=auto`` finds, and LoadGen's verdict 2 % below and above it.

The system is one lane that takes 1 ms a query, always. What its latency is at which rate is known exactly (Crommelin
1932, "Delay probability formulae when the holding times are constant"), so the search is judged by that, and its rate
by LoadGen: by its rule on its arrivals in runs as long as MLPerf asks of a server, and by itself, in real time."""

import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from loadgen_server import PROGRAM
from msgspec import Struct
from open_loops import Device, run_of_devices
from scipy.stats import binom

from bench.measure.open_loop.arrivals import poisson_ns
from bench.store.derived import judged
from bench.suite.presets import PRESETS

MS, SECOND = 1_000_000, 1_000_000_000
MLPERF_QUERIES = 270_336
"""The fewest of a server's run for a p99 (inference rules, "Scenarios")."""
OFF = 0.02
RUNS, SEEDS = 4, 4


class Bound(Struct, frozen=True):
    """``percentile`` of the latency is to be within ``ms``, so many times what a query takes."""

    percentile: int
    ms: int

    def __str__(self) -> str:
        return f"p{self.percentile} within {self.ms} ms"

    @property
    def exact_per_s(self) -> float:
        """The rate at which it just is, bisected."""
        low, high = 1.0, 999.0
        for _ in range(60):
            middle = (low + high) / 2
            within = waits_at_most(self.ms - 1, middle / 1000) > self.percentile / 100
            low, high = (middle, high) if within else (low, middle)
        return low


BOUNDS = (Bound(90, 4), Bound(90, 16), Bound(99, 4))


def waits_at_most(services: int, load: float) -> float:
    """The fraction of queries that wait at most so many service times, with Poisson arrivals at that fraction of what
    the lane can do."""
    steps = range(services + 1)
    terms = ((load * (k - services)) ** k / math.factorial(k) * math.exp(load * (services - k)) for k in steps)
    return (1 - load) * math.fsum(terms)


@cache
def searched(bound: Bound, run: int) -> tuple[float, tuple[float, float]]:
    """The largest rate of a run of six processes under ``strict``, by the player itself on an exact clock, and its
    interval, as its record has them. Every run has arrivals of its own."""
    text = f"server:rate=auto,latency={bound.ms}ms,percentile={bound.percentile}"
    devices = [Device([MS]) for _ in range(6)]
    made = judged(run_of_devices(text, devices, PRESETS["strict"].rule, seed=1000 * (run + 1)))
    found = made.record.summary.figures["largest_rate_per_s"]
    assert found.value is not None
    assert found.interval95 is not None
    return found.value, found.interval95


def late_of(rate_per_s: float, bound: Bound, seed: int, queries: int = MLPERF_QUERIES) -> int:
    """Of that many queries of LoadGen's arrivals, those that take longer than the bound (Lindley's recursion)."""
    due = poisson_ns(rate_per_s, queries, seed)
    worked = np.full(queries, MS).cumsum()
    latency = worked + np.maximum.accumulate(due - (worked - MS)) - due
    return int((latency > bound.ms * MS).sum())


def is_valid(late: int, queries: int, percentile: int) -> bool:
    """As LoadGen decides: so few late queries were improbable, were more than allowed late in the long run."""
    return bool(binom.cdf(late, queries, 1 - percentile / 100) < 0.01)


@pytest.mark.long
@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_the_rate_is_within_two_percent_of_the_exact_one(bound: Bound) -> None:
    """Of each of four runs; and the interval of at least three of them holds it."""
    found = [searched(bound, run) for run in range(RUNS)]
    off = [rate / bound.exact_per_s - 1 for rate, _ in found]
    assert max(map(abs, off)) <= OFF, off
    assert sum(low <= bound.exact_per_s <= high for _, (low, high) in found) >= RUNS - 1


@pytest.mark.long
@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_loadgen_is_sure_two_percent_below_and_above(bound: Bound) -> None:
    """By its rule on its own arrivals, four draws for each of four runs: 2 % below the rate that was found VALID, 2 %
    above it INVALID. One of the sixteen may differ on either side, as the rate of a run is uncertain."""
    rates = [searched(bound, run)[0] for run in range(RUNS)]
    valid = {
        side: sum(
            is_valid(late_of(rate * side, bound, seed), MLPERF_QUERIES, bound.percentile)
            for rate in rates
            for seed in range(SEEDS)
        )
        for side in (1 - OFF, 1 + OFF)
    }
    assert valid[1 - OFF] >= RUNS * SEEDS - 1, valid
    assert valid[1 + OFF] <= 1, valid


def test_loadgen_is_not_sure_two_percent_below_in_a_short_run() -> None:
    """Of a p99 that holds in the long run, in 24,576 queries: 40 of 100 draws are VALID. 2 % above the largest rate
    hardly one is."""
    bound, queries = Bound(99, 4), 24_576
    valid = {
        side: sum(
            is_valid(late_of(bound.exact_per_s * side, bound, seed, queries), queries, bound.percentile)
            for seed in range(100)
        )
        for side in (1 - OFF, 1 + OFF)
    }
    assert valid[1 - OFF] == pytest.approx(40, abs=3)
    assert valid[1 + OFF] <= 2


REAL, QUERIES, SEED = Bound(90, 16), 24_000, 3
"""A run of 26 s, and arrivals that decide clearly: 2 % below the rate a third of the allowed queries is late, and 2 %
above it twice as many."""


class Verdict(Struct, frozen=True):
    """LoadGen's own, and how many of the queries were later than the bound."""

    word: str
    late: int


def verdict(folder: Path, rate_per_s: float) -> Verdict:
    """Of a run of the system in real time."""
    folder.mkdir()
    numbers = map(str, (QUERIES, rate_per_s, REAL.ms * MS, REAL.percentile, SEED, MS))
    command = [sys.executable, "-c", PROGRAM, str(folder), *numbers]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (word,) = re.findall(r"^Result is : (\w+)", (folder / "mlperf_log_summary.txt").read_text(), re.MULTILINE)
    took = [int(ns) for ns in re.findall(r'"complete_ns":(\d+)', (folder / "mlperf_log_trace.json").read_text())]
    assert QUERIES == len(took)
    return Verdict(word, sum(ns > REAL.ms * MS for ns in took))


@pytest.mark.long
@pytest.mark.process
def test_loadgen_itself_says_so(tmp_path: Path) -> None:
    """INVALID above and VALID below, unless the machine was so busy that it made too many queries late which the system
    answers in time."""
    pytest.importorskip("mlperf_loadgen", reason="LoadGen is not installed: the extra is called loadgen")
    rate, _ = searched(REAL, 0)
    sides = (rate * (1 - OFF), rate * (1 + OFF))
    with ThreadPoolExecutor(2) as both:
        below, above = both.map(verdict, (tmp_path / "below", tmp_path / "above"), sides)
    least_late, most_late = (late_of(side, REAL, SEED, QUERIES) for side in sides)
    assert is_valid(least_late, QUERIES, REAL.percentile)
    assert not is_valid(most_late, QUERIES, REAL.percentile)
    assert ("INVALID", True) == (above.word, above.late >= most_late)
    assert is_valid(below.late, QUERIES, REAL.percentile) == ("VALID" == below.word)
    if below.word == "INVALID":
        pytest.skip(f"the machine was busy: {below.late} queries were late, of {least_late} that the system makes late")
