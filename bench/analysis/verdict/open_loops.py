"""The verdict's checks on open loops: whether the queries were issued as they were due, and answered in time."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.analysis.verdict.codes import reason
from bench.record.record import Reason
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_ns, bound_percentile, is_searched, rate_of
from bench.words import sentence

if TYPE_CHECKING:
    from bench.analysis.open_loops.queries import Begun
    from bench.analysis.run_processes import Process, TimedRun
    from bench.stats.over_time.drift import Drift

LATE_SHARE = 0.1  # of the bound: a query begun later than this by the harness may miss the bound because of it
TIMED_TO_NS = 100_000  # arrivals; what lies below is judged by whether the bound was missed because of it
LATE_QUERIES = 0.01  # more of them would show in a p99
NS_PER_S = 1_000_000_000
OVERHEAD_SHARE = 0.1  # of the time that a query takes: between two queries that wait for a lane


def _load_not_generated(run: "TimedRun") -> Reason | None:
    """Queries begun late although a lane was free, or lanes that are busy with the harness."""
    bound, found = bound_ns(run.record.plan.scenario), _begun(run)
    if bound is None or not found:
        return None
    allowed = max(LATE_SHARE * bound, TIMED_TO_NS)
    late, queries = sum(int((one.late_ns > allowed).sum()) for one in found), sum(len(one.late_ns) for one in found)
    missed = sum(int(((one.latency_ns > bound) & (one.latency_ns - one.late_ns <= bound)).sum()) for one in found)
    if late > max(1, LATE_QUERIES * queries):
        figures = {"queries_begun_late": late, "queries": queries, "allowed_ns": round(allowed)}
        worst = max(int(one.late_ns.max()) for one in found)
        message = sentence("verdict.load_not_generated", share=late / queries, worst_ns=worst, **figures)
        return reason("load_not_generated", message, {**figures, "worst_ns": worst})
    if missed > max(1, LATE_QUERIES * queries):
        figures = {"queries_missed": missed, "queries": queries, "bound_ns": bound}
        worst = max(int(one.late_ns.max()) for one in found)
        shown = {"missed": missed, "queries": queries, "bound_ns": bound, "worst_ns": worst}
        message = sentence("verdict.load_not_generated.missed", share=missed / queries, **shown)
        remedy = sentence("verdict.load_not_generated.missed_remedy")
        return reason("load_not_generated", message, {**figures, "worst_ns": worst}, remedy=remedy)
    return _overhead(found)


def _overhead(found: "list[Begun]") -> Reason | None:
    import numpy as np

    waited = [(one.late_ns[one.waited], one.service_ns[one.waited]) for one in found]
    gaps, service = (np.concatenate([pair[part] for pair in waited]) for part in (0, 1))
    if not len(gaps):
        return None
    between_ns, takes_ns = float(np.median(gaps)), float(np.median(service))
    if between_ns <= OVERHEAD_SHARE * takes_ns:
        return None
    figures = {"between_queries_ns": round(between_ns), "query_ns": round(takes_ns)}
    return reason("load_not_generated", sentence("verdict.load_not_generated.overhead", **figures), figures)


def _begun(run: "TimedRun") -> "list[Begun]":
    from bench.analysis.open_loops.queries import begun

    scenario = run.record.plan.scenario
    processes = _processes(run) if kind_of(scenario).open_loop else ()
    return [
        begun(one.due_ns, one.start_ns, one.latency_ns, scenario.lanes or 1) for one in processes if len(one.latency_ns)
    ]


def _processes(run: "TimedRun") -> "tuple[Process, ...]":
    from bench.analysis.run_processes import processes_of

    record = run.record
    return processes_of(record.repeats, run.samples, record.plan.scenario, run.latency).each


def _deadline_missed(run: "TimedRun") -> Reason | None:
    """A server that does not hold its bound has not shown what was asked of it, and its run is invalid as LoadGen's is.
    Late or dropped frames are the result of a camera's run: they are noted."""
    scenario = run.record.plan.scenario
    if bound_ns(scenario) is None:
        return None
    if bound_percentile(scenario) is None:
        return _frames(run)
    return _no_rate(run) if is_searched(scenario) else _bound(run)


