"""``odb preflight``: what can be said of a model on chips that are not here."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import FLOAT, INTEGER, Command, option
from bench.cli.language import lang_option
from bench.cli.options import plugin_option
from bench.cli.output_format import checked_output, chosen_format
from bench.cli.terminal import complete
from bench.cli.terminal.columns import terminal_width
from bench.cli.terminal.signals import EXIT_INTERRUPTED
from bench.printable import clean
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.errors import OdbError
    from bench.execution.preflight.survey import Asked
    from bench.plugins import Catalog
    from bench.preflight.found import Preflight
    from bench.suite.plan import PlannedRun
    from bench.suite.suite import Suite

BAD_INPUT = 2


@click.command("preflight", cls=Command, help="cli.help.preflight", epilog="cli.epilog.preflight")
@lang_option
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, shell_complete=complete.models)
@option("-t", "--target", "targets", multiple=True, shell_complete=complete.targets, help="cli.help.preflight.target")
@option("--soc", "socs", multiple=True, metavar="NAME,…", help="cli.help.preflight.soc")
@option("--need", metavar="NAME=VALUE,…", help="cli.help.preflight.need")
@option("--frames-per-s", type=FLOAT, metavar="N", help="cli.help.preflight.frames_per_s")
@option("-j", "--jobs", type=INTEGER, metavar="N", help="cli.help.preflight.jobs")
@option("-O", "--option", "options", multiple=True, metavar="[PLUGIN.]KEY=VALUE", help="cli.help.run.option")
@option("--shape", "shapes", multiple=True, metavar="NAME=1,3,224,224", help="cli.help.run.shape")
@option("--input", "inputs", multiple=True, metavar="NAME=FILE", help="cli.help.run.input")
@option("--preprocessing", help="cli.help.run.preprocessing")
@option("--reference", "references", multiple=True, metavar="[MODEL:]FILE", help="cli.help.run.reference")
@option("--check-inputs", type=INTEGER, help="cli.help.run.check_inputs")
@option("--seed", type=INTEGER, help="cli.help.run.seed")
@option("--timeout", type=FLOAT, metavar="SECONDS", help="cli.help.run.timeout")
@option("--dry-run", is_flag=True, help="cli.help.preflight.dry_run")
@option("--format", "format_", help="cli.help.preflight.format")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.output_file")
@option("--json", "as_json", is_flag=True, help="cli.help.json_format")
@option("--force", is_flag=True, help="cli.help.force")
@plugin_option
def command(
    models: tuple[str, ...],
    targets: tuple[str, ...],
    socs: tuple[str, ...],
    need: str | None,
    frames_per_s: float | None,
    jobs: int | None,
    options: tuple[str, ...],
    shapes: tuple[str, ...],
    inputs: tuple[str, ...],
    preprocessing: str | None,
    references: tuple[str, ...],
    check_inputs: int | None,
    seed: int | None,
    timeout: float | None,
    dry_run: bool,
    format_: str | None,
    output: Path | None,
    as_json: bool,
    force: bool,
    plugins: tuple[Path, ...],
) -> int:
    """``odb preflight``. Returns the status that the needs are answered by."""
    from bench.cli.preflight.dry_run import show_plan
    from bench.plugins import discover, load
    from bench.scratch import reserved

    catalog, file = discover(plugins), checked_output(output, force)
    suffixes = {ref.name: load(ref).suffix for ref in catalog.of("preflights")}
    name = chosen_format(format_, as_json, file, suffixes)
    catalog.find("preflights", name)  # an unknown format is an error before anything is compiled
    asked = _asked(socs, need, frames_per_s, jobs, dry_run)
    suite = asked_suite_of(click.get_current_context().params, catalog)
    with reserved(None if dry_run else file):
        checked_output(file, force)  # another command may have written it meanwhile
        found, broken = _surveyed(suite, catalog, asked)
        if dry_run and found:
            show_plan(found, asked.jobs)
        elif found:
            _write(found, name, file, catalog)
    return _status(found, broken)


def asked_suite_of(given: Mapping[str, Any], catalog: "Catalog") -> "Suite":
    """The models and targets as ``odb run`` reads them. ``given``: each flag under its parameter's name."""
    from bench.cli.asked import asked_models, with_quality, with_tensors
    from bench.suite.suite import Suite, TargetAsk, check, parse_pair

    models = with_quality(asked_models(given["models"]), (), None, given["references"])
    suite = Suite(
        models=with_tensors(models, given["shapes"], given["inputs"], given["preprocessing"], catalog),
        targets=tuple(TargetAsk(name) for name in given["targets"]),
        options=dict(parse_pair("-O", option) for option in given["options"]),
        check_inputs=given["check_inputs"],
        seed=given["seed"] or 0,
        timeout_s=given["timeout"],
    )
    check(suite, catalog)
    return suite


