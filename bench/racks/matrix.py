"""Runs and gaps as the matrix of a rack, and which runs of a row may be compared with one another.

A row is a model in a scenario. Its runs are grouped by ``bench.comparison.comparability``, with the target as the
subject: another machine is then a caveat, and another file, input, precision or rule forbids the comparison.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.verdict.emulated import is_emulated
from bench.comparison.comparability import Comparability, comparable
from bench.comparison.rules import Subject, scenario_text
from bench.racks.rack import Entry, Gap, Rack, Row
from bench.record.record import Record, RecordedRun

SUBJECT: tuple[Subject, ...] = ("target",)


class Ordered(Struct, frozen=True, kw_only=True):
    """What an order asked for, in the texts of the ledger."""

    model: str
    scenario: str


def rack_of(
    runs: Iterable[RecordedRun], gaps: Sequence[Gap] = (), ordered: Mapping[str, Ordered] | None = None
) -> Rack:
    """The matrix. ``ordered``: by the order's id; a run of an order stands in the row of those texts, beside the gaps
    that have them."""
    runs = [*runs]
    devices = sorted({run.record.device for run in runs} | {gap.device for gap in gaps if gap.device})
    found: dict[tuple[str, str], list[RecordedRun]] = {}
    for run in sorted(runs, key=_placed):
        found.setdefault(_row_of(run.record, ordered or {}), []).append(run)
    rows = {key: _row(key, members) for key, members in found.items()}
    for gap in gaps:
        if gap.model:
            key = (gap.model, gap.scenario)
            row = rows.setdefault(key, Row(model=gap.model, scenario=gap.scenario))
            beside = (*row.gaps.get(gap.device, ()), gap)
            rows[key] = replace(row, gaps={**row.gaps, gap.device: beside})
    return Rack(devices=tuple(devices), rows=tuple(rows[key] for key in sorted(rows)), gaps=tuple(gaps))


def _placed(run: RecordedRun) -> tuple[str, ...]:
    """By what runs are sorted: the first of a row is that of its first device and target."""
    record = run.record
    return record.device, record.plan.target.id, record.created_utc, record.record_id


def _row_of(record: Record, ordered: Mapping[str, Ordered]) -> tuple[str, str]:
    plan = record.plan
    order = ordered.get(record.fleet.order) if record.fleet is not None else None
    return (plan.model.id, scenario_text(plan.scenario)) if order is None else (order.model, order.scenario)


def _row(key: tuple[str, str], runs: Sequence[RecordedRun]) -> Row:
    entries: dict[str, tuple[Entry, ...]] = {}
    for one in _grouped(runs):
        device = one.run.record.device
        entries[device] = (*entries.get(device, ()), one)
    return Row(model=key[0], scenario=key[1], entries=entries)


def _grouped(runs: Sequence[RecordedRun]) -> Iterator[Entry]:
    """Each run with the first group that it may be compared with; without one it is the first of a new group."""
    firsts: list[Record] = []
    for run in runs:
        record = run.record
        if record.status != "ok" or is_emulated(record):
            yield Entry(run=run)
            continue
        answers = [comparable(first, record, SUBJECT) for first in firsts]
        place = next((number for number, answer in enumerate(answers) if not answer.refused), None)
        if place is None:
            firsts.append(record)
        number = len(firsts) - 1 if place is None else place
        answer = (answers[0] if answers else None) if place is None else answers[place]
        yield _entry(run, number + 1, firsts[0 if place is None else place], answer)


def _entry(run: RecordedRun, group: int, first: Record, answer: Comparability | None) -> Entry:
    if answer is None:
        return Entry(run=run, group=group)
    reasons = tuple(one for one in answer.reasons if one.invalidates or not answer.refused)
    target = first.plan.target.id
    return Entry(
        run=run, group=group, against=first.device, against_target=target, answer=answer.answer, reasons=reasons
    )
