"""What a dossier is made of. Every writer gets this and nothing else, so that no two of them can differ."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import InputError
from bench.reading import is_file
from bench.store.records import RECORD, SAMPLES
from bench.submission.assessment import Assessment
from bench.submission.dossier.ladder import Step, ladder
from bench.submission.dossier.reproduction import Reproduction, with_reproductions
from bench.submission.form import RECORDS, SUBMISSION
from bench.submission.rules.finding import Finding
from bench.submission.track import Track, read_track, track_named, track_names
from bench.words import sentence

DossierPart = Literal["dossier", "test-scenario"]
PARTS: tuple[DossierPart, ...] = ("dossier", "test-scenario")
"""The whole dossier, or the draft of a test scenario for an accredited body alone."""


class ListedFile(Struct, frozen=True):
    """A file that the dossier rests on. ``name``: its path in the submission's folder, with slashes."""

    name: str
    size_bytes: int
    sha256: str


class DossierData(Struct, frozen=True, kw_only=True):
    """``track``: null where its file is not there. ``findings``: of ``odb check``; null where it did not run.
    ``steps``: the ladder of proof. ``reproductions``: by others, of this very submission."""

    assessment: Assessment
    track: Track | None = None
    findings: tuple[Finding, ...] | None = None
    steps: tuple[Step, ...] = ()
    files: tuple[ListedFile, ...] = ()
    part: DossierPart = "dossier"
    reproductions: tuple[Reproduction, ...] = ()


def dossier_data(
    assessment: Assessment,
    folder: Path,
    findings: Sequence[Finding] | None = None,
    part: DossierPart = "dossier",
) -> DossierData:
    """``assessment`` of the submission in ``folder``, with its track and its files."""
    rejected = [found.rule for found in findings or () if found.severity == "reject"]
    return DossierData(
        assessment=assessment,
        track=track_in(folder, assessment.submission.track),
        findings=None if findings is None else tuple(findings),
        steps=ladder(assessment, list(dict.fromkeys(rejected))),
        files=listed_files(folder, assessment),
        part=part,
    )


def reproduced_by(data: DossierData, found: Sequence[Reproduction]) -> DossierData:
    """``data`` with what others found who measured it again, and the step of the ladder that this decides."""
    return replace(data, reproductions=tuple(found), steps=with_reproductions(data.steps, found))


def track_in(folder: Path, name: str) -> Track | None:
    """The track of that id, or that of a file of that name in ``folder``; ``None`` where there is neither."""
    if name in track_names():
        return track_named(name)
    if Path(name).name != name or not is_file(folder / name):
        return None
    try:
        return read_track(folder / name)
    except InputError:
        return None


def listed_files(folder: Path, assessment: Assessment) -> tuple[ListedFile, ...]:
    """The form and the files of every record that was read, in order of their names."""
    names = [SUBMISSION]
    for run in assessment.runs:
        names += [f"{RECORDS}/{run.record.record_id}/{name}" for name in (RECORD, SAMPLES)]
    return tuple(_listed(folder, name) for name in sorted(names) if is_file(folder / name))


def _listed(folder: Path, name: str) -> ListedFile:
    try:
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ListedFile(name, (folder / name).stat().st_size, digest)
    except OSError as error:
        raise InputError(sentence("submission.file_not_read", file=name, reason=error.strerror or str(error))) from None
