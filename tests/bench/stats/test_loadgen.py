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


SAMPLES = 8

MULTI_STREAM = """
import random, sys, time

import mlperf_loadgen as loadgen
import numpy as np

from bench.measure.players.multi_stream import samples_in_turn
from bench.measure.loop import time_queries
from bench.stats.timeline import Timeline

settings = loadgen.TestSettings()
settings.scenario, settings.mode = loadgen.TestScenario.MultiStream, loadgen.TestMode.PerformanceOnly
settings.min_query_count = settings.max_query_count = int(sys.argv[1])
settings.multi_stream_samples_per_query = int(sys.argv[3])
settings.min_duration_ms = 0
draw, timeline, waiting, spun = random.Random(1), Timeline(), [], []

def sample():
    spun.append(draw.randrange(1_000, 20_000))
    end = time.perf_counter_ns() + spun[-1]
    while time.perf_counter_ns() < end:
        pass
    loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(waiting.pop(0), 0, 0)])

def issue(queries):
    waiting.extend(query.id for query in queries)
    time_queries(samples_in_turn(sample, len(queries)), 1, timeline)

sut = loadgen.ConstructSUT(issue, lambda: None)
library = loadgen.ConstructQSL(64, 64, lambda samples: None, lambda samples: None)
output, log = loadgen.LogOutputSettings(), loadgen.LogSettings()
output.outdir, output.copy_summary_to_stdout = sys.argv[2], False
log.log_output, log.enable_trace = output, True
loadgen.StartTestWithLogSettings(sut, library, settings, log, "audit.config")
loadgen.DestroyQSL(library)
loadgen.DestroySUT(sut)
np.save(sys.argv[2] + "/ours.npy", timeline.latency_ns())
np.save(sys.argv[2] + "/spun.npy", np.array(spun).reshape(-1, int(sys.argv[3])).sum(axis=1))
"""


@pytest.mark.parametrize(("queries", "valid"), [(661, False), (662, True)])
def test_a_query_of_several_samples_takes_until_the_last_is_done(tmp_path: Path, queries: int, valid: bool) -> None:
    """LoadGen's multi-stream around our own loop: as many queries, each as long as its slowest sample, and LoadGen's
    percentiles are those of these latencies. Both hold the work of all samples, which end one after another. There
    is no bound on the latency: 662 queries are the least for its p99, there and here."""
    command = [sys.executable, "-c", MULTI_STREAM, str(queries), str(tmp_path), str(SAMPLES)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    trace, summary = ((tmp_path / f"mlperf_log_{name}").read_text() for name in ("trace.json", "summary.txt"))
    fields = re.findall(r'"query_seq":(\d+),[^{}]*"issue_start_ns":(\d+),"complete_ns":(\d+)', trace)
    taken: dict[int, list[int]] = {}
    for query, issued, done in fields:
        taken.setdefault(int(query), []).append(int(done) - int(issued))
    assert {SAMPLES} == {len(samples) for samples in taken.values()}
    latency = np.array([max(taken[query]) for query in sorted(taken)])
    plain = {float(p): int(ns) for p, ns in re.findall(r"^([\d.]+) percentile latency \(ns\)\s*: (\d+)", summary, re.M)}
    assert plain == {p: percentile(latency, p) for p in plain}
    assert 99.0 in plain
    assert valid == ("Result is : VALID" in summary)
    estimates = re.findall(r"Early stopping 99.0th percentile estimate: (\d+)", summary)
    assert [int(one) for one in estimates] == [one for one in [early_stopping_estimate(latency, 99)] if one is not None]
    assert valid == bool(estimates)
    ours, spun = (np.load(tmp_path / f"{name}.npy") for name in ("ours", "spun"))
    assert queries == len(latency) == len(ours)
    assert (latency >= spun).all()
    assert (ours >= spun).all()
    assert all(taken[query] == sorted(taken[query]) for query in taken)


@pytest.mark.parametrize(("queries", "valid"), [(63, False), (64, True)])
def test_sixty_four_queries_are_the_least_for_a_p90(tmp_path: Path, queries: int, valid: bool) -> None:
    """LoadGen calls 63 invalid and 64 valid at p90, and so do we."""
    latency, summary = loadgen(tmp_path, queries)
    assert valid == ("Result is : VALID" in summary)
    assert valid == (early_stopping_estimate(latency, 90) is not None)
