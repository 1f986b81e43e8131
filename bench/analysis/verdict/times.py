"""The verdict's checks on times. They are not made for an emulated run, whose times are not the device's."""

from collections.abc import Callable, Mapping, Sequence
from math import log
from statistics import median, stdev
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.analysis.repeats import DISTURBED, drift_tolerance, drifts, few, figures_of, is_disturbed, moved
from bench.analysis.verdict.codes import reason
from bench.analysis.verdict.open_loops import frames_stand
from bench.record.record import Reason, RecordedRun
from bench.scenarios.axes import mixes_points
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_percentile, is_searched
from bench.scenarios.text import turns_of, users_of
from bench.stats.convergence import asks_convergence, width_of
from bench.stats.speed_up import speed_up
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.analysis.run_processes import TimedRun

Check = Callable[["TimedRun"], Reason | None]

BUSY_SAID, BUSY_INVALID = 0.10, DISTURBED  # fraction of the whole machine
DISAGREE_INVALID = 0.25  # a figure that may change by a quarter with the next processes is not a basis for a decision
OVERHEAD_SHARE = 0.10  # of the median latency
FREQUENCY_SHARE = 0.10  # of the highest clock seen
CACHED_RATIO = 0.7  # an input seen before that takes less of a new one's time than this is not explained by warm memory
CACHED_ALPHA = 0.001


def _too_few_samples(run: "TimedRun") -> Reason | None:
    from bench.stats.percentiles import early_stopping_min_samples
    from bench.stats.processes import MIN_SAMPLES

    plan = run.record.plan
    p = plan.rule.percentile if kind_of(plan.scenario).percentile else 50
    needed = MIN_SAMPLES.get(p) or early_stopping_min_samples(p)
    # rates that do not hold the bound need few queries; one user alone is a detail of all
    whole = is_searched(plan.scenario) or users_of(plan.scenario) is not None
    points = [] if whole else [point.n for curve in run.record.summary.curves.values() for point in curve.points]
    queries = min(points, default=len(run.latency.pooled))
    if queries >= needed:
        return None
    if points:
        message = sentence("verdict.too_few_samples.point", queries=queries, percentile=p, needed=needed)
        return reason("too_few_samples", message, {"queries": queries, "needed": needed, "percentile": p})
    message = sentence("verdict.too_few_samples", queries=queries, percentile=p, needed=needed)
    return reason("too_few_samples", message, {"queries": queries, "needed": needed, "percentile": p})


def _not_converged(run: "TimedRun") -> Reason | None:
    rule = run.record.plan.rule
    if is_searched(run.record.plan.scenario):
        return _rate_not_known(run)
    if not asks_convergence(rule) or _mixes_points(run) or kind_of(run.record.plan.scenario).open_loop:
        return None
    if kind_of(run.record.plan.scenario).overlapping:
        return _not_settled(run, "verdict.not_converged.throughput")
    if run.arrays("pass_ns"):
        return _not_settled(run, "verdict.not_converged.passes")
    pairs = zip(run.latency.intervals(rule.percentile), run.latency.percentiles(rule.percentile), strict=True)
    empty = len(run.arrays("latency_ns")) - len(run.latency.parts)
    widths = [width_of(interval, middle) for interval, middle in pairs] + [None] * empty
    wide = [width for width in widths if width is None or width >= rule.precision]
    if not wide:
        return None
    known = [width for width in wide if width is not None]
    message = sentence(
        "verdict.not_converged" if known else "verdict.not_converged.too_few",
        restless=len(wide),
        repeats=len(widths),
        percentile=rule.percentile,
        precision=rule.precision,
        widest=max(known, default=None),
    )
    return reason(
        "not_converged",
        message,
        {
            "repeats_not_converged": len(wide),
            "repeats": len(widths),
            "percentile": rule.percentile,
            "precision": rule.precision,
            **({"widest_interval": max(known)} if known else {}),
        },
        invalidates=not _figure_stands(run, len(wide), len(widths)),
    )


def _mixes_points(run: RecordedRun) -> bool:
    """Whether queries of different points are in one series, which is to show how they differ."""
    return mixes_points(run.record.plan.scenario)


