"""The number of repeats of a run: decided while they are measured, between the minimum and the maximum of its rule.

The rule is evaluated after the minimum number of repeats, and again each time the number has grown by a third. It ends
the run if the geometric mean over processes is known as precisely as the preset requires, by the rule of
``processes_differ``. This must hold with all processes and also without the last two: stopping as soon as an interval
is narrow makes it too narrow on average, and processes that take no part in the decision correct most of this (Simons
1968, Annals of Mathematical Statistics 39). ``docs/experiments.md`` states the remaining coverage.

A repeat during which other processes used a quarter of the machine is measured again and set aside: this criterion does
not use the latencies, so it cannot select fast ones. Repeats are not left out for other reasons.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import Scenario
from bench.record.evidence import RepeatRule, RepeatsEnded
from bench.record.record import Repeat, StoppingRule
from bench.scenarios.axes import mixes_points
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_percentile, is_searched
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.stats.over_time.drift import Drift
    from bench.stats.processes import Ordered

    Times = np.ndarray[Any, Any]
    Samples = Mapping[str, Times]

GROWTH = 4 / 3  # from look to look
NO_SAY = 2  # the last processes, without which the precision must be reached too
DISTURBED = 0.25  # fraction of the whole machine, used by others during a repeat
DRIFT_TOLERANCE = 0.05  # long runs show even smaller changes from the first third to the last, which are harmless
DRIFT_ALPHA = 0.01  # of finding any drift in a run that has none, over all its repeats (Bonferroni)
FEW = 0.1  # of the repeats may be restless without making the figure doubtful, once their spread is known


class Seen(Struct, frozen=True):
    """What the decision looks at of one repeat. ``figure``: the process' own p50, offline its throughput; ``None`` or 0
    where it has none. ``restless``: it did not converge, or drifted. ``disturbed``: by other processes. ``took_ns``:
    from spawn to exit."""

    figure: float | None
    restless: bool = False
    disturbed: bool = False
    took_ns: int = 0


def seen_of(
    repeat: Repeat,
    arrays: "Samples",
    scenario: Scenario,
    plan: tuple[StoppingRule, RepeatRule],
    busy: float | None,
    took_ns: int = 0,
) -> Seen:
    """``arrays``: the arrays that the repeat names. ``plan``: the rules of the run. ``busy``: fraction of the machine
    that others used. ``took_ns``: from spawn to exit."""
    from bench.analysis.run_processes import round_latencies
    from bench.stats.processes import ordered

    rule, repeats = plan
    latency = ordered(round_latencies([repeat], arrays))
    figures = figures_of([repeat], arrays, scenario, latency)
    stationary = not mixes_points(scenario)
    drifted = stationary and any(moved(found, rule) for found in drifts([repeat], arrays, repeats.fewest, rule))
    restless = repeat.converged is False or drifted
    return Seen(figures[0] if figures else None, restless, is_disturbed(busy), took_ns)


def is_disturbed(busy: float | None) -> bool:
    """Whether other processes used so much of the machine that the repeat is measured again."""
    return busy is not None and busy >= DISTURBED


def figures_of(repeats: Sequence[Repeat], samples: "Samples", scenario: Scenario, latency: "Ordered") -> list[float]:
    """The figure in which processes are compared, of each that has one: its p50 in nanoseconds, offline its queries a
    second. Of a scenario that mixes points the geometric mean of its points' p50, which are equally important however
    many queries each has; of whole passes over inputs that differ the mean time of a query; of a search for the largest
    rate that rate; of another open loop the p50 of what a query took once it was begun, since how long it waited
    differs with the arrivals. ``latency``: of ``repeats``."""
    from bench.analysis.run_processes import arrays_of, middles_by_point, query_rate
    from bench.stats.percentiles import percentile

    if arrays_of(repeats, samples, "pass_ns"):
        return [float(taken.mean()) for taken in arrays_of(repeats, samples, "latency_ns")]
    if is_searched(scenario):
        return _largest_rates(repeats, samples, scenario)
    if kind_of(scenario).open_loop:
        return [float(percentile(taken, 50)) for _, taken in _series(repeats, samples) if len(taken)]
    if kind_of(scenario).overlapping:
        return [rate for repeat in repeats if (rate := query_rate(repeat, samples, scenario))]
    if mixes_points(scenario):
        middles = (middles_by_point(repeat, samples) for repeat in repeats)
        return [geometric_mean([max(1.0, middle) for middle in found]) for found in middles if found]
    return [float(middle) for middle in latency.percentiles(50)]


def _largest_rates(repeats: Sequence[Repeat], samples: "Samples", scenario: Scenario) -> list[float]:
    """The rate that each process found; none of one that found no rate."""
    from bench.analysis.open_loops.attempts import largest_rate
    from bench.analysis.run_processes import processes_of

    percentile = bound_percentile(scenario) or 0.0
    found = (largest_rate(one.attempts, percentile) for one in processes_of(repeats, samples, scenario).each)
    return [rate for rate in found if rate is not None]


def drifts(repeats: Sequence[Repeat], samples: "Samples", among: int, rule: StoppingRule) -> list["Drift | None"]:
    """The drift of each repeat that has times, at the confidence for one ``among`` that many; ``None`` if it is
    unknown, or within the tolerance of ``rule``. Of an open loop that of what queries took once they were begun: how
    long they waited changes with the arrivals, also where the device does not."""
    from bench.stats.over_time.drift import drift

    confidence, tolerated = 1 - DRIFT_ALPHA / max(1, among), drift_tolerance(rule)
    return [drift(start, taken, confidence, tolerated) for start, taken in _series(repeats, samples)]


def _series(repeats: Sequence[Repeat], samples: "Samples") -> "Iterator[tuple[Times, Times]]":
    """When queries were begun and what each then took, of each repeat that has both; of rounds where they come in
    such, and without what the inputs of a pass differ by."""
    from bench.stats.passes.means import evened

    for repeat in repeats:
        named = repeat.samples.arrays if repeat.samples is not None else {}
        roles = ("round_start_ns", "round_ns") if "round_ns" in named else ("start_ns", "latency_ns")
        start, latency, due = (samples.get(named.get(role, "")) for role in (*roles, "due_ns"))
        passes = samples.get(named.get("pass_ns", ""))
        if passes is not None and start is not None and latency is not None:
            yield start, evened(latency, len(passes))
        elif start is not None and latency is not None:
            yield start, latency if due is None else due + latency - start


def moved(found: "Drift | None", rule: StoppingRule) -> bool:
    """Whether the drift of a repeat is significant and too large."""
    return found is not None and found.exceeds(drift_tolerance(rule))


def drift_tolerance(rule: StoppingRule) -> float:
    """Less than was asked for is no matter."""
    return max(DRIFT_TOLERANCE, rule.precision)


def looks(rule: RepeatRule) -> tuple[int, ...]:
    """The numbers of undisturbed repeats at which the precision is looked at: 6, 8, 11, 15, 20."""
    found = [rule.fewest]
    while found[-1] < rule.most:
        found.append(min(rule.most, math.ceil(found[-1] * GROWTH)))
    return tuple(found)


def ended(rule: RepeatRule, seen: Sequence[Seen], precision: float, nothing_spare: bool = True) -> RepeatsEnded | None:
    """Why the run needs no further repeat; ``None``: it does. ``nothing_spare``: the other runs of the suite have left
    no time either."""
    if rule.budget_ns is None:
        return "fixed" if len(seen) >= rule.most else None
    calm = [one for one in seen if not one.disturbed]
    if len(seen) < rule.fewest:
        return None
    if len(calm) in looks(rule) and precise(calm, precision, rule.most):
        return "precise"
    if len(seen) - len(calm) >= rule.fewest:
        return "busy"
    if len(seen) >= rule.most:
        return "most"
    return "budget" if nothing_spare and left_ns(rule, seen) <= 0 else None


def left_ns(rule: RepeatRule, seen: Sequence[Seen]) -> int:
    """What is left of the run's own time for repeats; negative where it used more, 0 where it has none to keep to."""
    return 0 if rule.budget_ns is None else rule.budget_ns - sum(one.took_ns for one in seen)


