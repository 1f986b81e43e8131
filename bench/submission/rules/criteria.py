"""Rules about the table of targets: each criterion by itself, and all of them together."""

import math
from collections import Counter
from collections.abc import Iterator

from bench.errors import OdbError
from bench.scenarios.kinds import KINDS, parse_scenario, scenario_name
from bench.submission.assessment import Assessment
from bench.submission.criterion import Criterion
from bench.submission.decision import target_of
from bench.submission.figures import DIFFERENCE, PAIRED, FigureKind, figure_kind
from bench.submission.matching import targets_of
from bench.submission.rules.context import Context
from bench.submission.rules.rule import (
    Claim,
    Hit,
    amount,
    base_unit,
    claims,
    in_form,
    of_criterion,
    weaker,
)
from bench.submission.units import UNITS, base_of
from bench.words import words_of

CLOSE = 1e-6
"""Weights that are written with decimals sum to 100 within this."""
POINTS = "%p"
FEWEST_PROCESSES = 5
"""As ``odb compare`` needs a side (``bench.suite.presets``)."""
GREATEST = {"fidelity.cosine_min": 1.0}
"""Of figures that are plain numbers."""
SIGNED = ("decibels",)
"""Units whose figures may be below 0."""


def no_criteria(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``criteria`` is empty."""
    if not assessment.submission.criteria:
        yield Hit(in_form("criteria"))


def weights_sum(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The weights of all criteria do not sum to 100."""
    total = sum(one.weight for one in assessment.submission.criteria)
    if assessment.submission.criteria and not abs(total - 100) <= CLOSE:
        yield Hit(in_form("criteria[].weight"), {"total": total, "lacking": 100 - total})


def weight_impossible(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A weight is not above 0, or no number."""
    for one in assessment.submission.criteria:
        if not 0 < one.weight < math.inf:
            yield Hit(of_criterion(one, "weight"), {"weight": one.weight})


def id_twice(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Two criteria have one ``id``."""
    for name, times in Counter(one.id for one in assessment.submission.criteria).items():
        if times > 1:
            yield Hit(in_form(f"criteria[{name}].id"), {"id": name, "times": times})


def metric_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``metric`` is no figure of a record."""
    for claim in claims(assessment):
        if claim.kind is None and claim.later is None:
            try:
                figure_kind(claim.criterion.metric)
            except OdbError as error:
                figures = {"metric": claim.criterion.metric, "advice": error.advice}
                yield Hit(of_criterion(claim.criterion, "metric"), figures)


def unit_wrong(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``unit`` is unknown, or one of another quantity than the metric's."""
    for claim in claims(assessment):
        unit = base_unit(claim.criterion.unit)
        kind, written = claim.kind, claim.criterion.unit
        if unit is None or (kind is not None and not _has_unit(kind, written)):
            fitting = [name for name in UNITS if kind is None or _has_unit(kind, name)]
            figures = {"unit": claim.criterion.unit, "metric": claim.criterion.metric, "fitting": fitting}
            yield Hit(of_criterion(claim.criterion, "unit"), figures)


def _has_unit(kind: FigureKind, unit: str) -> bool:
    """Whether the figure may be stated in ``unit``. Percentage points are for a difference of two fractions."""
    return base_unit(unit) == kind.unit and (unit != POINTS or kind.path.endswith(DIFFERENCE))


def direction_wrong(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``direction`` asks for more of what is better when it is less, or the other way round."""
    for claim in claims(assessment):
        lower = None if claim.kind is None else lower_is_better(assessment, claim.kind, claim)
        right = None if lower is None else "at_most" if lower else "at_least"
        if right is not None and right != claim.criterion.direction:
            figures = {"metric": claim.criterion.metric, "stated": claim.criterion.direction, "right": right}
            yield Hit(of_criterion(claim.criterion, "direction"), figures)


def lower_is_better(assessment: Assessment, kind: FigureKind, claim: Claim) -> bool | None:
    """By the figure, or by what the record says of a metric of its dataset; ``None`` where neither tells."""
    if kind.lower_is_better is not None or claim.run is None or claim.run.record.quality is None:
        return kind.lower_is_better
    names = kind.path.split(".")
    found = [one.higher_is_better for one in claim.run.record.quality.metrics if one.name in names]
    return not found[0] if found else None


def target_impossible(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``target`` is a value that the metric cannot have, or that every run meets."""
    for claim in claims(assessment):
        if not math.isfinite(claim.criterion.target) or (claim.kind is not None and not _possible(claim, claim.kind)):
            target = amount(claim.criterion.target, claim.criterion.unit)
            figures = {"target": target, "metric": claim.criterion.metric}
            yield Hit(of_criterion(claim.criterion, "target"), figures)


def _possible(claim: Claim, kind: FigureKind) -> bool:
    criterion = claim.criterion
    if base_unit(criterion.unit) != kind.unit or kind.path.startswith(PAIRED) or kind.unit in SIGNED:
        return True
    target = target_of(criterion)
    if kind.unit == "fraction":
        least, most = (0.0, 1.0) if criterion.direction == "at_most" else (math.ulp(0.0), 1.0)
        return least <= target <= most and not (criterion.direction == "at_most" and target == 1)
    return 0 < target < math.inf and target <= GREATEST.get(kind.path, math.inf)


def title_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``title`` is empty."""
    yield from _empty(assessment, "title")


def method_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``method`` is empty."""
    yield from _empty(assessment, "method")


def conditions_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``conditions`` is empty."""
    yield from _empty(assessment, "conditions")


def reason_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``reason`` is empty."""
    yield from _empty(assessment, "reason")


def source_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``source`` is empty."""
    yield from _empty(assessment, "source")


def _empty(assessment: Assessment, field: str) -> Iterator[Hit]:
    for one in assessment.submission.criteria:
        if not str(getattr(one, field)).strip():
            yield Hit(of_criterion(one, field), {"criterion": one.id})


def repeats_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``repeats`` of a figure that changes from run to run is not stated."""
    for claim in claims(assessment):
        if claim.kind is not None and claim.kind.of_device and claim.criterion.repeats is None:
            yield Hit(of_criterion(claim.criterion, "repeats"), {"criterion": claim.criterion.id})


def repeats_few(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``repeats`` asks for fewer processes than an interval needs. One that lasts minutes has its own."""
    for claim in claims(assessment):
        repeats = claim.criterion.repeats
        of_device = claim.kind is not None and claim.kind.of_device
        kind = KINDS.get(scenario_name(claim.criterion.scenario))
        fewest = FEWEST_PROCESSES if of_device and (kind is None or not kind.lasting) else 1
        if repeats is not None and repeats < fewest:
            yield Hit(of_criterion(claim.criterion, "repeats"), {"repeats": repeats, "fewest": FEWEST_PROCESSES})


def model_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``model`` is no ``id`` of the form's models."""
    known = [model.id for model in assessment.submission.models]
    for one in assessment.submission.criteria:
        if known and one.model and one.model not in known:
            yield Hit(of_criterion(one, "model"), {"model": one.model, "known": known})


def target_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``device`` is none of the form's targets, and none stands in for it."""
    known = [target.id for target in assessment.submission.targets]
    for one in assessment.submission.criteria:
        if one.device and known and not targets_of(assessment.submission, one):
            yield Hit(of_criterion(one, "device"), {"target": one.device, "known": known})


def scenario_unreadable(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``scenario`` is known, and has parameters that it cannot have."""
    for one in assessment.submission.criteria:
        kind = KINDS.get(scenario_name(one.scenario))
        try:
            if kind is not None:
                parse_scenario(one.scenario, kind)
        except OdbError as error:
            figures = {"scenario": one.scenario, "reason": words_of(error)}
            yield Hit(of_criterion(one, "scenario"), figures)


def scenario_not_listed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A criterion's scenario is not among those that ``odb run`` plays for this submission."""
    listed = {one.name for one in assessment.submission.scenarios}
    for one in assessment.submission.criteria:
        name = scenario_name(one.scenario)
        if one.scenario and name in KINDS and name not in listed:
            yield Hit(of_criterion(one, "scenario"), {"scenario": name, "listed": sorted(listed)})


def not_measurable(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A criterion waits for a later version."""
    for claim in claims(assessment):
        if claim.later is not None:
            figures = {"reason": claim.later, "weight": claim.criterion.weight}
            yield Hit(of_criterion(claim.criterion), figures)


def same_twice(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Two criteria are decided by the same figure of the same record."""
    seen: dict[tuple[str, str, str, str], Criterion] = {}
    for one in assessment.submission.criteria:
        key = (one.metric, one.model, one.device, one.scenario)
        if key in seen and seen[key].id != one.id:
            yield Hit(of_criterion(one), {"other": seen[key].id, "weight": one.weight})
        seen.setdefault(key, one)


def proposed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A target is still the track's proposal."""
    for one in assessment.submission.criteria:
        if one.proposed:
            yield Hit(of_criterion(one, "target"), {"target": amount(one.target, one.unit)})


def dropped(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A criterion of the track is missing. One for another kind of model than those measured is not missed."""
    kept = {one.id for one in assessment.submission.criteria}
    tasks = {run.record.plan.model.task for run in assessment.runs}
    for one in context.track.criteria if context.track is not None else ():
        if one.id not in kept and (one.applies == "any" or one.applies in tasks):
            yield Hit(in_form("criteria"), {"criterion": one.id, "weight": one.weight})


def weaker_than_track(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A target asks for less than the track proposes for the same criterion."""
    proposals = {one.id: one for one in context.track.criteria} if context.track is not None else {}
    for one in assessment.submission.criteria:
        proposal = proposals.get(one.id)
        if proposal is None or (proposal.metric, proposal.direction) != (one.metric, one.direction):
            continue
        units = base_unit(one.unit), base_unit(proposal.unit)
        if units[0] is not None and units[0] == units[1]:
            in_own_unit = target_of(proposal) / base_of(one.unit)[1]
            if weaker(one, one.target, in_own_unit) and not math.isclose(one.target, in_own_unit, rel_tol=1e-9):
                figures = {"target": amount(one.target, one.unit), "proposal": amount(in_own_unit, one.unit)}
                yield Hit(of_criterion(one, "target"), figures)


def evidence_not_stated(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``evidence`` leaves out what the metric is not known without."""
    for claim in claims(assessment):
        if claim.kind is not None and claim.later is None:
            needed = (*claim.kind.needs, *(("device",) if claim.kind.of_device else ()))
            missing = [one for one in needed if one not in claim.criterion.evidence]
            if missing:
                yield Hit(
                    of_criterion(claim.criterion, "evidence"), {"missing": missing, "metric": claim.criterion.metric}
                )
