"""The status of a run in a word and a sign, and the reasons of its verdict grouped by cause.

A busy machine shows in several codes at once; a reader is given it as one cause. Wrong outputs are of another kind and
come first.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from bench.analysis.verdict.codes import codes_of
from bench.analysis.verdict.emulated import is_emulated
from bench.record.record import Reason, Record
from bench.reports.words.names import known
from bench.words import say, units

Status = Literal[
    "plain",
    "valid",
    "invalid",
    "wrong",
    "unjudged",
    "emulated",
    "emulated_wrong",
    "emulated_invalid",
    "failed",
    "skipped",
]

STATUS_SIGNS: dict[Status, str] = {
    "wrong": "≠",
    "valid": "✓",
    "invalid": "!",
    "unjudged": "?",
    "emulated_wrong": "≠",
    "emulated": "◇",
    "emulated_invalid": "!",
    "failed": "✕",
    "skipped": "–",
}
"""In the order in which they are counted."""

DOUBTED: frozenset[Status] = frozenset({"invalid", "wrong"})
"""The figures of such a run are shown small and struck, after the reason."""

WRONG = codes_of("wrong_outputs")
UNSTEADY = codes_of("unsteady_machine")
_IN_STATUS: Mapping[Status, str] = MappingProxyType({"wrong": "output_mismatch", "emulated_wrong": "output_mismatch"})
"""The cause that the word of a status names already."""


def status_word(state: Status) -> str:
    """``not valid``; empty of ``plain``."""
    return "" if state == "plain" else say(f"report.status.{state}")


def emulated(record: Record) -> bool:
    return is_emulated(record)


def outputs_wrong(record: Record) -> bool:
    """Whether the verdict says so; without a verdict, whether the comparison with the reference does."""
    if record.verdict is None:
        return record.fidelity is not None and record.fidelity.ok is False
    return not WRONG.isdisjoint(record.verdict.invalidating)


def edited(record: Record) -> bool:
    """Whether what the record states is not what its samples give."""
    return record.verdict is not None and "record_edited" in record.verdict.invalidating


def compiled(record: Record) -> bool:
    """Whether the target compiled the model: its placement is known, and it was not the compilation that failed."""
    if record.status == "ok":
        return True
    return record.placement is not None and record.failure is not None and record.failure.phase != "compile"


def status(record: Record) -> Status:
    """The status of a run. An emulated run is always reported as emulated, and never as valid."""
    if record.status != "ok":
        return record.status
    negative = record.verdict is not None and not record.verdict.valid
    if emulated(record):
        return "emulated_wrong" if outputs_wrong(record) else "emulated_invalid" if negative else "emulated"
    if outputs_wrong(record):
        return "wrong"
    if record.verdict is None:
        return "unjudged"
    return "invalid" if negative else "valid"


def invalidating_codes(record: Record) -> tuple[str, ...]:
    return record.verdict.invalidating if record.verdict is not None else ()


def doubt(record: Record) -> str:
    """Why the run is invalid, each cause once: ``outputs wrong; the machine was busy``."""
    return "; ".join(cause.title for cause in causes(_reasons(record)) if cause.invalidates)


def further_doubts(record: Record) -> str:
    """``doubt`` without what the word of the status already says: ``the machine was busy`` of a run whose status is
    ``outputs wrong``."""
    said, found = _IN_STATUS.get(status(record)), causes(_reasons(record))
    return "; ".join(cause.title for cause in found if cause.invalidates and cause.key != said)


class Cause(Struct, frozen=True):
    """Reasons that have one cause. ``key``: the code that names it, or what several codes come of."""

    key: str
    reasons: tuple[Reason, ...]

    @property
    def title(self) -> str:
        return known(f"report.cause.{self.key}", self.key.replace("_", " "))

    @property
    def invalidates(self) -> bool:
        return any(reason.invalidates for reason in self.reasons)

    @property
    def codes(self) -> str:
        return ", ".join(units.clean(reason.code) for reason in self.reasons)

    @property
    def named(self) -> str:
        """The codes, where the title does not spell the same."""
        return "" if self.title.replace(" ", "_") == self.codes else self.codes

    @property
    def message(self) -> str:
        return " ".join(units.clean(reason.message) for reason in self.reasons)

    @property
    def remedy(self) -> str:
        """What to do about the cause; its symptoms need no other remedy."""
        first = min(self.reasons, key=lambda r: (not r.invalidates, r.code != "host_busy"))
        return units.clean(first.remedy)

    @property
    def wrong(self) -> bool:
        return any(reason.code in WRONG and reason.invalidates for reason in self.reasons)


def causes(reasons: Sequence[Reason]) -> tuple[Cause, ...]:
    """``reasons`` by cause: wrong outputs, then what else makes the run invalid, then notes. Noise is one cause."""
    noise = tuple(sorted((r for r in reasons if r.code in UNSTEADY), key=lambda r: not r.invalidates))
    found = [Cause(r.code, (r,)) for r in reasons if r.code not in UNSTEADY]
    if noise:
        found.append(Cause(_noise_key([r.code for r in noise]), noise))
    return tuple(sorted(found, key=lambda c: (not c.wrong, not c.invalidates)))


def _reasons(record: Record) -> Sequence[Reason]:
    return record.verdict.reasons if record.verdict is not None else ()


def _noise_key(codes: Collection[str]) -> str:
    if "host_busy" in codes:
        return "host_busy"
    if len(codes) == 1:
        return next(iter(codes))
    return "speed_changed" if "drift" in codes else "times_vary"
