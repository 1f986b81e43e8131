"""What another person found when he measured a submission again: ``reproduction.json`` of ``odb reproduce``, as data.

``odb reproduce`` writes it; the review and the dossier read it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bench import reading
from bench.errors import InputError
from bench.record.record import Scalar
from bench.submission.assessment import Assessment
from bench.submission.dossier.ladder import Step, unmeasurable_told
from bench.submission.figures import LATER
from bench.words import Sentence, sentence

REPRODUCTION = "reproduction.json"
FORMAT = 1
MOST_BYTES = 1 << 24

Word = Literal["reproduced", "not_reproduced", "cannot_tell"]
AuditWord = Literal["passed", "failed", "cannot_tell"]


class Answer(Struct, frozen=True, kw_only=True):
    """Whether a criterion's figure was reproduced. ``claimed`` and ``again``: the figures, in ``unit`` of the record.
    ``by_yardstick``: whether ``ratio`` is that of the ratios to the yardstick. ``claimed_record`` and ``again_record``:
    ids of what was compared; empty where it was not measured again. ``claimed_sha256``: of the claimed record; empty
    where it has none, and in files of older versions."""

    criterion: str
    word: Word
    unit: str = ""
    claimed: float | None = None
    again: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    by_yardstick: bool = False
    reason: Sentence | str = ""
    claimed_record: str = ""
    again_record: str = ""
    claimed_sha256: str = ""


class Audit(Struct, frozen=True, kw_only=True):
    """``record``: the claimed one. ``code``: what was found, where the audit ``failed``. ``ratio``: time of the altered
    model over that of the model, in alternation; null on an emulator. ``altered_record``: of the altered model.
    ``answers_differ``: whether it gives other answers; null where they were not compared."""

    record: str
    word: AuditWord
    code: Literal["answers_prepared", "speed_of_another", ""] = ""
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    reason: Sentence | str = ""
    altered_record: str = ""
    answers_differ: bool | None = None


class Reproduction(Struct, frozen=True, kw_only=True):
    """``subject``: the bundle, by name and hash (empty for a submission's folder); ``margin_percent`` is the one it
    states. ``seed``: the reviewer's own, if he gave one. ``audits``: of altered models, where they were asked for.
    ``host``: the machine it was measured on."""

    format: int = FORMAT
    tool_version: str
    created_utc: str
    subject: str
    subject_sha256: str = ""
    track: str = ""
    margin_percent: float
    seed: int | None = None
    host: dict[str, Scalar] = {}
    answers: tuple[Answer, ...] = ()
    audits: tuple[Audit, ...] = ()

    @property
    def word(self) -> Word:
        """The whole: ``not_reproduced`` if any criterion is, or an audit failed; ``reproduced`` if all are."""
        words, audits = {one.word for one in self.answers}, {one.word for one in self.audits}
        if "not_reproduced" in words or "failed" in audits:
            return "not_reproduced"
        return "reproduced" if words == {"reproduced"} and audits <= {"passed"} else "cannot_tell"

    @property
    def status(self) -> int:
        """The exit status: 0 reproduced, 1 not reproduced, 3 cannot tell."""
        return {"reproduced": 0, "not_reproduced": 1, "cannot_tell": 3}[self.word]


def read_reproduction(path: Path) -> Reproduction:
    """A reviewer's ``reproduction.json``, or that of the folder. Raises ``InputError`` naming file and field."""
    file = path / REPRODUCTION if reading.is_folder(path) else path
    try:
        return msgspec.json.decode(reading.read_bytes(file, MOST_BYTES), type=Reproduction)
    except reading.NOT_DECODED as error:
        raise InputError(sentence("submission.field_wrong", file=file, error=str(error))) from None


def audit_told(audit: Audit) -> Sentence:
    """What an audit found, in one sentence."""
    word = sentence(f"reproduce.audit.word.{audit.word}")
    code = "reproduce.audit" if audit.ratio is None else "reproduce.audit.timed"
    told = sentence(code, record=audit.record, word=word, ratio=audit.ratio)
    if audit.answers_differ:
        told = sentence("text.two", first=told, second=sentence("reproduce.audit.answers_differ"))
    return sentence("text.two", first=told, second=audit.reason) if audit.reason else told


def is_of_bundle(found: Reproduction, sha256: str) -> bool:
    """Whether ``found`` is of the bundle whose manifest has that hash; a folder has none."""
    return bool(found.subject_sha256) and found.subject_sha256 == sha256


def is_of_records(found: Reproduction, assessment: Assessment) -> bool:
    """Whether ``found``, of a bundle, compared the very records that decide in ``assessment``, by their hashes, and
    by the same margin: a bundle holds a folder's records as they are."""
    mine = {row.criterion.id: (row.record_id, row.record_sha256) for row in assessment.rows}
    claimed = {one.criterion: (one.claimed_record, one.claimed_sha256) for one in found.answers}
    compared = {name: pair for name, pair in claimed.items() if any(pair)}
    return (
        bool(found.subject_sha256 and compared)
        and claimed.keys() == mine.keys()
        and found.margin_percent == assessment.submission.measuring.margin_percent
        and all(pair[1] and pair == mine[name] for name, pair in compared.items())
    )


def with_reproductions(steps: Sequence[Step], found: Sequence[Reproduction]) -> tuple[Step, ...]:
    """``steps`` of the ladder with the last one as ``found``, of that submission, decide it: what one reviewer did not
    reproduce is not reproduced, whatever others found."""
    words = {one.word for one in found}
    if not words:
        return tuple(steps)
    word: Word = "cannot_tell"
    if words & {"not_reproduced", "reproduced"}:
        word = "not_reproduced" if "not_reproduced" in words else "reproduced"
    reached = {"reproduced": True, "not_reproduced": False}.get(word)
    reason: Sentence | str = "" if reached else sentence("review.reproduced.not_reproduced")
    if reached is None:
        reason = _still_open(max(found, key=lambda one: sum(answer.word == "reproduced" for answer in one.answers)))
    step = Step("reproduced", reached, reason)
    return tuple(step if one.rung == "reproduced" else one for one in steps)


def _still_open(found: Reproduction) -> Sentence:
    """Which criteria ``found`` leaves undecided, and what would decide those that this version cannot measure."""
    open_ = [one for one in found.answers if one.word == "cannot_tell"]
    if not open_:
        return sentence("review.reproduced.audit_open")
    done = sum(one.word == "reproduced" for one in found.answers)
    names = [one.criterion for one in open_]
    told = sentence("review.reproduced.cannot_tell", done=done, count=len(found.answers), criteria=names)
    unmeasurable = [one.criterion for one in open_ if one.reason in LATER.values()]
    if not unmeasurable:
        return told
    return sentence("text.two", first=told, second=unmeasurable_told(unmeasurable))
