"""What github-action-benchmark reads as ``customSmallerIsBetter``."""

import json
from collections.abc import Sequence

from bench.record.record import RecordedRun
from bench.reports.runs.ci.figures import figures, usable
from bench.words import sentence


class GithubBenchmarkReport:
    summary = sentence("report.summary.github-benchmark")
    suffix = ".github.json"

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """A list of ``name``, ``unit``, ``value``, ``range`` (half of the 95 % interval's width) and ``extra`` (the
        record). Only metrics of which less is better, as the format has one direction for all."""
        found = []
        for one in usable(runs):
            for figure in figures(one.record):
                if not figure.metric.lower_is_better:
                    continue
                entry: dict[str, object] = {
                    "name": f"{one.name}/{figure.metric.name}",
                    "unit": figure.metric.unit,
                    "value": figure.value,
                    "extra": f"record_id: {one.record.record_id}",
                }
                if figure.interval is not None:
                    entry["range"] = f"± {(figure.interval[1] - figure.interval[0]) / 2:g}"
                found.append(entry)
        return json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n"
