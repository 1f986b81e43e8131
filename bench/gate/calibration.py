"""How much each metric of each series differs from itself from night to night, and whether a night differs by more.

The unit of replication is the night. A night's level is the mean of its processes' logarithms; the spread between
nights contains that between processes. A night is compared with the level of the base and of the first nights at that
level, by Student's t, with the standard deviation between nights:

    base level        mean of the base and of the nights after it, ``REFERENCE`` at the most: it does not follow a creep
    which nights      those before the first change of level that lasted (a t test at every split, corrected),
                      without nights that are further than ``FAR`` robust deviations from the median, and without a last
                      run of nights that differ as tonight may
    deviation         of those nights, shrunk towards half the tolerance and the spread between processes, which weigh
                      as ``PRIOR_NIGHTS`` nights (moderated t: Smyth 2004, Stat. Appl. Genetics Mol. Biology 3)
    tonight's own     a night whose processes differ by more than is usual gets that much more variance

Fractions, which may be 0, are compared by their difference; everything else is a logarithm.
"""

import math
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.gate.table import Table

REFERENCE = 20
PRIOR_NIGHTS = 4
FAR = 4.0
SETTLED = 8
"""Nights from which on a series' own spread stands for itself; with fewer, so few processes could differ by luck."""
TRAILING = 3
LATEST = 5  # nights that show whether a change of level lasted
CHUNK = 1_000  # rows that are computed together, so that memory does not grow with the history
ALPHA_SUSPECT = 0.05  # of suspecting anything in a night in which nothing changed, over all series and metrics
ALPHA_AGAIN = 0.02  # of one suspect being shown again by another session in which nothing changed
ALPHA_SPLIT = 0.001
ALPHA_FIRST = 0.005  # of the first night after the base, which has only the tolerance to be judged by
POWER = 0.8


class Noise(Struct, frozen=True, kw_only=True):
    """Of each row. ``reference``: level of the base, the mean of so many ``nights`` with so many ``processes`` in all.
    ``kept_nights``: that are at this level. ``deviation``: between nights, with ``df`` degrees of freedom. ``usual``:
    mean variance of a night by its own processes. ``alone`` [rows, nights]: p-value (two-sided) of each night by all
    others, ``shift`` its difference from their level; NaN for nights that are not at issue. ``kept``, ``trailing``:
    whether a night is at the base's level, or of the last nights in a row that differ from the others. ``cut``: column
    of the first change of level that lasted, -1 where there is none."""

    reference: Any
    nights: Any
    kept_nights: Any
    processes: Any
    deviation: Any
    df: Any
    usual: Any
    kept: Any
    alone: Any
    shift: Any
    trailing: Any = None
    cut: Any = None

    def error(self, own: Any) -> Any:
        """Standard error of the difference of a night from the base's level [rows]. ``own``: of its processes; NaN
        where unknown."""
        extra = np.maximum(0.0, np.nan_to_num(own) ** 2 - self.usual)
        return np.sqrt(self.deviation**2 * (1 + 1 / self.nights) + extra)

    @property
    def usual_error(self) -> Any:
        return np.sqrt(self.deviation**2 * (1 + 1 / self.nights))


def calibrated(table: Table, tolerance: float) -> Noise:
    """The noise of every row. ``tolerance``: a fraction."""
    least, count = math.log1p(tolerance), max(1, len(table.rows))
    parts = [_calibrated(_part(table, slice(begin, begin + CHUNK)), least) for begin in range(0, count, CHUNK)]
    if len(parts) == 1:
        return parts[0]
    return Noise(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in Noise.__struct_fields__})


def _part(table: Table, rows: slice) -> Table:
    arrays = ("level", "error", "processes", "base", "base_level", "base_error")
    return replace(table, rows=table.rows[rows], **{name: getattr(table, name)[rows] for name in arrays})


def _calibrated(table: Table, least: float) -> Noise:
    anchored = table.base >= 0
    origin = np.where(np.isnan(table.base_level), 0.0, table.base_level)
    level = table.level - origin[:, None]
    issue = np.isfinite(level)
    kept, cut = _before_a_change(level, issue, anchored, least)
    soon = _worse_since_the_base(table, level, kept, least)
    kept, cut = kept & ~soon, np.where(soon.any(1), (np.cumsum(soon, axis=1) == 0).sum(1), cut)
    first = _noise(table, level, issue, kept, anchored, origin, least)
    trailing = _trailing(first, issue, least, anchored, table.base)
    found = _noise(table, level, issue, kept & ~trailing, anchored, origin, least)
    return replace(found, alone=first.alone, shift=first.shift, trailing=trailing, cut=cut)


def p_values(difference: Any, error: Any, df: Any) -> Any:
    """Two-sided, by Student's t."""
    from scipy.special import stdtr

    return 2 * stdtr(df, -np.abs(difference) / np.maximum(error, 1e-300))


