"""Numbers of the table of targets, in the unit of the criterion. A figure and its target never look equal where they
are not."""

from collections.abc import Sequence

from bench.submission.criterion import Criterion
from bench.submission.units import base_of
from bench.words import current, say, units

MOST_PLACES = 9
GROUPED_FROM = 10_000
WHOLE = 1.0
"""The fraction to which a figure is never rounded up, nor a cosine."""


def unit_words(unit: str) -> str:
    """The unit as it is printed: ``µs`` of ``us``."""
    code = f"dossier.unit.{_CODES.get(unit, unit)}"
    return units.clean(unit) if current().template(code) is None else say(code)


_CODES = {"%": "percent", "%p": "points", "1": "one", "queries/s": "queries_per_s", "frames/s": "frames_per_s"} | {
    "tokens/s": "tokens_per_s"
}


def stated(value: float) -> str:
    """A number that someone wrote: all its digits."""
    if value == int(value) and abs(value) >= GROUPED_FROM:
        return units.grouped(int(value)) if abs(value) < 1e15 else f"{value:.6g}"
    return units.localised(f"{value:.10g}")


def in_unit(value: float, criterion: Criterion) -> float:
    """A figure of the record in the criterion's unit."""
    return value / base_of(criterion.unit)[1]


def landmarks(criterion: Criterion) -> tuple[float, ...]:
    """What a figure must be told apart from: the target, and the whole where there is one."""
    base, factor = base_of(criterion.unit)
    return (criterion.target, WHOLE / factor) if base in ("fraction", "number") else (criterion.target,)


def shown(values: Sequence[float], apart: Sequence[float]) -> tuple[str, ...]:
    """``values`` with as many digits as it takes to tell each from each of ``apart``, and all with the same places."""
    places = max((_places(value) for value in values), default=0)
    while places < MOST_PLACES and any(_blurred(value, other, places) for value in values for other in apart):
        places += 1
    return tuple(_written(value, places) for value in values)


def _blurred(value: float, other: float, places: int) -> bool:
    return value != other and float(f"{value:.{places}f}") == float(f"{other:.{places}f}")


def _places(value: float) -> int:
    """Three significant digits; whole numbers from 100 on, as ``units.digits`` has them."""
    size = abs(value)
    if size == 0 or size >= 99.95:
        return 0
    if size >= 9.995:
        return 1
    if size >= 0.9995:
        return 2
    return next((places for places in range(3, MOST_PLACES) if size >= 10.0 ** (2 - places) * 0.9995), MOST_PLACES)


def _written(value: float, places: int) -> str:
    if places == 0 and abs(value) >= GROUPED_FROM:
        return units.grouped(round(value))
    return units.localised(f"{value:.{places}f}")
