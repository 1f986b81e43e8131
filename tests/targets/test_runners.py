"""What benchmark programs of other projects print, read from recorded runs on phones."""

import pytest
from fake_adb import BENCHMARK_MODEL, PERF_TEST

from bench.contracts import RunnerFigures
from bench.errors import InputError
from bench.targets.runners.litert import BenchmarkModel
from bench.targets.runners.ort_perf_test import OrtPerfTest


def test_the_figures_of_benchmark_model_are_nanoseconds() -> None:
    """Of the second series, not of the warm-up; it tells no percentiles."""
    assert RunnerFigures(
        inferences=50,
        mean_ns=249_684_000,
        min_ns=247_067_000,
        max_ns=254_474_000,
        std_ns=1_442_000,
        first_ns=360_262_000,
        load_ns=16_242_000,
        peak_memory_bytes=round(138.809 * 2**20),
    ) == BenchmarkModel().read(BENCHMARK_MODEL)


def test_newer_versions_of_benchmark_model_tell_percentiles_and_large_numbers() -> None:
    """Behind a log's prefix, in exponents."""
    printed = (
        "I tflite  : count=3 first=235158 curr=200386 min=199462 max=235158 avg=211669 std=16613 p5=1 median=2 p95=3\n"
        "INFO: count=25 first=187533 curr=140990 min=140071 max=195121 avg=2.95034e+06 std=13583 p5=140545 "
        "median=141253 p95=187533\n"
        "INFO: Inference timings in us: Init: 92318, First inference: 187533, Warmup (avg): 211669, "
        "Inference (avg): 2.95034e+06\n"
        "INFO: Memory footprint delta from the start of the tool (MB): init=54.2852 overall=73.4102\n"
    )
    found = BenchmarkModel().read(printed)
    assert (25, 2_950_340_000, 141_253_000, 187_533_000) == (
        found.inferences,
        found.mean_ns,
        found.p50_ns,
        found.p95_ns,
    )
    assert round(73.4102 * 2**20) == found.peak_memory_bytes


def test_the_figures_of_onnxruntime_perf_test_are_nanoseconds() -> None:
    """It prints seconds and milliseconds, and no standard deviation."""
    assert RunnerFigures(
        inferences=5,
        mean_ns=98_961_997,
        min_ns=95_820_400,
        max_ns=101_519_000,
        p50_ns=99_508_600,
        p90_ns=101_519_000,
        p95_ns=101_519_000,
        p99_ns=101_519_000,
        first_ns=196_000_000,
        load_ns=217_932_000,
        peak_memory_bytes=271_122_432,
    ) == OrtPerfTest().read(PERF_TEST)


@pytest.mark.parametrize("runner", [BenchmarkModel(), OrtPerfTest()])
@pytest.mark.parametrize(
    "printed",
    [
        "",
        "STARTING!\nBenchmarking failed.\n",
        "Average inference time cost total: nan ms",
        *(
            f"Average inference time cost total: {cell} ms\nInference timings in us: Init: 1, Inference (avg): {cell}\n"
            for cell in ("98.9.61", "1e999", "9" * 400, "-3")
        ),
    ],
)
def test_a_program_without_a_result_is_told(runner: BenchmarkModel | OrtPerfTest, printed: str) -> None:
    """Instead of figures of nothing."""
    with pytest.raises(InputError, match="printed no result"):
        runner.read(printed)


def test_the_users_options_replace_those_of_the_plugin() -> None:
    """By the program's own names."""
    assert ("--graph=m.tflite", "--num_runs=7", "--use_gpu=true") == BenchmarkModel().arguments(
        "m.tflite", {"num_runs": "7", "use_gpu": "true"}
    )
    assert (
        "-I",
        "-s",
        "-m",
        "times",
        "-r",
        "9",
        "-e",
        "xnnpack",
        "-Z",
        "m.onnx",
        "result.csv",
    ) == OrtPerfTest().arguments("m.onnx", {"r": "9", "e": "xnnpack", "Z": ""})
