"""The axis of a scenario: which values its points have."""

from collections.abc import Mapping

from bench.contracts import Axis, Scenario
from bench.scenarios.kinds import KINDS, kind_of
from bench.scenarios.parameters import SECONDS
from bench.words import Sentence, sentence

MOST_POINTS = 4_096
"""Of one axis: a minute each, nearly three days."""


def axis_of(scenario: Scenario) -> Axis | None:
    """What the scenario's queries are grouped by; ``None`` where all of them are alike, as where the player would find
    the values but its parameter is a number."""
    axis = kind_of(scenario).axis
    if axis is None or axis.of != "found" or not axis.parameter:
        return axis
    return axis if isinstance(scenario.own_parameters.get(axis.parameter), str) else None


def mixes_points(scenario: Scenario) -> bool:
    """Whether one series holds queries of unlike points, whose times are no sample of one distribution: not where they
    come in rounds, nor where points are queries that run at once."""
    kind = kind_of(scenario)
    return axis_of(scenario) is not None and not kind.rounds and not kind.overlapping


def has_unlike_points(scenario: Scenario) -> bool:
    """Whether its points are compared with one of them, such as answers after idling with warm ones: a figure of all
    queries together says how many there were of each."""
    axis = axis_of(scenario)
    return axis is not None and axis.zero


def points_of(scenario: Scenario) -> tuple[float, ...]:
    """The values of its axis as the plan has them; none where the player finds them. Raises ``ValueError`` for a
    parameter that is missing or cannot give so many points."""
    axis = axis_of(scenario)
    if axis is None or axis.of == "found":
        return ()
    try:
        values = scenario.numbers(axis.parameter)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no {axis.parameter}: {error}") from None
    if axis.of == "counted":
        count = values[0]
        if not 1 <= count <= MOST_POINTS or count != int(count):
            raise ValueError(f"{axis.parameter} {count:g}")
        return tuple(float(number) for number in range(1, int(count) + 1))
    return (*((0.0,) if axis.zero else ()), *(float(value) for value in values))


def axis_title(name: str) -> Sentence | str:
    """What the axis is called; of a plugin's its name."""
    return sentence(f"axis.{name}.title") if name in _own() else name


def point_words(name: str, unit: str, at: float) -> Sentence:
    """The point in a few words: ``after 10 s idle``, ``minute 3``."""
    at_ns = at * SECONDS[unit] * 1e9 if unit in SECONDS else at
    if name not in _own():
        return sentence("axis.other.point", name=name, at=at, unit=unit)
    if at == 0 and _own()[name].zero:
        return sentence(f"axis.{name}.zero", at=at, at_ns=at_ns)
    return sentence(f"axis.{name}.point", at=at, at_ns=at_ns)


def _own() -> Mapping[str, Axis]:
    """The axes of this project's scenarios, by their names."""
    return {kind.axis.name: kind.axis for kind in KINDS.values() if kind.axis is not None}
