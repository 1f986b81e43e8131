"""Contradictions between the moments of an open loop: when queries were due, begun and done."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.contracts import Scenario
from bench.record.record import Repeat
from bench.scenarios.kinds import RATE, kind_of
from bench.scenarios.open_loops import bound_ns, bound_percentile, is_searched, rate_of
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Samples = Mapping[str, Array]

NS_PER_S, THOUSANDTHS = 1_000_000_000, 1_000
MOST_DEVIATIONS = 8  # of a Poisson process' number of arrivals: a chance of 1e-15
SLACK = 0.98  # the scale's lowest step is just below the lowest rate
ALWAYS = ("due_ns", "start_ns", "dropped_ns")
OF_A_SEARCH = ("attempt_latency_ns", "attempt_point", "axis_thousandths")


def open_loop_contradictions(repeat: Repeat, samples: "Samples", scenario: Scenario) -> Iterator[Sentence | str]:
    """Arrays that the scenario does not have or that are missing, and queries that were begun before they were due or
    done before they were begun."""
    if repeat.samples is None:
        return
    held = {role: samples[key] for role, key in repeat.samples.arrays.items() if key in samples}
    open_loop = kind_of(scenario).open_loop
    wanted = {*(ALWAYS if open_loop else ()), *(OF_A_SEARCH if is_searched(scenario) else ())}
    present = {role for role in (*ALWAYS, *OF_A_SEARCH) if role in held and (open_loop or role != "start_ns")}
    if open_loop and wanted != present:
        roles = sorted(wanted ^ present)
        yield sentence("store.open_loop_arrays", scenario=scenario.name, roles=roles)
        return
    if not open_loop:
        return
    given = scenario.own_parameters
    missing = [one.name for one in kind_of(scenario).parameters if one.default is not None and one.name not in given]
    if missing:
        yield sentence("store.open_loop_parameters", scenario=scenario.name, names=missing)
        return
    latency, due, start = held["latency_ns"], held["due_ns"], held["start_ns"]
    if len(due) and (bool((start < due).any()) or bool((due + latency < start).any())):
        yield sentence("store.open_loop_order", scenario=scenario.name)
        return
    if is_searched(scenario):
        yield from _search(held, scenario)
        return
    rate = rate_of(scenario) or 0.0
    if bound_percentile(scenario) is None:
        yield from _frames(held, rate)
    else:
        yield from _random(due, rate)


def _frames(held: "Samples", rate: float) -> Iterator[Sentence | str]:
    """Frames that were not due at the rate, or of which some are neither answered nor dropped."""
    import numpy as np

    due = np.sort(np.concatenate([held["due_ns"], held["dropped_ns"]]))
    if len(due) and np.abs(due - np.arange(len(due)) * (NS_PER_S / rate)).max() > 1:
        yield sentence("store.open_loop_frames", frames=len(due), rate_per_s=rate)


def _random(due_ns: "Array", rate: float) -> Iterator[Sentence | str]:
    """Arrivals whose number in their time is none that the rate gives."""
    gaps, expected = len(due_ns) - 1, (int(due_ns.max()) - int(due_ns.min())) / NS_PER_S * rate if len(due_ns) else 0
    if gaps > 0 and abs(expected - gaps) > MOST_DEVIATIONS * math.sqrt(gaps) + MOST_DEVIATIONS:
        yield sentence("store.open_loop_rate", queries=len(due_ns), rate_per_s=rate, found_per_s=rate * gaps / expected)


def _search(held: "Samples", scenario: Scenario) -> Iterator[Sentence | str]:
    """Attempts of no rate, or of one that no search tries, queries of no attempt, and a steady state that is not the
    attempt which is kept."""
    import numpy as np

    from bench.analysis.open_loops.attempts import attempts_of, kept_attempt

    point, latency, rates = held["attempt_point"], held["attempt_latency_ns"], held["axis_thousandths"]
    if len(point) != len(latency) or (len(point) and not 0 <= int(point.min()) <= int(point.max()) < len(rates)):
        yield sentence("store.open_loop_attempts", queries=len(latency), points=len(point), rates=len(rates))
        return
    if any(not SLACK * RATE.least <= rate / THOUSANDTHS <= RATE.most for rate in rates.tolist()):
        yield sentence("store.open_loop_scale", rates=len(rates), least=RATE.least, most=RATE.most)
        return
    bound, percentile = bound_ns(scenario) or 0, bound_percentile(scenario) or 0.0
    attempts = attempts_of(rates, point, latency, bound)
    kept = kept_attempt(attempts, percentile)
    if kept is None or not np.array_equal(latency[point == kept], held["latency_ns"]):
        yield sentence("store.open_loop_kept", scenario=scenario.name)
        return
    yield from _random(held["due_ns"], attempts[kept].rate_per_s)
