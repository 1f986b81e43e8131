"""One record as a point of its series: the figures of its processes, and the conditions that may explain them.

A point is what the index keeps. It has no samples: a trend, an interval between nights and a gate need the logarithms
of the processes' figures alone. The record itself stays the truth and lies in ``folder``.
"""

import math
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from bench.analysis.metrics import METRICS
from bench.analysis.run_processes import TimedRun
from bench.analysis.verdict.emulated import is_emulated
from bench.comparison.observe import Observation, observe
from bench.comparison.rules import ACCOUNTED
from bench.nights.series import Series, series_of
from bench.record.record import Record
from bench.scenarios.kinds import kind_of
from bench.stats.spread import mean_and_deviation

HASH_DIGITS = 12
UNCHECKED = frozenset(("seeded_mismatch", "output_unchecked", "not_measured"))
"""Reasons of a verdict for which outputs are not known to be right, as ``Comparison.wrong`` has them."""

Outputs = Literal["right", "wrong", "unchecked"]


class Level(Struct, frozen=True, array_like=True, gc=False):
    """A metric of one night. ``mean``: of the logarithms of its processes' figures (of a fraction: of the fractions);
    ``deviation``: between processes, 0 with one; ``processes``: how many. ``figure``: the record's own, as reports show
    it."""

    mean: float
    deviation: float
    processes: int
    figure: float


class Point(Struct, frozen=True, kw_only=True):
    """``status``: ok, failed or skipped. ``valid``: of its verdict; ``None`` without one. ``codes``: of the reasons
    that invalidate it, or the kind of failure. ``leading``: the metric that leads its scenario, if it was measured.
    ``levels``: by metric. ``versions``: what is an event if it changes, by name (``model``, ``runtime onnxruntime``,
    ``driver npu``, ``kernel`` …). ``conditions``: numbers that may explain a change, with their units in the names.
    ``outputs``: whether they agreed with the reference."""

    series: Series
    record_id: str
    created_utc: str
    folder: str
    record_sha256: str
    status: str
    valid: bool | None
    emulated: bool = False
    codes: tuple[str, ...] = ()
    leading: str | None = None
    levels: dict[str, Level] = {}
    versions: dict[str, str] = {}
    conditions: dict[str, float] = {}
    outputs: Outputs = "unchecked"

    @property
    def night(self) -> str:
        """The date (UTC) that it was made on."""
        return self.created_utc[:10]

    @property
    def counts(self) -> bool:
        """Whether its figures may be compared: measured on a device, and valid but for a spread that the interval
        includes."""
        accounted = self.valid is False and ACCOUNTED.issuperset(self.codes)
        return self.status == "ok" and not self.emulated and (self.valid is True or accounted)


def point_of(run: TimedRun, folder: str, record_sha256: str) -> Point:
    """The point that a record is. ``folder``: where it lies in the history, relative. Raises ``InputError`` for figures
    that cannot be."""
    record, seen = run.record, observe(run)
    levels = _levels(seen)
    verdict = record.verdict
    leading = next((name for name in kind_of(record.plan.scenario).leading if name in levels), None)
    invalidating = () if verdict is None else tuple(sorted(set(verdict.invalidating)))
    return Point(
        series=series_of(record),
        record_id=record.record_id,
        created_utc=record.created_utc,
        folder=folder,
        record_sha256=record_sha256,
        status=record.status,
        valid=None if verdict is None else verdict.valid,
        emulated=is_emulated(record),
        codes=invalidating if record.failure is None else (record.failure.kind,),
        leading=leading,
        levels=levels,
        versions=versions_of(record),
        conditions=conditions_of(record),
        outputs=outputs_of(record),
    )


def outputs_of(record: Record) -> Outputs:
    """Whether the outputs agreed with the reference, by the record's verdict."""
    verdict = record.verdict
    if record.status != "ok" or verdict is None or verdict.valid is None:
        return "unchecked"
    codes = {reason.code for reason in verdict.reasons}
    if "output_mismatch" in codes:
        return "wrong"
    return "unchecked" if codes & UNCHECKED else "right"


def _levels(seen: Observation) -> dict[str, Level]:
    """The metrics that every process has."""
    fractions = {metric.name for metric in METRICS if metric.fraction}
    found = {}
    for name, values in seen.values.items():
        known = [value for value in values if value is not None and (value > 0 or name in fractions)]
        if not known or len(known) < len(values):
            continue
        scale = float if name in fractions else math.log
        scaled = [scale(value) for value in known]
        mean, deviation = mean_and_deviation(scaled) if len(scaled) > 1 else (scaled[0], 0.0)
        figure = seen.figures.get(name)
        found[name] = Level(mean, deviation, len(known), _back(mean, name in fractions) if figure is None else figure)
    return found


def _back(mean: float, fraction: bool) -> float:
    return mean if fraction else math.exp(mean)


def versions_of(record: Record) -> dict[str, str]:
    """What a series goes on through when it changes: name -> value."""
    plan, host, seen = record.plan, record.environment.host, record.environment
    model = plan.model.named_sha256
    inputs = plan.inputs.sha256 if plan.inputs is not None else f"seed {plan.seed}"
    named = {
        "model": model[:HASH_DIGITS] if model else None,
        "inputs": inputs[:HASH_DIGITS] if inputs else None,
        "tool": record.tool.version,
        "rules": record.tool.rules[:HASH_DIGITS] or None,
        "preset": plan.preset,
        "precision": plan.target.executed_precision,
        "kv_cache": plan.target.executed_kv_cache,
        "device": None if plan.target.device_name is None else str(plan.target.device_name),
        **{name: _text(host.get(name)) for name in ("os", "os_version", "kernel", "python")},
        "governor": seen.governor,
        "power_source": seen.power_source,
        **{f"runtime {name}": value for name, value in seen.runtime.items()},
        **{f"driver {name}": value for name, value in seen.driver.items()},
    }
    return {name: value for name, value in sorted(named.items()) if value is not None}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def conditions_of(record: Record) -> dict[str, float]:
    """Numbers about the machine during the run, each with its unit in its name."""
    seen, repeats = record.environment, record.repeats
    busy = [repeat.cpu_busy_share for repeat in repeats if repeat.cpu_busy_share is not None]
    clocks = [mhz for repeat in repeats for mhz in repeat.frequency_mhz]
    found: Mapping[str, float | None] = {
        "temperature_celsius": max(seen.temperature_celsius.values(), default=None),
        "clock_mhz": sorted(clocks)[len(clocks) // 2] if clocks else seen.frequency_mhz.get("current"),
        "clock_limit_mhz": seen.frequency_mhz.get("max"),
        "others_cpu_fraction": max(busy, default=None),
        "battery_percent": seen.battery_percent,
    }
    return {name: float(value) for name, value in found.items() if value is not None}
