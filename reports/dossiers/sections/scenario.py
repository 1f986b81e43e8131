"""The draft of a test scenario (시험 시나리오) for an accredited test body: one block for each criterion."""

from bench.analysis.figures.rule import MEDIAN
from bench.errors import OdbError
from bench.record.record import RecordedRun
from bench.record.shown.command import shown_command
from bench.reports.dossiers.blocks import Block, Facts, Section, Shell, Steps, Text
from bench.reports.dossiers.blocks import Fact as Labelled
from bench.reports.dossiers.sections.environment import stated_facts
from bench.reports.dossiers.sections.procedure import planned_command
from bench.reports.dossiers.sections.targets import target_with_unit
from bench.reports.words.causes import emulated
from bench.reports.words.plans import rule_words
from bench.submission.assessment import Assessment, Row
from bench.submission.criterion import Criterion
from bench.submission.dossier.data import DossierData
from bench.submission.figures import FigureKind, figure_kind, later
from bench.submission.form import SubmittedModel, SubmittedTarget
from bench.submission.matching import targets_of
from bench.words import say, units

BLANK = "________________"
"""What the test body fills in."""


def scenario(dossier: DossierData) -> tuple[Section, ...]:
    """What is common to all tests, then each criterion's."""
    found = dossier.assessment
    common: list[Block] = [
        Text(say("dossier.scenario.draft"), "warning"),
        Facts(_common(dossier)),
        Steps(
            tuple(
                say(f"dossier.scenario.agree.{n}") for n in ("sample", "place", "equipment", "uncertainty", "judgement")
            )
        ),
    ]
    alone = dossier.part == "test-scenario"
    title = say("dossier.scenario.common" if alone else "dossier.section.scenario")
    head = Section("scenario", title, tuple(common))
    return (head, *(_test(n, row, found) for n, row in enumerate(found.rows, start=1)))


def _common(dossier: DossierData) -> tuple[Labelled, ...]:
    form = dossier.assessment.submission
    filled = [
        ("client", units.clean(form.applicant.organisation) or BLANK),
        ("item", units.clean(form.project.name) or BLANK),
    ]
    device = [(fact.label, fact.value) for fact in stated_facts(form) if fact.value != units.MISSING]
    blank = ("body", "received", "test_period", "place", "climate", "tester")
    return (
        *(Labelled(say(f"dossier.fact.{name}"), value) for name, value in filled),
        *(Labelled(label, value) for label, value in device),
        *(Labelled(say(f"dossier.fact.{name}"), BLANK) for name in blank),
    )


def _test(number: int, row: Row, found: Assessment) -> Section:
    criterion = row.criterion
    title = say("dossier.scenario.test", number=number, criterion=units.clean(criterion.title))
    reason = later(criterion.metric) or later(criterion.scenario)
    blocks: list[Block] = [Facts(_facts(row, found))]
    if reason is not None:
        blocks.append(Text(say("dossier.scenario.later", reason=reason), "warning"))
    else:
        command = _command(row, found)
        blocks.append(Steps(_procedure(criterion, command)))
        blocks += [Shell((command,))] if command else []
    blocks.append(Facts(_form(criterion)))
    return Section(f"test-{number}", title, tuple(blocks), level=3)


def _facts(row: Row, found: Assessment) -> tuple[Labelled, ...]:
    """What, on what, under which conditions, how often, and how it is judged."""
    criterion = row.criterion
    proposed = say("dossier.proposed") if criterion.proposed else ""
    source = units.clean(criterion.source)
    facts = [
        ("item_tested", units.clean(criterion.title), units.clean(criterion.metric)),
        ("purpose", units.clean(criterion.reason) or BLANK, say("dossier.source", source=source) if source else ""),
        ("target_value", target_with_unit(criterion), proposed),
        ("weight", say("dossier.weight_of", percent=f"{criterion.weight:g}"), ""),
        ("model", _model(row, found), ""),
        ("run_on", _place(row, found), ""),
        ("scenario", units.clean(criterion.scenario) or say("dossier.scenario.any"), ""),
        ("conditions", units.clean(criterion.conditions) or BLANK, ""),
        ("method", units.clean(criterion.method) or BLANK, ""),
        ("equipment", _equipment(criterion), ""),
        ("repeats", _repeats(row, found), ""),
        ("statistic", say(f"dossier.statistic.{_statistic(criterion)}"), ""),
        ("judgement", _judgement(criterion), ""),
    ]
    return tuple(Labelled(say(f"dossier.fact.{name}"), value, note) for name, value, note in facts)