def _not_settled(run: "TimedRun", told: str) -> Reason | None:
    """Repeats that ended before their one figure was known as finely as asked for; ``told``: the code of the words."""
    known = [repeat.converged for repeat in run.record.repeats if repeat.converged is not None]
    if all(known):
        return None
    precision, restless = run.record.plan.rule.precision, known.count(False)
    return reason(
        "not_converged",
        sentence(told, restless=restless, repeats=len(known), precision=precision),
        {"repeats_not_converged": restless, "repeats": len(known), "precision": precision},
        invalidates=not _figure_stands(run, restless, len(known)),
    )


def _rate_not_known(run: "TimedRun") -> Reason | None:
    """Searches that ended before their process knew the rate. The interval between processes has all that each one's
    rate is uncertain by, so that the run is invalid only where a process has no estimate, or this interval is none or
    too wide for a decision."""
    from bench.analysis.open_loops.attempts import OF_ONE_PROCESS, is_bracketed
    from bench.analysis.run_processes import processes_of
    from bench.stats.variance import known_to

    record, figures = run.record, _process_figures(run)
    known = [repeat.converged for repeat in record.repeats if repeat.converged is not None]
    if all(known):
        return None
    percentile = bound_percentile(record.plan.scenario) or 0.0
    searches = [one.attempts for one in processes_of(record.repeats, run.samples, record.plan.scenario).each]
    bounds = sum(not is_bracketed(attempts, percentile) for attempts in searches if attempts)
    reach = known_to(figures) if len(figures) > 2 and not bounds else None
    restless, each = known.count(False), OF_ONE_PROCESS * record.plan.rule.precision
    shared = {"restless": restless, "repeats": len(known), "precision": each}
    message = sentence("verdict.not_converged.rate", **shared)
    if bounds:
        message = sentence("verdict.not_converged.rate_bound", bounds=bounds, **shared)
    return reason(
        "not_converged",
        message,
        {
            "repeats_not_converged": restless,
            "repeats_without_estimate": bounds,
            "repeats": len(known),
            "precision": record.plan.rule.precision,
            **({} if reach is None else {"known_to": reach}),
        },
        invalidates=reach is None or reach > DISAGREE_INVALID,
    )


def _figure_stands(run: "TimedRun", restless: int, repeats: int) -> bool:
    """Whether so few repeats did not settle that the figure is as sure as was asked all the same: they are in it, and
    the spread of the processes, which holds what each one's own figure is uncertain by, is within the precision."""
    from bench.stats.variance import known_to

    figures = _process_figures(run)
    reach = known_to(figures) if figures and all(figures) else None
    return few(restless, repeats) and reach is not None and reach <= run.record.plan.rule.precision


def _process_figures(run: "TimedRun") -> list[float]:
    return figures_of(run.record.repeats, run.samples, run.record.plan.scenario, run.latency)


def _single_process(run: RecordedRun) -> Reason | None:
    if sum(repeat.samples is not None for repeat in run.record.repeats) != 1:
        return None
    return reason("single_process", sentence("verdict.single_process"), {"processes": 1})


def _processes_differ(run: "TimedRun") -> Reason | None:
    """Two processes never invalidate: 4 % apart, they leave the figure known to 29 %."""
    from bench.stats.variance import MOST_REPEATS, known_to, repeats_for_precision

    plan, figures = run.record.plan, _process_figures(run)
    reach = known_to(figures) if all(figures) else None  # a time of zero is reported by timer_too_coarse
    if reach is None or reach <= plan.rule.precision:
        return None
    needed = repeats_for_precision(stdev(map(log, figures)), plan.rule.precision)
    over = sentence("verdict.repeats.over", repeats=MOST_REPEATS)
    return reason(
        "processes_differ",
        _apart(run, figures, reach, sentence("verdict.repeats", repeats=needed) if needed else over),
        {
            "processes": len(figures),
            "known_to": reach,
            "precision": plan.rule.precision,
            "limit": DISAGREE_INVALID,
            **({} if needed is None else {"repeats_for_precision": needed}),
        },
        invalidates=reach > DISAGREE_INVALID and len(figures) > 2,
    )


