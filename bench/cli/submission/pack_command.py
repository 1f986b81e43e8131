"""``odb pack``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.printable import clean
from bench.scripting.places import cache_folder
from bench.words import say

if TYPE_CHECKING:
    from bench.bundle.packed_files import DataReader, FilesOf
    from bench.bundle.packing import Packing
    from bench.plugins import Catalog
    from bench.submission.form import SubmittedModel


@click.command("pack", cls=Command, help="cli.help.pack", epilog="cli.epilog.pack")
@lang_option
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.pack.output")
@option("--without-model", is_flag=True, help="cli.help.pack.without_model")
@option("--with-data", is_flag=True, help="cli.help.pack.with_data")
@option("--blind", is_flag=True, help="cli.help.pack.blind")
@option("--sign", "key", type=click.Path(path_type=Path), metavar="KEY", help="cli.help.pack.sign")
@option("--despite-rejections", is_flag=True, help="cli.help.pack.despite_rejections")
@option("--keep-names", is_flag=True, help="cli.help.pack.keep_names")
@option("--dry-run", is_flag=True, help="cli.help.pack.dry_run")
@option("--force", is_flag=True, help="cli.help.force")
@plugin_option
@json_option
def command(
    folder: Path,
    output: Path | None,
    without_model: bool,
    with_data: bool,
    blind: bool,
    key: Path | None,
    despite_rejections: bool,
    keep_names: bool,
    dry_run: bool,
    force: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb pack``."""
    from bench.bundle.packing import PackOptions, packing, write_bundle
    from bench.cli.output_format import checked_output
    from bench.cli.submission.dossiers import bundled_dossiers
    from bench.plugins import discover

    if output is not None and not dry_run:
        checked_output(output, force)
    options = PackOptions(
        with_models=not without_model,
        with_data=with_data,
        blind=blind,
        despite_rejections=despite_rejections,
        keep_names=keep_names,
        key=key,
    )
    found = files_of(discover(plugins))
    with packing(folder, options, render=bundled_dossiers, files_of=found, data=data_reader()) as made:
        file = Path(f"{made.name}.zip") if output is None else output
        _tell(made)
        if not dry_run:
            checked_output(file, force)
            with written(made.size_bytes) as told:
                write_bundle(made, file, told)
        if as_json:
            echo_json(for_scripts(made, None if dry_run else file))
        else:
            click.echo(_listed(made) if dry_run else _summary(made, file))
    return 0


def data_reader() -> "DataReader":
    """What knows datasets and pipelines, for ``odb pack`` and ``odb verify``."""
    from bench.bundle.packed_files import DataReader
    from bench.pipelines.again import piped_files, went_through
    from bench.quality.dataset_files import dataset_files, judged_on

    return DataReader(dataset_files, judged_on, piped_files, went_through)


def files_of(catalog: "Catalog") -> "FilesOf":
    """The files of a model as its reader knows them: with its weights in other files, or the parts of a folder that the
    runtime reads; those that it was made from, not those that were made of them."""
    from bench.contracts import Artifact, ModelRequest
    from bench.errors import OdbError
    from bench.plugins import load
    from bench.suite.found_files import model_files

    def found(model: "SubmittedModel", place: Path) -> Sequence[Path]:
        reader = "/" if place.is_dir() else place.suffix.lower()
        try:
            request = ModelRequest(str(place), precision=model.precision, shapes=model.shapes)
            artifact: Artifact = load(catalog.find("models", reader)).prepare(request, cache_folder())
            return artifact.files if artifact.source is None else artifact.source.files
        except OdbError:  # no reader, or one that does not take it: the file itself, if it is one
            if place.is_dir():
                raise
            return model_files(place)

    return found


def written(size_bytes: int) -> Any:
    """A bar at the terminal while ``size_bytes`` are worked on; its ``update`` takes what was done."""
    from contextlib import contextmanager

    @contextmanager
    def bar() -> Any:
        hidden = not sys.stderr.isatty() or size_bytes < 1 << 26
        with click.progressbar(length=size_bytes, file=sys.stderr, hidden=hidden) as shown:
            yield shown.update

    return bar()


def _tell(made: "Packing") -> None:
    """What was taken out, on stderr."""
    for code, fields in (("pack.changed", made.form.changed), ("pack.emptied", made.form.emptied)):
        if fields:
            click.echo(f"odb: {clean(say(code, fields=list(fields)))}", err=True)
    for one in made.inputs:
        if one.files:
            size_bytes = sum(file.size_bytes for file in one.files)
            figures = {"folder": one.name, "count": len(one.files), "size_bytes": size_bytes}
            click.echo(f"odb: {clean(say('pack.data', **figures))}", err=True)


def _summary(made: "Packing", file: Path) -> str:
    return "\n".join(
        [
            say("cli.written", file=file, size_bytes=file.stat().st_size),
            say("pack.files", count=len(made.files)),
            rules_line(made.judged.result, len(made.judged.failed), len(made.judged.warned), len(made.judged.passed)),
        ]
    )


def rules_line(result: str, failed: int, warned: int, passed: int) -> str:
    """What the rules of ``odb check`` say, in a line."""
    return say(f"pack.result.{result}", failed=failed, warned=warned, passed=passed)


def _listed(made: "Packing") -> str:
    """What would go in, with sizes."""
    from bench.bundle.contents.layout import DATA
    from bench.cli.terminal.columns import columns, terminal_width

    sizes = {name: one.size_bytes for name, one in made.files.items()}
    for data in (one for one in made.inputs if one.files):  # in a line: there may be thousands
        names = [f"{made.name}/{DATA}{file.name}" for file in data.files]
        sizes[f"{made.name}/{DATA}{data.name}/ ({len(names):,})"] = sum(sizes.pop(name) for name in names)
    rows = [[clean(name), f"{size_bytes:,}"] for name, size_bytes in sorted(sizes.items())]
    head = [say("pack.column.file"), say("pack.column.bytes")]
    table = columns(head, rows, terminal_width() if sys.stdout.isatty() else 160)
    return f"{table}\n{say('pack.total', count=len(made.files), size_bytes=made.size_bytes)}"


def for_scripts(made: "Packing", file: Path | None) -> dict[str, Any]:
    """What was packed as JSON, the same in every language."""
    return {
        "file": None if file is None else str(file),
        "name": made.name,
        "size_bytes": made.size_bytes,
        "result": made.judged.result,
        "rules": {name: list(getattr(made.judged, name)) for name in ("failed", "warned", "passed")},
        "changed": list(made.form.changed),
        "emptied": list(made.form.emptied),
        "files": [
            {"name": name, "size_bytes": one.size_bytes, "sha256": one.sha256}
            for name, one in sorted(made.files.items())
        ],
    }
