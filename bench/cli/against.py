"""``odb run --against BASE``: what a record measured, and what is asked now, measured anew in alternation.

The base is a record; the command in it says how it was measured. Whatever the command line leaves out is taken from
there, so that one names only what has changed: another file, another option, another target.
"""

import hashlib
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

import click

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.alternate import Identity
    from bench.plugins import Catalog
    from bench.record import Record

NEW_ONLY = ("models", "targets", "options", "shapes", "inputs", "preprocessing", "precision")
"""Flags that say what is new; every other one holds for both sides, which must agree in it."""

ADDED = ("options", "shapes", "inputs")
"""Flags of NAME=VALUE: those given join the base's, and replace those of the same name."""


PROMPTS = ("prompt_tokens", "prompt_ids", "prompts")
"""Flags of which one says what is generated from."""

FILES: Mapping[str, str] = {"inputs": "=", "references": ":", "datasets": ":"}
"""Flags that name files, and what stands between the file and what it is for."""


def measure_against(context: click.Context, catalog: "Catalog", output: Path | None, as_json: bool) -> int:
    """Measure each record of BASE and its counterpart in alternation, write all records and the comparison's page.
    Returns the exit status, which is that of ``odb compare``."""
    from bench.cli.compare_command import writer
    from bench.cli.options import cache_folder
    from bench.cli.progress import progress
    from bench.compare_folders import Findings
    from bench.comparison import compare_all
    from bench.outcome import checked_accept, outcome
    from bench.process_values import observe
    from bench.store import prepare_folder, write_atomically

    tolerance, accepted = checked_tolerance(context.params["tolerance"]), checked_accept(context.params["accept"])
    base_python = checked_interpreter(context.params["base_python"])
    bases = _of_the_same(_records(context.params["against"]), context)
    asked = [_asked(folder, record, context) for folder, record in bases]
    if context.params["dry_run"]:
        from bench.cli.dry_run import show_pairs

        return show_pairs([(old, new) for old, new, _ in asked], catalog, base_python, as_json)
    root = prepare_folder(output or Path("odb-results") / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
    out = prepare_folder(root / "base"), prepare_folder(root / "new")
    with progress(sys.stderr) as listener:
        from bench.alternate import run_in_alternation

        pairs = [
            run_in_alternation(
                old,
                new,
                catalog,
                out,
                cache=cache_folder(),
                expected=identity,
                base_python=base_python,
                listener=listener,
            )
            for old, new, identity in asked
        ]
    compared = compare_all([(observe(a), observe(b)) for a, b in pairs], tolerance)
    findings = Findings(tolerance, tuple(compared), accepted=accepted)
    write_atomically(root / "comparison.html", writer("html")(findings))
    click.echo(writer("json" if as_json else "terminal", printed=True)(findings).decode(), nl=False)
    click.echo(f"\nRecords: {root}\nPage:    {root / 'comparison.html'}", err=as_json)
    return outcome(findings).status


def checked_tolerance(percent: float) -> float:
    """As a share. Raises ``InputError``."""
    if not 0 < percent <= 100:
        raise InputError(f"--tolerance {percent:g}: not a percentage above 0 and up to 100")
    return percent / 100


def checked_interpreter(python: Path | None) -> str:
    """The interpreter as a worker is spawned with; ``""`` for this one. Raises ``InputError`` unless it has this Python
    and this version of the tool: the records say one of each."""
    from bench import __version__

    if python is None:
        return ""
    said = "import bench, platform; print(bench.__version__, 'on Python', platform.python_version())"
    remedy = f"Give the python of an environment with ondevice-bench {__version__} and Python {python_version()}."
    try:
        done = subprocess.run([python, "-P", "-c", said], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = getattr(error, "strerror", None) or "it does not answer"
        raise InputError(f"--base-python {python}: cannot be run: {why}", remedy) from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InputError(f"--base-python {python}: has no ondevice-bench: {last}", remedy)
    here, there = f"{__version__} on Python {python_version()}", done.stdout.strip().splitlines()[-1:]
    if there != [here]:
        told = there[0] if there else "of no version"
        raise InputError(f"--base-python {python}: has ondevice-bench {told}, and this is {here}", remedy)
    return str(python.absolute())


def _records(path: Path) -> "list[tuple[Path, Record]]":
    """The records under ``path`` that can be measured again, with their folders."""
    from bench.store import chosen_folders, load

    records = [(folder, load(folder).record) for folder in chosen_folders(path)]
    usable = [(f, r) for f, r in records if r.status == "ok" and not r.plan.target.emulated]
    if not usable:
        raise InputError(f"--against {path}: none of its records holds times of a device", "Measure the base first.")
    return usable


def _of_the_same(bases: "list[tuple[Path, Record]]", context: click.Context) -> "list[tuple[Path, Record]]":
    """Where a new model is named, the bases of that model: by its id, unless there is but one model to compare with.
    Raises ``InputError`` where it is not told which of several is meant."""
    named = context.params["models"] if context.get_parameter_source("models") == _COMMAND_LINE else ()
    ids = dict.fromkeys(record.plan.model.id for _, record in bases)
    if not named or len(ids) == 1:
        return bases
    wanted = {Path(name).stem for name in named} | set(named)
    same = [(folder, record) for folder, record in bases if record.plan.model.id in wanted]
    if not same:
        raise InputError(
            f"--against {context.params['against']}: holds {', '.join(ids)}, and -m {named[0]} is none of them",
            "Name the folder of the one record that it is to be compared with.",
        )
    return same


def _asked(folder: Path, record: "Record", context: click.Context) -> "tuple[Any, Any, Identity]":
    """The base's suite, the new one, and what the base's artifact must be."""
    from bench.alternate import Identity
    from bench.cli.asked import asked_suite

    given = {k: v for k, v in context.params.items() if context.get_parameter_source(k) == _COMMAND_LINE}
    source = f"{folder}: plan.command"
    if given.get("suite_file"):
        raise InputError("--against: does not go with a suite file", "Say what is new with flags.")
    base = _parsed(record, source)
    both = {k: v for k, v in given.items() if k not in NEW_ONLY}
    if any(both.get(flag) for flag in PROMPTS):
        base = {**base, **dict.fromkeys(PROMPTS)}  # whichever the base had, those take their place
    base = {**base, "repeats": None, **both}  # a pair of processes is another thing than a repeat
    beside = [Path(name).parent for name in given.get("models", ())]
    base = _with_files(base, [*base.keys() - both], record, folder, beside, context.params["base_model"])
    new = {**base, **{k: v for k, v in given.items() if k in NEW_ONLY and k not in ADDED}}
    new = {**new, **{k: (*base[k], *given[k]) for k in ADDED if k in given}}
    sha256 = record.plan.model.sha256
    if sha256 is None:
        raise InputError(f"{folder}: plan.model.sha256 is null: what was measured is not known")
    return asked_suite(base), asked_suite(new), Identity(sha256, str(folder))


_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE


def _parsed(record: "Record", source: str) -> dict[str, Any]:
    """The flags of the command that a record holds."""
    from bench.cli.run_command import command

    words = shlex.split(record.plan.command)
    if words[:2] != ["odb", "run"]:
        remedy = "It was measured from a suite file that says more than flags can; measure the base by flags first."
        raise InputError(f"{source} does not say how it was measured", remedy)
    try:
        return dict(command.make_context("run", words[2:], resilient_parsing=False).params)
    except click.ClickException as error:
        raise InputError(f"{source} cannot be understood: {error.format_message()}") from None


def _with_files(
    params: dict[str, Any],
    theirs: Collection[str],
    record: "Record",
    folder: Path,
    beside: Sequence[Path],
    base_model: Path | None,
) -> dict[str, Any]:
    """``params`` with the base's files, which are those of the flags in ``theirs``, where they are here: records name
    files without their folders."""
    from bench.suite import is_file

    places = list(dict.fromkeys([Path(), folder, folder.parent, *beside]))
    models = [str(base_model)] if base_model is not None else list(params["models"])
    if base_model is None and models and is_file(models[0]):
        models = [str(_found_model(models[0], record, folder, places))]
    named: dict[str, Any] = {
        flag: tuple(_found_file(text, separator, folder, places) for text in params[flag])
        for flag, separator in FILES.items()
        if flag in theirs
    }
    if "prompts" in theirs and params["prompts"] is not None:
        named["prompts"] = Path(_found_file(str(params["prompts"]), "", folder, places))
    return {**params, **named, "models": tuple(models)}


def _found_model(name: str, record: "Record", folder: Path, places: Sequence[Path]) -> Path:
    """By its name; else, of the same kind of file, by the hash of its bytes."""
    for place in places:
        if (place / name).exists():
            return place / name
    for place in places if Path(name).suffix else ():
        for file in sorted(place.glob(f"*{Path(name).suffix}")):
            if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == record.plan.model.sha256:
                return file
    raise InputError(
        f"--against {folder}: it was measured with {name}, which is not in the current folder nor beside the record",
        "Name the file with --base-model FILE; it must be the very file, which its sha256 proves.",
    )


def _found_file(text: str, separator: str, folder: Path, places: Sequence[Path]) -> str:
    """``text`` with the file or folder in it where it is here; before ``separator`` stands what it is for."""
    name, between, file = text.rpartition(separator) if separator else ("", "", text)
    for place in places:
        if (place / file).exists():
            return f"{name}{between}{place / file}"
    message = (
        f"--against {folder}: it was measured with {file}, which is not in the current folder nor beside the record"
    )
    raise InputError(message, f"Put {file} into the current folder.")
