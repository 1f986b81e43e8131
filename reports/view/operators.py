"""Which operators a run spent its time in: the hottest, and all by type. Shares are of the sum of all operators."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bench.record.operators import Operator, OperatorPart
from bench.record.record import Record
from bench.reports.view.rows import MISSING_CELL, Cell, Numbered, Table, columns
from bench.reports.words.causes import emulated
from bench.scenarios.kinds import kind_of
from bench.words import say, units

HOTTEST = 10
"""Rows of the hottest operators."""
LONGEST_NAME = 64
NAMED = 4
"""Operators that a sentence names."""
REFERENCE_SHARE = 0.01
"""Share of the time from which a reference kernel is named."""
SLOW_SHARE = 0.05
SLOW_TIMES = 3.0
"""An operator with this share of the time, and so many times its share of the MACs, is slow for its work."""
APART = 0.02
"""Fraction of the sum of a call's operators from which the sum of their medians differs from it visibly."""
SLOWED = 1.5
"""Time with profiling over time without, from which shares are doubtful."""


class Measure(NamedTuple):
    """Of an operator: its time, or its cycles. ``key``, ``percent``: the columns of it and of its share."""

    key: str
    percent: str
    of: Callable[[Operator], int | None]
    shown: Callable[[int | None], str]


TIME = Measure("operator_time", "time_percent", lambda one: one.time_ns, units.duration)
CYCLES = Measure("operator_cycles", "cycles_percent", lambda one: one.cycles, units.grouped)


class Measured(NamedTuple):
    """The operators of one part that have the measure; ``total`` of them all, and of the model's MACs."""

    measure: Measure
    operators: tuple[Operator, ...]
    total: int
    macs: int | None

    def share(self, some: Iterable[Operator]) -> float:
        return sum(self.measure.of(one) or 0 for one in some) / self.total

    def macs_share(self, some: Iterable[Operator]) -> float | None:
        known = [one.macs for one in some if one.macs is not None]
        return sum(known) / self.macs if known and self.macs else None


def operator_tables(record: Record) -> tuple[Table, ...]:
    """Of each part the hottest operators and all by type, by time and by cycles; one row with the reason where there
    are none."""
    found = record.operators
    if found is None:
        return ()
    if not found.parts:
        row = (Cell(units.MISSING), Cell(units.clean(str(found.reason))))
        return (Table(say("report.operators.caption"), columns("operator", "note"), (row,)),)
    return tuple(
        table for part in found.parts for one in _measured(part, record) for table in _tables(one, part, record)
    )


def operator_listing(item: Numbered) -> tuple[Table, ...]:
    """The same for a terminal or a text of several runs: the hottest alone, with the run in the caption."""
    record, found = item.record, item.record.operators
    if found is None:
        return ()
    run = say("report.model_on", model=item.model, place=item.place)
    if not found.parts:
        tables = operator_tables(record)
    else:
        tables = tuple(_hottest(one, part, record) for part in found.parts for one in _measured(part, record))
    titles = (say("report.operators.of_run", number=item.number, run=run, caption=table.caption) for table in tables)
    return tuple(Table(title, t.columns, t.rows, t.note) for title, t in zip(titles, tables, strict=True))


def _measured(part: OperatorPart, record: Record) -> list[Measured]:
    macs = record.plan.model.macs or part.macs
    found = []
    for measure in (TIME, CYCLES):
        having = [one for one in part.operators if measure.of(one) is not None]
        total = sum(measure.of(one) or 0 for one in having)
        if total:
            found.append(Measured(measure, tuple(sorted(having, key=_least_last(measure))), total, macs))
    return found


def _least_last(measure: Measure) -> Callable[[Operator], int]:
    return lambda one: -(measure.of(one) or 0)


def _tables(found: Measured, part: OperatorPart, record: Record) -> tuple[Table, ...]:
    return _hottest(found, part, record), _by_type(found, part, record)


def _hottest(found: Measured, part: OperatorPart, record: Record) -> Table:
    shown = [one for one in found.operators if found.measure.of(one)][:HOTTEST]
    has_kernel = any(one.kernel for one in shown)
    has_macs = any(one.macs is not None for one in shown)
    timed = found.measure is TIME
    keys = ["operator", "operator_type", *(["kernel"] if has_kernel else ["device"])]
    keys += [found.measure.key, found.measure.percent]
    keys += ["macs_percent", *(["macs_per_s"] if timed else [])] if has_macs else []
    scale, rows = _scale(found, [[one] for one in shown]), []
    for one in shown:
        row = [Cell(_named(one)), Cell(units.clean(one.op) or units.MISSING), _where(one, has_kernel)]
        row += [Cell(found.measure.shown(found.measure.of(one))), _bar(found.share([one]), scale)]
        if has_macs:
            row.append(_bar(found.macs_share([one]), scale))
            row += [_rate(one)] if timed else []
        rows.append(tuple(row))
    note = " ".join(_notes(found, part, record, len(shown)))
    return Table(_caption(found, part, record, "hottest"), columns(*keys), tuple(rows), note)


def _by_type(found: Measured, part: OperatorPart, record: Record) -> Table:
    kinds: dict[str, list[Operator]] = {}
    for one in found.operators:
        kinds.setdefault(one.op, []).append(one)
    ordered = sorted(kinds.items(), key=lambda kind: -found.share(kind[1]))
    scale, has_macs = _scale(found, kinds.values()), any(one.macs is not None for one in found.operators)
    rows = []
    for op, some in ordered:
        total = sum(found.measure.of(one) or 0 for one in some)
        row = [Cell(units.clean(op) or units.MISSING), Cell(units.grouped(len(some)))]
        row += [Cell(found.measure.shown(total)), _bar(found.share(some), scale)]
        rows.append((*row, *((_bar(found.macs_share(some), scale),) if has_macs else ())))
    heads = columns(
        "operator_type",
        "operator_count",
        found.measure.key,
        found.measure.percent,
        *(("macs_percent",) if has_macs else ()),
    )
    return Table(_caption(found, part, record, "by_type"), heads, tuple(rows))


