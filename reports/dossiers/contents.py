"""The contents of a dossier, in the language that is spoken: what every writer draws."""

from bench.reports.dossiers.blocks import Contents, Fact, Rung, Section, cleaned
from bench.reports.dossiers.sections.appendix import files, findings
from bench.reports.dossiers.sections.environment import environment
from bench.reports.dossiers.sections.overview import basis, overview
from bench.reports.dossiers.sections.procedure import procedure
from bench.reports.dossiers.sections.results import emulation, results
from bench.reports.dossiers.sections.scenario import scenario
from bench.reports.dossiers.sections.targets import targets
from bench.reports.dossiers.sections.validity import limits, reproducibility, validity
from bench.submission.dossier.data import DossierData
from bench.submission.dossier.ladder import Step
from bench.words import current, say, units

STATES = {True: "reached", False: "not_reached", None: "unknown"}
RUNG_SIGNS = {"reached": "✓", "not_reached": "✕", "unknown": "?"}


def contents(dossier: DossierData) -> Contents:
    """The whole dossier, or the test scenario alone."""
    alone = dossier.part == "test-scenario"
    project = units.clean(dossier.assessment.submission.project.name) or say("dossier.unnamed")
    whole = Contents(
        language=current().language,
        kind=say("dossier.kind.scenario" if alone else "dossier.kind"),
        title=project,
        notice=say("dossier.notice.scenario" if alone else "dossier.notice"),
        notice_note=say("dossier.notice.scenario.note" if alone else "dossier.notice.note"),
        facts=_facts(dossier),
        ladder=() if alone else tuple(_rung(step) for step in dossier.steps),
        sections=scenario(dossier) if alone else _sections(dossier),
        footer=say("dossier.footer"),
    )
    found: Contents = cleaned(whole)
    return found


def _sections(dossier: DossierData) -> tuple[Section, ...]:
    found = dossier.assessment
    return (
        Section("targets", say("dossier.section.targets"), (targets(found),)),
        overview(dossier),
        basis(found),
        *environment(found),
        procedure(found),
        *results(found),
        validity(found),
        reproducibility(dossier),
        emulation(found),
        limits(found),
        *findings(dossier),
        *scenario(dossier),
        files(dossier),
    )


def _facts(dossier: DossierData) -> tuple[Fact, ...]:
    """Who submits what, for whom, and when it was measured."""
    form, track = dossier.assessment.submission, dossier.track
    moments = sorted(run.record.created_utc for run in dossier.assessment.runs)
    tools = dict.fromkeys(
        f"{units.clean(run.record.tool.name)} {units.clean(run.record.tool.version)}" for run in dossier.assessment.runs
    )
    found = (
        ("track", units.clean(track.name if track else form.track)),
        (
            "partner",
            units.clean(form.demand_company.organisation) or (units.clean(track.partner.name) if track else ""),
        ),
        ("applicant", units.clean(form.applicant.organisation)),
        ("contact", units.clean(form.applicant.contact)),
        ("device", units.clean(form.device.name)),
        ("period", units.clean(form.project.period)),
        ("measured", _period(moments)),
        ("tool", ", ".join(tools)),
    )
    return tuple(Fact(say(f"dossier.fact.{name}"), value or units.MISSING) for name, value in found)


def _period(moments: list[str]) -> str:
    if not moments:
        return ""
    first, last = units.when(moments[0]), units.when(moments[-1])
    return first if first == last else say("unit.from_to", low=first, high=last)


def _rung(step: Step) -> Rung:
    state = STATES[step.reached]
    return Rung(
        title=say(f"dossier.rung.{step.rung}"),
        meaning=say(f"dossier.rung.{step.rung}.means"),
        state=state,  # type: ignore[arg-type]
        word=say(f"dossier.step.{state}"),
        sign=RUNG_SIGNS[state],
        reason=units.clean(step.reason),
    )
