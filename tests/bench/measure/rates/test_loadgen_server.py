"""The server scenario against mlcommons-loadgen itself: the arrivals that it draws, and its percentiles and its
decision on the latencies that it measured of a scripted system."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loadgen_server import PROGRAM

from bench.analysis.open_loops.attempts import Attempt
from bench.measure.open_loop.arrivals import poisson_ns
from bench.stats.percentiles import early_stopping_queries, percentile

pytestmark = pytest.mark.process

pytest.importorskip("mlperf_loadgen", reason="LoadGen is not installed: the extra is called loadgen")

SERVICE_NS, BOUND_NS = 2_000_000, 8_000_000


def server(folder: Path, queries: int, rate: float, p: float, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """A run of LoadGen: when each query was due and its latency, in ns, and its own summary."""
    numbers = map(str, (queries, rate, BOUND_NS, p, seed, SERVICE_NS))
    command = [sys.executable, "-c", PROGRAM, str(folder), *numbers]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    trace = (folder / "mlperf_log_trace.json").read_text()
    begun = r'"name":"Sample","cat":"default","ph":"b","pid":\d+,"id":\d+,"ts":([\d.]+),"args":(\{[^}]*\})'
    samples = sorted((json.loads(args)["query_seq"], ts, args) for ts, args in re.findall(begun, trace))
    due = np.array([round(float(ts) * 1000) for _, ts, _ in samples])
    latency = np.array([json.loads(args)["complete_ns"] for _, _, args in samples])
    return due - due[0], latency, (folder / "mlperf_log_summary.txt").read_text()


@pytest.mark.parametrize(
    ("queries", "rate", "p", "seed"),
    [(120, 100, 90, 3), (300, 600, 90, 7), (100, 300, 99, 11), (500, 250, 99, 1)],
)
def test_arrivals_percentiles_and_decision_are_loadgens_own(
    tmp_path: Path, queries: int, rate: float, p: float, seed: int
) -> None:
    """Far below what the system can do, above it, with too few queries for the percentile, and in between."""
    due, latency, summary = server(tmp_path, queries, rate, p, seed)
    assert queries == len(latency)
    assert np.abs(due - poisson_ns(rate, queries, seed)).max() <= 5  # the trace has three decimals of a microsecond
    plain = {
        float(at): int(ns) for at, ns in re.findall(r"^([\d.]+) percentile latency \(ns\)\s*: (\d+)", summary, re.M)
    }
    assert plain == {at: percentile(latency, at) for at in plain}
    late = int((latency > BOUND_NS).sum())
    verdict = re.search(r"^Result is : (\w+)", summary, re.M)
    assert verdict is not None
    assert ("VALID" == verdict[1]) == Attempt(rate, queries, late).holds(p)
    missing = re.search(r"run at least (\d+) more queries", summary)
    assert (missing is None) == Attempt(rate, queries, late).holds(p)
    if missing is not None:
        assert queries + int(missing[1]) == early_stopping_queries(late, p)
