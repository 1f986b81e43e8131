"""``odb history show``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import INTEGER, option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import (
    HistoryCommand,
    complete_series,
    history_option,
    opened,
    series_named,
    width,
    word_of,
)
from bench.cli.options import echo_json, json_option
from bench.cli.terminal.columns import columns
from bench.printable import clean
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.analysis.metrics import Metric
    from bench.nights.decisions import Decision
    from bench.nights.events import Event
    from bench.nights.point import Point

SHOWN = 30
COLUMNS = ("night", "figure", "interval", "word", "changed", "record")


@click.command("show", cls=HistoryCommand, help="cli.help.history.show", epilog="cli.epilog.history.show")
@lang_option
@click.argument("series", shell_complete=complete_series)
@history_option
@option("--metric", metavar="NAME", help="cli.help.history.metric")
@option("--last", type=INTEGER, default=SHOWN, show_default=True, metavar="N", help="cli.help.history.last")
@json_option
def command(series: str, folder: Path | None, metric: str | None, last: int, as_json: bool) -> int:
    """``odb history show``."""
    from bench.errors import InputError, of_flag
    from bench.nights.events import events_of

    if last < 0:
        raise InputError(of_flag("--last", sentence("cli.history.below_zero")))
    with opened(folder) as history:
        found = series_named(history, series)
        points, base = history.points(found.id), history.base(found.id)
        decisions = [one for one in history.decisions() if one.series == found.id]
    events = events_of(points)
    shown = points[-last:] if last else points
    if as_json:
        echo_json(for_scripts(shown, events, decisions, base))
        return 0
    head = metric_named(metric, points)
    click.echo(clean(found.name))
    click.echo(say("cli.history.about", id=found.id, machine=clean(found.machine or "-"), n=len(points)))
    if head is None:
        click.echo(say("cli.history.no_metric"))
    else:
        click.echo(say("cli.history.metric", title=head.title))
    rows = [row_of(point, head, events, decisions, base) for point in shown]
    click.echo(columns([say(f"cli.history.column.{name}") for name in COLUMNS], rows, width()))
    if len(shown) < len(points):
        click.echo(say("cli.history.earlier", n=len(points) - len(shown)))
    return 0


def metric_named(name: str | None, points: "Sequence[Point]") -> "Metric | None":
    """That metric, or the one that leads the newest night that has one. Raises ``InputError`` for a name nobody knows,
    and for one that no night has."""
    from bench.analysis.metrics import METRICS
    from bench.errors import UnknownName

    known = {metric.name: metric for metric in METRICS}
    leading = name or next((point.leading for point in reversed(points) if point.leading), None)
    if leading is None:
        return None
    measured = {one for point in points for one in point.levels}
    if leading not in measured or leading not in known:
        raise UnknownName(sentence("cli.history.metric_word"), leading, measured & known.keys())
    return known[leading]


def row_of(
    point: "Point",
    metric: "Metric | None",
    events: "Sequence[Event]",
    decisions: "Sequence[Decision]",
    base: "Point | None",
) -> list[str]:
    """A night in a line."""
    from bench.nights.intervals import interval_of
    from bench.words import units

    level = None if metric is None else point.levels.get(metric.name)
    figure = interval = ""
    if metric is not None and level is not None:
        figure = units.figure(level.figure, metric.unit)
        reach = interval_of(level, metric.fraction)
        interval = "" if reach is None else units.metric_interval(*reach, metric.unit)
    notes = [changed(event) for event in events if event.record_id == point.record_id]
    notes += [decided(one) for one in decisions if one.record_id == point.record_id]
    if base is not None and base.record_id == point.record_id:
        notes.append(say("cli.history.is_base"))
    return [units.when(point.created_utc), figure, interval, word_of(point), "; ".join(notes), clean(point.record_id)]


def changed(event: "Event") -> str:
    """An event in words."""
    before, after = (None if value is None else clean(value) for value in (event.before, event.after))
    if before is None:
        return say("cli.history.event.new", what=clean(event.what), after=after)
    if after is None:
        return say("cli.history.event.gone", what=clean(event.what), before=before)
    return say("cli.history.event.changed", what=clean(event.what), before=before, after=after)


def decided(one: "Decision") -> str:
    """A decision in words."""
    why, name = clean(one.why), clean(one.name)
    if one.kind == "accept":
        return say("cli.history.accepted", why=why)
    return say("cli.history.pinned_as", why=why, name=name) if name else say("cli.history.pinned", why=why)


def for_scripts(
    points: "Sequence[Point]", events: "Sequence[Event]", decisions: "Sequence[Decision]", base: "Point | None"
) -> Mapping[str, Any]:
    """A series as JSON: the fields of its points, with what changed and was decided on each night."""
    import msgspec

    from bench.nights.exporting import plain

    series = points[0].series if points else None
    return {
        "id": None if series is None else series.id,
        "series": series,
        "base": None if base is None else base.record_id,
        "nights": [
            {
                **{name: value for name, value in plain(point).items() if name not in ("series", "series_id")},
                "events": [
                    {name: value for name, value in msgspec.structs.asdict(event).items() if name != "record_id"}
                    for event in events
                    if event.record_id == point.record_id
                ],
                "decisions": [one for one in decisions if one.record_id == point.record_id],
            }
            for point in points
        ],
    }
