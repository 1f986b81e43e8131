"""A meter's log: its readings in one form, whatever wrote the file, and the figures that follow from them."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec import Struct

from bench.power.doubt import Doubt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Clock = Literal["utc", "local", "relative"]
"""What the times of a log are: of a known zone, of one that the log does not state, or since its own beginning."""
Tier = Literal["meter", "sensor"]
StandsFor = Literal["moment", "before", "after", ""]
"""What a reading is: the power at its time, or the mean of the time since the reading before it or until the next;
empty: the file does not say."""
MOST_WATTS = 1e9
"""No meter reads more; such a number is another column, or damage."""


MOST_STEPS = 1.5
"""A step of more than this many of the usual ones holds readings that are missing."""


class PowerLog(Struct, frozen=True, kw_only=True, dict=True):
    """The readings of one channel.

    ``seconds`` (float64 [n]) since the first reading, in the order of the file; ``watts`` (float64 [n]), NaN where the
    meter did not read. ``began``: the first reading's time, ISO 8601, with an offset if ``clock`` is ``utc``; empty if
    it is ``relative``. ``format``: who wrote the file (``ptdaemon``, ``joulescope`` …). ``channel``: the column or
    signal that was read; ``channels``: all that hold power. ``tier``: ``sensor`` for a chip's own estimate. ``volts``:
    given by the user, where the log holds a current only. ``marks``: labels that the meter's operator set, with the
    first reading of each. ``stands_for``: every reading does. ``meter``: what the file says of the device: ``model``,
    ``serial`` and the like.
    ``doubts_of_reader``: what only the reader of the file could see.
    """

    name: str
    sha256: str
    size_bytes: int
    format: str
    channel: str
    seconds: Any
    watts: Any
    clock: Clock
    tier: Tier = "meter"
    stands_for: StandsFor = ""
    began: str = ""
    volts: float | None = None
    channels: tuple[str, ...] = ()
    marks: tuple[tuple[str, int], ...] = ()
    meter: Mapping[str, str] = {}
    doubts_of_reader: tuple[Doubt, ...] = ()

    @cached_property
    def read(self) -> "NDArray[np.bool_]":
        """bool [n]: which readings hold a finite power."""
        found: NDArray[np.bool_] = np.isfinite(self.watts)
        return found

    @cached_property
    def ordered(self) -> bool:
        """Whether time only moves forward, so that energy can be computed."""
        return bool((np.diff(self.seconds) >= 0).all())


def middles(seconds: "Floats", stands_for: str) -> "Floats":
    """The middle of the time that each reading stands for, from the times [n] of the file. A reading after a gap, or
    before one, stands for one interval of the meter."""
    if stands_for not in ("before", "after") or len(seconds) < 2:
        return seconds
    return seconds + (-0.5 if stands_for == "before" else 0.5) * took(seconds, stands_for)


def took(seconds: "Floats", stands_for: str = "before") -> "Floats":
    """How long a time each reading stands for, float64 [n]: since the one before, or until the one after."""
    steps = np.diff(seconds)
    usual = float(np.median(steps))
    own = np.where(steps > MOST_STEPS * usual, usual, steps)
    return np.concatenate(([usual], own) if stands_for == "before" else (own, [usual]))


class Figures(Struct, frozen=True, kw_only=True):
    """What a log, or a part of it, adds up to. ``readings`` counts those with a power, ``not_read`` the others;
    ``span_s`` from the first to the last with a power. ``joules`` by trapezoid between neighbours that were read;
    ``mean_watts`` is ``joules`` over ``span_s``. ``interval_s``: the median between two readings, ``largest_gap_s``:
    the largest between two that were read. All but the counts are null where they do not exist, energy also where time
    moves backwards or does not pass."""

    readings: int
    not_read: int
    span_s: float | None = None
    interval_s: float | None = None
    largest_gap_s: float | None = None
    joules: float | None = None
    mean_watts: float | None = None
    least_watts: float | None = None
    most_watts: float | None = None


def figures_of(log: PowerLog) -> Figures:
    """The figures of the whole log."""
    seconds, watts = log.seconds[log.read], log.watts[log.read]
    count, missing = len(watts), int(len(log.watts) - len(watts))
    if count == 0:
        return Figures(readings=0, not_read=missing)
    bounds = {"least_watts": float(watts.min()), "most_watts": float(watts.max())}
    if count < 2 or not log.ordered:
        return Figures(readings=count, not_read=missing, **bounds)
    gaps = np.diff(seconds)
    span = float(seconds[-1] - seconds[0])
    joules = float((gaps * (watts[1:] + watts[:-1]) / 2).sum()) if span > 0 else None
    return Figures(
        readings=count,
        not_read=missing,
        span_s=span,
        interval_s=float(np.median(gaps)),
        largest_gap_s=float(gaps.max()),
        joules=joules,
        mean_watts=joules / span if joules is not None else None,
        **bounds,
    )


def within_reach(watts: "Floats") -> "tuple[Floats, int]":
    """``watts`` with NaN for what no meter reads, and how many of those there are."""
    beyond = np.abs(watts) > MOST_WATTS
    return np.where(beyond, np.nan, watts), int(beyond.sum())
