"""The rate that the gate states: each quiet night of this history, judged by all others as tonight is.

A night is quiet for a series if it is at the base's level by the change of level that a look back finds, and not part
of what the gate answers tonight. Quiet does not mean that the gate had nothing to say: a night that stands out alone
counts as a false alarm. So do all nights after a change for the worse on which no version that the records contain
changed: nothing explains them but the noise of the machine. A night is red if something that it suspects is also shown
by the night after it, which stands for the measurement in a new session.
"""

from typing import Any

import numpy as np
from msgspec import Struct

from bench.gate.calibration import ALPHA_AGAIN, ALPHA_SUSPECT, Noise
from bench.gate.finding import Stated
from bench.gate.machine import common_shift
from bench.gate.table import Table
from bench.stats.proportions import clopper_pearson_upper

FEWEST_OTHERS = 3  # nights at the base's level that a night can be judged by


class Replayed(Struct, frozen=True, kw_only=True):
    """Of each night of the table: whether it was judged, had a suspect, was red, and was one of a moved machine."""

    judged: Any
    suspect: Any
    red: Any
    machine: Any


def replayed(table: Table, noise: Noise, least: float, tonight: Any) -> Replayed:
    """``tonight`` [rows]: whether the row is suspected tonight, so that its last nights are the same question."""
    shift, p_value = noise.shift.copy(), noise.alone.copy()
    open_ = noise.trailing & tonight[:, None]
    p_value[open_ | (noise.kept_nights < FEWEST_OTHERS)[:, None]] = np.nan
    judged = np.isfinite(p_value)
    direction = np.array([1.0 if row.metric.lower_is_better else -1.0 for row in table.rows])
    worse_by = shift * direction[:, None]
    moved = _machine_nights(table, noise, np.where(judged, worse_by, np.nan), least)
    weight = np.array([row.weight for row in table.rows])
    total = np.where(judged, weight[:, None], 0).sum(0)
    allowed = ALPHA_SUSPECT * weight[:, None] / np.maximum(total, 1e-12)[None]
    away = judged & ~moved & (worse_by > least)
    with np.errstate(invalid="ignore"):
        suspect = away & (p_value <= allowed)
        again = away & (p_value <= ALPHA_AGAIN)
    unexplained = _unexplained(table, noise, direction, least)
    red = (suspect & _next(again, judged)) | unexplained
    return Replayed(
        judged=(judged | unexplained).any(0),
        suspect=(suspect | unexplained).any(0),
        red=red.any(0),
        machine=moved.any(0),
    )


def _unexplained(table: Table, noise: Noise, direction: Any, least: float) -> Any:
    """The nights after a change for the worse that no event is near [rows, nights]."""
    found = np.zeros_like(noise.trailing)
    for i in np.flatnonzero(noise.cut >= 0):
        cut, after = int(noise.cut[i]), table.level[i, noise.cut[i] :]
        if {cut - 1, cut, cut + 1} & table.changed[table.rows[i].number]:
            continue
        if (np.nanmean(after) - noise.reference[i]) * direction[i] > least:
            found[i, cut:] = np.isfinite(after)
    return found


def stated(found: Replayed, smallest: Any) -> Stated:
    """``smallest`` [rows]: of the leading metrics, the smallest change that is found; NaN where none is."""
    nights, red = int(found.judged.sum()), int((found.judged & found.red).sum())
    known = smallest[np.isfinite(smallest)]
    return Stated(
        nights=nights,
        false_alarms=red,
        rate_at_most=clopper_pearson_upper(red, nights) if nights else None,
        smallest_change=float(np.median(known)) if nights and len(known) else None,
        suspects=int((found.judged & found.suspect).sum()),
        machine_nights=int((found.judged & found.machine).sum()),
    )


def _next(again: Any, judged: Any) -> Any:
    """Whether the next night that was judged shows it again [rows, nights]."""
    following = np.zeros_like(again)
    coming = np.zeros(len(again), bool)
    for column in range(again.shape[1] - 1, -1, -1):
        following[:, column] = coming
        coming = np.where(judged[:, column], again[:, column], coming)
    return following


def _machine_nights(table: Table, noise: Noise, worse_by: Any, least: float) -> Any:
    """The nights on which all series of a row's machine moved together [rows, nights]."""
    machine = np.array([table.known[row.number].series.place for row in table.rows], dtype=object)
    leading = np.array([row.leading for row in table.rows], dtype=bool)
    moved = np.zeros_like(noise.trailing)
    error = noise.usual_error
    for name in dict.fromkeys(machine):
        rows = machine == name
        lead = rows & leading
        for column in range(moved.shape[1]):
            if common_shift(worse_by[lead, column], error[lead], least) is not None:
                moved[rows, column] = True
    return moved
