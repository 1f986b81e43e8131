"""Contradictions between the points that a record's queries belong to and the axis of its scenario."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.contracts import Scenario
from bench.record.record import Repeat
from bench.scenarios.axes import MOST_POINTS, axis_of, points_of
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Samples = Mapping[str, np.ndarray[Any, Any]]


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
