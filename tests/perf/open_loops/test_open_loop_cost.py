"""What the open loop costs, how exactly its arrivals are timed, and its largest rate against LoadGen's decision. For a
quiet machine."""

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from loadgen_server import PROGRAM
from msgspec.structs import replace
from open_loops import QUIET, SECOND, scenario_of, stage_of

from bench.analysis.open_loops.attempts import attempts_of, largest_rate
from bench.analysis.open_loops.queries import begun
from bench.measure.loop import quiet_interpreter
from bench.measure.open_loop.arrivals import poisson_ns
from bench.measure.open_loop.loop import play_open_loop
from bench.measure.open_loop.pace import SPIN_NS
from bench.measure.players.server import play_server

pytestmark = pytest.mark.perf

QUERIES, MOST_NS = 100_000, 5_000
P99_NS = 100_000
SERVICE_NS, BOUND_NS, PERCENTILE = 5_000_000, 25_000_000, 90
WITHIN = 1.02


def test_a_query_costs_the_loop_less_than_five_microseconds() -> None:
    """100,000 queries that do nothing and are all due at once."""
    with quiet_interpreter():
        found = play_open_loop([lambda: None], np.zeros(QUERIES, np.int64))
    each_ns = (found.done_ns[-1] - found.start_ns[0]) / QUERIES
    assert each_ns < MOST_NS, f"{each_ns:.0f} ns a query"


@pytest.mark.parametrize("rate", [30, 200, 1000])
def test_arrivals_are_timed_to_a_tenth_of_a_millisecond(rate: int) -> None:
    """p99 of how late queries begin for which a lane is free; and what looking at the clock costs."""
    due_ns = poisson_ns(rate, max(200, 3 * rate), seed=5)
    with quiet_interpreter():
        cpu, wall = time.process_time(), time.perf_counter()
        found = play_open_loop([lambda: None], due_ns)
        share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    late_ns = begun(found.due_ns, found.start_ns, found.latency_ns, 1).late_ns
    p50_ns, p99_ns = np.percentile(late_ns, [50, 99])
    assert p99_ns < P99_NS, f"late by {p50_ns / 1000:.1f} us (p50), {p99_ns / 1000:.1f} us (p99)"
    assert share < 0.02 + 1.5 * rate * SPIN_NS / 1e9, f"{share:.2%} of a core"


class Scripted:
    """One query after another, each as long, in real time."""

    def __init__(self) -> None:
        self.clock = time.perf_counter_ns

    def call(self) -> None:
        end = time.perf_counter_ns() + SERVICE_NS
        while (left := end - time.perf_counter_ns()) > 0:
            time.sleep(max(0, left - 200_000) / 1e9)


def is_valid(folder: Path, queries: int, rate: float, seed: int) -> bool:
    """Whether LoadGen calls the scripted system VALID at that rate."""
    folder.mkdir()
    numbers = map(str, (queries, rate, BOUND_NS, PERCENTILE, seed, SERVICE_NS))
    subprocess.run([sys.executable, "-c", PROGRAM, str(folder), *numbers], check=True, capture_output=True, timeout=300)
    found = re.search(r"^Result is : (\w+)", (folder / "mlperf_log_summary.txt").read_text(), re.M)
    assert found is not None
    return found[1] == "VALID"


def test_the_largest_rate_is_loadgens_within_two_percent(tmp_path: Path) -> None:
    """Both with the same seed and number of queries: VALID 2 % below the rate that is found, INVALID 2 % above."""
    pytest.importorskip("mlperf_loadgen", reason="LoadGen is not installed: the extra is called loadgen")
    seed, rule = 7, replace(QUIET, precision=0.02, max_duration_ns=10 * SECOND)
    scenario = scenario_of(f"server:rate=auto,latency={BOUND_NS / 1e6:g}ms,percentile={PERCENTILE}")
    device = Scripted()
    stage = stage_of(device, scenario, rule, seed)  # type: ignore[arg-type]
    arrays = play_server(stage).arrays
    attempts = attempts_of(arrays["axis_thousandths"], arrays["attempt_point"], arrays["attempt_latency_ns"], BOUND_NS)
    largest = largest_rate(attempts, PERCENTILE)
    assert largest is not None
    queries = next(one.queries for one in attempts if one.rate_per_s == largest)
    assert is_valid(tmp_path / "below", queries, largest / WITHIN, seed)
    assert not is_valid(tmp_path / "above", queries, largest * WITHIN, seed)
