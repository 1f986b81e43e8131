"""Sentences of a headline without times: wrong outputs, what compiles for which chip, what failed."""

from collections.abc import Sequence

from msgspec import Struct

from bench.record.record import Record
from bench.reports.view.rows import Numbered, agreement, options_words, placement_words
from bench.reports.words.causes import Status, compiled, edited, emulated, outputs_wrong, status
from bench.reports.words.names import failure_kind, phase
from bench.words import say, units

NAMED = 6
"""How many chips or targets a sentence names."""


class Sentence(Struct, frozen=True):
    """``strong`` leads, ``rest`` qualifies."""

    strong: str
    rest: str = ""
    status: Status = "plain"

    @property
    def text(self) -> str:
        return f"{self.strong} {self.rest}".strip()


def wrong_sentences(items: Sequence[Numbered]) -> list[Sentence]:
    """Measured runs whose outputs are wrong; emulated runs have separate sentences."""
    wrong = [i for i in items if status(i.record) == "wrong"]
    return [
        Sentence(
            say("report.wrong.lead", model=i.name, target=i.place),
            say("report.wrong.rest", outputs=_outputs(i.record)),
            "wrong",
        )
        for i in wrong
    ]


def emulated_sentences(items: Sequence[Numbered]) -> list[Sentence]:
    """One sentence a model and emulated target, wrong outputs first."""
    groups: dict[tuple[str, str, str], list[Numbered]] = {}
    for item in items:
        if emulated(item.record):
            target = units.clean(item.record.plan.target.id)
            groups.setdefault((item.name, target, _precision(item.record)), []).append(item)
    worked = [group for group in groups.values() if any(i.record.status == "ok" for i in group)]
    told = [_one_chip(group[0]) if len(group) == 1 else _chips(group) for group in worked]
    return sorted(told, key=lambda s: s.status != "emulated_wrong")


def _one_chip(item: Numbered) -> Sentence:
    record = item.record
    target = record.plan.target
    known = bool(target.device_name)
    given = ", ".join(filter(None, (units.clean(target.id), options_words(record)))) if known else ""
    chip = f"{item.chip} ({given})" if given else item.chip
    if outputs_wrong(record):
        strong = say("report.wrong.lead", model=item.name, target=chip)
        rest = say("report.emulated.wrong", outputs=_outputs(record), placement=placement_words(record))
        return Sentence(strong, rest, "emulated_wrong")
    state = status(record)
    if edited(record):
        where = say("report.model_on", model=item.name, place=chip)
        return Sentence(say("report.lead", about=where), say("report.edited.nothing_claimed"), state)
    strong = say("report.emulated.compiles", model=item.name, chip=chip, placement=placement_words(record))
    return Sentence(strong, say("report.emulated.outputs", outputs=_outputs(record)), state)


def _chips(group: Sequence[Numbered]) -> Sentence:
    """Several chips in one sentence: what is wrong, what failed, what compiles; the table has each chip."""
    first = group[0]
    names = chip_names(group)
    worked = [i for i in group if i.record.status == "ok"]
    wrong = [i for i in worked if outputs_wrong(i.record)]
    invalid = [i for i in worked if status(i.record) == "emulated_invalid"]
    failed = [i for i in group if i.record.status == "failed"]
    skipped = [i for i in group if i.record.status == "skipped"]
    worked = [i for i in worked if not edited(i.record)]
    taken = [i for i in group if compiled(i.record) and not edited(i.record)]
    whole = [i for i in taken if i.record.placement is not None and not i.record.placement.fallback]
    unchecked = [i for i in worked if i.record.fidelity is None or i.record.fidelity.ok is None]
    told = (("wrong", wrong), ("failed", failed), ("skipped", skipped), ("invalid", invalid))
    parts = [
        say(f"report.chips.{what}", count=len(members), chips=named(dict.fromkeys(names[i.number] for i in members)))
        for what, members in told
        if members
    ]
    code = "report.chips.compiles" if whole else "report.chips.compiles_all_fell_back"
    parts.append(say(code, compiled=len(taken), chips=len(group), whole=len(whole)))
    parts += [say("report.chips.not_judged", count=len(unchecked))] if unchecked else []
    chips = len({*names.values()})
    what = units.counted(chips, "chip")
    if chips == 1:
        what = say("report.chips.one", chip=names[first.number], runs=len(group))
    place = say("report.chips.place", target=units.clean(first.record.plan.target.id), chips=what)
    strong = say("report.chips", model=first.name, place=place, parts="; ".join(parts))
    state: Status = "emulated_wrong" if wrong else "failed" if failed else "emulated_invalid" if invalid else "emulated"
    return Sentence(strong, say("report.emulated.no_speed"), state)


def chip_names(group: Sequence[Numbered]) -> dict[int, str]:
    """Run -> its chip, without what all the named ones have in common at the end (the machine that plays them)."""
    names = {i.number: i.chip for i in group}
    split = {n: name.split(", ") for n, name in names.items() if len(name.split(", ")) > 1}
    ends = {parts[-1] for parts in split.values()}
    if len(ends) == 1 and len({*names.values()}) > 1:
        names |= {n: ", ".join(parts[:-1]) for n, parts in split.items()}
    return names


def named(names: Sequence[str] | dict[str, None]) -> str:
    """The first of them, and how many more."""
    every = list(names)
    if len(every) <= NAMED:
        return say("report.parts", parts=every)
    return say("report.named_and_more", parts=every[:NAMED], more=len(every) - NAMED)


def failed_sentences(items: Sequence[Numbered]) -> list[Sentence]:
    """Failures: one sentence for all runs of one model that failed for the same reason. Chips that worked in other runs
    are in the sentences of ``emulated_sentences``."""
    swept = {(i.name, i.record.plan.target.id) for i in items if emulated(i.record) and i.record.status == "ok"}
    groups: dict[tuple[str, str], list[Numbered]] = {}
    for item in items:
        failure = item.record.failure
        told = emulated(item.record) and (item.name, item.record.plan.target.id) in swept
        if item.record.status == "failed" and failure is not None and not told:
            groups.setdefault((item.name, failure.message), []).append(item)
    return [_failure(group) for group in groups.values()]


def _failure(group: Sequence[Numbered]) -> Sentence:
    failure = group[0].record.failure
    assert failure is not None
    where = say("report.model_on", model=group[0].name, place=named(dict.fromkeys(i.place for i in group)))
    then = "compiled" if all(compiled(i.record) for i in group) else "plain"
    strong = say(f"report.failed.lead.{then}", about=where)
    if failure.phase:
        strong = say(f"report.failed.in_phase.{then}", about=where, phase=phase(failure.phase))
    return Sentence(strong, say("report.failed.rest", kind=failure_kind(failure.kind)), "failed")


def side_by_side(items: Sequence[Numbered]) -> list[Sentence]:
    """How the folders of one report relate; they are not ranked."""
    folders = dict.fromkeys(i.folder for i in items)
    if len(folders) < 2:
        return []
    files = [{i.record.plan.model.sha256 for i in items if i.folder == f} - {None} for f in folders]
    shared = set.intersection(*files)
    rest = say("report.folders.shared" if shared else "report.folders.different")
    return [Sentence(say("report.folders.lead", folders=folders), rest, "plain")]


def _precision(record: Record) -> str:
    return units.clean(record.plan.model.precision or "")


def _outputs(record: Record) -> str:
    """``outputs agree (cosine 0.99)``."""
    code, figure = agreement(record)
    said = say(f"report.outputs.{code}")
    return say("report.with_figure", said=said, figure=figure) if figure else said