def _apart(run: "TimedRun", figures: Sequence[float], reach: float, needed: Sentence) -> Sentence:
    plan, lowest, highest = run.record.plan, min(figures), max(figures)
    shared = {
        "processes": len(figures),
        "known": sentence("verdict.known_to.share", share=reach)
        if reach < 1
        else sentence("verdict.known_to.factor", factor=1 + reach),
        "precision": plan.rule.precision,
        "needed": needed,
    }
    if kind_of(plan.scenario).overlapping:
        return sentence("verdict.processes_differ.throughput", lowest_per_s=lowest, highest_per_s=highest, **shared)
    if is_searched(plan.scenario):
        return sentence("verdict.processes_differ.rate", lowest_per_s=lowest, highest_per_s=highest, **shared)
    what = "per_input" if run.arrays("pass_ns") else "p50"
    what = "service" if kind_of(plan.scenario).open_loop else what
    what = "whole_query" if plan.model.task == "text_generation" else what
    return sentence(f"verdict.processes_differ.{what}", lowest_ms=lowest / 1e6, highest_ms=highest / 1e6, **shared)


def _drift(run: "TimedRun") -> Reason | None:
    if _mixes_points(run):
        return None
    measured, rule = [repeat for repeat in run.record.repeats if repeat.samples is not None], run.record.plan.rule
    found = drifts(measured, run.samples, len(measured), rule)
    drifted = [change for change in found if change is not None and moved(change, rule)]
    if not drifted:
        return None
    worst = max(drifted, key=lambda change: abs(change.change))
    message = sentence(
        "verdict.drift.slower" if worst.change > 0 else "verdict.drift.faster",
        drifted=len(drifted),
        repeats=len(found),
        change=abs(worst.change),
        low=1 + worst.lo,
        high=1 + worst.hi,
    )
    return reason(
        "drift",
        message,
        {
            "repeats_drifted": len(drifted),
            "repeats": len(found),
            "worst_change": worst.change,
            "worst_change_lo": worst.lo,
            "worst_change_hi": worst.hi,
            "tolerance": drift_tolerance(rule),
        },
        invalidates=not (_figure_stands(run, len(drifted), len(found)) or frames_stand(run, drifted)),
    )


def _not_steady(run: RecordedRun) -> Reason | None:
    warmups = [repeat.warmup for repeat in run.record.repeats if repeat.warmup is not None]
    restless = [warmup for warmup in warmups if not warmup.steady]
    if not restless:
        return None
    longest_ns = max(warmup.duration_ns for warmup in restless)
    return reason(
        "not_steady",
        sentence(
            "verdict.not_steady", restless=len(restless), warmups=len(warmups), longest_s=longest_ns / 1_000_000_000
        ),
        {"warmups_unsteady": len(restless), "warmups": len(warmups), "longest_ns": longest_ns},
    )


def _host_busy(run: RecordedRun) -> Reason | None:
    shares = [repeat.cpu_busy_share for repeat in run.record.repeats if repeat.cpu_busy_share is not None]
    worst = max(shares, default=0.0)
    if worst < BUSY_SAID:
        return None
    return reason(
        "host_busy",
        sentence("verdict.host_busy", share=worst),
        {"worst_share": worst, "limit_share": BUSY_INVALID},
        invalidates=worst >= BUSY_INVALID,
    )


def _repeats_set_aside(run: RecordedRun) -> Reason | None:
    """Invalid if one was set aside without cause, because the repeats were then selected."""
    aside = run.record.set_aside
    if not aside:
        return None
    shares = [repeat.cpu_busy_share or 0.0 for repeat in aside]
    undisturbed = sum(not is_disturbed(repeat.cpu_busy_share) for repeat in aside)
    return reason(
        "repeats_set_aside",
        sentence(
            "verdict.repeats_set_aside.undisturbed" if undisturbed else "verdict.repeats_set_aside",
            aside=len(aside),
            repeats=len(aside) + len(run.record.repeats),
            share=min(shares),
            undisturbed=undisturbed,
        ),
        {"repeats_set_aside": len(aside), "repeats": len(run.record.repeats), "least_share": min(shares)},
        invalidates=undisturbed > 0,
    )


