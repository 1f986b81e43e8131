"""Whether two records may be compared; if not, or only with caveats, why.

``bench.comparison.rules`` says what must be equal, what may differ and what is flagged. A pair that may not be compared
is refused with reasons; a value that must be equal and is missing in a record is reported too.
"""

from collections.abc import Collection, Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.analysis.verdict.emulated import is_emulated
from bench.comparison.interleaved import alternated
from bench.comparison.rules import CHECKS, RULES, SUBJECTS, Rule, Shown, Subject, side_words
from bench.record.record import Reason, Record
from bench.words import sentence

Answer = Literal["comparable", "comparable_with_caveats", "not_comparable"]


class Difference(Struct, frozen=True):
    """Something that differs because it is what the comparison is about. ``what``: the name of a rule, whose words are
    ``compare.what.…``."""

    what: str
    base: Shown
    new: Shown


class Comparability(Struct, frozen=True):
    """``reasons``: each with a stable code and a sentence; one that ``invalidates`` forbids the comparison.
    ``differences``: the subject, as found. ``equal``: names of rules by which both are known to be the same."""

    answer: Answer
    subjects: tuple[Subject, ...]
    reasons: tuple[Reason, ...] = ()
    differences: tuple[Difference, ...] = ()
    equal: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return self.answer == "not_comparable"


def comparable(base: Record, new: Record, subjects: Collection[Subject] = ()) -> Comparability:
    """Whether ``new`` may be compared with ``base``, and why.

    Without ``subjects``: the target if the targets or their options differ, otherwise the version. For two records that
    took turns, which were measured to see a change: the target and the model, if they differ.
    """
    chosen = tuple(s for s in SUBJECTS if s in subjects) or _evident_subject(base, new)
    barred = _barred(base, new)
    if barred:
        return Comparability("not_comparable", chosen, (*barred, *_other_model(base, new, chosen)))
    reasons: list[Reason] = []
    differences: list[Difference] = []
    equal: list[str] = []
    for rule in (rule for rule in RULES if rule.applies(base, new)):
        x, y = rule.of(base), rule.of(new)
        if x is None or y is None:
            reasons += _unknown(rule, x, y)
        elif x == y:
            equal += [rule.name] if rule.refuses else []
        elif set(rule.subject_of) & set(chosen):
            differences.append(Difference(rule.name, rule.show(x), rule.show(y)))
        else:
            reasons.append(_differs(rule, base, new, rule.refusal(base, new, chosen)))
    reasons += [reason for check in CHECKS if (reason := check(base, new, chosen)) is not None]
    reasons.sort(key=lambda reason: not reason.invalidates)
    refused = any(reason.invalidates for reason in reasons)
    reasons = _with_one_remedy(reasons, chosen)
    answer: Answer = "not_comparable" if refused else "comparable_with_caveats" if reasons else "comparable"
    return Comparability(answer, chosen, tuple(reasons), tuple(differences), tuple(equal))


def refusals(base: Record, new: Record) -> tuple[Reason, ...]:
    """Why the figures of two runs that take turns will not be compared, whatever is measured: known once both are
    prepared."""
    chosen = _evident_subject(base, new)
    differing = [
        rule for rule in RULES if rule.refuses and rule.applies(base, new) and _known_to_differ(rule, base, new)
    ]
    return tuple(
        _differs(rule, base, new, True)
        for rule in differing
        if not set(rule.subject_of) & set(chosen) and rule.refusal(base, new, chosen)
    )


def _known_to_differ(rule: Rule, base: Record, new: Record) -> bool:
    x, y = rule.of(base), rule.of(new)
    return x is not None and y is not None and bool(x != y)


def _with_one_remedy(reasons: list[Reason], chosen: tuple[Subject, ...]) -> list[Reason]:
    """Where several subjects together would allow the comparison, each refusal names them all: one alone leads to the
    next refusal."""
    lifted_by = {rule.code: {*rule.subject_of, *rule.flagged_for} for rule in RULES if rule.refuses}
    refusing = [lifted_by.get(reason.code, set()) for reason in reasons if reason.invalidates]
    needed = set[Subject]().union(*refusing) | ({*chosen} & {s for subjects in lifted_by.values() for s in subjects})
    if not all(refusing) or len(needed) < 2:
        return reasons
    flags = " ".join(f"--subject {s}" for s in SUBJECTS if s in needed)
    advice = sentence("compare.use_subjects", flags=flags)
    return [msgspec.structs.replace(r, advice=advice) if r.invalidates else r for r in reasons]


def _evident_subject(base: Record, new: Record) -> tuple[Subject, ...]:
    x, y = base.plan, new.plan
    target = (x.target.id, x.target.options_requested) != (y.target.id, y.target.options_requested)
    model = alternated(base, new) and (
        (x.model.id, x.model.sha256, x.target.executed_precision, x.inputs)
        != (y.model.id, y.model.sha256, y.target.executed_precision, y.inputs)
    )
    found: dict[Subject, bool] = {"target": target, "model": model}
    return tuple(subject for subject, differs in found.items() if differs) or ("version",)


def _barred(base: Record, new: Record) -> tuple[Reason, ...]:
    """Why there is nothing to compare, whatever else is equal."""
    if base.record_id == new.record_id:
        return (Reason("same_record", sentence("compare.same_record"), sentence("compare.same_record.remedy")),)
    sides = (("base", base), ("new", new))
    reasons = [_not_measured(side, r) for side, r in sides if r.status != "ok"]
    emulated = [side for side, r in sides if is_emulated(r)]
    remedy = sentence("compare.emulated.remedy")
    if len(emulated) == 1:
        told = sentence("compare.emulated_against_measured", side=side_words(emulated[0]))
        reasons.append(Reason("emulated_against_measured", told, remedy))
    elif emulated:
        reasons.append(Reason("emulated", sentence("compare.emulated"), remedy))
    return tuple(reasons)


def _not_measured(side: str, record: Record) -> Reason:
    why = sentence("compare.no_reason_recorded") if record.failure is None else record.failure.sentence
    failed = record.status == "failed"
    return Reason(
        "not_measured",
        sentence("compare.run_failed" if failed else "compare.run_skipped", side=side_words(side), why=why),
    )


def _other_model(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Iterator[Reason]:
    """What also forbids to compare the answers, where it is the times that may not be."""
    for rule in RULES:
        x, y = rule.of(base), rule.of(new)
        if rule.answers and None not in (x, y) and x != y and rule.refusal(base, new, chosen):
            yield _differs(rule, base, new, True)


def _unknown(rule: Rule, x: Any, y: Any) -> list[Reason]:
    if not rule.refuses:
        return []
    if x is None and y is None:
        code = "compare.are_unknown_in_both" if rule.plural else "compare.unknown_in_both"
        told = sentence(code, what=rule.what)
    else:
        code = "compare.are_unknown" if rule.plural else "compare.unknown"
        told = sentence(code, what=rule.what, side=side_words("base" if x is None else "new"))
    return [Reason(f"{rule.name}_unknown", told, invalidates=False)]


def _differs(rule: Rule, base: Record, new: Record, refuses: bool) -> Reason:
    a, b = rule.show(rule.of(base)), rule.show(rule.of(new))
    detail = rule.told(base, new) or (sentence("compare.values", base=a, new=b) if a != b else "")
    if not detail:
        told = sentence("compare.differ.alone" if rule.plural else "compare.differs.alone", what=rule.what)
    else:
        told = sentence("compare.differ" if rule.plural else "compare.differs", what=rule.what, detail=detail)
    return Reason(rule.code, told, rule.remedy if refuses else "", invalidates=refuses)
