"""Whether a figure meets a target: met, not met, or cannot tell.

A figure with an interval decides only if the whole interval lies on one side of the target, so that a claim is not
decided by luck. A figure whose uncertainty is not known decides nothing, unless it is exact.
"""

import math
from typing import Literal

from msgspec import Struct

from bench.analysis.verdict.codes import CODES
from bench.analysis.verdict.emulated import is_emulated
from bench.record.record import Record
from bench.submission.criterion import Criterion
from bench.submission.figures import FigureKind, Seen
from bench.submission.units import base_of
from bench.words import Sentence, sentence

Word = Literal["met", "not_met", "cannot_tell"]
NOISE = "noise"
METER = "meter"
"""The tier of energy by an external meter."""


class Decision(Struct, frozen=True):
    """``achievement`` (달성도): what was reached as a fraction of the target, 1 where it is just met; null where there
    is no figure, no ratio (a target of 0, or figures below 0), no evidence in the record, or only a bound that does not
    decide. ``reason``: why it is ``cannot_tell``."""

    word: Word
    achievement: float | None = None
    reason: Sentence | str = ""


def decide(criterion: Criterion, kind: FigureKind, seen: Seen, record: Record) -> Decision:
    """The word for ``criterion`` by what was ``seen`` in ``record``."""
    doubt = doubts(kind, record) or _unmetered(criterion, record)
    if seen.value is None or doubt is not None:
        missing = seen.value is None and not (kind.of_device and is_emulated(record))
        return Decision("cannot_tell", None, seen.reason if missing or doubt is None else doubt)
    target, reached = target_of(criterion), achievement(criterion, seen.value)
    if not math.isfinite(target):
        return Decision("cannot_tell", None, sentence("submission.target_no_number", target=str(criterion.target)))
    if seen.low is None or seen.high is None:
        unknown = seen.reason or sentence("submission.interval_unknown", n=seen.n)
        return Decision("cannot_tell", None if kind.idle == "bound" else reached, unknown)
    if criterion.direction == "at_most":
        met, missed = seen.high <= target, seen.low > target
    else:
        met, missed = seen.low >= target, seen.high < target
    if met or missed:
        return Decision("met" if met else "not_met", reached)
    if kind.idle == "bound":  # what is reached is not known either
        return Decision("cannot_tell", None, sentence("submission.only_a_bound"))
    code = "submission.idle_holds_target" if kind.idle else "submission.interval_holds_target"
    return Decision("cannot_tell", reached, sentence(code))


def _unmetered(criterion: Criterion, record: Record) -> Sentence | None:
    """A criterion of an external meter is not decided by the device's own sensor."""
    if "external_meter" not in criterion.evidence or by_external_meter(record):
        return None
    return sentence("submission.needs_external_meter")


def by_external_meter(record: Record) -> bool:
    """Whether the energy of ``record`` is that of a power meter whose log was joined."""
    energy = record.summary.energy
    return energy is not None and energy.tier == METER


def target_of(criterion: Criterion) -> float:
    """The target in the record's unit."""
    return criterion.target * base_of(criterion.unit)[1]


def achievement(criterion: Criterion, value: float) -> float | None:
    """What was reached as a fraction of the target: target / value where less is better."""
    target = target_of(criterion)
    if value <= 0 or not 0 < target < math.inf:
        return None
    return target / value if criterion.direction == "at_most" else value / target


def doubts(kind: FigureKind, record: Record) -> Sentence | None:
    """Why ``record`` is no evidence for a figure of that kind, if it is not: an emulator's speed, or an invalid run.
    Noise of the machine does not touch placement, outputs, quality or sizes."""
    if kind.of_device and is_emulated(record):
        return sentence("submission.emulated_figure")
    if record.verdict is None:
        return sentence("submission.no_verdict")
    wrong = invalid_codes(kind, record)
    return sentence("submission.record_invalid", codes=wrong) if wrong else None


def invalid_codes(kind: FigureKind, record: Record) -> list[str]:
    """The codes of the verdict that make ``record`` invalid for a figure of that kind. A size is that of the file,
    whatever became of the run."""
    if record.verdict is None or kind.about == "size":
        return []
    known = {code: CODES[code].group if code in CODES else "" for code in record.verdict.invalidating}
    return [code for code, group in known.items() if kind.of_device or group != NOISE]