def quantile(p: Any, df: Any) -> Any:
    from scipy.special import stdtrit

    return stdtrit(df, p)


def _noise(table: Table, level: Any, issue: Any, kept: Any, anchored: Any, origin: Any, least: float) -> Noise:
    inlying = kept & ~_far(level, kept, least)
    count = inlying.sum(1)
    usual = _mean(table.error**2, inlying & np.isfinite(table.error))
    prior = (least / 2) ** 2 + usual
    order = np.cumsum(inlying, axis=1)
    early = inlying & (order <= REFERENCE) & anchored[:, None]
    mean, squares = _mean(level, inlying), _squares(level, inlying)
    around = _mean(level, early)
    used = early.sum(1)
    reference = np.where(used > 0, around, 0.0)
    deviation, df = _shrunk(squares, count, prior)
    alone, shift = _left_out(table, level, issue & kept, inlying, early, (mean, squares, count), prior, usual)
    first_processes = np.where(early, np.nan_to_num(table.processes), 0).sum(1)
    return Noise(
        reference=reference + origin,
        nights=np.maximum(used, 1),
        kept_nights=np.maximum(count, 1),
        processes=np.maximum(first_processes, 1),
        deviation=deviation,
        df=df,
        usual=usual,
        kept=inlying,
        alone=alone,
        shift=shift,
    )


def _shrunk(squares: Any, count: Any, prior: Any) -> tuple[Any, Any]:
    """Standard deviation and degrees of freedom: the nights' own and the prior's together."""
    own = np.maximum(count - 1, 0)
    df = PRIOR_NIGHTS + own
    return np.sqrt((PRIOR_NIGHTS * prior + squares) / df), df


def _left_out(
    table: Table, level: Any, judged: Any, inlying: Any, early: Any, all_: tuple[Any, Any, Any], prior: Any, usual: Any
) -> tuple[Any, Any]:
    """Each night judged by the others: its p-value and its difference."""
    mean, squares, count = (array[:, None] for array in all_)
    without = np.where(inlying, count - 1, count)
    less = np.where(inlying & (count > 1), count / np.maximum(count - 1, 1) * (level - mean) ** 2, 0.0)
    deviation, df = _shrunk(np.maximum(squares - less, 0.0), without, prior[:, None])
    total = np.where(early, np.nan_to_num(level), 0.0).sum(1)[:, None]
    used = early.sum(1)[:, None]
    others = np.where(early, used - 1, used)
    around = (total - np.where(early, np.nan_to_num(level), 0.0)) / np.maximum(others, 1)
    extra = np.maximum(0.0, np.nan_to_num(table.error) ** 2 - usual[:, None])
    shift = level - around
    error = np.sqrt(deviation**2 * (1 + 1 / np.maximum(others, 1)) + extra)
    known = judged & (others > 0) & (without >= 2)
    alone = np.where(known, p_values(shift, error, df), np.nan)
    return alone, np.where(known, shift, np.nan)


def _trailing(found: Noise, issue: Any, least: float, anchored: Any, base: Any) -> Any:
    """The last nights in a row, ``TRAILING`` at the most, that differ from all others; never the base."""
    different = (found.alone < ALPHA_AGAIN) & (np.abs(found.shift) > least)
    marked = np.zeros_like(issue)
    going = np.ones(len(issue), bool)
    left = np.full(len(issue), TRAILING)
    rows = np.arange(len(issue))
    for column in range(issue.shape[1] - 1, -1, -1):
        here = issue[:, column]
        going &= ~here | (different[:, column] & (left > 0))
        marked[:, column] = going & here
        left = left - marked[:, column]
    inside = base[anchored]
    marked[rows[anchored], inside] = False
    return marked


def _before_a_change(level: Any, issue: Any, anchored: Any, least: float) -> tuple[Any, Any]:
    """The nights before the first change of level that lasted, and its column. Of a base that is older than what was
    read, all nights.
    A level that the latest nights have left again is a part of the noise, or was put right."""
    kept, place = issue.copy(), np.full(len(level), -1)
    columns, latest = np.arange(level.shape[1]), _latest(level, issue)
    for _ in range(3):
        split, before, change = _first_split(level, kept, least)
        returned = np.abs(latest - before) < np.maximum(least, np.abs(change) / 2)
        cut = (split >= 0) & anchored & ~returned
        if not cut.any():
            break
        kept &= ~(cut[:, None] & (columns[None] >= split[:, None]))
        place = np.where(cut, split, place)
    return kept, place


def _latest(level: Any, issue: Any) -> Any:
    """The median of the last ``LATEST`` nights of each row."""
    behind = np.cumsum(issue[:, ::-1], axis=1)[:, ::-1]
    return _median(level, issue & (behind <= LATEST))


