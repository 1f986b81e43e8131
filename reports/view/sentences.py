"""Sentences of a headline without times: wrong outputs, what compiles for which chip, what failed."""

from collections.abc import Sequence

from msgspec import Struct

from bench.record.record import Record
from bench.reports.view.rows import Numbered, agreement, on_device, options_words
from bench.reports.words.causes import Status, compiled, edited, emulated, outputs_wrong, status
from bench.words import units

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
        Sentence(f"{i.name}: outputs wrong on {i.place};", f"{_outputs(i.record)}. Do not quote its speed.", "wrong")
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
        strong = f"{item.name}: outputs wrong on {chip};"
        return Sentence(
            strong, f"{_outputs(record)}. The model compiles: {_placed(record)}. {_NO_SPEED}", "emulated_wrong"
        )
    state = status(record)
    if edited(record):
        return Sentence(f"{item.name} on {chip}:", "the record was edited; nothing is claimed.", state)
    strong = f"{item.name} compiles for {chip}: {_placed(record)};"
    return Sentence(strong, f"{_outputs(record)}. {_NO_SPEED}", state)


_NO_SPEED = "Emulated: the device's speed is unknown."


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
    parts = [
        _counted("outputs wrong on", wrong, names),
        _counted("failed for", failed, names),
        _counted("skipped for", skipped, names),
        _counted("not valid for", invalid, names),
        f"compiles for {len(taken)} of {len(group)}, without fallback for {len(whole) or 'none'}",
        f"outputs not judged on {len(unchecked)}" if unchecked else "",
    ]
    target = units.clean(first.record.plan.target.id)
    chips = len({*names.values()})
    what = f"{chips} chips" if chips > 1 else f"{names[first.number]}, {units.counted(len(group), 'run')}"
    strong = f"{first.name} on {target}, {what}: {'; '.join(filter(None, parts))}."
    state: Status = "emulated_wrong" if wrong else "failed" if failed else "emulated_invalid" if invalid else "emulated"
    return Sentence(strong, _NO_SPEED, state)


def chip_names(group: Sequence[Numbered]) -> dict[int, str]:
    """Run -> its chip, without what all the named ones have in common at the end (the machine that plays them)."""
    names = {i.number: i.chip for i in group}
    split = {n: name.split(", ") for n, name in names.items() if len(name.split(", ")) > 1}
    ends = {parts[-1] for parts in split.values()}
    if len(ends) == 1 and len({*names.values()}) > 1:
        names |= {n: ", ".join(parts[:-1]) for n, parts in split.items()}
    return names


def _counted(what: str, members: Sequence[Numbered], names: dict[int, str]) -> str:
    if not members:
        return ""
    return f"{what} {len(members)} ({named(dict.fromkeys(names[i.number] for i in members))})"


def named(names: Sequence[str] | dict[str, None]) -> str:
    """The first of them, and how many more."""
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return f"{', '.join(every[:NAMED])}{more}"


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
    where = named(dict.fromkeys(i.place for i in group))
    kind = units.clean(failure.kind).replace("_", " ")
    phase = f" in {units.clean(failure.phase)}" if failure.phase else ""
    then = " after it compiled" if all(compiled(i.record) for i in group) else ""
    return Sentence(f"{group[0].name} on {where}: failed{phase}{then}:", f"{kind}; see the notes.", "failed")


def side_by_side(items: Sequence[Numbered]) -> list[Sentence]:
    """How the folders of one report relate; they are not ranked."""
    folders = dict.fromkeys(i.folder for i in items)
    if len(folders) < 2:
        return []
    files = [{i.record.plan.model.sha256 for i in items if i.folder == f} - {None} for f in folders]
    shared = set.intersection(*files)
    said = f"Folders {', '.join(folders)}: side by side, not ranked;"
    if shared:
        rest = "for the model files that they share, odb compare shows whether and by how much they differ."
    else:
        rest = "they measured different models, so these figures alone do not show which is better for the task."
    return [Sentence(said, rest, "plain")]


def _precision(record: Record) -> str:
    return units.clean(record.plan.model.precision or "")


def _placed(record: Record) -> str:
    return on_device(record.placement) if record.placement is not None else "placement unknown"


def _outputs(record: Record) -> str:
    """``outputs agree (cosine 0.99)``."""
    word, figure = agreement(record)
    said = {
        "agrees": "outputs agree",
        "disagrees": "the outputs differ from the reference",
        "disagrees on made-up inputs": "outputs differ on made-up inputs",
    }.get(word, f"outputs {word}")
    return f"{said} ({figure})" if figure else said
