"""``odb compare``."""

import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from bench.cli.language import lang_option
from bench.cli.output_format import checked_output, chosen_format
from bench.compare.outcome import OPEN
from bench.compare.rules import SUBJECTS, Subject
from bench.printable import clean

if TYPE_CHECKING:
    from bench.compare.folders import Findings

WRITERS: Mapping[str, str] = MappingProxyType(
    {
        "terminal": "bench.reports.comparisons.terminal",
        "md": "bench.reports.comparisons.markdown",
        "json": "bench.reports.comparisons.json",
        "html": "bench.reports.comparisons.html",
    }
)
"""Format -> module whose ``render`` turns findings into bytes; imported when it is asked for."""

SUFFIXES: Mapping[str, str] = MappingProxyType({"terminal": ".txt", "md": ".md", "json": ".json", "html": ".html"})

EPILOG = """\b
Examples:
  odb compare last-night tonight                    every model and target that both hold
  odb compare results/A results/B --tolerance 1     two records
  odb compare base new --format html -o page.html
  odb compare base new --accept cannot-tell,unmatched
\b
Exit status: 0 every leading metric was decided and nothing is worse; 1 something is worse
beyond the tolerance, is wrong, or fails or is skipped now; 2 bad usage, or a record could not
be read; 3 something was not decided, was lost or may not be compared. 1 takes precedence over 2,
and 2 over 3. --accept names what may stay undecided: cannot-tell, invalid, not-comparable,
not-measured, unmatched."""

ACCEPT_HELP = "What may stay undecided without status 3: " + ", ".join(OPEN) + "."


@click.command("compare", epilog=EPILOG)
@lang_option
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--tolerance",
    metavar="PERCENT",
    type=float,
    default=3.0,
    show_default=True,
    help="The largest difference that is reported as the same. For quality it is always one point.",
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    type=click.Choice(SUBJECTS),
    help="What may differ: the target, a version, or the model's file and precision. Repeatable. By default the target "
    "where the targets of two records differ, otherwise the version; for records that took turns, what was changed.",
)
@click.option("--accept", metavar="NAME,…", help=ACCEPT_HELP)
@click.option(
    "--format", "format_", type=click.Choice(list(WRITERS)), help="By default that of -o's suffix, or terminal."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; default, and -, is stdout.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
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
    """Compare the records in NEW with those in BASE: faster, slower or the same, and how certain that is.

    Each is the folder of a record or a folder of records. Records are matched if they took turns, otherwise by model,
    target and scenario.
    """
    from bench.compare.folders import compare_folders
    from bench.compare.outcome import checked_accept, checked_tolerance, outcome

    share, accepted = checked_tolerance(tolerance), checked_accept(accept)
    file = checked_output(output, force)
    render = writer(chosen_format(format_, as_json, file, SUFFIXES), printed=file is None)
    findings = compare_folders(base, new, share, subjects, accepted)
    _write(render(findings), file)
    for problem in findings.problems:
        click.echo(f"odb: error: {clean(problem.message)}", err=True)
    return outcome(findings).status


def writer(name: str, printed: bool = False) -> "Callable[[Findings], bytes]":
    """What turns findings into the bytes of that format; those ``printed`` at a terminal no wider than that."""
    render: Callable[..., bytes] = import_module(WRITERS[name]).render
    if name == "terminal" and printed and sys.stdout.isatty():
        return partial(render, width=shutil.get_terminal_size().columns)
    return render


def _write(data: bytes, output: Path | None) -> None:
    from bench.store.records import write_atomically

    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    write_atomically(output, data)
    click.echo(f"{output}: {len(data):,} bytes", err=True)
