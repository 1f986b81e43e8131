"""A matrix as a list, one line a run: narrow enough for a terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.record.record import Record
from bench.reports.view.matrix import Matrix
from bench.reports.view.open_loops.answers import open_loop_columns
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
)
from bench.reports.words import figures
from bench.reports.words.causes import DOUBTED, emulated, further_doubts, status
from bench.reports.words.names import failure_kind
from bench.reports.words.plans import ran_in
from bench.scenarios.kinds import kind_of
from bench.scenarios.text import users_of
from bench.settings import setting_values
from bench.words import say, units

if TYPE_CHECKING:
    from bench.analysis.metrics import Metric

Figures = Mapping[str, Callable[[Record], str]]
"""Key of a column -> what stands in it."""


def listing(matrix: Matrix) -> Table | None:
    """The runs of a matrix except for emulated ones, which have a separate table. An invalid figure has the sign of its
    status in front."""
    items = [i for row in matrix.rows for i in row.runs if not emulated(i.record)]
    if not items:
        return None
    asked, usual = dict(_asked_for(items)), _measured(items[0].record)
    timed = {**usual, **asked}
    folder = ("folder",) if placed(items) else ()
    heads = (
        *columns("run", *folder, "model", "target", *usual),
        *(Column(title, title) for title in asked),
        *columns(*_COSTS, "verdict"),
    )
    varied = _varied(items)
    rows = tuple(_line(i, timed, placed(items), varied) for i in items)
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


def _line(item: Numbered, timed: Figures, in_folder: bool, varied: set[str]) -> tuple[Cell, ...]:
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
        Cell(units.clean(target), notes=given),
        *(_figure(make(record), "" if make is _equal else mark) if ok else MISSING_CELL for make in timed.values()),
        *(Cell(make(record)) if ok else MISSING_CELL for make in _COSTS.values()),
        Cell(f"{verdict.sign} {verdict.word}", state, (why,) if why else ()),
    )


DETAILS = ("time_to_throttle_ns",)
"""Figures of a scenario for which a list has no room."""


def _asked_for(items: Sequence[Numbered]) -> Iterator[tuple[str, Callable[[Record], str]]]:
    """The metrics that a run of these was asked for; runs with other settings have columns of their own."""
    asked = {
        (m, setting_values(i.record.plan.settings, *m.settings) if m.settings else "")
        for i in items
        for m in figures.beside(i.record)
        if m.name not in DETAILS
    }
    for metric, values in sorted(asked, key=lambda one: (one[0].name, one[1])):
        title = str(metric.short or metric.title)
        yield f"{title} ({values})" if values else title, _with_settings(metric, values)


def _with_settings(metric: "Metric", values: str) -> Callable[[Record], str]:
    def make(record: Record) -> str:
        same = not metric.settings or setting_values(record.plan.settings, *metric.settings) == values
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


def _between(record: Record) -> str:
    return figures.between(record, figures.leading(record)) or units.MISSING


def _equal(record: Record) -> str:
    found = record.summary.text_generation
    one = next((a for a in found.agreement if a.of == "engine"), None) if found is not None else None
    if one is None or one.token_prefix is None:
        return units.MISSING
    return out_of(one.token_prefix, one.tokens_compared)


def _decode(record: Record) -> str:
    return units.number(figures.figure(record, "decode_tokens_per_s"))


def _rate(record: Record) -> str:
    return units.number(figures.figure(record, "throughput_per_s"), "/s")


def _ran_in(record: Record) -> str:
    return units.clean(ran_in(record.plan.target) or say("report.unknown"))


_COSTS: Figures = MappingProxyType(
    {"cold_start": _metric("cold_start_ns"), "peak_rss": _metric("peak_rss_bytes"), "ran_in": _ran_in}
)


def _measured(record: Record) -> Figures:
    if users_of(record.plan.scenario) is not None:
        return {"equal": _equal}  # the figures of all users, which were asked for, are wide enough
    if record.plan.model.task == "text_generation":
        return {"ttft": _metric("ttft_ns"), "tpot": _metric("tpot_ns"), "tokens_per_s": _decode, "equal": _equal}
    if kind_of(record.plan.scenario).overlapping:
        return {"throughput": _rate, "p50": _metric("latency_p50_ns")}
    if kind_of(record.plan.scenario).open_loop:
        return open_loop_columns(record.plan.scenario)
    if figures.leading(record) == "time_per_input_ns":
        return {"time_per_input": _metric("time_per_input_ns"), "interval95": _between}
    return {"p50": _metric("latency_p50_ns"), "interval95": _between}
