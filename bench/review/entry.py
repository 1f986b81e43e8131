"""One submission of a review, reduced to what the page needs: its samples are not kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from bench.bundle.opening import open_bundle
from bench.bundle.verification import Verification, verify
from bench.comparison.observe import Observation, observe
from bench.errors import OdbError
from bench.record.record import Record
from bench.submission.assessment import Assessment, Row
from bench.submission.decision import doubts
from bench.submission.dossier.ladder import Step, ladder
from bench.submission.dossier.reproduction import Reproduction, Word, with_reproductions
from bench.submission.figures import figure_kind
from bench.submission.form import SUBMISSION
from bench.submission.rules.check import check
from bench.submission.rules.finding import SEVERITIES, Finding, Severity
from bench.submission.texts import Text
from bench.words import Sentence, sentence


class Basis(Struct, frozen=True, kw_only=True):
    """What the figure of a row rests on. ``doubt``: why its record is no evidence for it. ``alike``: figures that need
    no samples may be compared where this is equal: the target of a placement, the dataset of a quality."""

    doubt: Sentence | str = ""
    alike: str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """``name``: of the bundle or folder, unique in a review. ``sha256``: of the bundle's manifest; empty for a folder.
    ``bases``: one a row. ``steps``: the ladder of proof. ``observations``: id of a record that decides a criterion of
    the device -> its figures by process. ``problem``: why the submission could not be read or is refused; then nothing
    else is known of it. ``records``: id of each record -> the hash of its samples; empty for one without samples.
    ``again``: what each reproduction by a reviewer answers, in numbers of criteria."""

    name: str
    path: str
    sha256: str = ""
    track: str = ""
    project: Text = ""
    applicant: Text = ""
    device: Text = ""
    rows: tuple[Row, ...] = ()
    bases: tuple[Basis, ...] = ()
    met: float = 0.0
    not_met: float = 0.0
    undecided: float = 0.0
    achievement: float | None = None
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    observations: dict[str, Observation] = {}
    problem: Sentence | str = ""
    remedy: Sentence | str = ""
    records: dict[str, str] = {}
    again: tuple[Sentence, ...] = ()

    def count(self, severity: Severity) -> int:
        """Findings of that severity."""
        return sum(one.severity == severity for one in self.findings)

    @property
    def counts(self) -> dict[Severity, int]:
        return {severity: self.count(severity) for severity in SEVERITIES}


def read_entry(path: Path) -> Entry:
    """The submission in a bundle, or in a folder with ``submission.toml``. What cannot be read is an entry with a
    ``problem``; it never raises for what is in the bundle."""
    try:
        if (path / SUBMISSION).is_file():
            found = check(path)
            return entry_of(found.assessment, found.findings, path.resolve().name, path)
        with open_bundle(path, with_models=False, with_parts=True) as bundle:
            return _verified(verify(bundle), path)
    except OdbError as error:
        return Entry(name=path.stem, path=str(path), problem=error.sentence, remedy=error.advice)
    except Exception as error:  # whatever a reader meets in content that no run writes: the others are still reviewed
        told = sentence("review.not_read", error=type(error).__name__)
        return Entry(name=path.stem, path=str(path), problem=told, remedy=sentence("review.not_verified.remedy"))


def _verified(found: Verification, path: Path) -> Entry:
    """The entry of a bundle; of one that does not verify the rules that refuse it, and nothing else."""
    failed = [one.rule for one in found.results if one.state == "failed"]
    if failed or found.judged is None:
        told, remedy = sentence("review.not_verified", rules=failed), sentence("review.not_verified.remedy")
        return Entry(name=found.name, path=str(path), sha256=found.sha256, problem=told, remedy=remedy)
    return entry_of(found.judged.assessment, found.judged.findings, found.name, path, found.sha256)


def entry_of(found: Assessment, findings: Sequence[Finding], name: str, path: Path, sha256: str = "") -> Entry:
    """The entry of a submission with what ``odb check`` finds."""
    form = found.submission
    runs = {run.record.record_id: run.record for run in found.runs}
    return Entry(
        name=name,
        path=str(path),
        sha256=sha256,
        track=form.track,
        project=form.project.name,
        applicant=form.applicant.organisation,
        device=form.device.name,
        rows=found.rows,
        bases=tuple(_basis(row, runs.get(row.record_id)) for row in found.rows),
        met=found.met,
        not_met=found.not_met,
        undecided=found.undecided,
        achievement=found.achievement,
        steps=ladder(found, sorted({one.rule for one in findings if one.severity == "reject"})),
        findings=tuple(findings),
        observations=_observations(found),
        records={run.record.record_id: _samples_of(run.record) for run in found.runs},
    )


def _samples_of(record: Record) -> str:
    return "" if record.samples_file is None else record.samples_file.sha256


def _basis(row: Row, record: Record | None) -> Basis:
    if record is None:
        return Basis(doubt=row.decision.reason)
    kind, quality = figure_kind(row.criterion.metric), record.quality
    doubt = doubts(kind, record)
    alike = "" if kind.about == "size" else record.plan.target.id
    if kind.about == "quality" and quality is not None:
        alike = f"{quality.dataset.sha256} {quality.dataset.samples}"
    return Basis(doubt=doubt or "", alike=alike)


def _observations(found: Assessment) -> dict[str, Observation]:
    """Of the records that decide a criterion of the device; without the curves and answers, which are not shown."""
    runs = {run.record.record_id: run for run in found.runs}
    wanted = {row.record_id for row in found.rows if row.record_id and figure_kind(row.criterion.metric).of_device}
    seen = {name: observe(runs[name]) for name in sorted(wanted)}
    return {name: replace(one, curves=(), blocks={}, quality_results={}) for name, one in seen.items()}


def reproduced_by(entry: Entry, found: Sequence[Reproduction]) -> Entry:
    """``entry`` with the step of the ladder that reviewers' reproductions of it decide, and what each answers."""
    again = []
    for one in found:
        counts = {word: sum(answer.word == word for answer in one.answers) for word in get_args(Word)}
        again.append(sentence("review.again", **counts))
    return replace(entry, steps=with_reproductions(entry.steps, found), again=tuple(again))