def _kind(criterion: Criterion) -> FigureKind | None:
    try:
        return figure_kind(criterion.metric)
    except OdbError:
        return None


def _statistic(criterion: Criterion) -> str:
    kind = _kind(criterion)
    if kind is None:
        return "own"
    if kind.metric is not None and kind.metric.rule.how == MEDIAN:
        return "median"
    return kind.idle or {"speed": "processes", "memory": "processes", "energy": "processes", "quality": "samples"}.get(
        kind.about, "exact"
    )


def _judgement(criterion: Criterion) -> str:
    by = _statistic(criterion)
    by = by if by in ("exact", "idle", "bound") else "interval"
    return say(f"dossier.judgement.{criterion.direction}.{by}", target=target_with_unit(criterion))


def _equipment(criterion: Criterion) -> str:
    needs = set(criterion.evidence) | set(getattr(_kind(criterion), "needs", ()))
    parts = [say("dossier.equipment.tool")]
    parts += (
        [say("dossier.equipment.meter")]
        if "energy_meter" in needs or criterion.metric.startswith("later.standby")
        else []
    )
    parts += [say("dossier.equipment.dataset")] if "quality" in needs else []
    return say("dossier.sentences", parts=parts)


def _run(row: Row, found: Assessment) -> RecordedRun | None:
    return next((run for run in found.runs if run.record.record_id == row.record_id), None) if row.record_id else None


def _of_device(row: Row, found: Assessment) -> RecordedRun | None:
    """The record that decides, unless it is an emulator's."""
    run = _run(row, found)
    return None if run is None or emulated(run.record) else run


def _model(row: Row, found: Assessment) -> str:
    run = _run(row, found)
    if run is not None:
        plan = run.record.plan.model
        sha256 = f"SHA-256 {units.clean(plan.sha256)}" if plan.sha256 else ""
        return ", ".join(filter(None, (units.clean(plan.id), sha256)))
    models = [units.clean(model.title or model.id) for model in _asked_models(row, found)]
    return ", ".join(models) or BLANK


def _asked_models(row: Row, found: Assessment) -> tuple[SubmittedModel, ...]:
    return tuple(model for model in found.submission.models if row.criterion.model in ("", model.id))


def _asked_targets(row: Row, found: Assessment) -> tuple[SubmittedTarget, ...]:
    """Devices, never a stand-in: an accredited test is of the device."""
    return tuple(target for target in targets_of(found.submission, row.criterion) if not target.stand_in)


def _place(row: Row, found: Assessment) -> str:
    return ", ".join(units.clean(target.id) for target in _asked_targets(row, found)) or BLANK


def _repeats(row: Row, found: Assessment) -> str:
    run = _of_device(row, found)
    asked = row.criterion.repeats or found.submission.measuring.repeats
    if run is None:
        return units.counted(asked, "fresh_process") if asked else say("dossier.repeats.by_preset")
    count = asked or len(run.record.repeats) or run.record.plan.repeats
    return say("dossier.repeats.of", count=count, rule=rule_words(run.record.plan.rule, run.record.plan.scenario))


def _procedure(criterion: Criterion, command: str) -> tuple[str, ...]:
    """The steps; without a command, none that names it."""
    kind = _kind(criterion)
    about = "own" if kind is None else kind.about
    middle = [about] if about in ("quality", "placement", "outputs", "size") else ["steady"]
    middle += ["energy"] if about == "energy" else []
    names = ("identify", "environment", "command" if command else "agree", *middle, "record")
    return tuple(say(f"dossier.test.{name}") for name in names)


def _command(row: Row, found: Assessment) -> str:
    """The command of the record that decides, if it is of a device; otherwise one from the form."""
    run, places = _of_device(row, found), _asked_targets(row, found)
    if run is not None and places:
        known = shown_command(run.record.plan.command)
        if known:
            return units.clean(known)
    models = _asked_models(row, found)
    if not models or not places:
        return ""
    return planned_command(found.submission, models[0].source, places[0].id, row.criterion.scenario)


def _form(criterion: Criterion) -> tuple[Labelled, ...]:
    """What the test body writes down."""
    names = ("result_value", "result_interval", "result_uncertainty", "result_judgement", "result_notes")
    return tuple(Labelled(say(f"dossier.fact.{name}"), BLANK) for name in names)
