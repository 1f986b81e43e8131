"""The results of a fleet's run, from the folder that it wrote: the records, and from the ledger what is missing."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from bench.errors import InputError
from bench.fleet.client.planning import WHERE
from bench.fleet.ledger import DONE, LEDGER, Line, read_ledger
from bench.plugins import discover, load
from bench.racks.matrix import Ordered, rack_of
from bench.racks.rack import Gap, Rack, State
from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.store.records import every_record, record_folders, write_atomically
from bench.store.records import load as load_record
from bench.words import sentence

PAGE = "fleet.html"
STATES: Mapping[str, State] = {"refused": "refused", "lost": "lost"}
"""States of orders by their last line; every other one that is not done is waiting."""


class _Known(Struct):
    """``plan``: the line that has the texts of the order; ``last``: the newest other one; ``record``: the folder."""

    plan: Line
    last: Line | None = None
    record: str = ""


def read_rack(out: Path) -> Rack:
    """What the folder ``out`` of ``odb fleet run`` holds: every readable record, and a gap for each order without one
    and for all that was left out. Raises ``InputError`` for a folder without records and without a ledger."""
    lines = [line for line in read_ledger(out / LEDGER) if line.kind != "folder"]
    if not lines or record_folders(out):
        runs, refused = every_record(out)
    else:
        runs, refused = [], []
    known = _orders(lines)
    here = {run.record.record_id for run in runs}
    ordered = {order: Ordered(model=one.plan.model, scenario=one.plan.scenario) for order, one in known.items()}
    gaps = (*_not_done(known, here, refused), *_left_out(lines, known.values()))
    return rack_of(runs, gaps, ordered)


def readable(places: Iterable[Path]) -> tuple[list[RecordedRun], list[InputError]]:
    """The records in these folders, and why some cannot be read: removed or changed after they were fetched."""
    found, errors = [], []
    for place in places:
        try:
            found.append(load_record(place))
        except InputError as error:
            errors.append(InputError(error.sentence, sentence("rack.no_record.remedy")))
    return found, errors


def write_page(out: Path) -> Path:
    """Write ``PAGE`` into ``out``, in the language that is spoken, in place of an older one. Returns its path. Raises
    ``InputError`` as ``read_rack``, and where it cannot be written."""
    writer = load(discover().find("racks", "html"))
    write_atomically(out / PAGE, writer.render(read_rack(out)))
    return out / PAGE


def _orders(lines: Iterable[Line]) -> dict[str, _Known]:
    """The orders of the ledger by id."""
    found: dict[str, _Known] = {}
    for line in lines:
        if line.kind == "plan":
            found.setdefault(line.order, _Known(line))
        elif line.order in found and line.kind != "dropped":
            one = found[line.order]
            if one.last is None or (one.last.kind not in DONE and not _asks_again(one.last, line)) or line.kind in DONE:
                one.last = line
            one.record = line.record or one.record
    return found


def _asks_again(last: Line, line: Line) -> bool:
    """The same command, begun again, asks a device for what that has begun already."""
    return (last.kind, line.kind) == ("began", "sent") and last.device == line.device


def _not_done(known: Mapping[str, _Known], here: Collection[str], refused: Iterable[RefusedRecord]) -> Iterator[Gap]:
    """A gap for each order whose record is not here."""
    unreadable = {one.name: one for one in refused}
    for order, one in known.items():
        plan, last = one.plan, one.last
        texts = {"model": plan.model, "target": plan.target, "scenario": plan.scenario, "order": order}
        texts["device"] = plan.device or ("" if last is None else last.device)
        if last is not None and last.kind in DONE:
            if one.record in here:
                continue
            why = unreadable.get(one.record)
            reason = sentence("rack.no_record", folder=one.record) if why is None else why.message
            yield Gap(state="unreadable", reason=reason, remedy=sentence("rack.no_record.remedy"), **texts)
        elif last is None or last.kind not in STATES:
            reason = sentence("rack.waiting" if last is None or last.kind != "began" else "rack.under_way")
            yield Gap(state="waiting", reason=reason, remedy=sentence("rack.waiting.remedy"), **texts)
        else:
            yield Gap(state=STATES[last.kind], code=last.code, reason=last.reason, remedy=last.remedy, **texts)


def _left_out(lines: Iterable[Line], known: Collection[_Known]) -> Iterator[Gap]:
    """A gap for all that no order was made of. What a later plan ordered, when a device was back, is none, and neither
    is a device that ``--where`` did not choose, unless it chose none."""
    ordered = {(one.plan.device, one.plan.model, one.plan.target, one.plan.scenario) for one in known}
    devices = {device for device, *_ in ordered if device}
    targets = {(device, target) for device, _, target, _ in ordered}
    seen: set[tuple[str, ...]] = set()
    for line in lines:
        if line.kind != "left_out" or (line.code == WHERE and known):
            continue
        place = (line.device, line.model, line.target, line.scenario)
        if line.model:
            later = place in ordered
        elif line.target:
            later = (line.device, line.target) in targets
        else:
            later = line.device in devices
        if later or place in seen:
            continue
        seen.add(place)
        texts = {"device": line.device, "model": line.model, "target": line.target, "scenario": line.scenario}
        yield Gap(state="left_out", code=line.code, reason=line.reason, remedy=line.remedy, **texts)
