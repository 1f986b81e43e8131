"""Looks for what is wrong with a meter's log, so that nobody takes its joules for more than they are."""

from collections.abc import Iterator

import numpy as np

from bench.power.alignment import Alignment
from bench.power.doubt import Doubt
from bench.power.log import Figures, PowerLog, figures_of

GAP = 3.0
"""A reading that comes later than this many of the log's own intervals is a gap."""
LEAST_GAP_S = 0.01
"""Shorter ones are a timestamp's rounding."""
JUMP_S = 1800.0
"""A gap of half an hour is a clock that was set, or a meter that was switched off."""
SLOW_S = 1.5
"""A meter that reads less often misses what a query of a second does; MLPerf's read once a second."""
STUCK = 20
"""This many readings in a row that agree in every digit come from a meter that hangs, or one that is at its limit."""


def doubts_of(log: PowerLog) -> tuple[Doubt, ...]:
    """All doubts, those that block first."""
    found = [*log.doubts_of_reader, *_of_values(log), *_of_times(log, figures_of(log)), *_of_source(log)]
    return tuple(sorted(found, key=lambda doubt: not doubt.blocks))


def doubts_of_place(alignment: Alignment) -> tuple[Doubt, ...]:
    """What is in doubt about the log's place. Whoever states how well clocks agree states it for the whole run."""
    return () if alignment.by == "clock" or alignment.drift_checked else (Doubt("drift_not_checked"),)


def _of_values(log: PowerLog) -> Iterator[Doubt]:
    missing = int((~log.read).sum())
    if missing == len(log.watts):
        yield Doubt("nothing_read", True, {"n": missing})
        return
    if missing:
        yield Doubt("not_read", False, {"n": missing, "fraction": missing / len(log.watts)})
    watts = log.watts[log.read]
    if (negative := int((watts < 0).sum())) > 0:
        yield Doubt("negative", False, {"n": negative, "least_watts": float(watts.min())})
    longest, at = _longest_run(watts)
    if longest >= STUCK:
        code = "at_its_limit" if watts[at] == watts.max() and watts.min() < watts.max() else "stuck"
        yield Doubt(code, False, {"n": longest, "watts": float(watts[at])})


def _longest_run(watts: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[int, int]:
    """The longest run of equal readings, and where it begins."""
    borders = np.flatnonzero(np.diff(watts) != 0) + 1
    begins = np.concatenate(([0], borders))
    lengths = np.diff(np.concatenate((begins, [len(watts)])))
    longest = int(lengths.argmax())
    return int(lengths[longest]), int(begins[longest])


def _of_times(log: PowerLog, figures: Figures) -> Iterator[Doubt]:
    if not log.ordered:
        steps = np.diff(log.seconds)
        at = int(np.argmin(steps))
        yield Doubt("clock_back", True, {"reading": at + 2, "seconds": float(-steps[at])})
        return
    if figures.interval_s is None or figures.largest_gap_s is None:
        if figures.readings:
            yield Doubt("one_reading", True)
        return
    if not figures.span_s:
        yield Doubt("no_time_passes", True)
        return
    gaps = np.diff(log.seconds[log.read])
    wide = gaps > max(GAP * figures.interval_s, LEAST_GAP_S)
    if wide.any():
        code = "clock_jumped" if figures.largest_gap_s > JUMP_S else "gaps"
        told: dict[str, float | int | str] = {
            "n": int(wide.sum()),
            "largest_s": figures.largest_gap_s,
            "interval_s": figures.interval_s,
        }
        yield Doubt(code, code == "clock_jumped", told)
    if figures.interval_s > SLOW_S:
        yield Doubt("slow", False, {"interval_s": figures.interval_s})


def _of_source(log: PowerLog) -> Iterator[Doubt]:
    if log.tier == "sensor":
        yield Doubt("own_estimate", False, {"channel": log.channel})
    if log.volts is not None:
        yield Doubt("voltage_given", False, {"volts": log.volts})
    if log.clock != "utc":
        yield Doubt(f"clock_{log.clock}")
