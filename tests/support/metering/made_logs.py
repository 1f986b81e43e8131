"""Logs of a meter that watched a run between two markers, made at a known offset."""

from collections.abc import Sequence

import numpy as np

from bench.power.log import PowerLog
from bench.power.marker import Marker, planned

IDLE_W, PULSE_W, RUN_W = 4.0, 10.0, 6.0
LENGTH_S, FINE_S = 120.0, 0.001
MARKERS = (planned(30_000_000_000), planned(90_000_000_000, 1))


def log_of(
    rng: np.random.Generator,
    offset_s: float,
    rate: float,
    noise: float,
    means: bool,
    markers: Sequence[Marker] = MARKERS,
    drift: float = 0.0,
) -> PowerLog:
    """The power of a run between two markers, read ``rate`` times a second by a clock that is ``offset_s`` behind at
    the beginning and runs faster by ``drift`` (a fraction); ``noise``: of a reading, as a fraction of the pulses."""
    edges = [edge / 1e9 for one in markers for edge in one.edges_unix_ns]
    fine = np.arange(0, LENGTH_S, FINE_S)
    watts = IDLE_W + PULSE_W * (np.searchsorted(edges, fine, side="right") % 2) + RUN_W * ((fine > 52) & (fine < 88))
    at = np.arange(rng.uniform(1, 2) / rate, LENGTH_S - 0.01, 1 / rate)
    joules = np.concatenate(([0.0], np.cumsum(watts) * FINE_S))
    ends = np.append(fine, LENGTH_S)
    read = (np.interp(at, ends, joules) - np.interp(at - 1 / rate, ends, joules)) * rate
    if not means:
        read = watts[(at / FINE_S).astype(int)]
    noisy = read + rng.normal(0, noise * PULSE_W, len(at))
    return PowerLog(
        name="x.csv",
        sha256="",
        size_bytes=0,
        format="table",
        channel="P",
        seconds=at * (1 + drift) - offset_s,
        watts=noisy,
        clock="utc",
    )
