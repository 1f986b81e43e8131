"""Percentiles and early stopping against mlcommons-loadgen itself, on the very latencies that it measured."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.stats.percentiles import early_stopping_estimate, percentile

pytestmark = pytest.mark.process

pytest.importorskip("mlperf_loadgen", reason="LoadGen is not installed: the extra is called loadgen")

PROGRAM = """
import random, sys, time
import mlperf_loadgen as loadgen

settings = loadgen.TestSettings()
settings.scenario, settings.mode = loadgen.TestScenario.SingleStream, loadgen.TestMode.PerformanceOnly
settings.min_query_count = settings.max_query_count = int(sys.argv[1])
settings.min_duration_ms = 0
draw = random.Random(1)

def issue(queries):
    end = time.perf_counter_ns() + draw.randrange(10_000, 200_000)
    while time.perf_counter_ns() < end:
        pass
    loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(query.id, 0, 0) for query in queries])

sut = loadgen.ConstructSUT(issue, lambda: None)
library = loadgen.ConstructQSL(4, 4, lambda samples: None, lambda samples: None)
output, log = loadgen.LogOutputSettings(), loadgen.LogSettings()
output.outdir, output.copy_summary_to_stdout = sys.argv[2], False
log.log_output, log.enable_trace = output, True
loadgen.StartTestWithLogSettings(sut, library, settings, log, "audit.config")
loadgen.DestroyQSL(library)
loadgen.DestroySUT(sut)
"""


def loadgen(folder: Path, queries: int) -> tuple[np.ndarray, str]:
    """A single-stream run: each query's latency in ns from LoadGen's trace, and its own summary."""
    command = [sys.executable, "-c", PROGRAM, str(queries), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    trace = (folder / "mlperf_log_trace.json").read_text()
    samples = [json.loads("{" + part + "}") for part in re.findall(r'"issue_start_ns":\d+,"complete_ns":\d+', trace)]
    latency = np.array([sample["complete_ns"] - sample["issue_start_ns"] for sample in samples])
    return latency, (folder / "mlperf_log_summary.txt").read_text()


@pytest.mark.parametrize("queries", [64, 100, 700, 2000])
def test_estimates_are_loadgens_own(tmp_path: Path, queries: int) -> None:
    """The early-stopping estimate of the p90, that of the p99 where there is one, and the plain percentiles."""
    latency, summary = loadgen(tmp_path, queries)
    assert queries == len(latency)
    theirs = {
        float(p): int(ns) for p, ns in re.findall(r"Early stopping ([\d.]+)th percentile estimate: (\d+)", summary)
    }
    assert 90.0 in theirs
    assert (queries >= 662) == (99.0 in theirs)
    assert theirs == {p: early_stopping_estimate(latency, p) for p in theirs}
    plain = {float(p): int(ns) for p, ns in re.findall(r"^([\d.]+) percentile latency \(ns\)\s*: (\d+)", summary, re.M)}
    assert {50.0, 90.0, 95.0, 97.0, 99.0, 99.9} == set(plain)
    assert plain == {p: percentile(latency, p) for p in plain}
    assert early_stopping_estimate(latency, 99) == theirs.get(99.0)


@pytest.mark.parametrize(("queries", "valid"), [(63, False), (64, True)])
def test_sixty_four_queries_are_the_least_for_a_p90(tmp_path: Path, queries: int, valid: bool) -> None:
    """LoadGen calls 63 invalid and 64 valid at p90, and so do we."""
    latency, summary = loadgen(tmp_path, queries)
    assert valid == ("Result is : VALID" in summary)
    assert valid == (early_stopping_estimate(latency, 90) is not None)
