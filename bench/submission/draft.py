"""The first form of a submission: made from a track and from what the applicant named, for him to go on with.

What the track proposes stays a proposal (``proposed``). Criteria and scenarios that no named model fits are left out. A
criterion of a device that is none of the targets is decided by any target, or left out where it is about placement.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Task
from bench.contracts.scenario import Value
from bench.scenarios.idling import stated_ns
from bench.scenarios.kinds import KINDS, parse_scenario, scenario_name, settled
from bench.scenarios.lasting import tasks_in
from bench.scenarios.parameters import pairs
from bench.submission.criterion import Criterion
from bench.submission.figures import later
from bench.submission.form import (
    FORMAT,
    Measuring,
    Party,
    Project,
    Submission,
    SubmittedDevice,
    SubmittedModel,
    SubmittedScenario,
    SubmittedTarget,
)
from bench.submission.matching import deciding
from bench.submission.rules.version import RULES_VERSION
from bench.submission.texts import Text
from bench.submission.track import Track, TrackScenario

EVERY_TASK: tuple[Task, ...] = get_args(Task)
OF_TEXT = ("summary.text_generation.", "quality.metrics.perplexity", "quality.paired.perplexity")
OF_PLACEMENT = "placement."
"""Figures of what ran on the very device that a criterion names; on another device they state something else."""
FIRST_LOOK, LONG_NS = "quick", 180_000_000_000
"""The preset of a first look. Its form leaves out scenarios of which one process takes longer than this, and their
criteria."""
TOKENS = ("prompt_tokens", "generate_tokens", "depth_tokens")


class DraftModel(Struct, frozen=True):
    """A model that the applicant named, and what it does."""

    model: SubmittedModel
    task: Task


class Named(Struct, frozen=True, kw_only=True):
    """What the applicant named. ``track``: as the form names it. ``targets``: instead of the track's."""

    track: str
    models: tuple[DraftModel, ...] = ()
    targets: tuple[SubmittedTarget, ...] = ()
    project: str = ""
    applicant: str = ""
    device: str = ""
    measuring: Measuring = Measuring()


class Draft(Struct, frozen=True, kw_only=True):
    """``reasons``: why a target or a scenario is there, by its id or as it is asked for. ``unknown``: targets
    that this version does not know. ``left_out``: criteria that none of the models fits. ``without_target``: criteria
    of the placement on a device that is none of the targets. ``any_target``: criteria that the track decides on such a
    device, and that any target of the form decides now. ``too_long``: criteria left out of a first look, because their
    scenario takes too long. ``reweighted``: whether the weights of the others were raised, so that they sum to 100."""

    submission: Submission
    reasons: dict[str, Text] = {}
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    without_target: tuple[str, ...] = ()
    too_long: tuple[str, ...] = ()
    any_target: tuple[str, ...] = ()
    reweighted: bool = False


def drafted(track: Track, named: Named, known: Callable[[str], bool] = lambda target: True) -> Draft:
    """The form for ``track``. ``known``: whether this version has a target of that id, usable here or not."""
    offered = tuple(
        SubmittedTarget(id=one.id, options=dict(one.options), stand_in=one.stand_in)
        for one in track.targets
        if known(one.id)
    )
    targets = named.targets or offered
    first_look = named.measuring.preset == FIRST_LOOK
    too_long = {one.id for one in track.criteria if first_look and _is_long(one.scenario)}
    fitting = tuple(one for one in track.criteria if one.id not in too_long and _fitting(tasks_of(one), named.models))
    elsewhere = {one.id for one in fitting if targets and not deciding(targets, one)}
    criteria = tuple(one for one in fitting if one.id not in elsewhere or not one.metric.startswith(OF_PLACEMENT))
    scenarios = [one for one in track.scenarios if not (first_look and _is_long(_submitted(one).asked))]
    weighed = rounded_to_100([one.weight for one in criteria])
    submission = Submission(
        format=FORMAT,
        track=named.track,
        rules=RULES_VERSION,
        project=Project(name=named.project),
        applicant=Party(organisation=named.applicant),
        demand_company=Party(organisation=track.partner.name),
        device=SubmittedDevice(name=named.device),
        measuring=named.measuring,
        models=tuple(one.model for one in named.models),
        targets=targets,
        scenarios=tuple(_scenarios(scenarios, named.models)),
        criteria=tuple(
            replace(
                one,
                weight=weight,
                model=one.model or _first(tasks_of(one), named.models),
                device="" if one.id in elsewhere else one.device,
            )
            for one, weight in zip(criteria, weighed, strict=True)
        ),
    )
    return Draft(
        submission=submission,
        reasons={one.id: one.reason for one in track.targets}
        | {_submitted(one).asked: one.reason for one in track.scenarios},
        unknown=tuple(one.id for one in track.targets if not known(one.id)) if not named.targets else (),
        left_out=tuple(one.id for one in track.criteria if one not in fitting and one.id not in too_long),
        without_target=tuple(one.id for one in fitting if one not in criteria),
        any_target=tuple(one.id for one in criteria if one.id in elsewhere),
        too_long=tuple(one.id for one in track.criteria if one.id in too_long),
        reweighted=weighed != [one.weight for one in criteria],
    )