def _caption(found: Measured, part: OperatorPart, record: Record, table: str) -> str:
    whose = "emulator" if emulated(record) else "time" if found.measure is TIME else "cycles"
    return say(f"report.operators.{table}.{whose}", part=say(f"report.operators.part.{part.part}"))


def _named(one: Operator) -> str:
    """The name, without its middle where it is long, and how often it runs, if more than once."""
    name = units.clean(one.name) or units.MISSING
    half = LONGEST_NAME // 2
    name = name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
    return name if one.runs == 1 else say("report.operators.times", name=name, runs=one.runs)


def _where(one: Operator, has_kernel: bool) -> Cell:
    kernel = units.clean(one.kernel if has_kernel else one.device) or units.MISSING
    return Cell(kernel, notes=(say("report.operators.reference_kernel"),) if one.reference_kernel else ())


def _scale(found: Measured, rows: Iterable[Sequence[Operator]]) -> float:
    """The largest share of the rows: bars of time and of MACs are on one scale, so that they can be compared."""
    return max(max(found.share(some), found.macs_share(some) or 0.0) for some in rows)


def _bar(share: float | None, scale: float) -> Cell:
    return MISSING_CELL if share is None else Cell(units.percent(share), bar=share / scale)


def _rate(one: Operator) -> Cell:
    if one.macs is None or not one.time_ns:
        return MISSING_CELL
    return Cell(say("report.operators.rate", rate=units.quantity(round(one.macs * 1e9 / one.time_ns))))


def _notes(found: Measured, part: OperatorPart, record: Record, shown: int) -> Iterable[str]:
    """What the figures are of, and what they show."""
    counted = {"shown": shown, "operators": len(found.operators), "calls": part.calls}
    yield say(f"report.operators.counted.{part.statistic}", **counted)
    if found.measure is CYCLES:
        yield say("report.operators.emulators_cycles" if emulated(record) else "report.operators.cycles")
        return
    yield from _times(part, record)
    if part.statistic == "median" and part.operators_ns and abs(part.operators_ns / found.total - 1) > APART:
        yield say("report.operators.medians", total_ns=found.total)
    yield from _findings(found)


def _times(part: OperatorPart, record: Record) -> Iterable[str]:
    """How long a call took, and what of it is in no operator."""
    profiled, plain, slowdown, total = part.profiled_ns, part.plain_ns, part.slowdown, part.operators_ns
    if profiled is None:
        return
    if plain is not None and slowdown is not None:
        yield say("report.operators.call", profiled_ns=profiled, plain_ns=plain, slowdown=units.digits(slowdown))
    else:
        yield say("report.operators.call_alone", profiled_ns=profiled)
    if total is not None and total <= profiled:
        figures = {"total_ns": total, "share": total / profiled, "rest_ns": profiled - total}
        yield say("report.operators.sum", **figures)
    elif total is not None:
        yield say("report.operators.sum_beyond", total_ns=total)
    measured = measured_ns(part, record)
    if measured is not None:
        yield say("report.operators.measured", measured_ns=measured)
    if slowdown is not None and slowdown >= SLOWED:
        yield say("report.operators.slowed", slowdown=units.digits(slowdown))


def measured_ns(part: OperatorPart, record: Record) -> int | None:
    """The run's own median of what was profiled, where queries do not overlap."""
    summary = record.summary
    if part.part == "inference":
        overlapping = kind_of(record.plan.scenario).overlapping
        return None if summary.latency_ns is None or overlapping else summary.latency_ns.p50
    text = summary.text_generation
    return None if text is None else text.ttft_ns if part.part == "prefill" else text.tpot_ns


def reference_kernels(found: Measured) -> list[Operator]:
    """Those that take a share of the time, hottest first."""
    return [one for one in found.operators if one.reference_kernel and found.share([one]) >= REFERENCE_SHARE]


def slow_for_their_work(found: Measured) -> list[Operator]:
    """Operators whose share of the time is far above their share of the MACs, hottest first."""
    slow = []
    for one in found.operators:
        share, macs = found.share([one]), found.macs_share([one])
        if macs and share >= SLOW_SHARE and share >= SLOW_TIMES * macs:
            slow.append(one)
    return slow


def _findings(found: Measured) -> Iterable[str]:
    for code, some in (("reference", reference_kernels(found)), ("slow", slow_for_their_work(found))):
        if some:
            named = [_found(found, one, code) for one in some[:NAMED]]
            more = len(some) - len(named)
            yield say(f"report.operators.{code}{'.more' if more else ''}", operators=named, more=more)


def _found(found: Measured, one: Operator, code: str) -> str:
    figures = {"name": _named(one), "op": units.clean(one.op), "share": found.share([one])}
    if code == "reference":
        return say("report.operators.reference.one", kernel=units.clean(one.kernel), **figures)
    return say("report.operators.slow.one", macs=found.macs_share([one]), **figures)


def hottest(record: Record) -> Sequence[tuple[OperatorPart, Operator, float]]:
    """Of each part the operator with the most time, and its share."""
    parts = record.operators.parts if record.operators is not None else ()
    measured = [(part, one) for part in parts for one in _measured(part, record) if one.measure is TIME]
    return [(part, found.operators[0], found.share(found.operators[:1])) for part, found in measured]
