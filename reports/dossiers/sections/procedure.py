"""How it was measured (시험방법·절차), and the commands that measure it again."""

import shlex

from bench.record.shown.command import shown_command
from bench.reports.dossiers.blocks import Block, Facts, Grid, Section, Shell, Steps, Text
from bench.reports.dossiers.blocks import Fact as Labelled
from bench.reports.dossiers.sections.environment import measured_runs, run_name
from bench.reports.dossiers.sections.numbers import stated
from bench.reports.dossiers.sections.overview import heads
from bench.reports.view.rows import Numbered, Table
from bench.reports.view.tables import plain_row
from bench.reports.words.plans import repeats_words, rule_words
from bench.reports.words.scenarios import scenario_of_plan
from bench.submission.assessment import Assessment
from bench.submission.form import Submission
from bench.words import say, units

STEPS = ("prepare", "install", "check", "run", "decide")
SUBMISSION_COMMANDS = ("odb check .", "odb run .", "odb check .", "odb dossier .")


def procedure(found: Assessment) -> Section:
    """The steps, how each record was measured, and its command."""
    items = measured_runs(found)
    blocks: list[Block] = [
        Text(say("dossier.procedure.principle")),
        Steps(tuple(say(f"dossier.procedure.step.{name}") for name in STEPS)),
        Facts(_measuring(found.submission)),
    ]
    if items:
        blocks.append(Grid(_records(items)))
        blocks += [Text(say("dossier.procedure.commands")), Shell(commands(items))]
    blocks += [Text(say("dossier.procedure.all")), Shell(SUBMISSION_COMMANDS)]
    return Section("procedure", say("dossier.section.procedure"), tuple(blocks))


def _measuring(form: Submission) -> tuple[Labelled, ...]:
    rule = form.measuring
    found = [
        ("preset", units.clean(rule.preset)),
        ("seed", str(rule.seed)),
        ("repeats", str(rule.repeats) if rule.repeats is not None else say("dossier.repeats.by_preset")),
        ("margin", units.limit(rule.margin_percent / 100)),
    ]
    if rule.max_seconds is not None:
        found.insert(3, ("max_seconds", f"{stated(rule.max_seconds)} s"))
    notes = {"margin": say("dossier.fact.margin.note")}
    return tuple(Labelled(say(f"dossier.fact.{name}"), value, notes.get(name, "")) for name, value in found)


def _records(items: tuple[Numbered, ...]) -> Table:
    rows = tuple(
        plain_row(
            run_name(item),
            scenario_of_plan(item.record.plan),
            repeats_words(item.record),
            rule_words(item.record.plan.rule, item.record.plan.scenario),
        )
        for item in items
    )
    return Table(say("dossier.procedure.records"), heads("record", "scenario", "repeats", "ending"), rows)


def commands(items: tuple[Numbered, ...]) -> tuple[str, ...]:
    """Each once; those that may not be pasted are left out."""
    found = (shown_command(item.record.plan.command) for item in items)
    return tuple(dict.fromkeys(filter(None, map(units.clean, found)))) or ("odb run .",)


def planned_command(form: Submission, model: str, target: str, scenario: str) -> str:
    """The command that measures one model on one target, from the form alone."""
    words = ["odb", "run", "-m", model, "-t", target]
    words += ["-s", scenario] if scenario else []
    words += ["--preset", form.measuring.preset, "--seed", str(form.measuring.seed)]
    words += ["--repeats", str(form.measuring.repeats)] if form.measuring.repeats is not None else []
    return shlex.join(units.clean(word) for word in words)
