"""``onnxruntime_perf_test``, the benchmark program of ONNX Runtime (onnxruntime/test/perftest)."""

from collections.abc import Mapping, Sequence

from bench.contracts import Format, RunnerFigures
from bench.errors import InputError
from bench.targets.runners.printed import number
from bench.words import sentence

MS, S = 1e6, 1e9
DEFAULTS: Mapping[str, str] = {"m": "times", "r": "100", "e": "cpu"}
SWITCHES = ("I", "s")
"""Made-up inputs, with free dimensions of 1; and percentiles are printed."""
RESULT = "result.csv"  # older versions must be told where to write


class OrtPerfTest:
    """One warm-up inference, then ``r`` inferences. Its percentiles are of their times in seconds."""

    summary = sentence("target.runner.ort_perf_test")
    formats: Sequence[Format] = ("onnx",)

    def arguments(self, model: str, options: Mapping[str, str]) -> Sequence[str]:
        pairs = {**DEFAULTS, **options}
        given = [word for key, value in pairs.items() for word in (f"-{key}", *((value,) if value else ()))]
        return (*(f"-{switch}" for switch in SWITCHES), *given, model, RESULT)

    def read(self, output: str) -> RunnerFigures:
        mean = number(r"Average inference time cost(?: total)?: # ms", output, MS)
        if mean is None:
            raise InputError(sentence("runner.no_result", runner="onnxruntime_perf_test"), sentence("runner.see_log"))
        return RunnerFigures(
            inferences=number(r"Total inference requests: #", output, 1),
            mean_ns=mean,
            min_ns=number(r"Min Latency: # s", output, S),
            max_ns=number(r"Max Latency: # s", output, S),
            p50_ns=number(r"P50 Latency: # s", output, S),
            p90_ns=number(r"P90 Latency: # s", output, S),
            p95_ns=number(r"P95 Latency: # s", output, S),
            p99_ns=number(r"P99 Latency: # s", output, S),
            first_ns=number(r"First inference time cost: # ms", output, MS),
            load_ns=number(r"Session creation time cost: # s", output, S),
            peak_memory_bytes=number(r"Peak working set size: # bytes", output, 1),
        )
