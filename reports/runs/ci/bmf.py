"""Bencher Metric Format: what ``bencher run --adapter json --file`` reads (https://bencher.dev/bmf.json)."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bench.record.record import RecordedRun
from bench.reports.runs.ci.figures import figures, usable
from bench.words import sentence

BUILT_IN: Mapping[str, str] = MappingProxyType({"latency_p50_ns": "latency", "throughput_per_s": "throughput"})
"""Metric -> the measure that every project of Bencher has, in the same unit: ns, and operations a second."""


class BmfReport:
    summary = sentence("report.summary.bmf")
    suffix = ".bmf.json"

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """``{benchmark: {measure: {"value", "lower_value", "upper_value"}}}``: a measure is a metric's name with
        hyphens; the bounds are those of the 95 % interval."""
        document = {
            one.name: {_measure(f.metric.name): _value(f.value, f.interval) for f in figures(one.record)}
            for one in usable(runs)
        }
        return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _measure(metric: str) -> str:
    return BUILT_IN.get(metric, metric.replace("_", "-"))


def _value(value: float, interval: tuple[float, float] | None) -> dict[str, float]:
    if interval is None:
        return {"value": value}
    return {"value": value, "lower_value": interval[0], "upper_value": interval[1]}
