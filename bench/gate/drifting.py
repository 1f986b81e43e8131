"""Since when a series has been at another level: change points over its nights.

All series are looked at every night. So a series is examined only if a split of it is significant after correction for
all splits and all series, and then the permutation test of ``bench.stats.over_time.change_points`` decides.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from bench.gate.calibration import Noise, split_p_values
from bench.gate.figures import Figures
from bench.gate.finding import Drift
from bench.gate.table import Table
from bench.stats.over_time.change_points import ChangePoint, change_points

NIGHTS = 60  # that are looked at
WINDOW = 60
MAX_P = 0.001
ALPHA_SCREEN = 0.01  # of examining anything where nothing changed
MOST_EXAMINED = 60  # a night on which more has changed is no drift


def drifts(
    table: Table, noise: Noise, tonight: Figures, ids: dict[int, tuple[str, str]], asked: Iterable[int], least: float
) -> dict[int, Drift]:
    """Number of a known series -> since when its leading metric has been worse, for those of which that is shown.
    ``ids``: tonight's record and night, by number. ``asked``: series examined in any case, because tonight is worse."""
    leading = [i for i, row in enumerate(table.rows) if row.leading and row.number in ids]
    if not leading:
        return {}
    level = np.column_stack((table.level, tonight.level))[leading]
    direction = np.array([1.0 if table.rows[i].metric.lower_is_better else -1.0 for i in leading])
    p, worse = split_p_values(level, np.isfinite(level), direction)
    wanted = set(asked)
    chosen = [
        k
        for k in range(len(leading))
        if (p[k] * len(leading) < ALPHA_SCREEN and worse[k] > least) or table.rows[leading[k]].number in wanted
    ]
    found = {}
    for k in sorted(chosen, key=lambda k: p[k])[:MOST_EXAMINED]:
        number = table.rows[leading[k]].number
        drift = _drift(table, noise, leading[k], level[k], ids[number], direction[k], least)
        if drift is not None:
            found[number] = drift
    return found


def _drift(
    table: Table, noise: Noise, i: int, level: Any, tonight: tuple[str, str], direction: float, least: float
) -> Drift | None:
    columns = np.flatnonzero(np.isfinite(level))[-NIGHTS:]
    values = (level[columns] - noise.reference[i]) * direction
    points = change_points(values.tolist(), window=WINDOW, max_p=MAX_P, min_magnitude=least)
    begun = _begun(points, least)
    if begun is None:
        return None
    first, now = begun
    column = int(columns[first.index])
    row = table.rows[i]
    past = column < len(table.nights)
    record, night = (table.record_ids[row.number][column], table.nights[column]) if past else tonight
    change = (now - first.before) * direction
    return Drift(metric=row.metric.name, since=record, night=night, change=math.expm1(change), p_value=first.p_value)


def _begun(points: tuple[ChangePoint, ...], least: float) -> tuple[ChangePoint, float] | None:
    """The change with which the present, worse level began, and that level: after it no level was back at the base's.
    ``None`` where the present level is not worse, or is one that the series has had before and left again."""
    begun, highest = None, 0.0
    for point in points:
        if point.after <= least:
            begun = None
        elif begun is None:
            begun = point
        if begun is None:
            highest = max(highest, point.before)
    if begun is None or points[-1].after <= highest + least:
        return None
    return begun, points[-1].after
