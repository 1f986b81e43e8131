"""Contradictions between the points that a record's queries belong to and the axis of its scenario."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.contracts import Scenario
from bench.record.record import Repeat
from bench.record.samples import IDLE_ROLES
from bench.scenarios.axes import MOST_POINTS, axis_of, points_of
from bench.scenarios.idling import idles
from bench.scenarios.kinds import kind_of
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Samples = Mapping[str, np.ndarray[Any, Any]]

SLEPT, TICK_NS = 0.99, 2_000_000
"""A sleep may end early by a tick of the timer, and two clocks of one machine need not agree."""


def point_contradictions(repeat: Repeat, samples: "Samples", scenario: Scenario) -> Iterator[Sentence | str]:
    """Queries of no point, or of one that the axis does not have; an axis of more points than any run has."""
    named = repeat.samples.arrays if repeat.samples is not None else {}
    held = {role: samples[key] for role, key in named.items() if key in samples}
    axis, point, found = axis_of(scenario), held.get("attempt_point", held.get("point")), held.get("axis_thousandths")
    if axis is None:
        for role in ("point", "axis_thousandths"):
            if role in held:
                yield sentence("store.point_without_axis", role=role, scenario=scenario.name)
        return
    if (axis.of == "found") != (found is not None):
        yield sentence("store.axis_values_misplaced", scenario=scenario.name)
        return
    try:
        count = len(points_of(scenario)) if found is None else len(found)
    except ValueError as error:
        yield sentence("store.axis_impossible", scenario=scenario.name, error=str(error))
        return
    if count > MOST_POINTS:
        yield sentence("store.too_many_points", points=count, most=MOST_POINTS)
    elif point is None:
        yield sentence("store.points_missing", scenario=scenario.name)
    elif len(point) and int(point.max()) >= count:
        yield sentence("store.point_outside", point=int(point.max()), points=count)
    elif idles(scenario):
        yield from _idling(held, scenario)


def _idling(held: "Samples", scenario: Scenario) -> Iterator[Sentence | str]:
    """Idle times that are missing, before a warm query, or shorter than that of the query's point; more or fewer
    queries after one than were asked for."""
    missing = [role for role in IDLE_ROLES if role not in held]
    if missing:
        yield sentence("store.idle_missing", role=missing[0], scenario=scenario.name)
        return
    idle, times = kind_of(scenario).idling
    point, idle_ns, wakes = held["point"], held["idle_ns"], int(scenario.number(times))
    warm = idle_ns[point == 0]
    if len(warm) and warm.max() > 0:
        yield sentence("store.idle_before_warm", idle_ns=int(warm.max()))
    for index, asked_ms in enumerate(scenario.numbers(idle), 1):
        asked_ns, after_ns = round(1e6 * asked_ms), idle_ns[point == index]
        if len(after_ns) != wakes:
            yield sentence("store.idle_queries", queries=len(after_ns), idle_ns=asked_ns, wakes=wakes)
        elif after_ns.min() < SLEPT * asked_ns - TICK_NS:
            yield sentence("store.idle_shorter", idle_ns=int(after_ns.min()), asked_ns=asked_ns)