def tasks_of(criterion: Criterion) -> tuple[Task, ...]:
    """Of models that ``criterion`` may be decided by: as it says itself, or as far as its metric and scenario tell."""
    if criterion.applies != "any":
        return (criterion.applies,)
    if criterion.metric.startswith(OF_TEXT) or any(f"{name}=" in criterion.scenario for name in TOKENS):
        return ("text_generation",)
    return _scenario_tasks(*name_and_values(TrackScenario(criterion.scenario, criterion.reason)))


def rounded_to_100(weights: Sequence[float]) -> list[float]:
    """``weights`` in the same proportions, so that they sum to 100: whole numbers, those with the largest remainder
    rounded up. Weights that sum to 100, or to nothing, stay as they are."""
    total = sum(weights)
    if total in (0, 100):
        return list(weights)
    exact = [100 * weight / total for weight in weights]
    whole = [float(int(one)) for one in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: whole[place] - exact[place])
    for place in by_remainder[: 100 - int(sum(whole))]:
        whole[place] += 1
    return whole


def name_and_values(scenario: TrackScenario) -> tuple[str, dict[str, Value]]:
    """A scenario as ``-s`` takes it, in parts: its name, and its parameters with those stated apart."""
    name, _, rest = scenario.scenario.partition(":")
    stated = {key: _value(value) for key, value in pairs(rest)} if rest else {}
    return name.strip(), stated | dict(scenario.parameters)


def _submitted(scenario: TrackScenario, models: tuple[str, ...] = ()) -> SubmittedScenario:
    name, values = name_and_values(scenario)
    return SubmittedScenario(name=name, parameters=values, models=models)


def _is_long(asked: str) -> bool:
    """Whether one process of the scenario, as ``-s`` takes it, takes too long for a first look."""
    kind = KINDS.get(scenario_name(asked))
    return kind is not None and stated_ns(settled(parse_scenario(asked, kind), kind)) > LONG_NS


def _scenarios(scenarios: Sequence[TrackScenario], models: Sequence[DraftModel]) -> list[SubmittedScenario]:
    found = []
    for one in scenarios:
        name, values = name_and_values(one)
        fitting = _fitting(_scenario_tasks(name, values), models)
        if fitting:
            ids = () if len(fitting) == len(models) else tuple(model.model.id for model in fitting)
            found.append(_submitted(one, ids if models else ()))
    return found


def _scenario_tasks(name: str, values: Mapping[str, object]) -> tuple[Task, ...]:
    if set(TOKENS) & values.keys():
        return ("text_generation",)
    return tasks_in(KINDS[name], values) if name in KINDS else EVERY_TASK


NOBODY = (DraftModel(SubmittedModel(id="", source=""), "tensor"),)


def _fitting(tasks: Sequence[Task], models: Sequence[DraftModel]) -> tuple[DraftModel, ...]:
    """The models of ``tasks``; a placeholder while there are no models, because then everything may still fit."""
    return tuple(one for one in models if one.task in tasks) if models else NOBODY


def _first(tasks: Sequence[Task], models: Sequence[DraftModel]) -> str:
    return _fitting(tasks, models)[0].model.id


def _value(text: str) -> Value:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return text


def not_measurable(submission: Submission) -> tuple[str, ...]:
    """Ids of the criteria that this version cannot measure."""
    return tuple(one.id for one in submission.criteria if later(one.metric) or later(one.scenario))


def worth_filling_in(submission: Submission) -> tuple[str, ...]:
    """The fields of the form that nobody but the applicant knows, and that are empty."""
    fields = {
        "project.name": submission.project.name,
        "project.summary": submission.project.summary,
        "project.period": submission.project.period,
        "applicant.organisation": submission.applicant.organisation,
        "device.name": submission.device.name,
        "device.maker": submission.device.maker,
        "device.soc": submission.device.soc,
        "device.power_supply": submission.device.power_supply,
        "device.cooling": submission.device.cooling,
        "models": submission.models,
    }
    return tuple(name for name, value in fields.items() if not value)
