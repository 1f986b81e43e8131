"""``odb compare``."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from bench.cli.help import FLOAT, Choice, Command, option
from bench.cli.language import lang_option
from bench.cli.output_format import checked_output, chosen_format
from bench.cli.terminal.columns import terminal_width
from bench.comparison.outcome import OPEN
from bench.comparison.rules import SUBJECTS, Subject
from bench.printable import clean
from bench.scripting.comparison_writers import WRITERS
from bench.words import say

if TYPE_CHECKING:
    from bench.comparison.folders import Findings

SUFFIXES: Mapping[str, str] = MappingProxyType({"terminal": ".txt", "md": ".md", "json": ".json", "html": ".html"})

TOLERANCE_PERCENT = 3.0


@click.command("compare", cls=Command, help="cli.help.compare", epilog="cli.epilog.compare")
@lang_option
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", nargs=-1, required=True, type=click.Path(path_type=Path))
@option(
    "--tolerance",
    metavar="PERCENT",
    type=FLOAT,
    default=TOLERANCE_PERCENT,
    figures=lambda: {"default": TOLERANCE_PERCENT},
    help="cli.help.compare.tolerance",
)
@option(
    "--subject",
    "subjects",
    multiple=True,
    type=Choice(SUBJECTS),
    help="cli.help.compare.subject",
)
@option("--accept", metavar="NAME,…", help="cli.help.compare.accept", figures=lambda: {"names": list(OPEN)})
@option("--format", "format_", type=Choice(list(WRITERS)), help="cli.help.compare.format")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.output_file")
@option("--json", "as_json", is_flag=True, help="cli.help.json_format")
@option("--force", is_flag=True, help="cli.help.force")
def command(
    base: Path,
    new: tuple[Path, ...],
    tolerance: float,
    subjects: tuple[Subject, ...],
    accept: str | None,
    format_: str | None,
    output: Path | None,
    as_json: bool,
    force: bool,
) -> int:
    """``odb compare``."""
    from bench.comparison.outcome import checked_accept, checked_tolerance, outcome
    from bench.scripting.comparing import compare

    share, accepted = checked_tolerance(tolerance), checked_accept(accept)
    file = checked_output(output, force)
    render = writer(chosen_format(format_, as_json, file, SUFFIXES), printed=file is None)
    findings = compare(base, new, tolerance=share, subjects=subjects, accept=accepted)
    _write(render(findings), file)
    if findings.yardsticks:
        click.echo(f"odb: {say('cli.left_out_yardsticks', count=findings.yardsticks)}", err=True)
    for problem in findings.problems:
        click.echo(say("cli.error", message=clean(str(problem.message))), err=True)
    return outcome(findings).status


def writer(name: str, printed: bool = False) -> "Callable[[Findings], bytes]":
    """What turns findings into the bytes of that format; those ``printed`` at a terminal no wider than that."""
    render: Callable[..., bytes] = import_module(WRITERS[name]).render
    if name == "terminal" and printed and sys.stdout.isatty():
        return partial(render, width=terminal_width())
    return render


def _write(data: bytes, output: Path | None) -> None:
    from bench.store.records import write_atomically

    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    write_atomically(output, data)
    click.echo(say("cli.written", file=output, size_bytes=len(data)), err=True)
