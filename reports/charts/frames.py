"""Frames over time: in time, late or dropped, a line a repeat."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record.record import RecordedRun
from bench.reports.charts import svg
from bench.reports.charts.svg import Figure
from bench.reports.words.figures import figure
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_ns, bound_percentile
from bench.words import say, units

CELLS = 120
"""Of one line: each stands for the worst of its frames."""
MOST_ROWS = 12
IN_TIME, LATE, DROPPED = "p5", "p3", "p4"
Moments = NDArray[Any]
STATES = ("p1", IN_TIME, LATE, DROPPED)  # the first: no frame was due


def frames_over_time(run: RecordedRun, name: str) -> Figure | None:
    """``None`` of other scenarios. Of many repeats the first are drawn."""
    scenario = run.record.plan.scenario
    if not kind_of(scenario).open_loop or bound_percentile(scenario) is not None:
        return None
    rows, longest = [], max((repeat.duration_ns or 0 for repeat in run.record.repeats), default=0)
    for number, repeat in enumerate(run.record.repeats[:MOST_ROWS], start=1):
        keys = repeat.samples.arrays if repeat.samples is not None else {}
        held = {role: run.samples[key] for role, key in keys.items() if key in run.samples}
        if longest and all(role in held for role in ("due_ns", "latency_ns", "dropped_ns")):
            cells = _cells(held["due_ns"], held["latency_ns"], held["dropped_ns"], bound_ns(scenario) or 0, longest)
            rows.append((say("chart.repeat", number=number), _pieces(cells, longest / CELLS)))
    if not rows:
        return None
    axis = svg.time_axis(0, float(longest), 58, svg.WIDTH - 12, say("chart.frames.axis"))
    in_time, dropped = (figure(run.record, f"{part}_fraction") or 0.0 for part in ("in_time", "dropped"))
    legend = tuple(
        (style, say(f"chart.frames.{key}"), units.figure(share, "fraction"))
        for style, key, share in (
            (IN_TIME, "in_time", in_time),
            (LATE, "late", max(0.0, 1 - in_time - dropped)),
            (DROPPED, "dropped", dropped),
        )
    )
    words = "; ".join(f"{title}: {value}" for _, title, value in legend)
    title = say("chart.frames.title")
    drawn, all_ = len(rows), len(run.record.repeats)
    note = say("chart.frames.note") if drawn == all_ else say("chart.frames.note_first", drawn=drawn, repeats=all_)
    return Figure(title, svg.bars(f"{name}-frames", title, words, rows, axis), legend, note)


def _cells(due: Moments, latency: Moments, dropped: Moments, bound: int, longest: int) -> list[int]:
    """The worst state of each cell: 0 no frame, 1 in time, 2 late, 3 dropped."""
    found = np.zeros(CELLS, np.int64)
    states = np.concatenate([np.where(latency <= bound, 1, 2), np.full(len(dropped), 3)])
    place = np.minimum(np.concatenate([due, dropped]) * CELLS // max(1, longest), CELLS - 1).astype(np.int64)
    np.maximum.at(found, place, states)
    return [int(state) for state in found]


def _pieces(cells: list[int], wide: float) -> list[tuple[str, float]]:
    """Runs of cells of one state, as styles and widths."""
    found: list[tuple[str, float]] = []
    for state in cells:
        style = STATES[state]
        if found and found[-1][0] == style:
            found[-1] = style, found[-1][1] + wide
        else:
            found.append((style, wide))
    return found