def _frequency_changed(run: RecordedRun) -> Reason | None:
    """Silent where no clock could be read: the environment says so under ``unavailable``."""
    readings = [mhz for repeat in run.record.repeats for mhz in repeat.frequency_mhz]
    lowest, highest = min(readings, default=0.0), max(readings, default=0.0)
    if not lowest or highest - lowest <= FREQUENCY_SHARE * highest:
        return None
    return reason(
        "frequency_changed",
        sentence(
            "verdict.frequency_changed",
            lowest_mhz=lowest,
            highest_mhz=highest,
            apart=(highest - lowest) / highest,
            readings=len(readings),
        ),
        {"lowest_mhz": lowest, "highest_mhz": highest, "readings": len(readings)},
    )


def _cached_results(run: RecordedRun) -> Reason | None:
    text = run.record.summary.text_generation
    if text is not None and text.cached is not None:
        latency = run.record.summary.latency_ns
        queries = latency.n if latency is not None else text.cached.queries
        figures = {"cached_queries": text.cached.queries, "queries": queries}
        return reason("cached_results", sentence("verdict.cached_results.prefix", **figures), figures)
    tried = run.record.repeated_input
    if tried is None:
        return None
    for what, seen_ns in (("again", tried.again_ns), ("recalled", tried.recalled_ns)):
        found = speed_up(tried.fresh_ns, seen_ns)
        if found is None or found.ratio >= CACHED_RATIO or found.p_value >= CACHED_ALPHA:
            continue
        return reason(
            "cached_results",
            sentence(
                f"verdict.cached_results.{what}",
                ratio=found.ratio,
                seen_us=found.seen_ns / 1000,
                fresh_us=found.fresh_ns / 1000,
                rounds=found.rounds,
                p_value=found.p_value,
            ),
            {
                "ratio": found.ratio,
                "seen_ns": found.seen_ns,
                "fresh_ns": found.fresh_ns,
                "rounds": found.rounds,
                "p_value": found.p_value,
                "limit_ratio": CACHED_RATIO,
            },
            invalidates=not _prompts_never_repeat(run),
        )
    return None


def _prompts_never_repeat(run: RecordedRun) -> bool:
    """Seeded prompts of a language model, any behind a context, which is seeded, or conversations, which are forgotten
    between them: a cache of prefixes is there, and did not help."""
    plan = run.record.plan
    apart = bool(plan.scenario.depth_tokens) or turns_of(plan.scenario) is not None
    return plan.model.task == "text_generation" and (plan.inputs is None or apart)


def _on_battery(run: RecordedRun) -> Reason | None:
    environment = run.record.environment
    if environment.power_source != "battery":
        return None
    charge = environment.battery_percent
    if charge is None:
        return reason("on_battery", sentence("verdict.on_battery"), {"power_source": "battery"})
    message = sentence("verdict.on_battery.charge", charge_percent=charge)
    return reason("on_battery", message, {"power_source": "battery", "battery_percent": charge})


def _timer_too_coarse(run: "TimedRun") -> Reason | None:
    middles = run.latency.percentiles(50)
    if not middles:
        return None
    instant = int(run.latency.pooled.searchsorted(0, side="right"))
    if instant:
        message = sentence("verdict.timer_too_coarse.no_time", queries=instant)
        return reason("timer_too_coarse", message, {"queries_without_time": instant})
    overhead, p50 = run.record.harness.loop_overhead_ns, median(middles)
    if overhead is None or overhead < OVERHEAD_SHARE * p50:
        return None
    return reason(
        "timer_too_coarse",
        sentence("verdict.timer_too_coarse", loop_us=overhead / 1000, share=overhead / p50, p50_us=p50 / 1000),
        {"loop_overhead_ns": overhead, "p50_ns": p50, "limit_share": OVERHEAD_SHARE},
    )


TIME_CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "too_few_samples": _too_few_samples,
        "not_converged": _not_converged,
        "processes_differ": _processes_differ,
        "single_process": _single_process,
        "drift": _drift,
        "not_steady": _not_steady,
        "host_busy": _host_busy,
        "repeats_set_aside": _repeats_set_aside,
        "frequency_changed": _frequency_changed,
        "cached_results": _cached_results,
        "on_battery": _on_battery,
        "timer_too_coarse": _timer_too_coarse,
    }
)
