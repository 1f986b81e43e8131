"""``--dry-run``: what would be measured, for about how long, and what would be skipped."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import console, echo_json
from bench.errors import InputError
from bench.printable import clean
from bench.scenarios.kinds import kind_of, scenario_text
from bench.scenarios.lasting import lasting_of
from bench.scenarios.staged import TEXT
from bench.scripting.places import cache_folder
from bench.settings import setting_words
from bench.words import Sentence, say, speaking

if TYPE_CHECKING:
    from bench.cli.submission.running.unmeasured import Progress
    from bench.cli.terminal.text_work import TextWork
    from bench.execution.foresee import Foreseen
    from bench.execution.workbench import Bench
    from bench.plugins import Catalog
    from bench.record.record import Failure
    from bench.suite.plan import Plan, PlannedRun
    from bench.suite.suite import Suite


TOLD_TOKENS_PER_S, TOLD_PROMPT_TOKENS_PER_S = 20, 200
"""The speeds for which a plan says how long generating and computing prompts take."""


def show_plan(
    suite: "Suite",
    catalog: "Catalog",
    as_json: bool,
    progress: "Callable[[Bench, Plan], Progress] | None" = None,
    not_measurable: Mapping[str, Sentence] | None = None,
    beside: bool = False,
) -> int:
    """Print the plan of ``suite`` with what would be skipped or refused. Returns the exit status: 2 where a run is
    refused for bad input, 3 where nothing would be measured. ``progress``: which runs have a record already, and
    ``not_measurable``: what else was asked for, of a submission. ``beside``: runs are measured beside yardsticks."""
    from bench.cli.terminal.progress import span_text, total_seconds
    from bench.execution.foresee import foresee
    from bench.execution.probe import temporary_workspace
    from bench.execution.suite_run import plan_suite
    from bench.execution.workbench import Bench

    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache_folder(), Path("/"))
        plan = plan_suite(bench)
        so_far = progress(bench, plan) if progress is not None else None
        done = {} if so_far is None else so_far.done
        known = {} if so_far is None else {place: record.failure for place, record in so_far.told.items()}
        places = [place for place in range(len(plan.runs)) if place not in {*done, *known}]
        foreseen = dict(zip(places, foresee(bench, [plan.runs[place] for place in places]), strict=True))
        failures = {**known, **{place: found.failure for place, found in foreseen.items()}}
        refused = [None if run.skip is not None else failures.get(place) for place, run in enumerate(plan.runs)]
    rest = [
        place
        for place, (run, failure) in enumerate(zip(plan.runs, refused, strict=True))
        if failure is None and run.skip is None and place not in done
    ]
    left = [plan.runs[place] for place in rest]
    bad_input = any(failure is not None and failure.kind == "bad_input" for failure in refused)
    status = 2 if bad_input else 0 if left or done else 3
    if as_json:
        with speaking("en"):  # the same in every language
            rows = [for_scripts(run, failure, beside) for run, failure in zip(plan.runs, refused, strict=True)]
        rows = [{**row, **_made_up(foreseen.get(place))} for place, row in enumerate(rows)]
        if progress is not None:
            ids = {place: record.record_id for place, record in done.items()}
            rows = [{**row, "record_id": ids.get(place)} for place, row in enumerate(rows)]
        echo_json(rows if progress is None else plan_for_scripts(rows, not_measurable or {}))
        return status
    print_table("repeats", [(run, "") for run in plan.runs], refused, set(done), beside)
    print_left_out(plan.runs, refused)
    for line in input_lines([(plan.runs[place], foreseen.get(place)) for place in rest]):
        click.echo(f"\n{line}")
    time = span_text(total_seconds(left, beside))
    code = "cli.plan.takes" if left else "cli.plan.all_measured" if done else "cli.plan.nothing"
    click.echo("\n" + say(code, preset=suite.preset, time=time))
    work = work_lines(left)
    if any(run.model.task == "text_generation" for run in left):
        click.echo(say("cli.plan.takes_text" if work else "cli.plan.takes_lasting_text"))
    for line in work:
        click.echo(line)
    return status


def plan_for_scripts(rows: Sequence[dict[str, object]], not_measurable: Mapping[str, Sentence]) -> dict[str, object]:
    """The plan of a submission as plain data, the same in every language."""
    with speaking("en"):
        told = [{"field": name, "reason": str(reason)} for name, reason in not_measurable.items()]
    return {"runs": list(rows), "not_measurable": told}


def print_table(
    counted: str,
    rows: "Sequence[tuple[PlannedRun, str]]",
    refused: "Sequence[Failure | None]" = (),
    done: Collection[int] = (),
    beside: bool = False,
) -> None:
    """``done``: places of the rows that have a record already. ``beside``: runs are measured beside yardsticks."""
    from rich.table import Table

    from bench.cli.terminal.progress import expected_seconds, span_text

    sides = any(side for _, side in rows)
    names = ("side",) * sides + ("model", "target", "scenario", counted, "takes", "note")
    table = Table(*(say(f"cli.column.{name}") for name in names), box=None, pad_edge=False)
    for index, (run, side) in enumerate(rows):
        failure = refused[index] if refused else None
        left_out = run.skip or failure or index in done
        length = "" if left_out else span_text(expected_seconds(run, beside))
        repeats = "" if left_out else _repeats(run)
        note = say("cli.plan.measured") if index in done else _note(run, failure)
        cells = (_model(run), run.target.id, _scenario(run), repeats, length, note)
        table.add_row(*(say(f"cli.side.{side}"),) * sides, *cells)
    console().print(table)


def print_left_out(runs: "Sequence[PlannedRun]", refused: "Sequence[Failure | None]") -> None:
    """Print each reason for which a run is skipped or refused once, with its remedy."""
    told: dict[tuple[str, str], None] = {}
    for run, failure in zip(runs, refused, strict=True):
        if run.skip is not None:
            told[say("cli.plan.skipped", reason=clean(run.skip.message)), clean(run.skip.remedy)] = None
        elif failure is not None:
            told[say("cli.plan.refused", reason=clean(failure.message)), clean(failure.remedy)] = None
    for what, remedy in told:
        click.echo(f"\n{what}")
        print_remedy(remedy)


def input_lines(runs: "Sequence[tuple[PlannedRun, Foreseen | None]]") -> list[str]:
    """Which prompts are given, which inputs decide how much is computed and would be made up, and of which texts the
    lengths are not known yet: each once."""
    told: dict[str, None] = {}
    for run, found in runs:
        ask, model = run.model.ask, clean(run.model.id)
        if ask.prompts:
            code = "cli.plan.prompts_in_template" if ask.chat else "cli.plan.prompts"
            told[say(code, model=model, file=clean(Path(ask.prompts).name))] = None
        elif ask.prompt_ids:
            told[say("cli.plan.prompt_ids", model=model, count=len(ask.prompt_ids))] = None
        if found is not None and found.tokens_unknown:
            told[say("cli.plan.tokens_unknown", model=model, target=clean(run.target.id))] = None
        if names := names_made_up(found):
            told[say("cli.plan.made_up_work", model=model, inputs=[clean(name) for name in names])] = None
    return list(told)


def work_lines(runs: "Sequence[PlannedRun]") -> list[str]:
    """How much each scenario of text has to compute at the least, and how long that is at stated speeds; of one that
    says how long it lasts, nothing."""
    from bench.cli.terminal.progress import clock_text
    from bench.cli.terminal.text_work import least_work

    told: dict[str, None] = {}
    for run in (run for run in runs if run.model.task == "text_generation" and lasting_of(run.scenario) is None):
        lines = _lines(run) if kind_of(run.scenario).staged else 0
        work = least_work(run, lines or 1)
        prompts_s = (work.prompt_tokens or 0) / TOLD_PROMPT_TOKENS_PER_S
        time = clock_text(work.generated_tokens / TOLD_TOKENS_PER_S + prompts_s)
        rates = {"rate": TOLD_TOKENS_PER_S, "prompt_rate": TOLD_PROMPT_TOKENS_PER_S}
        figures = {"generated": work.generated_tokens, **rates, "time": time}
        code = "cli.plan.text_work_of_prompts" if work.prompt_tokens is None else "cli.plan.text_work"
        if lines:
            code, figures = "cli.plan.text_work_of_lines", {**figures, "lines": lines}
        told[say(code, scenario=_scenario(run), prompt=work.prompt_tokens or 0, **figures)] = None
        if work.context_tokens:
            told[_context_line(_scenario(run), work)] = None
    return list(told)


def _context_line(scenario: str, work: "TextWork") -> str:
    """How many tokens fill the cache to the depth, and how long that takes."""
    from bench.cli.terminal.progress import clock_text

    times = [clock_text(count / TOLD_PROMPT_TOKENS_PER_S) for count in (work.context_tokens, work.refilled_tokens)]
    return say(
        "cli.plan.context_work",
        scenario=scenario,
        once=work.context_tokens,
        each=work.refilled_tokens,
        once_time=times[0],
        each_time=times[1],
        rate=TOLD_PROMPT_TOKENS_PER_S,
    )


def _lines(run: "PlannedRun") -> int:
    """Lines that a pass of a text pipeline takes; 0 where they cannot be read, of which the refusal tells."""
    from bench.pipelines.asked import PipelineAsk, evenly, files_of, most_inputs
    from bench.pipelines.lines import lines_of

    try:
        ask = PipelineAsk(kind=TEXT, folder=Path(run.model.ask.pipeline_inputs), most=most_inputs(run.scenario))
        return len(evenly(lines_of(files_of(ask)), ask.most))
    except InputError:
        return 0


def names_made_up(found: "Foreseen | None") -> list[str]:
    """The inputs that decide how much is computed, and are not given."""
    from bench.record.inputs import made_up_work

    return [] if found is None else [one.name for one in made_up_work(found.inputs)]


def _made_up(found: "Foreseen | None") -> dict[str, object]:
    return {"made_up_work": names_made_up(found)}


def print_remedy(remedy: str) -> None:
    """What to do about the line before it, where there is something."""
    if remedy:
        click.echo(f"  {say('cli.what_to_do', remedy=remedy)}")


def _repeats(run: "PlannedRun") -> str:
    """``6 to 20``, or one number where it is fixed."""
    from bench.cli.terminal.progress import most_repeats

    rule, most = run.repeat_rule, most_repeats(run)
    if rule is None or rule.fewest == most:
        return str(run.repeats)
    return say("unit.from_to", low=rule.fewest, high=most)


def _note(run: "PlannedRun", failure: "Failure | None") -> str:
    """Why it is left out, or with which options it is measured; one after the other."""
    options = " ".join(f"{key}={value}" for key, value in run.target.options.items())
    if run.skip is not None:
        return say("cli.plan.skipped_for", kind=run.skip.kind)
    refused = say("cli.plan.refused_for", kind=failure.kind) if failure else ""
    settings = setting_words(run.settings)
    words = (say("cli.emulated") if run.target.device.emulated else "", clean(options), settings, refused)
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
    words += [say("cli.plan.lanes", count=scenario.lanes)] if scenario.lanes is not None else []
    words += [say("cli.plan.cache", state=scenario.compile_cache)] if scenario.compile_cache != "none" else []
    return " ".join([scenario_text(scenario), *words])


def for_scripts(run: "PlannedRun", refused: "Failure | None", beside: bool = False) -> dict[str, object]:
    """A planned run as plain data, without paths, and why it would be refused."""
    from bench.cli.terminal.progress import expected_seconds, most_repeats

    left_out, expected = run.skip or refused, expected_seconds(run, beside)
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
        "prompts": clean(Path(run.model.ask.prompts).name) or None,
        "prompt_ids": len(run.model.ask.prompt_ids) or None,
        "chat": run.model.ask.chat,
        "preset": run.preset,
        "repeats": run.repeats,
        "repeats_at_most": most_repeats(run),
        "seed": run.seed,
        "settings": run.settings,
        "at_least_seconds": None if left_out else round(expected.least),
        "at_most_seconds": None if left_out else round(expected.most),
        "skip": run.skip and run.skip.message,
        "refused": refused and refused.message,
        "what_to_do": left_out and left_out.remedy,
    }
