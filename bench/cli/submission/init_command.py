"""``odb init``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.terminal import complete
from bench.printable import clean
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.submission.draft import Draft


@click.command("init", cls=Command, help="cli.help.init", epilog="cli.epilog.init")
@lang_option
@click.argument("track", required=False, metavar="[TRACK]", shell_complete=complete.tracks)
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@option("-m", "--model", "models", multiple=True, shell_complete=complete.models, help="cli.help.init.model")
@option("-t", "--target", "targets", multiple=True, shell_complete=complete.targets, help="cli.help.init.target")
@option("--track", "track_file", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.init.track")
@option("--project", metavar="NAME", help="cli.help.init.project")
@option("--applicant", metavar="NAME", help="cli.help.init.applicant")
@option("--device", metavar="NAME", help="cli.help.init.device")
@option("--dataset", "datasets", multiple=True, metavar="[MODEL:]DIR", help="cli.help.run.dataset")
@option("--inputs", "pipeline_inputs", multiple=True, metavar="[MODEL:]DIR", help="cli.help.run.inputs")
@option("--reference", "references", multiple=True, metavar="[MODEL:]FILE", help="cli.help.run.reference")
@option("--preset", help="cli.help.init.preset")
@option("--no-input", is_flag=True, help="cli.help.init.no_input")
@option("--force", is_flag=True, help="cli.help.init.force")
@plugin_option
@json_option
def command(
    track: str | None,
    folder: Path | None,
    models: tuple[str, ...],
    targets: tuple[str, ...],
    track_file: Path | None,
    project: str | None,
    applicant: str | None,
    device: str | None,
    datasets: tuple[str, ...],
    pipeline_inputs: tuple[str, ...],
    references: tuple[str, ...],
    preset: str | None,
    no_input: bool,
    force: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb init``."""
    from bench.cli.submission.drafting import Request, draft_of
    from bench.cli.submission.questions import may_ask
    from bench.plugins import discover
    from bench.submission.form_text import form_text

    request = Request(
        track=track,
        folder=folder,
        models=models,
        targets=targets,
        track_file=track_file,
        project=project,
        applicant=applicant,
        device=device,
        datasets=datasets,
        pipeline_inputs=pipeline_inputs,
        references=references,
        preset=preset,
        force=force,
        asks=may_ask(no_input, as_json),
    )
    made = draft_of(request, discover(plugins))
    written = write(made.folder, form_text(made.draft.submission, made.draft.reasons), made.track_file)
    if as_json:
        echo_json(for_scripts(written, made.draft))
    else:
        tell(written, made.draft)
    return 0


def write(folder: Path, text: str, track_file: Path | None) -> Path:
    """The form, and a copy of the user's own track beside it. Raises ``InputError``. Returns the form's file."""
    from bench.errors import InputError
    from bench.reading import read_bytes
    from bench.store.records import write_atomically
    from bench.submission.form import SUBMISSION

    try:
        folder.mkdir(parents=True, exist_ok=True)
        copy = None if track_file is None else folder / track_file.name
        if track_file is not None and copy is not None and not (copy.exists() and copy.samefile(track_file)):
            write_atomically(copy, read_bytes(track_file))
        write_atomically(folder / SUBMISSION, text.encode())
    except OSError as error:
        raise InputError(
            sentence("store.folder_not_writable", folder=folder, strerror=error.strerror or error),
            sentence("store.choose_another_folder_make_one"),
        ) from None
    return folder / SUBMISSION


def for_scripts(written: Path, draft: "Draft") -> dict[str, object]:
    from bench.submission.draft import not_measurable, worth_filling_in

    made = draft.submission
    return {
        "submission": str(written),
        "track": made.track,
        "models": [one.id for one in made.models],
        "targets": [one.id for one in made.targets],
        "scenarios": [one.name for one in made.scenarios],
        "criteria": [one.id for one in made.criteria],
        "left_out": list(draft.left_out),
        "without_target": list(draft.without_target),
        "any_target": list(draft.any_target),
        "too_long": list(draft.too_long),
        "unknown_targets": list(draft.unknown),
        "not_measurable": list(not_measurable(made)),
        "worth_filling_in": list(worth_filling_in(made)),
    }


def tell(written: Path, draft: "Draft") -> None:
    """What was written, and what comes next."""
    from bench.submission.draft import not_measurable, worth_filling_in

    made = draft.submission
    click.echo(say("cli.init.written", file=clean(written), criteria=len(made.criteria)))
    told = {
        "cli.init.left_out": draft.left_out,
        "cli.init.without_target": draft.without_target,
        "cli.init.any_target": draft.any_target,
        "cli.init.too_long": draft.too_long,
        "cli.init.unknown_targets": draft.unknown,
        "cli.init.not_measurable": not_measurable(made),
        "cli.init.worth_filling_in": worth_filling_in(made),
    }
    for code, names in told.items():
        if names:
            click.echo(say(code, names=[clean(name) for name in names]))
    if draft.reweighted:
        click.echo(say("cli.init.reweighted"))
    if not made.models:
        click.echo(say("cli.init.no_model"))
    click.echo(say("cli.init.next", command=f"odb run {clean(written.parent)}"))
