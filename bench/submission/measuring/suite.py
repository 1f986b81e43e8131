"""A submission as a suite: what ``odb run DIR`` measures, and the same as a suite's file for a bundle.

Scenarios of a later version are no part of it; they are named with the reason. Options in a form count as untrusted,
like those in a suite's file.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from bench.contracts import Scenario, Task
from bench.errors import InputError
from bench.plugins import Catalog
from bench.scenarios.kinds import KINDS
from bench.scenarios.lasting import tasks_in
from bench.submission.figures import later
from bench.submission.form import SUBMISSION, Submission, SubmittedModel, SubmittedScenario
from bench.submission.toml_text import changed_fields, toml_value
from bench.suite.scenario_choice import kind_named
from bench.suite.suite import ModelAsk, Suite, TargetAsk, is_file, scenario_table
from bench.suite.untrusted import Untrusted
from bench.toml.values import converted
from bench.words import Sentence, sentence

MODEL_FIELDS = (
    *("precision", "shapes", "inputs", "preprocessing", "prompts", "dataset", "dataset_options", "pipeline_inputs"),
    *("reference", "chat", "stop"),
)


class SuiteOfForm(Struct, frozen=True):
    """``later``: scenarios that this version cannot play, with the reason. ``unfit``: those that no model fits."""

    suite: Suite
    later: dict[str, Sentence] = {}
    unfit: tuple[str, ...] = ()


def suite_of(submission: Submission, folder: Path, catalog: Catalog, tasks: Mapping[str, Task]) -> SuiteOfForm:
    """The suite of the form in ``folder``. ``tasks``: of each model, by its id. Raises ``InputError`` naming the field
    for a form that asks for nothing, a scenario of an unknown model, and what a suite's file could not hold."""
    where = str(folder / SUBMISSION)
    for field in ("models", "targets", "scenarios"):
        if not getattr(submission, field):
            raise InputError(
                sentence("submission.none_named", file=where, field=field),
                sentence("submission.none_named.remedy", field=field),
            )
    built_in = frozenset(catalog.names("models"))
    sources = {one.id: beside(folder, one.source, built_in) for one in submission.models}
    _check_ids(submission, where)
    with_files = {one.id for one in submission.models if one.pipeline_inputs or one.dataset}
    scenarios: list[Scenario] = []
    played: list[tuple[str, ...]] = []
    unfit: list[str] = []
    for number, one in enumerate(submission.scenarios, 1):
        if later(one.name) is not None:
            continue
        kind = kind_named(one.name, catalog)
        ids = fitting(one, tasks, tasks_in(kind, one.parameters)) or ()
        if kind.staged:
            ids = tuple(name for name in ids if name in with_files)
        if ids:
            scenarios.append(_scenario(one, where, number, catalog))
            played.append(() if len(ids) == len(sources) else tuple(sources[name] for name in ids))
        else:
            unfit.append(one.name)
    suite = Suite(
        models=tuple(_model(one, folder, sources[one.id]) for one in submission.models),
        targets=tuple(TargetAsk(one.id, dict(one.options)) for one in submission.targets),
        scenarios=tuple(scenarios),
        preset=submission.measuring.preset,
        repeats=submission.measuring.repeats,
        seed=submission.measuring.seed,
        max_seconds=submission.measuring.max_seconds,
        untrusted=Untrusted(where, frozenset(), len(submission.targets)),
        scenario_models=tuple(played) if any(played) else (),
    )
    reasons = {one.name: reason for one in submission.scenarios if (reason := later(one.name)) is not None}
    return SuiteOfForm(suite, reasons, tuple(unfit))


def fitting(scenario: SubmittedScenario, tasks: Mapping[str, Task], played: Collection[Task]) -> tuple[str, ...]:
    """Ids of the models that ``scenario``, which is defined for the tasks ``played``, is played with: those that it
    names, or all that fit. A named one is kept where it does not fit, so that its run says why."""
    return scenario.models or tuple(name for name, task in tasks.items() if task in played)


