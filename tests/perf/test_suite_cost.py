"""What a whole run costs beside the measuring, and how its parent behaves meanwhile."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.jobs import Failed
from bench.measure.repeat import MeasureJob
from bench.plugins import discover
from bench.process.supervisor import run_job
from bench.record.record import RecordedRun, Scenario

pytestmark = pytest.mark.perf

TARGETS = ("openvino:CPU", "ort:cpu", "qnn:htp-emu")


def test_a_repeat_costs_a_fifth_of_a_second_beside_the_runtime(
    benchmark: Any, run: Callable[..., list[RecordedRun]]
) -> None:
    """Wall time of a repeat less what the runtime was at work: spawn, interpreter, samples, exit."""
    pytest.importorskip("onnxruntime")
    costs: list[float] = []

    def once() -> None:
        for recorded in run(["mobilenet_v2"], ["ort:cpu"], repeats=3, max_seconds=None):
            costs.extend((r.harness_ns or 0) / 1e9 for r in recorded.record.repeats)

    benchmark.pedantic(once, rounds=2)
    benchmark.extra_info["seconds"] = statistics.median(costs)
    assert statistics.median(costs) <= 0.2


def test_the_parent_rests_while_a_child_measures(benchmark: Any, tmp_path: Path) -> None:
    """CPU time of the parent over wall time, while a worker is at work for two seconds."""
    from bench.suite.presets import PRESETS
    from bench.testing import FakeModel

    catalog = discover([Path(__file__).resolve().parents[2] / "bench" / "testing" / "plugins.py"])
    from bench.contracts import ModelRequest, OpenRequest

    artifact = FakeModel().prepare(ModelRequest("fake"), tmp_path / "cache")
    options = {"latency_us": "50000"}
    shares: list[float] = []

    def once() -> None:
        job = MeasureJob(
            catalog.find("targets", "null"),
            request=OpenRequest(artifact, "cpu", options),
            scenario=Scenario("single-stream"),
            rule=PRESETS["quick"].rule,
            feeds=None,
            seed=0,
        )
        before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        result = run_job(job, tmp_path / f"job-{len(shares)}", 60)
        after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begin
        assert not isinstance(result.answer, Failed), result
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        shares.append(used / wall)

    benchmark.pedantic(once, rounds=3)
    benchmark.extra_info["share_of_a_core"] = statistics.median(shares)
    assert statistics.median(shares) <= 0.02


def test_the_default_run_takes_at_most_three_minutes(benchmark: Any, tmp_path: Path) -> None:
    """`odb run` on the three targets that the README's first command installs: further extras bring further runs."""
    import subprocess

    def once() -> None:
        command = [sys.executable, "-c", "from bench.cli import main; main()", "run", "-o", str(tmp_path / "out")]
        command += [part for target in TARGETS for part in ("-t", target)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=600, check=False)
        assert done.returncode in (0, 1)

    benchmark.pedantic(once, rounds=1)
    assert benchmark.stats.stats.max <= 180
