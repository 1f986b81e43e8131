"""The verdict's checks on the device while it was measured: heat, what fed it, and whether it idled as asked."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.analysis.repeats import few
from bench.analysis.verdict.codes import reason, remedy_of
from bench.record.energy import Trace
from bench.record.record import Reason, RecordedRun, Repeat
from bench.scenarios.idling import idles
from bench.scenarios.lasting import lasting_of
from bench.words import sentence

BUSY = 0.10
"""Fraction of the machine that others used, from which on the cause of a loss of speed is not known."""
OVERRUN, SLEPT_ON_NS = 0.1, 20_000_000
"""A pause is longer than asked for by more than this fraction of it, and by more than a sleep that ends late."""
HALF = 0.5

if TYPE_CHECKING:
    from bench.analysis.run_processes import TimedRun
    from bench.analysis.verdict.times import Check


def _throttled(run: "TimedRun") -> Reason | None:
    """In a scenario that lasts it is the result, and only noted. In others the figure is of a device in a state that
    depends on what it did before, and does not stand, unless that befell few of the repeats."""
    if lasting_of(run.record.plan.scenario) is not None:
        return _throttled_at_last(run)
    counted = [repeat.throttle_events for repeat in run.record.repeats if repeat.throttle_events is not None]
    hot = sum(events > 0 for events in counted)
    if not hot:
        return None
    figures = {"repeats_throttled": hot, "repeats": len(counted), "events": sum(counted)}
    message = sentence("verdict.throttled.events", hot=hot, repeats=len(counted), events=sum(counted))
    return reason("throttled", message, figures, invalidates=not few(hot, len(counted)))


def _throttled_at_last(run: "TimedRun") -> Reason | None:
    from bench.analysis.figures.sustained import sustained_of
    from bench.analysis.run_processes import processes_of

    record = run.record
    found = sustained_of(processes_of(record.repeats, run.samples, record.plan.scenario, run.latency))
    throttles = [(repeat, one.throttle) for repeat, one in zip(record.repeats, found, strict=True) if one is not None]
    tokens = any(one is not None and one.of_tokens for one in found)
    hot = [(repeat, throttle) for repeat, throttle in throttles if throttle is not None]
    if not hot:
        return None
    repeat, first = min(hot, key=lambda pair: pair[1].at_ns)
    lost = 1 - first.after / first.before
    figures: dict[str, float | int | str] = {
        "repeats_throttled": len(hot),
        "repeats": len(throttles),
        "at_ns": round(first.at_ns),
        "before_per_s": first.before,
        "after_per_s": first.after,
        "lost_fraction": lost,
    }
    at = {
        "at_min": first.at_ns / 60e9,
        "lost": lost,
        "before_per_s": first.before,
        "after_per_s": first.after,
        "unit": sentence("unit.of.tokens_per_s" if tokens else "unit.of.queries_per_s"),
    }
    busy, warm = repeat.cpu_busy_share or 0.0, _temperatures(repeat.traces, first.at_ns)
    if busy >= BUSY:
        figures["busy_share"] = busy
        message = sentence("verdict.throttled.busy", busy=busy, **at)
    elif warm is not None:
        zone, begin, then = warm
        figures |= {"zone": zone, "celsius_at_first": begin, "celsius_then": then}
        message = sentence("verdict.throttled.hot", zone=zone, begin=begin, then=then, **at)
    else:
        message = sentence("verdict.throttled", **at)
    remedy = remedy_of("host_busy") if busy >= BUSY else sentence("verdict.throttled.result")
    return reason("throttled", message, figures, invalidates=False, remedy=remedy)


def _temperatures(traces: Sequence[Trace], at_ns: float) -> tuple[str, float, float] | None:
    """The zone that was hottest at that time: its name, its temperature at first, and then."""
    found = []
    for trace in traces:
        seen = [(at, value) for at, value in zip(trace.at_ns, trace.values, strict=True) if value is not None]
        until = [value for at, value in seen if at <= at_ns]
        if trace.quantity == "celsius" and until:
            found.append((until[-1], trace.name, until[0]))
    if not found:
        return None
    then, name, begin = max(found)
    return name, begin, then


def _unplugged_midway(run: RecordedRun) -> Reason | None:
    """From mains to battery, in a process or between two. Machines lower their clocks on battery, so that the figures
    are of two machines."""
    record = run.record
    sources = [record.environment.power_source, *_sources(record.repeats)]
    changes = [(one, other) for one, other in pairwise([s for s in sources if s]) if one != other]
    if ("ac", "battery") not in changes:
        return None
    before = sum("battery" not in repeat.power_sources for repeat in record.repeats)
    figures = {"repeats_on_mains": before, "repeats": len(record.repeats)}
    return reason(
        "unplugged_midway",
        sentence("verdict.unplugged_midway", on_mains=before, repeats=len(record.repeats)),
        figures,
    )


def _sources(repeats: Sequence[Repeat]) -> list[str]:
    return [source for repeat in repeats for source in repeat.power_sources]


def _idle_overran(run: RecordedRun) -> Reason | None:
    """Pauses that were longer than asked for: the machine was busy, or the process was stopped. Where that befell half
    of those of one idle time, its answers are those of another."""
    import numpy as np

    scenario = run.record.plan.scenario
    arrays = [repeat.samples.arrays for repeat in run.record.repeats if repeat.samples is not None]
    held = [(run.samples[one["idle_ns"]], run.samples[one["point"]]) for one in arrays if "idle_ns" in one]
    if not idles(scenario) or not held:
        return None
    idle_ns, point = (np.concatenate(parts) for parts in zip(*held, strict=True))
    asked_ns = 1e6 * np.array([0.0, *scenario.numbers("idle_ms")])[point]
    woken = point > 0
    over = woken & (idle_ns > asked_ns * (1 + OVERRUN) + SLEPT_ON_NS)
    if not over.any():
        return None
    worst = int(np.argmax(np.where(over, idle_ns / np.maximum(asked_ns, 1), 0)))
    figures = {
        "pauses_longer": int(over.sum()),
        "pauses": int(woken.sum()),
        "idle_ns": int(idle_ns[worst]),
        "asked_ns": int(asked_ns[worst]),
    }
    most = max(float(over[point == index].mean()) for index in np.unique(point[woken]))
    return reason("idle_overran", sentence("verdict.idle_overran", **figures), figures, invalidates=most >= HALF)


DEVICE_CHECKS: "Mapping[str, Check]" = MappingProxyType(
    {"throttled": _throttled, "unplugged_midway": _unplugged_midway, "idle_overran": _idle_overran}
)