def suite_text(submission: Submission, tasks: Mapping[str, Task] | None = None, catalog: Catalog | None = None) -> str:
    """The form as a suite's file, ``suite.toml``, which lies in the same folder: ``odb run suite.toml`` asks for what
    ``odb run .`` asks for there. ``tasks``: of each model, by its id; one that is not there counts as fitting. Without
    ``catalog``, as in a bundle, whose text must not depend on what is installed: a bare name is a built-in model's, and
    a scenario of a plugin is played with every model."""
    built_in = None if catalog is None else frozenset(catalog.names("models"))
    sources = {one.id: _in_suite(one.source, built_in) for one in submission.models}
    lines = [f"{name} = {toml_value(value)}" for name, value in _measuring(submission).items()]
    for model in submission.models:
        fields = {"source": sources[model.id], **{k: v for k, v in changed_fields(model).items() if k in MODEL_FIELDS}}
        lines += _table("models", fields)
    for target in submission.targets:
        lines += _table("targets", {"id": target.id, **({"options": target.options} if target.options else {})})
    for scenario in submission.scenarios:
        if later(scenario.name) is None:
            played = _played(scenario, catalog)
            known = {name: (tasks or {}).get(name) for name in sources}
            every = {name: played[0] if task is None else task for name, task in known.items()}
            only = [sources[name] for name in fitting(scenario, every, played) if name in sources]
            if only or not sources:
                chosen = {"models": only} if len(only) < len(sources) else {}
                lines += _table("scenarios", {"name": scenario.name, **scenario.parameters, **chosen})
    return "\n".join(lines) + "\n"


def _played(scenario: SubmittedScenario, catalog: Catalog | None) -> tuple[Task, ...]:
    """The tasks that a scenario is defined for."""
    kind = KINDS.get(scenario.name) if catalog is None else kind_named(scenario.name, catalog)
    return get_args(Task) if kind is None else tasks_in(kind, scenario.parameters)


def beside(folder: Path, source: str, built_in: Collection[str] = ()) -> str:
    """A model's source as it is found from here: a file or folder of the form's ``folder``, or a built-in's name."""
    own = is_file(source) or (source not in built_in and (folder / source).is_dir())
    return str(folder / source) if own else source


def _in_suite(source: str, built_in: Collection[str] | None) -> str:
    """A source as a suite's file has it, in which a bare name is a built-in's."""
    return source if built_in is None or is_file(source) or source in built_in else f"./{source}"


def _model(model: SubmittedModel, folder: Path, source: str) -> ModelAsk:
    def own(path: str) -> str:
        return str(folder / path) if path else ""

    return ModelAsk(
        source=source,
        precision=model.precision,
        shapes=model.shapes,
        inputs={name: own(path) for name, path in model.inputs.items()},
        preprocessing=model.preprocessing,
        prompts=own(model.prompts),
        dataset=own(model.dataset),
        dataset_options=model.dataset_options,
        pipeline_inputs=own(model.pipeline_inputs),
        reference=own(model.reference),
        chat=model.chat,
        stop=model.stop,
    )


def _scenario(scenario: SubmittedScenario, where: str, number: int, catalog: Catalog) -> Scenario:
    table = scenario_table({"name": scenario.name, **scenario.parameters}, where, number, catalog)
    return converted(table, Scenario, where, ("scenarios", number - 1))


def _check_ids(submission: Submission, where: str) -> None:
    ids = [one.id for one in submission.models]
    twice = next((name for place, name in enumerate(ids) if name in ids[:place]), None)
    if twice is not None:
        raise InputError(
            sentence("submission.model_twice", file=where, model=twice), sentence("submission.model_twice.remedy")
        )
    for number, one in enumerate(submission.scenarios, 1):
        for name in one.models:
            if name not in ids:
                raise InputError(
                    sentence("submission.scenario_model", file=where, number=number, model=name),
                    sentence("submission.scenario_model.remedy", models=ids),
                )


def _measuring(submission: Submission) -> dict[str, Any]:
    """The name, and how it is measured, as a suite has it."""
    asked = submission.measuring
    fields = {"preset": asked.preset, "seed": asked.seed, "repeats": asked.repeats, "max_seconds": asked.max_seconds}
    return {name: value for name, value in fields.items() if value is not None}


def _table(name: str, fields: Mapping[str, Any]) -> list[str]:
    return ["", f"[[{name}]]", *(f"{key} = {toml_value(value)}" for key, value in fields.items())]
