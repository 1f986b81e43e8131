"""Which verdicts make ``odb run`` end with status 1: those of the codes and groups that ``--fail-on`` names."""

from collections.abc import Collection, Sequence

from bench.analysis.verdict.codes import CODES
from bench.errors import UnknownName
from bench.record.record import Record
from bench.words import Sentence, sentence

GROUPS = ("invalid", "failed", "outputs", "placement", "noise")
"""Every group; ``group_meaning`` says what it stands for. Each code is in one of the last four. ``noise`` is about how
well times could be measured, the others about what was measured. A group counts where its codes make a run invalid; a
code that is named by itself counts also where it is only noted."""

DEFAULT = ("invalid", "failed")


def group_meaning(group: str) -> Sentence:
    """What a group stands for."""
    return sentence(f"verdict.group.{group}")


def checked_fail_on(text: str | None) -> tuple[str, ...]:
    """``outputs,failed`` as names, the default ones without any. Raises ``UnknownName``."""
    if text is None:
        return DEFAULT
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names or ("",):
        if name not in GROUPS and name not in CODES:
            raise UnknownName(sentence("verdict.unknown_code"), name, (*GROUPS, *CODES))
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


def why(records: Sequence[Record], names: Collection[str]) -> Sentence:
    """``output_mismatch (mobilenet_v2 on ort:cpu)``, for each run that the names forbid."""
    found = [(failing(record, names), record.plan) for record in records]
    told = [
        sentence("verdict.forbidden", codes=codes, model=plan.model.id, target=plan.target.id)
        for codes, plan in found
        if codes
    ]
    return sentence("text.clauses", parts=told)
