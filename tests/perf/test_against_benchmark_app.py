"""Our figures against OpenVINO's own benchmark_app, in alternation on the same model, inputs and settings."""

import json
import math
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.comparison import ALPHA_SAME, TOLERANCE
from bench.ratio import paired_log_ratio
from bench.record import RecordedRun
from bench.suite import ScenarioAsk

pytest.importorskip("openvino")
pytestmark = [pytest.mark.perf, pytest.mark.real]

ROUNDS = 10
SECONDS = 3


def benchmark_app(model: Path, folder: Path, *flags: str) -> dict[str, float]:
    """Its own report: latency in ms, throughput in queries a second."""
    app = shutil.which("benchmark_app", path=str(Path(sys.executable).parent))
    assert app is not None
    folder.mkdir(exist_ok=True)
    command = [app, "-m", str(model), "-d", "CPU", "-t", str(SECONDS), *flags]
    report = ["-report_type", "no_counters", "-report_folder", str(folder), "-json_stats"]
    subprocess.run([*command, *report], check=True, capture_output=True, timeout=120)
    results = json.loads((folder / "benchmark_report.json").read_text())["execution_results"]
    return {"median_ms": float(results["latency (ms)"]), "per_s": float(results["throughput"])}


@pytest.mark.parametrize("name", ["ultraface_rfb_320.onnx", "squeezenet_fp16.onnx", "mobilenet_v2_int8.tflite"])
def test_single_stream_is_the_same_within_three_percent(
    benchmark: Any, tmp_path: Path, realdata: Path, run: Callable[..., list[RecordedRun]], name: str
) -> None:
    """Our p50 and benchmark_app's median (`-api sync -hint latency`), in alternation and equally long, who begins in
    turn: the two one-sided tests of `odb compare` over the pairs' ratios say "same within 3 %"."""
    model, logs = realdata / "models" / name, []

    def theirs() -> float:
        return 1e6 * benchmark_app(model, tmp_path / "app", "-api", "sync", "-hint", "latency")["median_ms"]

    def ours() -> float:
        summary = run([str(model)], ["openvino:CPU"], preset="standard", max_seconds=float(SECONDS))[0].record.summary
        assert summary.latency_ns is not None
        assert summary.latency_ns.p50 is not None
        return summary.latency_ns.p50

    def alternate() -> None:
        first, second = (theirs, ours) if len(logs) % 2 else (ours, theirs)
        found = {first: first(), second: second()}
        logs.append(math.log(found[ours] / found[theirs]))

    benchmark.pedantic(alternate, rounds=ROUNDS)
    found = paired_log_ratio(logs)
    benchmark.extra_info["ratio"], benchmark.extra_info["interval"] = found.ratio, found.interval()
    benchmark.extra_info["ratios"] = [round(math.exp(log), 3) for log in logs]
    benchmark.extra_info["p_same"] = found.p_equivalent(TOLERANCE)
    assert found.p_equivalent(TOLERANCE) < ALPHA_SAME


@pytest.mark.parametrize("name", ["ultraface_rfb_320.onnx", "road-segmentation-adas-0001.xml"])
def test_offline_throughput_keeps_up(
    benchmark: Any, tmp_path: Path, realdata: Path, run: Callable[..., list[RecordedRun]], name: str
) -> None:
    """Queries a second over benchmark_app's with `-hint throughput`: at least 0.97."""
    model, ratios = realdata / "models" / name, []

    def alternate() -> None:
        theirs = benchmark_app(model, tmp_path / "app", "-hint", "throughput")
        summary = run([str(model)], ["openvino:CPU"], scenarios=(ScenarioAsk("offline"),))[0].record.summary
        assert summary.throughput_per_s is not None
        ratios.append(summary.throughput_per_s / theirs["per_s"])

    benchmark.pedantic(alternate, rounds=ROUNDS)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    assert statistics.median(ratios) >= 0.97
