"""``--dry-run``: what would be measured, for about how long, and what would be skipped."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import cache_folder, console, echo_json
from bench.printable import clean
from bench.scenarios import scenario_text
from bench.settings import setting_words

if TYPE_CHECKING:
    from bench.plugins import Catalog
    from bench.record.record import Failure
    from bench.suite.plan import PlannedRun
    from bench.suite.suite import Suite


def show_plan(suite: "Suite", catalog: "Catalog", as_json: bool) -> int:
    """Print the plan of ``suite`` with what would be skipped or refused. Returns the exit status: 2 where a run is
    refused for bad input, 3 where nothing would be measured."""
    from bench.cli.terminal.progress import span_text, total_seconds
    from bench.run.foresee import foresee
    from bench.run.probe import temporary_workspace
    from bench.run.suite_run import plan_suite
    from bench.run.workbench import Bench

    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache_folder(), Path("/"))
        plan = plan_suite(bench)
        refused = foresee(bench, plan.runs)
    left = [run for run, failure in zip(plan.runs, refused, strict=True) if failure is None and run.skip is None]
    bad_input = any(failure is not None and failure.kind == "bad_input" for failure in refused)
    status = 2 if bad_input else 0 if left else 3
    if as_json:
        echo_json([for_scripts(run, failure) for run, failure in zip(plan.runs, refused, strict=True)])
        return status
    print_table("repeats", [(run, "") for run in plan.runs], refused)
    print_left_out(plan.runs, refused)
    end = f"about {span_text(total_seconds(left))}. Nothing was measured." if left else "nothing would be measured."
    click.echo(f"\nPreset {suite.preset}; {end}")
    return status


def print_table(
    counted: str, rows: "Sequence[tuple[PlannedRun, str]]", refused: "Sequence[Failure | None]" = ()
) -> None:
    from rich.table import Table

    from bench.cli.terminal.progress import expected_seconds, span_text

    sides = any(side for _, side in rows)
    names = ("side",) * sides + ("model", "target", "scenario", counted, "takes", "note")
    table = Table(*names, box=None, pad_edge=False)
    for index, (run, side) in enumerate(rows):
        failure = refused[index] if refused else None
        left_out = run.skip or failure
        length = "" if left_out else span_text(expected_seconds(run))
        repeats = "" if left_out else _repeats(run)
        cells = (_model(run), run.target.id, _scenario(run), repeats, length, _note(run, failure))
        table.add_row(*(side,) * sides, *cells)
    console().print(table)


def print_left_out(runs: "Sequence[PlannedRun]", refused: "Sequence[Failure | None]") -> None:
    """Print each reason for which a run is skipped or refused once, with its remedy."""
    told: dict[tuple[str, str, str], None] = {}
    for run, failure in zip(runs, refused, strict=True):
        word, reason = ("Skipped", run.skip) if run.skip is not None else ("Refused", failure)
        if reason is not None:
            told[word, clean(reason.message), clean(reason.remedy)] = None
    for word, message, remedy in told:
        click.echo(f"\n{word}: {message}" + (f"\n  what to do: {remedy}" if remedy else ""))


def _repeats(run: "PlannedRun") -> str:
    """``6 to 20``, or one number where it is fixed."""
    rule = run.repeat_rule
    return str(run.repeats) if rule is None or rule.fewest == rule.most else f"{rule.fewest} to {rule.most}"


def _note(run: "PlannedRun", failure: "Failure | None") -> str:
    """Why it is left out, or with which options it is measured; one after the other."""
    options = " ".join(f"{key}={value}" for key, value in run.target.options.items())
    if run.skip is not None:
        return f"skipped: {run.skip.kind}"
    refused = f"refused: {failure.kind}" if failure else ""
    settings = setting_words(run.settings)
    words = ("emulated" if run.target.device.emulated else "", clean(options), settings, refused)
    return ", ".join(word for word in words if word)


def _model(run: "PlannedRun") -> str:
    """The model, with the precision that was asked for."""
    precision = run.model.ask.precision
    return f"{run.model.id} {precision}" if precision else run.model.id


def _scenario(run: "PlannedRun") -> str:
    """The scenario, with what of it was asked for: ``single-stream p128 n128 d1024``, ``offline 4 lanes``."""
    scenario = run.scenario
    asked = (("p", scenario.prompt_tokens), ("n", scenario.generate_tokens), ("d", scenario.depth_tokens))
    words = [f"{letter}{count}" for letter, count in asked if count is not None]
    words += [f"{scenario.lanes} lanes"] if scenario.lanes is not None else []
    words += [f"{scenario.compile_cache} cache"] if scenario.compile_cache != "none" else []
    return " ".join([scenario_text(scenario), *words])


def for_scripts(run: "PlannedRun", refused: "Failure | None") -> dict[str, object]:
    """A planned run as plain data, without paths, and why it would be refused."""
    from bench.cli.terminal.progress import expected_seconds

    left_out = run.skip or refused
    return {
        "model": run.model.id,
        "target": run.target.id,
        "options": run.target.options,
        "emulated": run.target.device.emulated,
        "scenario": run.scenario.name,
        "prompt_tokens": run.scenario.prompt_tokens,
        "generate_tokens": run.scenario.generate_tokens,
        "depth_tokens": run.scenario.depth_tokens,
        "lanes": run.scenario.lanes,
        "compile_cache": run.scenario.compile_cache,
        "parameters": dict(run.scenario.own_parameters),
        "precision": run.model.ask.precision,
        "preset": run.preset,
        "repeats": run.repeats,
        "repeats_at_most": run.repeats if run.repeat_rule is None else run.repeat_rule.most,
        "seed": run.seed,
        "settings": run.settings,
        "at_least_seconds": None if left_out else round(expected_seconds(run).least),
        "at_most_seconds": None if left_out else round(expected_seconds(run).most),
        "skip": run.skip and run.skip.message,
        "refused": refused and refused.message,
        "what_to_do": left_out and left_out.remedy,
    }
