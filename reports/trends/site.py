"""The pages of the site: ``index.html`` with every series, and ``series/<id>.html`` for each."""

import math
from collections.abc import Collection, Sequence

from msgspec import Struct

from bench.nights.events import Event
from bench.nights.intervals import interval_of
from bench.nights.point import Point
from bench.nights.trend import Shift, Trend
from bench.printable import visible
from bench.reports.templates import template
from bench.reports.trends.chart import BY_NAME, NARROW, recent, sparkline, trend_figure
from bench.words import say, sentence, units

NIGHTS = 200  # of a series that its page lists, the newest
SHIFTS = 25  # changes of level that the overview lists, the newest
FILTERS = ("model", "target", "machine")


class Choice(Struct, frozen=True):
    """A value of a filter: ``key`` is its class on the page."""

    key: str
    text: str


class Moved(Struct, frozen=True):
    """A change of level. ``size``: of its logarithm, to order them by."""

    night: str
    size: float
    change: str
    metric: str
    name: str
    href: str


class Line(Struct, frozen=True, kw_only=True):
    """A series on the overview. ``shift``: its last change of level; ``state``: of the last night. ``dates``: of all
    its nights; ``records``: how many."""

    href: str
    model: str
    target: str
    scenario: str
    machine: str
    figure: str
    since_base: str
    shift: str
    state: str
    sign: str
    last: str
    spark: str
    records: int
    dates: frozenset[str]
    moved: tuple[Moved, ...]

    @property
    def nights(self) -> str:
        return units.grouped(len(self.dates))


class Page(Struct, frozen=True):
    """A series' own page, and its line on the overview."""

    name: str
    data: bytes
    line: Line


class Night(Struct, frozen=True, kw_only=True):
    night: str
    figure: str
    interval: str
    state: str
    sign: str
    said: str
    happened: str
    record_id: str


class HtmlHistory:
    summary = sentence("trend.title")

    def series_page(self, trend: Trend) -> Page:
        return series_page(trend)

    def overview(self, pages: Sequence[Page], made: str) -> bytes:
        return overview([page.line for page in pages], made)


def series_page(trend: Trend) -> Page:
    """The page of one series. The same trend gives the same bytes."""
    name = f"series/{trend.series.id}.html"
    return Page(name, _page(trend), _line(trend, name))


def overview(lines: Sequence[Line], made: str) -> bytes:
    """``index.html``, which links to the pages of ``lines``. ``made``: when, for its head."""
    lines = sorted(lines, key=lambda line: (line.model, line.target, line.scenario, line.machine))
    menus = {name: _choices({getattr(line, name) for line in lines}, name) for name in FILTERS}
    keys = {(name, choice.text): choice.key for name, menu in menus.items() for choice in menu}
    moved = sorted((one for line in lines for one in line.moved), key=lambda one: (one.night, one.size), reverse=True)
    page = template("trends.html.j2").render(
        lines=[(line, " ".join(keys[name, getattr(line, name)] for name in FILTERS)) for line in lines],
        menus=[(name, say(f"trend.filter.{name}"), menu) for name, menu in menus.items() if len(menu) > 1],
        shifts=moved[:SHIFTS],
        nights=len(frozenset[str]().union(*(line.dates for line in lines))),
        records=sum(line.records for line in lines),
        made=made,
    )
    return visible(page).encode()


def _choices(values: Collection[str], name: str) -> list[Choice]:
    return [Choice(f"{name[:2]}{number}", value) for number, value in enumerate(sorted(values))]


# ------------------------------------------------------------------------------------------------------ one series


def _line(trend: Trend, href: str) -> Line:
    series, last, good = trend.series, trend.last, trend.counting
    state, sign = _state(last)
    newest = trend.shifts[-1] if trend.shifts else None
    return Line(
        href=href,
        model=units.clean(series.model),
        target=units.clean(series.target),
        scenario=units.clean(" · ".join((series.scenario, *series.options, *series.settings))),
        machine=units.clean(series.place) or units.MISSING,
        figure=_figure(good[-1], trend.metric) if good else units.MISSING,
        since_base=_since_base(trend),
        shift="" if newest is None else f"{units.percent_change(1 + newest.change)} · {newest.night}",
        state=state,
        sign=sign,
        last=last.night,
        spark=sparkline(trend),
        records=len(trend.points),
        dates=frozenset(point.night for point in trend.points),
        moved=tuple(_moved(shift, trend, href) for shift in trend.shifts),
    )