def in_time(rule: RepeatRule, seen: Sequence[Seen]) -> bool:
    """Whether the run may have another repeat without the time of other runs. The minimum number is always allowed."""
    return rule.budget_ns is None or len(seen) < rule.fewest or left_ns(rule, seen) > 0


def precise(calm: Sequence[Seen], precision: float, most: int) -> bool:
    """Whether this many repeats are enough: precise with all and without the last two, and either none is restless or
    so few that the figure is valid. If ``most`` repeats could not make them few enough, the run does not wait for
    it."""
    restless = sum(one.restless for one in calm)
    waits = restless > 0 and not few(restless, len(calm)) and few(restless, most)
    figures = [one.figure for one in calm]
    return not waits and within(figures, precision) and within(figures[:-NO_SAY], precision)


def within(figures: Sequence[float | None], precision: float) -> bool:
    """Whether the geometric mean of ``figures``, one a process, is known to ``precision``. Also where one has none or
    took no measurable time: more processes would not help."""
    from bench.stats.variance import known_to

    known = [figure for figure in figures if figure]
    if len(known) < len(figures):
        return True
    reach = known_to(known)
    return reach is not None and reach <= precision


def few(restless: int, repeats: int) -> bool:
    """Whether so many repeats among all are fewer than a tenth, as one of eleven is."""
    return restless < FEW * repeats


def set_aside(rule: RepeatRule | None, disturbed: Sequence[bool]) -> tuple[int, ...]:
    """Which repeats are not used in any figure: the disturbed ones, if the number was not fixed and enough others were
    measured. Otherwise all are kept, and the verdict states how busy the machine was."""
    if rule is None or rule.budget_ns is None or disturbed.count(False) < rule.fewest:
        return ()
    return tuple(index for index, one in enumerate(disturbed) if one)


def why_more(rule: RepeatRule, seen: Sequence[Seen], precision: float) -> Sentence | str:
    """In a few words, why a repeat beyond the minimum number is measured; empty before."""
    from bench.stats.variance import known_to

    if len(seen) < rule.fewest or rule.budget_ns is None:
        return ""
    calm = [one for one in seen if not one.disturbed]
    known = [one.figure for one in calm if one.figure]
    reach = known_to(known) if len(known) == len(calm) else None
    if len(calm) < rule.fewest:
        return sentence("analysis.repeats_disturbed", disturbed=len(seen) - len(calm))
    if reach is not None and reach > precision:
        return sentence("analysis.known_to", known_to=reach, precision=precision)
    restless = sum(one.restless for one in calm)
    return sentence("analysis.did_not_settle", repeats=restless) if restless else sentence("analysis.to_be_sure")
