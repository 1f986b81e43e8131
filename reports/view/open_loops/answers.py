"""What a run of an open loop shows: answers in time, frames dropped, the age of answers, and the largest rate."""

from bench.record.record import Record
from bench.reports.view.rows import Cell, Table, columns
from bench.reports.words.figures import between, figure, metrics, shown
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_ns, bound_percentile, is_searched
from bench.words import say, units


def _fact(record: Record, name: str) -> tuple[str, str]:
    title = str(metrics()[name].title)
    return title[:1].upper() + title[1:], shown(record, name)


def answers_table(record: Record) -> Table | None:
    """The queries of an open loop: in time, late and dropped, with the age of the answers."""
    in_time = figure(record, "in_time_fraction")
    if not kind_of(record.plan.scenario).open_loop or in_time is None:
        return None
    frames = bound_percentile(record.plan.scenario) is None
    dropped = figure(record, "dropped_fraction") or 0.0
    rows = [
        _row(record, "in_time_fraction"),
        _cells(say("report.open_loop.late"), units.figure(max(0.0, 1 - in_time - dropped), "fraction"), ""),
        *((_row(record, "dropped_fraction"), _row(record, "jitter_ns")) if frames else ()),
        _cells(say("report.open_loop.rate"), shown(record, "throughput_per_s"), ""),
    ]
    bound = say("report.open_loop.bound", bound_ns=bound_ns(record.plan.scenario))
    code = "frames" if frames else "searched" if is_searched(record.plan.scenario) else "server"
    caption, note = say("report.open_loop.caption"), say(f"report.open_loop.note.{code}", bound=bound)
    return Table(caption, columns("statistic", "value", "note"), tuple(rows), note)


def _cells(*values: str) -> tuple[Cell, ...]:
    return tuple(Cell(value) for value in values)


def _row(record: Record, name: str) -> tuple[Cell, ...]:
    title, value = _fact(record, name)
    bounds = between(record, name)
    return _cells(title, value, say("report.between95", bounds=bounds) if bounds else "")
