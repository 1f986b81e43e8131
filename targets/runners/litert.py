"""``benchmark_model``, the benchmark program of LiteRT (TensorFlow Lite)."""

import re
from collections.abc import Mapping, Sequence

from bench.contracts import Format, RunnerFigures
from bench.errors import InputError
from bench.targets.runners.printed import number
from bench.words import sentence

US, MB = 1e3, 1 << 20
DEFAULTS: Mapping[str, str] = {"num_runs": "100"}
SERIES = re.compile(r"^(?:.*: )?count=.*$", re.MULTILINE)


class BenchmarkModel:
    """Warm-up for half a second, then at least ``num_runs`` inferences and one second. Its times are microseconds; of
    its two series the second is that of the inferences."""

    summary = sentence("target.runner.benchmark_model")
    formats: Sequence[Format] = ("tflite",)

    def arguments(self, model: str, options: Mapping[str, str]) -> Sequence[str]:
        pairs = {**DEFAULTS, **options}
        return (f"--graph={model}", *(f"--{key}={value}" for key, value in pairs.items()))

    def read(self, output: str) -> RunnerFigures:
        timings = r"Inference timings in us: Init: "
        mean = number(timings + r".*Inference \(avg\): #", output, US)
        if mean is None:
            raise InputError(sentence("runner.no_result", runner="benchmark_model"), sentence("runner.see_log"))
        before = output[: output.rindex("Inference timings in us")]
        series = (SERIES.findall(before) or [""])[-1]
        return RunnerFigures(
            inferences=number(r"count=#", series, 1),
            mean_ns=mean,
            min_ns=number(r"min=#", series, US),
            max_ns=number(r"max=#", series, US),
            std_ns=number(r"std=#", series, US),
            p50_ns=number(r"median=#", series, US),
            p95_ns=number(r"p95=#", series, US),
            first_ns=number(timings + r".*First inference: #", output, US),
            load_ns=number(timings + r"#", output, US),
            peak_memory_bytes=number(r"(?:Memory footprint delta|Peak memory footprint).*overall=#", output, MB),
        )
