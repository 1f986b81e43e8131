"""A search's result in words and rows that all its writers share."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.analysis.metrics import METRICS
from bench.contracts import Tunable
from bench.reports.view.rows import Cell, Column, Table
from bench.tuning.front import Axis
from bench.tuning.result import Tried, Tuning
from bench.words import say, units

UNITS: Mapping[str, str] = MappingProxyType(
    {**{metric.name: metric.unit for metric in METRICS}, "sqnr_db": "decibels", "tokens_equal": "fraction"}
)
SIGNS = MappingProxyType({"measured": "", "failed": "✕", "wrong_outputs": "✕", "left_out": "–"})
MOST_SHOWN = 20
"""Measured settings of a table, besides those of the front; JSON has all of them."""


def title(metric: str) -> str:
    return say(f"metric.{metric}.title") if metric not in ("sqnr_db", "tokens_equal") else say(f"tune.axis.{metric}")


def figure(value: float | None, metric: str) -> str:
    return units.figure(value, UNITS[metric])


def setting(tried: Tried) -> str:
    """``NAME=VALUE …``; the default by its word."""
    return setting_of(tried.options)


def setting_of(options: Mapping[str, str]) -> str:
    named = " ".join(f"{name}={value}" for name, value in options.items())
    return units.clean(named) or say("tune.default")


def headline(tuning: Tuning) -> str:
    goal = say(f"tune.goal.{tuning.goal}")
    return say("tune.title", model=units.clean(tuning.model), target=units.clean(tuning.target), goal=goal)


def summary(tuning: Tuning) -> str:
    """What was searched, and in what time."""
    tried = sum(one.state != "left_out" for one in tuning.tried) - 1
    return say(
        "tune.summary",
        space=tuning.space,
        tried=tried,
        used=tuning.used_ns,
        budget=tuning.budget_ns,
        seed=tuning.seed,
        metric=title(tuning.metric),
        scenario=tuning.scenario,
    )


def measured(tuning: Tuning) -> list[Tried]:
    """The default, then those that were measured, the best first."""
    return [one for one in tuning.tried if one.state == "measured"]


def shown(tuning: Tuning) -> list[tuple[int, Tried]]:
    """With their numbers: the front, and the best of the others. The default is number 0."""
    every = list(enumerate(measured(tuning)))
    return [(number, one) for number, one in every if number <= MOST_SHOWN or one.on_front]


def lost(tuning: Tuning) -> list[Tried]:
    return [one for one in tuning.tried if one.state in ("failed", "wrong_outputs")]


def change(tried: Tried) -> str:
    """By the heats: against the default."""
    return units.MISSING if tried.ratio is None or not tried.options else units.percent_change(tried.ratio)


def interval(tried: Tried) -> str:
    if tried.interval is None:
        return ""
    return say("tune.interval", interval=units.change_interval(*tried.interval), processes=tried.processes)


def table(tuning: Tuning) -> Table:
    """Every setting that is shown, with the figures of the front."""
    heads = (
        Column("setting", say("tune.column.setting")),
        Column("change", say("tune.column.change", metric=title(tuning.metric))),
        *(Column(axis.metric, title(axis.metric)) for axis in tuning.axes),
        Column("front", say("tune.column.front")),
    )
    rows = tuple(_row(number, one, tuning.axes) for number, one in shown(tuning))
    left = len(measured(tuning)) - len(rows)
    note = say("tune.table.note")
    return Table(say("tune.table"), heads, rows, f"{note} {say('tune.table.more', settings=left)}" if left else note)


def _row(number: int, one: Tried, axes: tuple[Axis, ...]) -> tuple[Cell, ...]:
    told = interval(one)
    return (
        Cell(f"{number}. {setting(one)}"),
        Cell(change(one), notes=(told,) if told else ()),
        *(Cell(figure(one.figures.get(axis.metric), axis.metric)) for axis in axes),
        Cell("●" if one.on_front else ""),
    )


def lost_table(tuning: Tuning) -> Table | None:
    """Settings that failed or whose outputs are wrong, and why."""
    rows = tuple((Cell(setting(one)), Cell(units.clean(str(one.reason)))) for one in lost(tuning))
    heads = Column("setting", say("tune.column.setting")), Column("reason", say("tune.column.reason"))
    return Table(say("tune.lost"), heads, rows) if rows else None


def space_table(tuning: Tuning) -> Table:
    """What was tuned, in which values."""
    rows = tuple(
        (Cell(units.clean(one.name)), Cell(units.clean(", ".join(one.values)), notes=_outputs(one)))
        for one in tuning.tunables
    )
    heads = Column("option", say("tune.column.option")), Column("values", say("tune.column.values"))
    return Table(say("tune.tunables"), heads, rows)


def _outputs(one: Tunable) -> tuple[str, ...]:
    return (say("tune.may_change"),) if one.changes_outputs else ()