def _moved(shift: Shift, trend: Trend, href: str) -> Moved:
    change, metric = units.percent_change(1 + shift.change), str(BY_NAME[shift.metric].title)
    return Moved(shift.night, abs(math.log1p(shift.change)), change, metric, units.clean(trend.series.name), href)


def _state(point: Point) -> tuple[str, str]:
    if point.counts:
        return "valid", "✓"
    return ("failed", "✗") if point.status == "failed" else ("invalid", "!")


def _figure(point: Point, metric: str | None) -> str:
    level = point.levels.get(metric or "")
    return units.MISSING if metric is None or level is None else units.figure(level.figure, BY_NAME[metric].unit)


def _since_base(trend: Trend) -> str:
    """The last night that counts against the base."""
    base = next((p for p in trend.points if p.record_id == trend.base_id), None)
    good = trend.counting
    if base is None or not good or trend.metric is None or trend.metric not in base.levels:
        return units.MISSING
    if good[-1].record_id == base.record_id:
        return say("trend.base")
    x, y = base.levels[trend.metric].figure, good[-1].levels[trend.metric].figure
    if BY_NAME[trend.metric].fraction:
        return units.points(y - x)
    return units.percent_change(y / x) if x else units.MISSING


def _page(trend: Trend) -> bytes:
    series = trend.series
    last, good = trend.last, trend.counting
    figures = [trend_figure(trend, "trend"), trend_figure(recent(trend), "recent", NARROW)]
    facts = [
        (say("trend.filter.target"), units.clean(series.target)),
        (say("trend.scenario"), units.clean(series.scenario)),
        (say("trend.precision"), units.clean(series.precision)),
        (say("trend.shapes"), units.clean(", ".join(series.shapes))),
        (say("trend.options"), units.clean(", ".join((*series.options, *series.settings)))),
        (say("trend.filter.machine"), units.clean(series.machine)),
        (say("trend.device"), units.clean(series.device)),
        (say("trend.id"), series.id),
    ]
    page = template("trend.html.j2").render(
        name=units.clean(series.model),
        target=units.clean(series.target),
        facts=[(label, text) for label, text in facts if text],
        metric="" if trend.metric is None else str(BY_NAME[trend.metric].title),
        last=last.night,
        state=_state(last),
        latest=_figure(good[-1], trend.metric) if good else units.MISSING,
        since_base=_since_base(trend),
        figures=[("wide", figures[0]), ("narrow", figures[1])],
        nights=[_night(point, trend) for point in reversed(trend.points[-NIGHTS:])],
        left=max(0, len(trend.points) - NIGHTS),
        events=[_event(event) for event in reversed(trend.events)],
        shifts=[(s.night, units.percent_change(1 + s.change), units.digits(s.p_value)) for s in reversed(trend.shifts)],
        decisions=[
            (d.at_utc[:10], say(f"trend.decision.{d.kind}"), units.clean(d.record_id), units.clean(d.why))
            for d in reversed(trend.decisions)
        ],
    )
    return visible(page).encode()


def _event(event: Event) -> tuple[str, str, str, str]:
    before, after = (units.MISSING if v is None else units.clean(v) for v in (event.before, event.after))
    return event.created_utc[:10], units.clean(event.what), before, after


def _night(point: Point, trend: Trend) -> Night:
    level = point.levels.get(trend.metric or "")
    metric = BY_NAME.get(trend.metric or "")
    between = None if level is None or metric is None else interval_of(level, metric.fraction)
    state, sign = _state(point)
    changed = sorted({event.what for event in trend.events if event.record_id == point.record_id})
    marks = [say("trend.base")] if point.record_id == trend.base_id else []
    return Night(
        night=point.night,
        figure=_figure(point, trend.metric),
        interval="" if between is None or metric is None else units.metric_interval(*between, metric.unit),
        state=state,
        sign=sign,
        said=", ".join(point.codes) if point.codes else say(f"trend.state.{state}"),
        happened=units.clean(", ".join((*marks, *changed))),
        record_id=units.clean(point.record_id),
    )