def _asked(
    socs: Sequence[str], need: str | None, frames_per_s: float | None, jobs: int | None, plan_only: bool
) -> "Asked":
    from bench.cli.asked import words
    from bench.errors import InputError
    from bench.execution.preflight.survey import Asked
    from bench.preflight.need import FRAMES, asked_needs

    needs = asked_needs(need)
    frames = needs.get(FRAMES, frames_per_s)
    if frames is not None and not 0 < frames <= 1e9:
        raise InputError(sentence("preflight.frames_out_of_range", frames_per_s=frames))
    if frames_per_s is not None and frames != frames_per_s:
        raise InputError(sentence("preflight.frames_twice"), sentence("cli.leave_one_out"))
    if jobs is not None and not 1 <= jobs <= 64:
        raise InputError(sentence("preflight.jobs_out_of_range", jobs=jobs))
    only = tuple(name for text in socs for name in words("--soc", text))
    return Asked(only=only, need=needs, frames_per_s=frames, jobs=jobs or processors(), plan_only=plan_only)


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity is not None else os.cpu_count() or 1)


def _surveyed(suite: "Suite", catalog: "Catalog", asked: "Asked") -> "tuple[list[Preflight], int]":
    """What was found, and of how many models nothing was. What was found before an interrupt is kept."""
    from bench.cli.preflight.watching import watching
    from bench.execution.preflight.every import surveys
    from bench.scripting.places import cache_folder

    broken: list[PlannedRun] = []

    def tell(run: "PlannedRun", error: "OdbError") -> None:
        broken.append(run)
        message = say("text.at", where=run.model.id, message=error.message)
        click.echo(say("cli.error", message=clean(message)), err=True)
        if error.remedy:
            click.echo(f"     {clean(error.remedy)}", err=True)

    found: list[Preflight] = []
    with watching(sys.stderr) as watcher:
        try:
            for one in surveys(suite, catalog, cache=cache_folder(), asked=asked, watcher=watcher, broken=tell):
                found.append(one)
        except KeyboardInterrupt:
            if not found:
                raise
            broken.clear()
            found[-1] = interrupted(found[-1])
    return found, len(broken)


def interrupted(found: "Preflight") -> "Preflight":
    """``found``, after which nothing more was."""
    from msgspec.structs import replace

    return replace(found, interrupted=True)


def _write(found: "Sequence[Preflight]", name: str, file: Path | None, catalog: "Catalog") -> None:
    from bench.plugins import load
    from bench.store.records import write_atomically

    def rendered(name: str, width: int | None) -> bytes:
        writer = load(catalog.find("preflights", name))
        data: bytes = (writer.at_terminal(width) if name == "terminal" and width else writer).render(found)
        return data

    width = terminal_width() if sys.stdout.isatty() else None
    shown = rendered("terminal" if file is not None else name, width)
    if file is not None:
        data = rendered(name, None)
        write_atomically(file, data)
        click.echo(say("cli.written", file=file, size_bytes=len(data)), err=True)
    if file is None or name != "terminal":
        sys.stdout.buffer.write(shown)
        sys.stdout.buffer.flush()


def _status(found: "Sequence[Preflight]", broken: int) -> int:
    """130 where it was interrupted, 2 where a model could not be read; then 1 before 3 before 0."""
    if any(one.interrupted for one in found):
        click.echo(f"odb: {say('preflight.interrupted_kept')}", err=True)
        return EXIT_INTERRUPTED
    statuses = {one.status for one in found}
    return BAD_INPUT if broken else next((status for status in (1, 3) if status in statuses), 0)
