"""Curves of a run that lasts, by the minute: what the device delivers, how warm it is, its clock and its power.

A minute's reading is the mean of those that were made in it. Of several channels the one is shown that says most: the
zone that became hottest, the clock that is highest, and power of the whole device before that of its parts.
"""

from collections.abc import Callable, Sequence
from statistics import fmean

from bench.analysis.curves.points import Points
from bench.analysis.curves.rule import CurveRule
from bench.analysis.figures.rule import MEDIAN, Figure, Rule, Values
from bench.analysis.figures.sustained import tokens_of
from bench.analysis.metrics import Metric, Unit
from bench.analysis.run_processes import SECOND, Process
from bench.record.energy import Quantity, Trace
from bench.scenarios.lasting import Lasting, lasting_of
from bench.stats.processes import between_values
from bench.words import sentence

Of = Callable[[Process, int, Lasting], float | None]
"""The figure of one process in the minute of that index, from its queries in it."""
POWER = ("board", "psys", "package", "battery", "BAT")
"""Parts of the names of channels, of which the first that is found is shown."""


def generated(process: Process, minute: int, lasting: Lasting) -> float | None:
    """Tokens a second: those of the generations that began in the minute, over the time that these took."""
    tokens, busy_ns = tokens_of(process), int(process.latency_ns.sum())
    return None if tokens is None or not busy_ns else SECOND * float(tokens.sum()) / busy_ns


def delivered(process: Process, minute: int, lasting: Lasting) -> float | None:
    """Queries a second: the inverse of their mean latency; where they are due at a rate, those answered before the next
    was due. ``None`` of a language model."""
    if len(process.token_ns):
        return None
    if not lasting.rate_per_s:
        return process.throughput_per_s
    length_ns = min(lasting.minute_ns, (process.repeat.duration_ns or 0) - minute * lasting.minute_ns)
    in_time = int((process.latency_ns <= SECOND / lasting.rate_per_s).sum()) * process.kept_every
    return SECOND * in_time / length_ns if length_ns > 0 else None


def reading(quantity: Quantity) -> Of:
    """The mean of a channel's readings in the minute."""

    def of(process: Process, minute: int, lasting: Lasting) -> float | None:
        trace = chosen_trace(process.repeat.traces, quantity)
        if trace is None:
            return None
        begin, end = minute * lasting.minute_ns, (minute + 1) * lasting.minute_ns
        pairs = zip(trace.at_ns, trace.values, strict=False)
        found = [value for at, value in pairs if value is not None and begin <= at < end]
        return fmean(found) if found else None

    return of


def chosen_trace(traces: Sequence[Trace], quantity: Quantity) -> Trace | None:
    """The channel that is shown of several."""
    known = [(_highest(trace), trace) for trace in traces if trace.quantity == quantity]
    if quantity == "watts":
        for part in POWER:
            named = [(highest, trace) for highest, trace in known if part in trace.name]
            if named:
                return max(named, key=lambda pair: pair[0])[1]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _highest(trace: Trace) -> float:
    return max((value for value in trace.values if value is not None), default=0.0)


def by_minute(of: Of) -> Callable[[Points, int], Values]:
    """``of`` of each process at a point."""

    def values(points: Points, index: int) -> Values:
        run = points.runs[index]
        lasting = None if run.scenario is None else lasting_of(run.scenario)
        return [None if lasting is None else of(process, index, lasting) for process in run.each]

    return values


def mean_of(points: Points, index: int, values: Values) -> Figure:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def interval_of(points: Points, index: int, values: Values) -> tuple[float, float] | None:
    return between_values([value for value in values if value is not None])


def no_interval(points: Points, index: int, values: Values) -> None:
    """A reading is the machine's, and no figure of the run."""


def metric(name: str, unit: Unit, lower_is_better: bool) -> Metric:
    """What is a figure only along the axis."""
    nowhere = Rule(of=lambda run: [None] * len(run.each), pooled=lambda run, values: None, how=MEDIAN)
    return Metric(
        name=name,
        unit=unit,
        rule=nowhere,
        short=sentence(f"metric.{name}.short"),
        speed=False,
        lower_is_better=lower_is_better,
    )


READINGS: tuple[tuple[Metric, Quantity], ...] = (
    (metric("temperature_celsius", "celsius", lower_is_better=True), "celsius"),
    (metric("clock_mhz", "mhz", lower_is_better=False), "mhz"),
    (metric("power_watts", "watts", lower_is_better=True), "watts"),
    (metric("busy_fraction", "fraction", lower_is_better=False), "busy"),
)

MINUTES: tuple[CurveRule, ...] = (
    *(
        CurveRule(
            metric=of,
            of=by_minute(rate),
            pooled=mean_of,
            interval=interval_of,
            compared=False,
            where_read=True,
        )
        for of, rate in (
            (metric("rate_of_minute_per_s", "queries_per_s", lower_is_better=False), delivered),
            (metric("tokens_of_minute_per_s", "tokens_per_s", lower_is_better=False), generated),
        )
    ),
    *(
        CurveRule(
            metric=of,
            of=by_minute(reading(quantity)),
            pooled=mean_of,
            interval=no_interval,
            compared=False,
            where_read=True,
        )
        for of, quantity in READINGS
    ),
)
"""Of a run that lasts."""
