"""``odb review``: many submissions on one page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import plugin_option
from bench.cli.output_format import checked_output, chosen_format
from bench.words import say

if TYPE_CHECKING:
    from bench.review.review import Review


@click.command("review", cls=Command, help="cli.help.review", epilog="cli.epilog.review")
@lang_option
@click.argument("bundles", metavar="BUNDLE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option(
    "-r",
    "--reproduction",
    "reproductions",
    multiple=True,
    type=click.Path(path_type=Path),
    help="cli.help.review.reproduction",
)
@option("--format", "format_", help="cli.help.review.format")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.output_file")
@option("--json", "as_json", is_flag=True, help="cli.help.json_format")
@option("--force", is_flag=True, help="cli.help.force")
@plugin_option
def command(
    bundles: tuple[Path, ...],
    reproductions: tuple[Path, ...],
    format_: str | None,
    output: Path | None,
    as_json: bool,
    force: bool,
    plugins: tuple[Path, ...],
) -> int:
    """``odb review``. Returns 2 where a bundle is refused."""
    from bench.plugins import discover, load
    from bench.review.review import review
    from bench.store.records import write_atomically

    catalog, file = discover(plugins), checked_output(output, force)
    suffixes = {ref.name: load(ref).suffix for ref in catalog.of("reviews")}
    name = chosen_format(format_, as_json, file, suffixes)
    writer = load(catalog.find("reviews", "md" if name == "terminal" else name))
    found = review(bundles, reproductions, _counted)
    _counted(0)
    _tell(found)
    data = writer.render(found)
    if file is None:
        sys.stdout.buffer.write(data)
    else:
        write_atomically(file, data)
        click.echo(say("cli.written", file=file, size_bytes=len(data)), err=True)
    return 2 if found.refused else 0


def _counted(count: int) -> None:
    """How many bundles have been read, on one line of a terminal; 0 clears the line."""
    if sys.stderr.isatty():
        click.echo("\r\033[K" + (say("review.step", count=count) if count else ""), nl=False, err=True)


def _tell(found: "Review") -> None:
    from bench.printable import clean

    for entry in found.refused:
        click.echo(say("cli.error", message=clean(say("text.at", where=entry.path, message=entry.problem))), err=True)