def _frames(run: "TimedRun") -> Reason | None:
    from bench.analysis.open_loops.queries import in_time_of

    bound = bound_ns(run.record.plan.scenario) or 0
    found = [in_time_of(one.latency_ns, len(one.dropped_ns), bound) for one in _processes(run)]
    late, dropped, frames = (sum(getattr(one, name) for one in found) for name in ("late", "dropped", "all"))
    if not late and not dropped:
        return None
    figures = {"late": late, "dropped": dropped, "frames": frames, "deadline_ns": bound}
    share = (late + dropped) / frames
    message = sentence("verdict.deadline_missed.frames", share=share, **figures)
    return reason("deadline_missed", message, figures, invalidates=False)


def frames_stand(run: "TimedRun", drifted: "Sequence[Drift]") -> bool:
    """Whether drift leaves the leading figures of a camera's run as they are: its frames in time, late and dropped.

    A frame is safe if it would still be done within the deadline, and before the next frame is due, had its inference
    taken longer by the worst end of the intervals of ``drifted``: it is in time then, and keeps no other waiting. All
    but a hundredth of the frames must be safe; dropped frames never are.

    ``False`` of all other scenarios: of a query's latency and of the rates that hold a bound, drift changes the leading
    figures themselves."""
    scenario = run.record.plan.scenario
    bound, rate = bound_ns(scenario), rate_of(scenario)
    if bound is None or rate is None or bound_percentile(scenario) is not None:
        return False
    slower, room_ns = max(abs(end) for one in drifted for end in (one.lo, one.hi)), min(bound, NS_PER_S / rate)
    near = frames = 0
    for one in _processes(run):
        service_ns = one.due_ns + one.latency_ns - one.start_ns
        near += int((one.latency_ns + slower * service_ns > room_ns).sum()) + len(one.dropped_ns)
        frames += len(one.latency_ns) + len(one.dropped_ns)
    return near <= max(1, LATE_QUERIES * frames)


def _bound(run: "TimedRun") -> Reason | None:
    """As LoadGen decides it, of the queries of all processes together."""
    from bench.analysis.open_loops.attempts import Attempt
    from bench.stats.percentiles import early_stopping_queries, sorted_percentile

    scenario = run.record.plan.scenario
    bound, percentile, rate = bound_ns(scenario) or 0, bound_percentile(scenario) or 0.0, rate_of(scenario) or 0.0
    pooled, missing = run.latency.pooled, sum(len(one.dropped_ns) for one in _processes(run))
    queries = len(pooled) + missing
    late = queries - int(pooled.searchsorted(bound, side="right"))
    if not queries or Attempt(rate, queries, late).holds(percentile):
        return None
    needed = early_stopping_queries(late, percentile)
    figures = {"late": late, "queries": queries, "needed": needed, "percentile": percentile, "bound_ns": bound}
    above = late > queries * (1 - percentile / 100)
    code = "verdict.deadline_missed" if above else "verdict.deadline_missed.too_few"
    reached = sorted_percentile(pooled, percentile)
    message = sentence(code, rate_per_s=rate, reached_ns=reached, **figures)
    return reason("deadline_missed", message, {**figures, "reached_ns": reached, "rate_per_s": rate})


def _no_rate(run: "TimedRun") -> Reason | None:
    """A search in which at least one process found no rate that holds the bound."""
    from bench.analysis.open_loops.attempts import largest_rate

    scenario = run.record.plan.scenario
    bound, percentile = bound_ns(scenario) or 0, bound_percentile(scenario) or 0.0
    each = [one.attempts for one in _processes(run) if one.attempts]
    without = [attempts for attempts in each if largest_rate(attempts, percentile) is None]
    if not without:
        return None
    lowest = min(one.rate_per_s for attempts in without for one in attempts)
    figures = {"processes_without": len(without), "processes": len(each), "lowest_rate_per_s": lowest}
    figures |= {"percentile": percentile, "bound_ns": bound}
    remedy = sentence("verdict.deadline_missed.remedy_searched")
    return reason("deadline_missed", sentence("verdict.deadline_missed.no_rate", **figures), figures, remedy=remedy)


OPEN_LOOP_CHECKS: Mapping[str, Callable[["TimedRun"], Reason | None]] = MappingProxyType(
    {"load_not_generated": _load_not_generated, "deadline_missed": _deadline_missed}
)
