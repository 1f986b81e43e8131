"""``odb run --against BASE``: the runs of records and what is requested now, measured again in alternation and
compared.

The base is built from the typed fields of its record (``bench.suite.base_run``). Everything that the command line
leaves out is taken from there, so that the user only names what has changed: another file, another option, another
target; or a suite file lists the runs. An emulated record is not timed: it is compiled again, and its placement and its
outputs are compared.
"""

import subprocess
import sys
from pathlib import Path
from platform import python_version
from time import monotonic_ns
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from bench.cli.against.until import asked_until
from bench.comparison.outcome import checked_tolerance
from bench.errors import InputError
from bench.printable import clean
from bench.scripting.places import cache_folder, results_folder
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.cli.against.pairs import Pair, Pairs
    from bench.comparison.matching import Unmatched
    from bench.comparison.observe import Observation
    from bench.execution.suite_run import Listener
    from bench.plugins import Catalog
    from bench.record.evidence import Until


def measure_against(context: click.Context, catalog: "Catalog", output: Path | None, as_json: bool) -> int:
    """Measure each record of BASE and its counterpart in alternation, or check an emulated one again; write all records
    and the comparison's page. Returns the exit status, which is that of ``odb compare``."""
    from bench.cli.against.pairs import Chooser
    from bench.cli.compare_command import writer
    from bench.cli.report_command import tell_recovered
    from bench.cli.terminal.progress import progress
    from bench.comparison.comparison import compare_all
    from bench.comparison.folders import Findings
    from bench.comparison.outcome import checked_accept, outcome
    from bench.machine.lease import machine_shared
    from bench.store.records import prepare_folder, write_atomically

    tolerance, accepted = checked_tolerance(context.params["tolerance"]), checked_accept(context.params["accept"])
    base_python = checked_interpreter(context.params["base_python"])
    chosen = Chooser(context, catalog).pairs()
    until = asked_until(context.params, chosen.pairs, tolerance)
    if base_python and all(pair.emulated for pair in chosen.pairs):
        raise InputError(sentence("cli.base_python_emulated"), sentence("cli.leave_it_out"))
    if context.params["dry_run"]:
        from bench.cli.against.dry_run import show_pairs

        return show_pairs(chosen, catalog, base_python, as_json, accepted, until)
    _say(chosen)
    root = prepare_folder(results_folder(output))
    tell_recovered(root)
    with progress(sys.stderr) as listener, machine_shared():
        measured, refused = _measured(chosen, catalog, root, base_python, listener, until)
    compared = tuple(compare_all(measured, tolerance))
    findings = Findings(tolerance, compared, (*chosen.unmatched, *refused), chosen.problems, accepted)
    write_atomically(root / "comparison.html", writer("html")(findings))
    click.echo(writer("json" if as_json else "terminal", printed=True)(findings).decode(), nl=False)
    click.echo("\n" + say("cli.records_and_page", records=root, page=root / "comparison.html"), err=as_json)
    return outcome(findings).status


def _say(chosen: "Pairs") -> None:
    """How flags were understood, and what of BASE is left out, before minutes are spent on the rest."""
    for note in chosen.notes:
        click.echo(f"odb: {clean(str(note))}", err=True)
    for problem in chosen.problems:
        click.echo(say("cli.error", message=clean(str(problem.message))), err=True)


def _measured(
    chosen: "Pairs", catalog: "Catalog", root: Path, base_python: str, listener: "Listener", until: "Until | None"
) -> "tuple[list[tuple[Observation, Observation]], list[Unmatched]]":
    """The two sides of every pair, and the records that turned out not to be measurable again; the only one of them is
    an error."""
    from bench.cli.against.pairs import not_checked, plan_again, refused

    pairs, lost, began_ns = [], [], monotonic_ns()
    for index, pair in enumerate(chosen.pairs):
        bounds = until
        if until is not None and until.limit_ns is not None:  # what earlier pairs did not use is the later ones'
            left_ns = max(0, until.limit_ns - (monotonic_ns() - began_ns))
            bounds = replace(until, limit_ns=left_ns // (len(chosen.pairs) - index))
        try:
            without = not_checked(pair, plan_again(pair, catalog)) if pair.emulated else None
            if without is not None:
                lost.append(without)
                continue
            pairs.append(_one(pair, catalog, root, base_python, listener, bounds))
        except InputError as error:
            if len(chosen.pairs) == 1:
                raise
            lost.append(refused(pair.source, error))
    return pairs, lost


def _one(
    pair: "Pair", catalog: "Catalog", root: Path, base_python: str, listener: "Listener", until: "Until | None"
) -> "tuple[Observation, Observation]":
    from bench.comparison.observe import observe
    from bench.execution.interleaved import run_in_alternation
    from bench.execution.suite_run import run_suite
    from bench.store.records import load, prepare_folder

    folder = pair.source.folder
    new = prepare_folder(root / "new")
    if pair.emulated:
        (run,) = run_suite(pair.new, catalog, new, cache=cache_folder(), listener=listener)
        return observe(load(folder), str(folder)), observe(run)
    first, second = run_in_alternation(
        pair.base,
        pair.new,
        catalog,
        (prepare_folder(root / "base"), new),
        cache=cache_folder(),
        expected=pair.identity,
        base_python=base_python,
        listener=listener,
        until=until,
    )
    return observe(first), observe(second)


def checked_interpreter(python: Path | None) -> str:
    """The interpreter as a worker is spawned with; ``""`` for this one. Raises ``InputError`` unless it has this Python
    and this version of the tool: the records say one of each."""
    from bench import __version__

    if python is None:
        return ""
    said = "import bench, platform; print(bench.__version__, platform.python_version())"
    remedy = sentence("cli.base_python.remedy", version=__version__, python=python_version())
    try:
        done = subprocess.run([python, "-P", "-c", said], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = getattr(error, "strerror", None) or sentence("cli.base_python.no_answer")
        raise InputError(sentence("cli.base_python.not_run", file=python, reason=why), remedy) from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        last = lines[-1] if lines else sentence("cli.base_python.said_nothing")
        raise InputError(sentence("cli.base_python.without_tool", file=python, reason=last), remedy)
    here, there = [__version__, python_version()], (done.stdout.strip().splitlines() or [""])[-1].split()
    if there == here:
        return str(python.absolute())
    this = sentence("cli.tool_on_python", tool=here[0], python=here[1])
    if len(there) != len(here):
        raise InputError(sentence("cli.base_python.no_version", file=python, here=this), remedy)
    other = sentence("cli.tool_on_python", tool=there[0], python=there[1])
    raise InputError(sentence("cli.base_python.another", file=python, there=other, here=this), remedy)