def _first_split(level: Any, kept: Any, least: float) -> tuple[Any, Any, Any]:
    """The column of the split with the largest t, if that is significant for all splits together and the levels differ
    by ``least``; otherwise -1. With the level before it, and its change."""
    place, p, change = _largest_split(level, kept)
    columns = np.arange(level.shape[1])
    before = _mean(level, kept & (columns[None] < place[:, None]))
    return np.where((p < ALPHA_SPLIT) & (np.abs(change) > least), place, -1), before, change


def split_p_values(level: Any, kept: Any, direction: Any) -> tuple[Any, Any]:
    """Of the split of each row with the largest t: its p-value, corrected for all splits of the row, and the change of
    level in ``direction`` [rows]."""
    centred = level - _mean(level, kept)[:, None]
    _, p, change = _largest_split(centred, kept)
    return p, change * direction


def _largest_split(level: Any, kept: Any) -> tuple[Any, Any, Any]:
    """Column, corrected p-value and change of level of the split with the largest t. At least three nights before it
    and two after it; 1 where there are none."""
    rows = np.arange(len(level))
    if level.shape[1] < 5:
        return np.full(len(level), -1), np.ones(len(level)), np.zeros(len(level))
    value = np.where(kept, level, 0.0)
    count, total, squares = (np.cumsum(array, axis=1) for array in (kept, value, value**2))
    n, m = count[:, :-1], count[:, -1:] - count[:, :-1]
    before, after = total[:, :-1] / np.maximum(n, 1), (total[:, -1:] - total[:, :-1]) / np.maximum(m, 1)
    within = squares[:, -1:] - n * before**2 - m * after**2
    df = np.maximum(n + m - 2, 1)
    error = np.sqrt(np.maximum(within, 1e-18) / df * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)))
    statistic = np.where((n >= 3) & (m >= 2), np.abs(after - before) / error, -1.0)
    best = statistic.argmax(axis=1)
    largest = statistic[rows, best]
    p = np.where(largest > 0, p_values(largest, 1.0, df[rows, 0]) * (n + m)[rows, 0], 1.0)
    return best + 1, p, (after - before)[rows, best]


def _worse_since_the_base(table: Table, level: Any, kept: Any, least: float) -> Any:
    """The nights after a change for the worse that came one or two nights after the base: too few before it for a
    split, and too few to be the median, so that the base would be taken for the odd night. The spread is shrunk as
    everywhere. Where the base is the worse one, nothing is marked: an odd base must not hide a regression."""
    direction = np.array([1.0 if row.metric.lower_is_better else -1.0 for row in table.rows])
    anchored = (table.base >= 0) & kept[np.arange(len(kept)), table.base] if level.shape[1] else table.base >= 0
    prior = (least / 2) ** 2 + _mean(table.error**2, kept & np.isfinite(table.error))
    order, count = np.cumsum(kept, axis=1), kept.sum(1)
    marked = np.zeros_like(kept)
    for early in (2, 1):
        before, after = kept & (order <= early), kept & (order > early)
        later = count - early
        squares = _squares(level, before) + _squares(level, after)
        deviation, df = _shrunk(squares, np.maximum(count - 1, 1), prior)
        change = (_mean(level, after) - _mean(level, before)) * direction
        error = deviation * np.sqrt(1 / early + 1 / np.maximum(later, 1))
        allowed = np.where(later == 1, ALPHA_FIRST, ALPHA_SPLIT / np.maximum(count, 1))
        found = anchored & (later > 0) & (change > least) & (p_values(change, error, df) < allowed)
        marked = np.where(found[:, None], after, marked)
    return marked


def _far(level: Any, kept: Any, least: float) -> Any:
    """Nights that are further from the median than ``FAR`` robust deviations; of four nights or more."""
    enough = kept.sum(1) >= 4
    away = np.abs(level - _median(level, kept)[:, None])
    scale = np.maximum(1.4826 * _median(away, kept), least / 4)
    return kept & enough[:, None] & (away > FAR * scale[:, None])


def _median(values: Any, kept: Any) -> Any:
    """Of the kept ones of each row; 0 where there are none."""
    if not values.shape[1]:
        return np.zeros(len(values))
    ordered = np.sort(np.where(kept, values, np.inf), axis=1)
    count = kept.sum(1)
    rows = np.arange(len(values))
    low, high = (np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[1] - 1))
    middle = (ordered[rows, low] + ordered[rows, high]) / 2
    return np.where(count > 0, middle, 0.0)


def _mean(values: Any, kept: Any) -> Any:
    return np.where(kept, np.nan_to_num(values), 0.0).sum(1) / np.maximum(kept.sum(1), 1)


def _squares(values: Any, kept: Any) -> Any:
    """Sum of the squares about the mean."""
    mean = _mean(values, kept)
    return np.where(kept, (np.nan_to_num(values) - mean[:, None]) ** 2, 0.0).sum(1)
