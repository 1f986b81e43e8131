"""The status of a run in a word and a sign, and the reasons of its verdict by their cause.

A busy machine shows in several codes at once; it is one cause, and one reason to a reader. Outputs that are wrong are
another kind altogether, and stand first.
"""

from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import Struct

from bench.record import Reason, Record
from bench.reports import units
from bench.verdict_codes import codes_of

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

STATUS_WORDS: dict[Status, str] = {
    "wrong": "outputs wrong",
    "valid": "valid",
    "invalid": "not valid",
    "unjudged": "no verdict",
    "emulated_wrong": "emulated, outputs wrong",
    "emulated": "emulated",
    "emulated_invalid": "emulated, not valid",
    "failed": "failed",
    "skipped": "skipped",
}
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
DOUBTED: frozenset[Status] = frozenset({"invalid", "wrong"})
"""What takes the weight from a figure: it is shown small, struck and behind its reason."""

WRONG = codes_of("wrong_outputs")
UNSTEADY = codes_of("unsteady_machine")
_PHRASES = {
    "output_mismatch": "outputs wrong",
    "nondeterministic_output": "outputs change from run to run",
    "drift": "the speed drifted",
    "record_edited": "the record was edited",
    "seeded_mismatch": "outputs disagree on made-up inputs",
}


def emulated(record: Record) -> bool:
    return record.plan.target.emulated or (record.verdict is not None and record.verdict.emulated)


def outputs_wrong(record: Record) -> bool:
    """Whether the verdict says so; without a verdict, whether the comparison with the reference does."""
    if record.verdict is None:
        return record.fidelity is not None and record.fidelity.ok is False
    return not WRONG.isdisjoint(record.verdict.invalidating)


def edited(record: Record) -> bool:
    """Whether what the record states is not what its samples give."""
    return record.verdict is not None and "record_edited" in record.verdict.invalidating


def compiled(record: Record) -> bool:
    """Whether the target took the model: a run that told its placement did, if what failed came after compiling."""
    if record.status == "ok":
        return True
    return record.placement is not None and record.failure is not None and record.failure.phase != "compile"


def status(record: Record) -> Status:
    """The one word for a run. An emulated run is always said to be emulated, and never valid."""
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


class Cause(Struct, frozen=True):
    """Reasons that come of one cause, under one ``title``."""

    title: str
    reasons: tuple[Reason, ...]

    @property
    def invalidates(self) -> bool:
        return any(reason.invalidates for reason in self.reasons)

    @property
    def codes(self) -> str:
        return ", ".join(units.clean(reason.code) for reason in self.reasons)

    @property
    def named(self) -> str:
        """The codes, where the title does not say the same."""
        return "" if self.title.replace(" ", "_") == self.codes else self.codes

    @property
    def message(self) -> str:
        return " ".join(units.clean(reason.message) for reason in self.reasons)

    @property
    def remedy(self) -> str:
        """Of the cause itself: what it shows in needs no remedy of its own."""
        first = min(self.reasons, key=lambda r: (not r.invalidates, r.code != "host_busy"))
        return units.clean(first.remedy)

    @property
    def wrong(self) -> bool:
        return any(reason.code in WRONG and reason.invalidates for reason in self.reasons)


def causes(reasons: Sequence[Reason]) -> tuple[Cause, ...]:
    """``reasons`` by cause: wrong outputs, then what else makes the run invalid, then remarks. Noise is one."""
    noise = tuple(sorted((r for r in reasons if r.code in UNSTEADY), key=lambda r: not r.invalidates))
    found = [Cause(_phrase(r.code), (r,)) for r in reasons if r.code not in UNSTEADY]
    if noise:
        found.append(Cause(_noise_title([r.code for r in noise]), noise))
    return tuple(sorted(found, key=lambda c: (not c.wrong, not c.invalidates)))


def _reasons(record: Record) -> Sequence[Reason]:
    return record.verdict.reasons if record.verdict is not None else ()


def _phrase(code: str) -> str:
    return _PHRASES.get(code, units.clean(code).replace("_", " "))


def _noise_title(codes: Collection[str]) -> str:
    if "host_busy" in codes:
        return "the machine was busy"
    if len(codes) == 1:
        return _phrase(next(iter(codes)))
    return "the speed changed while it was measured" if "drift" in codes else "the times vary too much"
