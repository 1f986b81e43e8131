"""A matrix as a list, one line a run: narrow enough for a terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.record.record import Record
from bench.reports.view.matrix import Matrix
from bench.reports.view.rows import (
    MISSING_CELL,
    Cell,
    Column,
    Numbered,
    Table,
    columns,
    folder_cells,
    options_words,
    out_of,
    placed,
    rack_device,
)
from bench.reports.words import figures
from bench.reports.words.causes import DOUBTED, emulated, further_doubts, status
from bench.reports.words.names import failure_kind
from bench.reports.words.plans import ran_in
from bench.settings import setting_values
from bench.words import say, units

if TYPE_CHECKING:
    from bench.analysis.metrics import Metric

Make = Callable[[Record], str]
Shown = tuple[Column, Make]
"""A column, and what stands in it."""


def listing(matrix: Matrix) -> Table | None:
    """The runs of a matrix except for emulated ones, which have a separate table. An invalid figure has the sign of its
    status in front."""
    items = [i for row in matrix.rows for i in row.runs if not emulated(i.record)]
    if not items:
        return None
    measured = [item.record for item in items if item.record.status == "ok"]
    timed = [*_measured(measured), *_asked_for(items)]
    folder = ("folder",) if placed(items) else ()
    heads = (
        *columns("run", *folder, "model", "target"),
        *(column for column, _ in timed),
        *columns(*_COSTS, "verdict"),
    )
    varied = _varied(items)
    rows = tuple(_line(i, [make for _, make in timed], placed(items), varied) for i in items)
    return Table(matrix.caption, heads, rows, " ".join(_given(items, varied)))


def _given(items: Sequence[Numbered], varied: set[str]) -> Iterator[str]:
    """The options of each target that was run with one set of them, such as a performance mode."""
    options = {item.record.plan.target.id: options_words(item.record) for item in items}
    for target, given in options.items():
        if given and target not in varied:
            yield say("report.listing.options", target=units.clean(target), options=given)


def _varied(items: Sequence[Numbered]) -> set[str]:
    """The targets that were run with several sets of options, which then stand with each run."""
    options: dict[str, set[str]] = {}
    for item in items:
        options.setdefault(item.record.plan.target.id, set()).add(options_words(item.record))
    return {target for target, found in options.items() if len(found) > 1}


def _line(item: Numbered, timed: Sequence[Make], in_folder: bool, varied: set[str]) -> tuple[Cell, ...]:
    record = item.record
    state = status(record)
    ok = record.status == "ok"
    failed = failure_kind(record.failure.kind) if record.failure is not None else ""
    why = further_doubts(record) if ok else failed
    verdict = Cell("", state)
    target = record.plan.target.id
    given = (options_words(record) or say("report.no_options"),) if target in varied else ()
    mark = f"{verdict.sign} " if state in DOUBTED else ""
    return (
        Cell(str(item.number), run=item.number),
        *folder_cells(item, in_folder),
        Cell(_model(item)),
        Cell(units.clean(target), notes=(*rack_device(record), *given)),
        *(_figure(make(record), "" if make is _equal else mark) if ok else MISSING_CELL for make in timed),
        *(make(record) if ok else MISSING_CELL for make in _COSTS.values()),
        Cell(f"{verdict.sign} {verdict.word}", state, (why,) if why else ()),
    )


def _asked_for(items: Sequence[Numbered]) -> Iterator[Shown]:
    """The metrics that settings asked for; runs with other settings have columns of their own."""
    every = ((m, i.record.plan.settings) for i in items for m in figures.asked_for(i.record))
    asked = {(metric, setting_values(settings, *metric.settings)) for metric, settings in every}
    for metric, values in sorted(asked, key=lambda one: (one[0].name, one[1])):
        title = f"{metric.short or metric.title} ({values})"
        yield Column(title, title), _with_settings(metric, values)


def _with_settings(metric: "Metric", values: str) -> Callable[[Record], str]:
    def make(record: Record) -> str:
        same = setting_values(record.plan.settings, *metric.settings) == values
        return figures.shown(record, metric.name) if same else units.MISSING

    return make


def _figure(value: str, mark: str) -> Cell:
    return Cell(value if value == units.MISSING else f"{mark}{value}")


def _model(item: Numbered) -> str:
    """Its name, with the weights' precision where that is not float32 and not part of the name."""
    precision = units.clean(item.record.plan.model.precision or "float32")
    return item.model if precision == "float32" or precision in item.model else f"{item.model} {precision}"


def _metric(name: str) -> Callable[[Record], str]:
    return lambda record: figures.shown(record, name)


def _equal(record: Record) -> str:
    found = record.summary.text_generation
    one = next((a for a in found.agreement if a.of == "engine"), None) if found is not None else None
    if one is None or one.token_prefix is None:
        return units.MISSING
    return out_of(one.token_prefix, one.tokens_compared)


def _decode(record: Record) -> str:
    return units.number(figures.figure(record, "decode_tokens_per_s"))


def _ran_in(record: Record) -> Cell:
    """The precision of the arithmetic; below it that of the KV cache of a language model."""
    target = record.plan.target
    arithmetic = ran_in(replace(target, executed_kv_cache=None)) or say("report.unknown")
    cache = target.executed_kv_cache
    below = () if cache is None else (units.clean(say("report.kv_cache_in", cache=cache)),)
    return Cell(units.clean(arithmetic), notes=below)


def _cell(name: str) -> Callable[[Record], Cell]:
    return lambda record: Cell(figures.shown(record, name))


_COSTS: Mapping[str, Callable[[Record], Cell]] = MappingProxyType(
    {"cold_start": _cell("cold_start_ns"), "peak_rss": _cell("peak_rss_bytes"), "ran_in": _ran_in}
)


_OF_TEXT: Mapping[str, Make] = MappingProxyType(
    {"ttft": _metric("ttft_ns"), "tpot": _metric("tpot_ns"), "tokens_per_s": _decode, "equal": _equal}
)


def _measured(records: Sequence[Record]) -> Iterator[Shown]:
    """The leading figures of the ``records`` with their interval, then those beside them that any of them has."""
    leads = list(dict.fromkeys(map(figures.leading, records))) or [figures.P50]
    if leads == ["tpot_ns"]:
        yield from zip(columns(*_OF_TEXT), _OF_TEXT.values(), strict=True)
        return
    yield from map(_column, leads)
    if any(figures.between(record, name) for record in records for name in leads):
        yield columns("interval95")[0], lambda record: figures.between(record, leads[0]) or units.MISSING
    others = dict.fromkeys(name for record in records for name in figures.beside(record))
    for name in others:
        if name not in leads and any(figures.figure(record, name) is not None for record in records):
            yield _column(name)
    if any(record.summary.text_generation is not None for record in records):
        yield columns("equal")[0], _equal


def _column(name: str) -> Shown:
    return Column(name, figures.column_title(name)), _metric(name)
