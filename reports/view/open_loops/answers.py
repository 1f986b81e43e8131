"""What a run of an open loop shows: answers in time, frames dropped, the age of answers, and the largest rate."""

from collections.abc import Callable, Iterator, Mapping

from bench.contracts import Scenario
from bench.record.record import Record
from bench.reports.view.rows import Cell, Table, columns
from bench.reports.words.figures import between, figure, interval, leading, metrics, shown
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_ns, bound_percentile, is_searched
from bench.words import say, units

Shown = Callable[[Record], str]
Fact = tuple[str, str, str]
"""A label, a value and a note."""


def tail_metric(scenario: Scenario) -> str:
    """The percentile of latency that the bound is about; of frames, and of one that no record states, the p99."""
    asked = bound_percentile(scenario)
    named = "" if asked is None else f"latency_p{asked:g}_ns".replace(".", "")
    return named if named in metrics() else "latency_p99_ns"


def open_loop_cell(record: Record) -> tuple[str, tuple[str, ...], float | None]:
    """Value, notes and bar weight of a cell: the largest rate or the fraction in time, with its interval, what was
    dropped, and the latency."""
    name = leading(record)
    notes = [between(record, name) or say("report.no_interval")]
    if figure(record, "dropped_fraction"):
        notes.append(say("report.open_loop.dropped", share=figure(record, "dropped_fraction")))
    notes += [f"{metrics()[metric].short} {shown(record, metric)}" for metric in _latencies(record) if metric != name]
    return shown(record, name), tuple(notes), figure(record, name)


def _latencies(record: Record) -> Iterator[str]:
    yield from dict.fromkeys(("latency_p50_ns", tail_metric(record.plan.scenario)))


def open_loop_columns(scenario: Scenario) -> Mapping[str, Shown]:
    """Key of a column of a list of runs -> what stands in it."""
    tail = tail_metric(scenario)
    latency = {tail.removeprefix("latency_").removesuffix("_ns"): _shown(tail)}
    if is_searched(scenario):
        return {"largest_rate": _rate, "interval95": _rates, **latency}
    in_time = {"in_time": _shown("in_time_fraction")}
    frames = bound_percentile(scenario) is None
    return {**in_time, **({"dropped": _shown("dropped_fraction")} if frames else {}), "p50": _shown(P50), **latency}


P50 = "latency_p50_ns"


def _shown(name: str) -> Shown:
    return lambda record: shown(record, name)


def _rate(record: Record) -> str:
    return units.number(figure(record, "largest_rate_per_s"), "/s")


def _rates(record: Record) -> str:
    bounds = interval(record, "largest_rate_per_s")
    return units.MISSING if bounds is None else f"{units.number(bounds[0])} – {units.number(bounds[1], '/s')}"


def open_loop_facts(record: Record) -> Iterator[Fact]:
    """The main figures of a run."""
    scenario, summary = record.plan.scenario, record.summary
    queries = "" if summary.latency_ns is None else units.counted(summary.latency_ns.n, "query", "queries")
    if is_searched(scenario):
        yield _fact(record, "largest_rate_per_s")
    yield _fact(record, "in_time_fraction")
    if bound_percentile(scenario) is None:
        yield _fact(record, "dropped_fraction")
        yield say("report.open_loop.age"), shown(record, "latency_p50_ns"), _within(record, "latency_p50_ns")
    else:
        tail = tail_metric(scenario)
        yield say("report.open_loop.latency", short=metrics()[tail].short), shown(record, tail), queries


def _fact(record: Record, name: str) -> Fact:
    title = str(metrics()[name].title)
    return title[:1].upper() + title[1:], shown(record, name), _within(record, name)


def _within(record: Record, name: str) -> str:
    bounds = between(record, name)
    return say("report.within95", bounds=bounds) if bounds else say("report.no_interval")


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
    title, value, _ = _fact(record, name)
    bounds = between(record, name)
    return _cells(title, value, say("report.between95", bounds=bounds) if bounds else "")
