"""Which record is compared with which, when folders of records are given.

Two folders of one record each are compared whatever they hold: who names two records means them. Otherwise records
that took turns belong together, and those that did not by model, scenario and target; the target is left out where it
is what the comparison is about. Records of two devices of a rack are never compared.
"""

from collections.abc import Collection, Sequence

from msgspec import Struct

from bench.comparison.interleaved import alternated
from bench.comparison.observe import Observation
from bench.comparison.rules import Subject, side_words
from bench.record.record import Record
from bench.words import Sentence, sentence


class Unmatched(Struct, frozen=True):
    """A record that was compared with none. ``side``: ``base``, or the name of the new folder. ``lost``: it was
    measured in the base, and nothing in the new folder is its partner. A new record without a base is not lost.
    ``not_measured``: its run is asked for again, and the base does not contain a measurement of it: it failed or was
    skipped."""

    side: str
    record_id: str
    model: str
    target: str
    scenario: str
    reason: Sentence | str
    lost: bool = False
    not_measured: bool = False


class Pair(Struct, frozen=True):
    base: Observation
    new: Observation


def pair_up(
    base: Sequence[Observation],
    new: Sequence[Observation],
    subjects: Collection[Subject] = (),
    side: str = "new",
) -> tuple[list[Pair], list[Unmatched]]:
    """Each newest record of ``new`` with the record of ``base`` that is most like it; and those without a partner.

    Most like: the same target, scenario, options, precision of weights and model file, in this order; then one that was
    measured, and of those the newest. Options come last where the target, whose they are, is what the comparison is
    about, and the model is not.
    """
    if len(base) == 1 and len(new) == 1:
        return [Pair(base[0], new[0])], []
    turning = [one for one in base if one.record.plan.alternation is not None]
    pairs = [Pair(x, y) for y in new for x in turning if alternated(x.record, y.record)]
    taken = {one.record.record_id for pair in pairs for one in (pair.base, pair.new)}
    turned = {kind_of(pair.new.record) for pair in pairs}
    shelves: dict[tuple[str, ...], list[Observation]] = {}
    for one in base:
        if one.record.record_id not in taken:
            shelves.setdefault(_shelf(one.record, subjects), []).append(one)
    latest, alone = _latest([one for one in new if one.record.record_id not in taken], side)
    for one in latest:
        near = [
            other for other in shelves.get(_shelf(one.record, subjects), []) if _one_device(other.record, one.record)
        ]
        if kind_of(one.record) in turned:
            alone.append(unmatched(one.record, side, sentence("compare.unmatched.took_turns")))
        elif near:
            pairs.append(Pair(max(near, key=lambda other: _likeness(other.record, one.record, subjects)), one))
        else:
            alone.append(unmatched(one.record, side, sentence("compare.unmatched.alone", side=side_words("base"))))
    used = {pair.base.record.record_id for pair in pairs}
    compared = {kind_of(pair.base.record) for pair in pairs}
    for other in base:
        if other.record.record_id not in used:
            older = kind_of(other.record) in compared
            reason = sentence("compare.unmatched.alone", side=side_words(side))
            if older:
                newer = other.record.status == "ok"
                reason = sentence("compare.unmatched.newer" if newer else "compare.unmatched.another")
            alone.append(unmatched(other.record, "base", reason, lost=not older and other.record.status == "ok"))
    return pairs, alone


def _shelf(record: Record, subjects: Collection[Subject]) -> tuple[str, ...]:
    plan = record.plan
    target = () if "target" in subjects else (plan.target.id,)
    return (plan.model.id, plan.model.task, plan.scenario.name, *target)


def _one_device(base: Record, new: Record) -> bool:
    """Whether they are not of two devices of a rack. A record of no rack may be of any."""
    return not base.device or not new.device or base.device == new.device


def _likeness(base: Record, new: Record, subjects: Collection[Subject]) -> tuple[bool | str, ...]:
    x, y = base.plan, new.plan
    options = (x.target.options_requested == y.target.options_requested,)
    file = (x.model.precision == y.model.precision, x.model.sha256 == y.model.sha256)
    free = "target" in subjects and "model" not in subjects
    same = (*file, *options) if free else (*options, *file)
    return (x.target.id == y.target.id, x.scenario == y.scenario, *same, *newest_measured(base))


def newest_measured(record: Record) -> tuple[bool, str]:
    """Of records of the same thing the one that counts: measured, and then the newest."""
    return record.status == "ok", record.created_utc


def kind_of(record: Record) -> tuple[object, ...]:
    """What two records of the same thing have in common."""
    plan = record.plan
    options = tuple(sorted(plan.target.options_requested.items()))
    return (plan.model.id, plan.model.sha256, plan.target.id, options, plan.scenario, record.device)


def _latest(records: Sequence[Observation], side: str) -> tuple[list[Observation], list[Unmatched]]:
    """Keeps only the newest of several records of the same run; the others are reported."""
    newest: dict[tuple[object, ...], Observation] = {}
    for one in sorted(records, key=lambda o: o.record.created_utc):
        newest[kind_of(one.record)] = one
    kept = {one.record.record_id for one in newest.values()}
    older = [o.record for o in records if o.record.record_id not in kept]
    return [o for o in records if o.record.record_id in kept], [
        unmatched(record, side, sentence("compare.unmatched.newer")) for record in older
    ]


def unmatched(
    record: Record, side: str, reason: Sentence | str, *, lost: bool = False, not_measured: bool = False
) -> Unmatched:
    """The record as one without a partner."""
    plan = record.plan
    return Unmatched(
        side, record.record_id, plan.model.id, plan.target.id, plan.scenario.name, reason, lost, not_measured
    )
