"""pytest-benchmark's JSON (``--benchmark-json``), which Bencher and github-action-benchmark read as well."""

import json
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from bench import __version__
from bench.record.record import Record, RecordedRun
from bench.record.samples import samples_of
from bench.reports.runs.ci.figures import Usable, figures, usable
from bench.words import sentence

FORMAT = "5.1.0"
"""The version of pytest-benchmark whose fields are written; newer ones read it."""


class PytestBenchmarkReport:
    summary = sentence("report.summary.pytest-benchmark")
    suffix = ".benchmark.json"

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """A benchmark a run whose queries have latencies: its rounds are the steady queries of all repeats, in seconds.
        Of a language model a query is a whole generation. The figures of the record are in ``extra_info``."""
        found = usable(runs)
        document = {
            "machine_info": _machine(found[-1].record) if found else {},
            "commit_info": {},
            "benchmarks": [made for one in found if (made := _benchmark(one)) is not None],
            "datetime": found[-1].record.created_utc if found else datetime.now(UTC).isoformat(),
            "version": FORMAT,
        }
        return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _benchmark(one: Usable) -> dict[str, object] | None:
    seconds = latencies_s(one.run)
    if not seconds:
        return None
    record = one.record
    return {
        "group": record.plan.model.id,
        "name": one.name,
        "fullname": f"odb::{one.name}",
        "params": None,
        "param": None,
        "extra_info": {
            "record_id": record.record_id,
            "repeats": len(record.repeats),
            **{figure.metric.name: figure.value for figure in figures(record)},
        },
        "options": {"timer": "perf_counter_ns", "warmup": True, "disable_gc": True},
        "stats": stats_of(seconds),
    }


def latencies_s(run: RecordedRun) -> list[float]:
    """Every steady query of every repeat, in seconds."""
    name = run.record.record_id
    parts = [samples_of(repeat, run.samples, "latency_ns", name) for repeat in run.record.repeats]
    return [float(ns) / 1e9 for part in parts if part is not None for ns in part]


def stats_of(seconds: Sequence[float]) -> dict[str, float | int | str]:
    """The statistics that pytest-benchmark computes of its rounds, by its definitions."""
    ordered = np.sort(np.asarray(seconds, np.float64))
    mean, deviation = float(ordered.mean()), statistics.stdev(seconds) if len(seconds) > 1 else 0.0
    q1, middle, q3 = (float(q) for q in np.quantile(ordered, (0.25, 0.5, 0.75)))
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = ordered[(ordered >= low) & (ordered <= high)]
    far = int(np.count_nonzero(np.abs(ordered - mean) > deviation))
    outliers = len(ordered) - len(inside)
    return {
        "min": float(ordered[0]),
        "max": float(ordered[-1]),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(ordered),
        "median": middle,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": outliers,
        "stddev_outliers": far,
        "outliers": f"{far};{outliers}",
        "ld15iqr": float(inside[0]),
        "hd15iqr": float(inside[-1]),
        "ops": 1 / mean if mean else 0.0,
        "total": float(ordered.sum()),
        "iterations": 1,
    }


def _machine(record: Record) -> Mapping[str, object]:
    host, cpu = record.environment.host, record.environment.host.get("cpu")
    return {
        "node": "",  # records contain no names of machines
        "processor": host.get("machine"),
        "machine": host.get("machine"),
        "python_version": host.get("python"),
        "system": host.get("os"),
        "release": host.get("kernel"),
        "cpu": {"brand_raw": cpu, "count": host.get("cores_logical")},
        "odb_version": __version__,
    }
