"""A matrix as a list, one line a run: narrow enough for a terminal."""

from collections.abc import Callable, Sequence

from bench.record import Record
from bench.reports import units
from bench.reports.rows import MISSING_CELL, Cell, Matrix, Numbered, Table, emulated, invalidating_codes, status

Column = tuple[str, Callable[[Record], str]]


def listing(matrix: Matrix) -> Table | None:
    """The runs of a matrix but for the emulated, which have a table of their own."""
    items = [i for row in matrix.rows for i in row.runs if not emulated(i.record)]
    if not items:
        return None
    measured = (*_measured(items[0].record), *_COSTS)
    columns = ("Run", "Model", "Target", *(title for title, _ in measured), "Verdict")
    return Table(matrix.caption, columns, tuple(_line(i, measured) for i in items))


def _line(item: Numbered, measured: Sequence[Column]) -> tuple[Cell, ...]:
    record = item.record
    state = status(record)
    ok = record.status == "ok"
    why = ", ".join(invalidating_codes(record)) if ok else record.failure.kind if record.failure is not None else ""
    verdict = Cell("", state)
    return (
        Cell(str(item.number), run=item.number),
        Cell(_model(record)),
        Cell(units.clean(record.plan.target.id)),
        *(Cell(make(record)) if ok else MISSING_CELL for _, make in measured),
        Cell(f"{verdict.sign} {verdict.word}", state, (units.clean(why),) if why else ()),
    )


def _model(record: Record) -> str:
    """Its name; with the weights' precision where that is not the float32 of most files."""
    precision = record.plan.model.precision
    name = units.clean(record.plan.model.id)
    return name if precision in (None, "float32") else f"{name} {units.clean(precision)}"


def _p50(record: Record) -> str:
    found = record.summary.latency_ns
    return units.MISSING if found is None else units.duration(found.p50)


def _between(record: Record) -> str:
    found = record.summary.latency_ns
    return units.MISSING if found is None or found.p50_ci95 is None else units.interval(*found.p50_ci95)


def _ttft(record: Record) -> str:
    found = record.summary.text_generation
    return units.MISSING if found is None else units.duration(found.ttft_ns)


def _tpot(record: Record) -> str:
    found = record.summary.text_generation
    return units.MISSING if found is None else units.duration(found.tpot_ns)


def _equal(record: Record) -> str:
    found = record.summary.text_generation
    one = next((a for a in found.agreement if a.of == "engine"), None) if found is not None else None
    if one is None or one.token_prefix is None:
        return units.MISSING
    return f"{one.token_prefix} of {one.tokens_compared}"


def _decode(record: Record) -> str:
    found = record.summary.text_generation
    return units.MISSING if found is None else units.number(found.decode_tokens_per_s)


def _rate(record: Record) -> str:
    return units.number(record.summary.throughput_per_s, "/s")


def _cold_start(record: Record) -> str:
    return units.duration(record.summary.cold_start_ns)


def _peak(record: Record) -> str:
    found = record.summary.memory_bytes
    return units.MISSING if found is None else units.size(found.peak_rss)


def _ran_in(record: Record) -> str:
    return units.clean(record.plan.target.executed_precision or "unknown")


_COSTS: tuple[Column, ...] = (("Cold start", _cold_start), ("Peak RSS", _peak), ("Ran in", _ran_in))


def _measured(record: Record) -> tuple[Column, ...]:
    if record.plan.model.task == "text_generation":
        return (("TTFT", _ttft), ("TPOT", _tpot), ("Tokens/s", _decode), ("Equal", _equal))
    if record.plan.scenario.name == "offline":
        return (("Throughput", _rate), ("p50", _p50))
    return (("p50", _p50), ("95 % interval", _between))
