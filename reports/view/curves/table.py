"""The curves of a run as one table: a row a point, a column a figure."""

from collections.abc import Sequence

from bench.record.record import Record
from bench.record.summary import Curve, CurvePoint
from bench.reports.view.rows import MISSING_CELL, Cell, Column, Numbered, Table, columns
from bench.reports.words.causes import emulated
from bench.reports.words.figures import curve_titles
from bench.scenarios.axes import axis_title, point_words
from bench.words import say, units

MOST_ROWS = 40
"""Of more points, so many at equal distances are shown."""


def curve_table(record: Record, most: int = MOST_ROWS) -> Table | None:
    """``None`` of a scenario without an axis, and where nothing was measured."""
    first = next(iter(record.summary.curves.values()), None)
    if first is None or not first.points:
        return None
    every = record.summary.curves
    curves = {name: one for name, one in every.items() if any(point.value is not None for point in one.points)}
    shown = shown_points(len(first.points), most)
    heads = (
        Column("point", capital(units.clean(str(axis_title(first.axis))))),
        *columns("queries"),
        *(Column(name, capital(curve_title(name))) for name in curves),
    )
    rows = tuple(
        (
            Cell(capital(point_text(first, index))),
            Cell(units.grouped(first.points[index].n)),
            *(_cell(curve, index) for curve in curves.values()),
        )
        for index in shown
    )
    note = say("report.curves.note")
    if len(shown) < len(first.points):
        note = f"{note} {say('report.curves.thinned', shown=len(shown), points=len(first.points))}"
    return Table(say("report.curves.caption", axis=axis_title(first.axis)), heads, rows, note)


def curve_listing(item: Numbered, most: int = MOST_ROWS) -> tuple[Table, ...]:
    """The same for a terminal or a text of several runs, with the run in the caption."""
    table = None if emulated(item.record) else curve_table(item.record, most)
    if table is None:
        return ()
    run = say("report.model_on", model=item.model, place=item.place)
    title = say("report.operators.of_run", number=item.number, run=run, caption=table.caption)
    return (Table(title, table.columns, table.rows, table.note),)


def shown_points(points: int, most: int) -> Sequence[int]:
    """The indices of those that a table or a chart has room for."""
    if points <= most:
        return range(points)
    return [round(index * (points - 1) / (most - 1)) for index in range(most)]


def point_text(curve: Curve, index: int) -> str:
    """``after 10 s idle``."""
    return units.clean(str(point_words(curve.axis, curve.axis_unit, curve.at[index])))


def curve_title(name: str) -> str:
    """What the figure is called; of a record of a later version its name."""
    return str(curve_titles()[name]) if name in curve_titles() else units.clean(name)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def interval_text(point: CurvePoint, unit: str) -> str:
    """Bounds of the 95 % interval; empty where it has none."""
    return "" if point.interval95 is None else units.metric_interval(*point.interval95, unit)


def _cell(curve: Curve, index: int) -> Cell:
    point = curve.points[index] if index < len(curve.points) else None
    if point is None or point.value is None:
        return MISSING_CELL
    bounds = interval_text(point, curve.unit)
    return Cell(units.figure(point.value, curve.unit), notes=(bounds,) if bounds else ())
