"""``odb dossier``."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import Choice, Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.output_format import STDOUT, checked_output, chosen_format
from bench.errors import InputError
from bench.printable import clean
from bench.words import current, say, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.plugins import Catalog
    from bench.submission.assessment import Assessment
    from bench.submission.dossier.data import DossierData
    from bench.submission.dossier.reproduction import Reproduction

DOSSIER_PARTS = ("dossier", "test-scenario")
UNPACKED = "data"
"""What a bundle that was unpacked holds, and a submission's folder does not."""


@click.command("dossier", cls=Command, help="cli.help.dossier", epilog="cli.epilog.dossier")
@lang_option
@click.argument("submission", metavar="DIR", type=click.Path(path_type=Path))
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.dossier.output")
@option("--format", "format_", help="cli.help.dossier.format")
@option("--part", type=Choice(DOSSIER_PARTS), default=DOSSIER_PARTS[0], help="cli.help.dossier.part")
@option(
    "-r",
    "--reproduction",
    "reproductions",
    multiple=True,
    type=click.Path(path_type=Path),
    help="cli.help.dossier.reproduction",
)
@option("--force", is_flag=True, help="cli.help.force")
@plugin_option
@json_option
def command(
    submission: Path,
    output: Path | None,
    format_: str | None,
    part: str,
    reproductions: tuple[Path, ...],
    force: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb dossier``."""
    from msgspec.structs import replace

    from bench.cli.submission.dossiers import checked_data, default_file, rendered
    from bench.cli.submission.reproduce_command import opened
    from bench.plugins import discover
    from bench.reading import is_folder
    from bench.store.records import write_atomically
    from bench.submission.dossier.data import reproduced_by
    from bench.submission.dossier.reproduction import read_reproduction

    if reproductions and part != DOSSIER_PARTS[0]:
        raise InputError(sentence("dossier.reproduction_of_scenario"))
    given = {path: read_reproduction(path) for path in reproductions}
    catalog = discover(plugins)
    known = suffixes(catalog)
    writer = _writer(format_, output, known)
    language = current().language
    if output is None:
        output = default_file(submission, part, language, known.get(writer, ""))
    file = checked_output(output, force)
    if is_folder(submission) and not is_folder(submission / UNPACKED):
        data, sha256 = checked_data(submission), ""
    else:
        with opened(submission) as (folder, _, sha256):
            data = checked_data(folder)
    _refuse_of_another(given, data.assessment, sha256)
    data = reproduced_by(replace(data, part=part), list(given.values()))
    page = rendered(data, language, writer, catalog)
    if file is not None:
        write_atomically(file, page)
        click.echo(say("cli.written", file=file, size_bytes=len(page)), err=True)
    elif not as_json:
        sys.stdout.buffer.write(page)
    if as_json:
        echo_json(for_scripts(data, file, page))
    for one in data.assessment.refused:
        told = say("cli.left_out_of_report", record=clean(one.name), reason=clean(str(one.message)))
        click.echo(f"odb: {told}", err=True)
    return 2 if data.assessment.refused else 0


def _refuse_of_another(given: "Mapping[Path, Reproduction]", found: "Assessment", sha256: str) -> None:
    """Raise ``InputError`` for a reproduction that is not of this submission: of its bundle, whose manifest has the
    hash ``sha256``, or of its records, where it is a folder."""
    from bench.submission.dossier.reproduction import is_of_bundle, is_of_records

    for path, one in given.items():
        if is_of_bundle(one, sha256) if sha256 else is_of_records(one, found):
            continue
        code = "dossier.reproduction_of_bundle" if sha256 else "dossier.reproduction_of_records"
        if not one.subject_sha256:
            code = "dossier.reproduction_of_folder"
        raise InputError(sentence(code, path=path, subject=one.subject), sentence(f"{code}.remedy"))


def _writer(given: str | None, output: Path | None, known: dict[str, str]) -> str:
    """That of ``--format`` or of the file's suffix; a page where neither says."""
    if output is None or output == STDOUT:
        return given or "html"
    chosen = chosen_format(given, False, output, known)
    return "html" if chosen == "terminal" else chosen


def suffixes(catalog: "Catalog") -> dict[str, str]:
    """Writer -> the suffix of its files, of the writers that can be loaded."""
    from bench.errors import OdbError
    from bench.plugins import load

    found = {}
    for ref in catalog.of("dossiers"):
        with suppress(OdbError):
            found[ref.name] = load(ref).suffix
    return found


def for_scripts(data: "DossierData", file: Path | None, page: bytes) -> dict[str, Any]:
    """What was written, and how each criterion is decided; the same in every language."""
    import hashlib

    found = data.assessment
    return {
        "file": None if file is None else str(file),
        "part": data.part,
        "size_bytes": len(page),
        "sha256": hashlib.sha256(page).hexdigest(),
        "met_percent": found.met,
        "not_met_percent": found.not_met,
        "undecided_percent": found.undecided,
        "achievement": found.achievement,
        "reproductions": [
            {
                "created_utc": one.created_utc,
                "subject_sha256": one.subject_sha256,
                "answer": one.word,
                "criteria": {answer.criterion: answer.word for answer in one.answers},
            }
            for one in data.reproductions
        ],
        "steps": [{"rung": step.rung, "reached": step.reached} for step in data.steps],
        "criteria": [
            {
                "id": row.criterion.id,
                "decision": row.decision.word,
                "achievement": row.decision.achievement,
                "record_id": row.record_id or None,
                "record_sha256": row.record_sha256 or None,
            }
            for row in found.rows
        ],
    }
