"""Rules about what a target is compared with: what others reached, and what the applicant had before."""

from collections.abc import Iterator

from bench.submission.assessment import Assessment
from bench.submission.criterion import Criterion, Level
from bench.submission.rules.context import Context
from bench.submission.rules.rule import Hit, amount, of_criterion, weaker


def world_best_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``world_best.value`` is not stated."""
    for one in assessment.submission.criteria:
        if one.world_best.value is None:
            yield Hit(of_criterion(one, "world_best.value"), {"criterion": one.id})


def world_best_without_holder(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nobody is named who reached the world's best."""
    for one in assessment.submission.criteria:
        if one.world_best.value is not None and not _any(one.world_best, "holder", "country"):
            yield Hit(of_criterion(one, "world_best.holder"), {"criterion": one.id})


def world_best_without_source(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nothing says where the world's best is published."""
    for one in assessment.submission.criteria:
        if one.world_best.value is not None and not _any(one.world_best, "source"):
            yield Hit(of_criterion(one, "world_best.source"), {"criterion": one.id})


def world_best_without_conditions(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nothing says under which conditions the world's best was reached."""
    for one in assessment.submission.criteria:
        if one.world_best.value is not None and not _any(one.world_best, "conditions"):
            yield Hit(of_criterion(one, "world_best.conditions"), {"criterion": one.id})


def before_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``before.value`` is not stated."""
    for one in assessment.submission.criteria:
        if one.before.value is None:
            yield Hit(of_criterion(one, "before.value"), {"criterion": one.id})


def weaker_than_world_best(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target asks for less than others reached."""
    for one in assessment.submission.criteria:
        if one.world_best.value is not None and weaker(one, one.target, one.world_best.value):
            yield Hit(of_criterion(one, "target"), _both(one, one.world_best.value))


def as_before(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target is what was reached before the work."""
    for one in assessment.submission.criteria:
        if one.before.value is not None and one.target == one.before.value:
            yield Hit(of_criterion(one, "target"), _both(one, one.before.value))


def weaker_than_before(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target asks for less than was reached before the work."""
    for one in assessment.submission.criteria:
        if one.before.value is not None and weaker(one, one.target, one.before.value):
            yield Hit(of_criterion(one, "target"), _both(one, one.before.value))


def _any(level: Level, *fields: str) -> bool:
    return any(str(getattr(level, field)).strip() for field in fields)


def _both(criterion: Criterion, level: float) -> dict[str, object]:
    return {"target": amount(criterion.target, criterion.unit), "level": amount(level, criterion.unit)}
