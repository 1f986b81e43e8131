"""Rules about what a target is compared with: what others reached, and what the applicant had before."""

import math
from collections.abc import Iterator

from bench.submission.assessment import Assessment
from bench.submission.criterion import Criterion, Level
from bench.submission.rules.context import Context
from bench.submission.rules.rule import Hit, amount, of_criterion, weaker


def world_best_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``world_best.value`` is not stated, or no number."""
    for one in assessment.submission.criteria:
        if not _known(one.world_best):
            yield Hit(of_criterion(one, "world_best.value"), {"criterion": one.id})


def world_best_without_holder(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nobody is named who reached the world's best."""
    for one in assessment.submission.criteria:
        if _known(one.world_best) and not _any(one.world_best, "holder", "country"):
            yield Hit(of_criterion(one, "world_best.holder"), {"criterion": one.id})


def world_best_without_source(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nothing says where the world's best is published."""
    for one in assessment.submission.criteria:
        if _known(one.world_best) and not _any(one.world_best, "source"):
            yield Hit(of_criterion(one, "world_best.source"), {"criterion": one.id})


def world_best_without_conditions(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nothing says under which conditions the world's best was reached."""
    for one in assessment.submission.criteria:
        if _known(one.world_best) and not _any(one.world_best, "conditions"):
            yield Hit(of_criterion(one, "world_best.conditions"), {"criterion": one.id})


def before_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``before.value`` is not stated, or no number."""
    for one in assessment.submission.criteria:
        if not _known(one.before):
            yield Hit(of_criterion(one, "before.value"), {"criterion": one.id})


def weaker_than_world_best(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target asks for less than others reached."""
    for one in assessment.submission.criteria:
        value = _value(one.world_best)
        if value is not None and weaker(one, one.target, value):
            yield Hit(of_criterion(one, "target"), _both(one, value))


def as_before(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target is what was reached before the work."""
    for one in assessment.submission.criteria:
        value = _value(one.before)
        if value is not None and one.target == value:
            yield Hit(of_criterion(one, "target"), _both(one, value))


def weaker_than_before(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target asks for less than was reached before the work."""
    for one in assessment.submission.criteria:
        value = _value(one.before)
        if value is not None and weaker(one, one.target, value):
            yield Hit(of_criterion(one, "target"), _both(one, value))


def _known(level: Level) -> bool:
    return _value(level) is not None


def _value(level: Level) -> float | None:
    """The value, if it is a number."""
    return level.value if level.value is not None and math.isfinite(level.value) else None


def _any(level: Level, *fields: str) -> bool:
    return any(str(getattr(level, field)).strip() for field in fields)


def _both(criterion: Criterion, level: float) -> dict[str, object]:
    return {"target": amount(criterion.target, criterion.unit), "level": amount(level, criterion.unit)}
