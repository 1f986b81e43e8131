"""Our figures against OpenVINO's own benchmark_app, in alternation on the same model, inputs and settings."""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from bench.comparison.comparison import ALPHA_SAME, TOLERANCE
from bench.contracts import Scenario
from bench.execution.one_run import Gathering
from bench.execution.probe import temporary_workspace
from bench.execution.suite_run import plan_suite
from bench.execution.workbench import Bench
from bench.plugins import Catalog
from bench.process.supervisor import run_job
from bench.record.record import RecordedRun
from bench.stats.percentiles import percentile
from bench.stats.ratio import paired_log_ratio
from bench.suite.suite import ModelAsk, Suite, TargetAsk

pytest.importorskip("openvino")
pytestmark = [pytest.mark.perf, pytest.mark.real]

ROUNDS, OFFLINE_ROUNDS = 32, 10
SECONDS = 4  # in turns, half of it is each side's own
TURN_SECONDS = 0.1
INPUTS = {"ultraface_rfb_320.onnx": "f32", "squeezenet_fp16.onnx": "f16", "mobilenet_v2_int8.tflite": "u8"}
"""The models, and the type of their input: benchmark_app, unless told, makes bytes of whatever looks like an image and
puts a conversion before the model."""


class BenchmarkApp:
    """One run of benchmark_app, which can be stopped and let go on."""

    def __init__(self, model: Path, folder: Path, *flags: str) -> None:
        app = shutil.which("benchmark_app", path=str(Path(sys.executable).parent))
        assert app is not None
        folder.mkdir(exist_ok=True)
        report = ["-report_type", "no_counters", "-report_folder", str(folder), "-json_stats"]
        self._report = folder / "benchmark_report.json"
        self._process = subprocess.Popen(
            [app, "-m", str(model), "-d", "CPU", "-t", str(SECONDS), *flags, *report],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def stopped_before_measuring(self) -> psutil.Process:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("[Step 10/11] Measuring performance"):
                process = psutil.Process(self._process.pid)
                process.suspend()
                return process
        raise AssertionError("benchmark_app did not come to measuring")

    def reported(self) -> dict[str, float]:
        """Its own report at the end: latency in ms, throughput in queries a second."""
        self._process.communicate(timeout=120)
        assert self._process.returncode == 0
        results = json.loads(self._report.read_text())["execution_results"]
        return {"median_ms": float(results["latency (ms)"]), "per_s": float(results["throughput"])}


def take_turns(sides: Sequence[psutil.Process]) -> None:
    """Let both, stopped as they are, go on one at a time; when the time is over, let both end."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for side in sides:
            side.resume()
            time.sleep(TURN_SECONDS)
            side.suspend()
    for side in sides:
        side.resume()


class Ours:
    """One of our runs, planned and checked once; each measurement is a fresh worker, as in `odb run`. It warms up with
    one query and measures for a fixed time, as benchmark_app does."""

    def __init__(self, bench: Bench) -> None:
        (run,) = plan_suite(bench).runs
        whole_ns = SECONDS * 1_000_000_000
        rule = msgspec.structs.replace(
            run.rule,
            warmup_min_queries=1,
            warmup_max_duration_ns=0,
            min_duration_ns=whole_ns,
            max_duration_ns=whole_ns,
        )
        self._gathering = Gathering(bench, msgspec.structs.replace(run, rule=rule), {}, print)
        assert self._gathering.prepare(), self._gathering.evidence.failure

    def p50_ns(self, app: Callable[[], BenchmarkApp], app_begins: bool) -> tuple[int, BenchmarkApp]:
        """Our p50, and the run of benchmark_app that measured in turns with it: each is stopped where the other is let
        go on."""
        apps, sides = [], list[psutil.Process]()

        def on_phase(name: str) -> None:
            if name == "first_inference":  # both clocks are to begin together: the steady state is milliseconds away
                (worker,) = (p for p in psutil.Process().children() if "bench.process.worker" in p.cmdline())
                worker.suspend()
                apps.append(app())
                sides.extend((worker, apps[0].stopped_before_measuring()))
                worker.resume()
            elif name == "steady":
                sides[0].suspend()
                take_turns(sides[::-1] if app_begins else sides)

        job = self._gathering.measure_job()
        result = run_job(job, self._gathering.folder(), self._gathering.deadline_s(), on_phase)
        with np.load(self._gathering.settled(result).samples) as archive:
            return percentile(archive["latency_ns"], 50), apps[0]


@pytest.mark.parametrize("threads", [None, 1])
@pytest.mark.parametrize("name", INPUTS)
def test_single_stream_is_the_same_within_three_percent(
    benchmark: Any, tmp_path: Path, realdata: Path, catalog: Catalog, name: str, threads: int | None
) -> None:
    """Our p50 and benchmark_app's median (`-api sync -hint latency`), equally long, in turns of 0.1 s, who begins in
    turn: the two one-sided tests of `odb compare` over the pairs' ratios say "same within 3 %". Once with as many
    threads as OpenVINO takes by itself, and once with one."""
    model, options = realdata / "models" / name, {} if threads is None else {"INFERENCE_NUM_THREADS": str(threads)}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"CPU": options}))
    flags = ["-api", "sync", "-hint", "latency", "-ip", INPUTS[name], "-load_config", str(config)]
    suite = Suite(models=(ModelAsk(str(model)),), targets=(TargetAsk("openvino:CPU", options),), repeats=1)
    logs: list[float] = []
    with temporary_workspace() as workspace:
        ours = Ours(Bench(catalog, suite, workspace, tmp_path / "cache", Path("/")))

        def pair() -> None:
            p50_ns, app = ours.p50_ns(lambda: BenchmarkApp(model, tmp_path / "app", *flags), len(logs) % 2 == 0)
            logs.append(math.log(p50_ns / (1e6 * app.reported()["median_ms"])))

        benchmark.pedantic(pair, rounds=ROUNDS)
    found = paired_log_ratio(logs)
    benchmark.extra_info["ratio"], benchmark.extra_info["interval"] = found.ratio, found.interval()
    benchmark.extra_info["ratios"] = [round(math.exp(log), 3) for log in logs]
    benchmark.extra_info["p_same"] = found.p_equivalent(TOLERANCE)
    assert found.p_equivalent(TOLERANCE) < ALPHA_SAME


@pytest.mark.parametrize("threads", [None, 1])
@pytest.mark.parametrize("name", INPUTS)
def test_what_a_caller_waits_for_beyond_the_request(
    benchmark: Any, realdata: Path, name: str, threads: int | None
) -> None:
    """Our p50 is the caller's time, benchmark_app's median the request's own: the median difference, in one process."""
    from openvino import Core

    config = {"PERFORMANCE_HINT": "LATENCY"} | ({} if threads is None else {"INFERENCE_NUM_THREADS": threads})
    request = Core().compile_model(realdata / "models" / name, "CPU", config).create_infer_request()
    waited_ns, request_ns = [], []

    def query() -> None:
        begin_ns = time.perf_counter_ns()
        request.infer()
        waited_ns.append(time.perf_counter_ns() - begin_ns)
        request_ns.append(1e6 * request.latency)

    benchmark.pedantic(query, rounds=2_000, warmup_rounds=10)
    beyond_ns = np.median(np.subtract(waited_ns, request_ns))
    benchmark.extra_info["beyond_ns"] = int(beyond_ns)
    benchmark.extra_info["share"] = float(beyond_ns / np.median(request_ns))
    assert 0 < beyond_ns < np.median(request_ns)


@pytest.mark.parametrize("name", ["ultraface_rfb_320.onnx", "road-segmentation-adas-0001.xml"])
def test_offline_throughput_keeps_up(
    benchmark: Any, tmp_path: Path, realdata: Path, run: Callable[..., list[RecordedRun]], name: str
) -> None:
    """Queries a second over benchmark_app's with `-hint throughput`: at least 0.97."""
    model, ratios = realdata / "models" / name, []

    def alternate() -> None:
        theirs = BenchmarkApp(model, tmp_path / "app", "-hint", "throughput").reported()
        (found,) = run([str(model)], ["openvino:CPU"], scenarios=(Scenario("offline"),), max_seconds=None)
        summary = found.record.summary
        assert summary.throughput_per_s is not None
        ratios.append(summary.throughput_per_s / theirs["per_s"])

    benchmark.pedantic(alternate, rounds=OFFLINE_ROUNDS)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    assert statistics.median(ratios) >= 0.97
