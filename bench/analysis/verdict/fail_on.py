"""Which verdicts make ``odb run`` end with status 1: those of the codes and groups that ``--fail-on`` names."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from bench.analysis.verdict.codes import CODES
from bench.errors import UnknownName
from bench.record.record import Record

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "invalid": "any reason that makes a run invalid",
        "failed": "a run that failed; one that was skipped, for its target cannot run the model, did not",
        "outputs": "wrong outputs, other work than the model's on the inputs asked for, or figures of something else",
        "placement": "it ran elsewhere than on the device asked for, where placement was to be strict",
        "noise": "the machine, its clocks and sensors, or too few queries and processes to see through it",
    }
)
"""Every group and what it stands for. Each code is in one of the last four. ``noise`` is about how well times could be
measured, the others about what was measured. A group counts where its codes make a run invalid; a code that is named by
itself counts also where it is only noted."""

DEFAULT = ("invalid", "failed")


def checked_fail_on(text: str | None) -> tuple[str, ...]:
    """``outputs,failed`` as names, the default ones without any. Raises ``UnknownName``."""
    if text is None:
        return DEFAULT
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names or ("",):
        if name not in GROUPS and name not in CODES:
            raise UnknownName("code or group in --fail-on", name, {**GROUPS, **CODES})
    return names


def failing(record: Record, names: Collection[str]) -> tuple[str, ...]:
    """What of the record the names forbid: its codes, or ``failed``."""
    if record.status == "failed":
        return ("failed",) if {"failed", "not_measured"} & set(names) else ()
    reasons = record.verdict.reasons if record.verdict is not None else ()
    if record.status == "skipped":
        return ("not_measured",) if "not_measured" in names else ()
    return tuple(
        reason.code
        for reason in reasons
        if reason.code in names or (reason.invalidates and {"invalid", _group(reason.code)} & set(names))
    )


def _group(code: str) -> str:
    """The group of a code; of one that is not known none."""
    return CODES[code].group if code in CODES else ""


def exit_status(records: Sequence[Record], names: Collection[str] = DEFAULT) -> int:
    """0 nothing of what is named; 1 some of it; 2 nothing was measured, for bad input; 3 for other reasons."""
    if any(record.status == "ok" for record in records):
        return 1 if any(failing(record, names) for record in records) else 0
    failed = {r.failure.kind for r in records if r.status == "failed" and r.failure is not None}
    return 2 if failed == {"bad_input"} else 3


def why(records: Sequence[Record], names: Collection[str]) -> str:
    """``output_mismatch (mobilenet_v2 on ort:cpu)``, for each run that the names forbid."""
    found = [(failing(record, names), record.plan) for record in records]
    return "; ".join(f"{', '.join(codes)} ({plan.model.id} on {plan.target.id})" for codes, plan in found if codes)
