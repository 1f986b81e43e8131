"""``odb run``."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import FLOAT, INTEGER, Choice, Command, once, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, fitted, json_option, plugin_option, setting_options
from bench.cli.terminal import complete
from bench.scripting.places import cache_folder, results_folder
from bench.words import say, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cli.power.metering import Metering
    from bench.cli.submission.running.run_folder import FolderRun
    from bench.errors import OdbError
    from bench.execution.suite_run import Listener
    from bench.plugins import Catalog
    from bench.record.record import RecordedRun
    from bench.suite.suite import Suite


@click.command("run", cls=Command, help="cli.help.run", epilog="cli.epilog.run")
@lang_option
@click.argument("suite_file", metavar="[SUITE.toml | DIR]", required=False, type=click.Path(path_type=Path))
@option(
    "-m",
    "--model",
    "models",
    multiple=True,
    shell_complete=complete.models,
    help="cli.help.run.model",
)
@option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    shell_complete=complete.targets,
    help="cli.help.run.target",
)
@option(
    "-s",
    "--scenario",
    "scenarios",
    multiple=True,
    shell_complete=complete.scenarios,
    metavar="NAME[:KEY=VALUE,…]",
    help="cli.help.run.scenario",
)
@option("--preset", help="cli.help.run.preset")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.run.output")
@option("-O", "--option", "options", multiple=True, metavar="[PLUGIN.]KEY=VALUE", help="cli.help.run.option")
@option(
    "--allow-unsafe-options",
    metavar="KEY,…",
    help="cli.help.run.allow_unsafe_options",
)
@option("--shape", "shapes", multiple=True, metavar="NAME=1,3,224,224", help="cli.help.run.shape")
@option("--input", "inputs", multiple=True, metavar="NAME=FILE", help="cli.help.run.input")
@option("--preprocessing", help="cli.help.run.preprocessing")
@option("--pipeline", metavar="KIND", help="cli.help.run.pipeline")
@option("--inputs", "pipeline_inputs", multiple=True, metavar="[MODEL:]DIR", help="cli.help.run.inputs")
@option("-p", "--prompt-tokens", metavar="N,…", help="cli.help.run.prompt_tokens")
@option("-n", "--generate-tokens", metavar="N,…", help="cli.help.run.generate_tokens")
@option("-d", "--depth", metavar="N,…", help="cli.help.run.depth")
@option("--prompt-ids", multiple=True, callback=once, metavar="ID,…", help="cli.help.run.prompt_ids")
@option("--prompts", multiple=True, callback=once, type=click.Path(path_type=Path), help="cli.help.run.prompts")
@option("--chat", is_flag=True, help="cli.help.run.chat")
@option("--stop", is_flag=True, help="cli.help.run.stop")
@option("--precision", metavar="P,…", help="cli.help.run.precision")
@option("--compile-cache", metavar="C,…", help="cli.help.run.compile_cache")
@option("--dataset", "datasets", multiple=True, metavar="[MODEL:]DIR", help="cli.help.run.dataset")
@option("--dataset-options", help="cli.help.run.dataset_options")
@option("--reference", "references", multiple=True, metavar="[MODEL:]FILE", help="cli.help.run.reference")
@option("--check-inputs", type=INTEGER, help="cli.help.run.check_inputs")
@option("--lanes", type=INTEGER, help="cli.help.run.lanes")
@option("--repeats", type=INTEGER, help="cli.help.run.repeats")
@option("--max-seconds", type=FLOAT, help="cli.help.run.max_seconds")
@option("--seed", type=INTEGER, help="cli.help.run.seed")
@option("--on", metavar="adb[:SERIAL]", help="cli.help.run.on")
@option("--runner", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.run.runner")
@option("--strict-placement", is_flag=True, help="cli.help.run.strict_placement")
@option("--profile", is_flag=True, help="cli.help.run.profile")
@option("--meter-marker", is_flag=True, help="cli.help.run.meter_marker")
@option("--meter-log", metavar="FILE[:KEY=VALUE,…]", help="cli.help.run.meter_log")
@option("--live-meter", metavar="joulescope[:SERIAL][,uncertainty=…]", help="cli.help.run.live_meter")
@option("--timeout", type=FLOAT, metavar="SECONDS", help="cli.help.run.timeout")
@option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="BASE",
    help="cli.help.run.against",
)
@option(
    "--base-model",
    "base_models",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="cli.help.run.base_model",
)
@option(
    "--base-python",
    type=click.Path(path_type=Path),
    metavar="PYTHON",
    help="cli.help.run.base_python",
)
@option(
    "--tolerance",
    type=FLOAT,
    default=3.0,
    metavar="PERCENT",
    help="cli.help.run.tolerance",
)
@option("--until", type=Choice(["decided"]), help="cli.help.run.until")
@option("--max-minutes", type=FLOAT, metavar="N", help="cli.help.run.max_minutes")
@option("--accept", metavar="NAME,…", help="cli.help.run.accept")
@option(
    "--fail-on",
    metavar="CODE,…",
    help="cli.help.run.fail_on",
)
@setting_options
@option("--again", is_flag=True, help="cli.help.run.again")
@option("--again-invalid", is_flag=True, help="cli.help.run.again_invalid")
@option("--no-yardstick", is_flag=True, help="cli.help.run.no_yardstick")
@option("--dry-run", is_flag=True, help="cli.help.run.dry_run")
@plugin_option
@json_option
def command(
    suite_file: Path | None,
    models: tuple[str, ...],
    targets: tuple[str, ...],
    scenarios: tuple[str, ...],
    preset: str | None,
    output: Path | None,
    options: tuple[str, ...],
    allow_unsafe_options: str | None,
    shapes: tuple[str, ...],
    inputs: tuple[str, ...],
    preprocessing: str | None,
    pipeline: str | None,
    pipeline_inputs: tuple[str, ...],
    prompt_tokens: str | None,
    generate_tokens: str | None,
    depth: str | None,
    prompt_ids: str | None,
    prompts: Path | None,
    chat: bool,
    stop: bool,
    precision: str | None,
    compile_cache: str | None,
    datasets: tuple[str, ...],
    dataset_options: str | None,
    references: tuple[str, ...],
    check_inputs: int | None,
    lanes: int | None,
    repeats: int | None,
    max_seconds: float | None,
    seed: int | None,
    on: str | None,
    runner: Path | None,
    strict_placement: bool,
    profile: bool,
    meter_marker: bool,
    meter_log: str | None,
    live_meter: str | None,
    timeout: float | None,
    against: Path | None,
    base_models: tuple[Path, ...],
    base_python: Path | None,
    tolerance: float,
    until: str | None,
    max_minutes: float | None,
    accept: str | None,
    fail_on: str | None,
    again: bool,
    again_invalid: bool,
    no_yardstick: bool,
    dry_run: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
    **settings: str | None,
) -> int:
    """``odb run``."""
    from bench.analysis.verdict.fail_on import checked_fail_on
    from bench.cli.asked import asked_suite
    from bench.errors import InputError
    from bench.plugins import discover

    context = click.get_current_context()
    results_folder(output)  # an error is raised before anything else is read
    catalog = discover(plugins)
    names = checked_fail_on(fail_on)
    folder = suite_file is not None and suite_file.is_dir()
    if runner is not None and on is None:
        raise InputError(sentence("cli.only_with_on", flag="--runner"), sentence("cli.only_with_on.remedy"))
    for flag, asked in (
        ("--again", again),
        ("--again-invalid", again_invalid),
        ("--no-yardstick", no_yardstick),
    ):
        if asked and not folder:
            raise InputError(sentence("cli.run.only_for_a_submission", flag=flag), sentence("cli.leave_it_out"))
    by_hand = context.get_parameter_source("tolerance") is click.core.ParameterSource.COMMANDLINE
    for flag, given in (
        ("--base-model", base_models or None),
        ("--base-python", base_python),
        ("--accept", accept),
        ("--until", until),
        ("--max-minutes", max_minutes),
        ("--tolerance", tolerance if by_hand else None),
    ):
        if given is not None and against is None:
            raise InputError(sentence("cli.only_with_against", flag=flag), sentence("cli.only_with_against.remedy"))
    flags = {"--meter-marker": meter_marker or None, "--meter-log": meter_log, "--live-meter": live_meter}
    watched = next((flag for flag, given in flags.items() if given is not None), None)
    if watched is not None and on is not None:
        raise InputError(sentence("cli.meter_with_on", flag=watched), sentence("cli.leave_it_out"))
    if on is not None:
        from bench.cli.devices.run_on import run_on

        return run_on(context.params, asked_suite(context.params, catalog), catalog, names, show)
    if against is not None and folder:
        raise InputError(sentence("cli.run.folder_against"), sentence("cli.run.folder_against.remedy"))
    if against is not None:
        if fail_on is not None:
            raise InputError(sentence("cli.fail_on_with_against"), sentence("cli.fail_on_with_against.remedy"))
        if watched is not None:
            raise InputError(sentence("cli.meter_with_against", flag=watched), sentence("cli.leave_it_out"))
        from bench.cli.against.measure import measure_against

        return measure_against(context, catalog, output, as_json)
    form = None
    if folder:
        from bench.cli.submission.running.run_folder import FolderRun

        form = FolderRun(context.params, catalog)
    suite = asked_suite(context.params, catalog) if form is None else form.suite
    if suite.untrusted is not None and suite.untrusted.allowed:
        taken = sorted(suite.untrusted.allowed)
        click.echo(f"odb: {say('cli.options_accepted', suite=suite.untrusted.origin, options=taken)}", err=True)
    from bench.cli.power.metering import Metering, asked_metering

    metering = asked_metering(meter_marker, meter_log, live_meter) if watched is not None else Metering()
    if dry_run:
        from bench.cli.dry_run import show_plan

        status = show_plan(suite, catalog, as_json) if form is None else form.show_plan(catalog, as_json)
        if metering.marker and status != 3 and not as_json:
            from bench.power.marker import LASTS_S

            click.echo(say("cli.plan.markers", seconds=2 * LASTS_S))
        return status
    if form is not None and not form.tell_not_measurable():
        return 3
    return measure(suite, catalog, output, as_json, names, form, metering)


def measure(
    suite: "Suite",
    catalog: "Catalog",
    output: Path | None,
    as_json: bool,
    fail_on: tuple[str, ...],
    form: "FolderRun | None" = None,
    metering: "Metering | None" = None,
) -> int:
    """Run the suite with progress, print the result, write the page. ``form``: of a submission, of which only what is
    left is measured, and the whole is shown. ``metering``: the power meter that watches. Returns the exit status."""
    from bench.analysis.verdict.fail_on import DEFAULT, exit_status, why
    from bench.cli.power.metering import Metering, measured_with, tell
    from bench.cli.report_command import tell_recovered
    from bench.cli.terminal.progress import progress
    from bench.errors import OdbError
    from bench.scripting.measuring import remove_empty
    from bench.store.records import prepare_folder
    from bench.suite.suite import check

    check(suite, catalog)
    folder = prepare_folder(results_folder(output) if form is None else form.records)
    tell_recovered(folder)
    page = folder / "report.html"
    with progress(sys.stderr, beside=form is not None and form.yardstick) as listener:
        try:
            body = partial(_measured, suite, catalog, folder, listener, form)
            metered = measured_with(metering or Metering(), folder, listener, body)
        except KeyboardInterrupt:
            if any(folder.glob("*/record.json")):
                write_page(page, catalog, yardsticks=form is None)
            remove_empty(folder)
            raise
        except OdbError:
            remove_empty(folder)
            raise
    recorded = metered.runs if form is None else form.whole(metered.runs)
    unwritten = show(recorded, page, catalog, as_json, yardsticks=form is None)
    tell(metered, as_json)
    if form is not None:
        form.tell_invalid(recorded)
    if unwritten is not None:
        raise unwritten
    records = [run.record for run in recorded]
    status = exit_status(records, fail_on)
    if status == 1 and fail_on != DEFAULT:
        click.echo(f"odb: {say('cli.failed_on', reason=why(records, fail_on))}", err=True)
    return status or metered.status


def show(
    recorded: "Sequence[RecordedRun]", page: Path, catalog: "Catalog", as_json: bool, yardsticks: bool = True
) -> "OdbError | None":
    """Write the page and print what was measured. Returns why the page was not written, such as a full disk, for the
    caller to raise when all is said. ``yardsticks``: whether the page shows their records."""
    from bench.errors import OdbError
    from bench.plugins import load

    unwritten: OdbError | None = None
    try:
        if recorded:
            write_page(page, catalog, yardsticks)
    except OdbError as error:
        unwritten = error
    finally:  # whatever became of the page, also where it was interrupted
        if as_json:
            echo_json([run.record for run in recorded])
        else:
            click.echo(fitted(load(catalog.find("reports", "terminal"))).render(recorded).decode(), nl=False)
    if not as_json and unwritten is None:
        click.echo("\n" + say("cli.records_and_report", records=page.parent, report=page))
    return unwritten


def _measured(
    suite: "Suite", catalog: "Catalog", folder: Path, listener: "Listener", form: "FolderRun | None"
) -> "list[RecordedRun]":
    """Carry out the suite; of a submission what is left of it, beside its yardsticks."""
    from bench.execution.suite_run import run_suite
    from bench.execution.yardsticks import run_beside_yardsticks
    from bench.scripting.measuring import run

    if form is None:
        return run(suite, out=folder, plugins=catalog, progress=listener)
    measured = partial(run_suite, suite, catalog, folder)
    if form.yardstick:
        measured = partial(run_beside_yardsticks, suite, catalog, folder, task_of=form.task_of)
    return measured(cache=cache_folder(), listener=listener, left=form.left)


def write_page(page: Path, catalog: "Catalog", yardsticks: bool = True) -> None:
    """Write the report of every record in its folder; records that cannot be read are named, and the rest is
    reported. ``yardsticks``: whether their records are, too."""
    from bench.cli.report_command import telling
    from bench.plugins import load
    from bench.store.records import readable_records, write_atomically
    from bench.submission.measuring.yardstick import is_yardstick

    runs, refused = readable_records(page.parent)
    writer = telling(load(catalog.find("reports", "html")), refused)
    shown = runs if yardsticks else [run for run in runs if not is_yardstick(run.record)]
    write_atomically(page, writer.render(shown or runs))
