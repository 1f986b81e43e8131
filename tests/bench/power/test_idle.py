"""The power at idle by a marker, and how long a device takes to cool down: on made readings, exactly."""

import numpy as np
import pytest

from bench.power.idle import idle_of
from bench.power.marker import planned

MARKERS = (planned(0), planned(60_000_000_000, 1))
EDGES = [edge / 1e9 for one in MARKERS for edge in one.edges_unix_ns]
IDLE_W, PULSE_W = 4.0, 10.0
AT = np.arange(0.05, 110, 0.1)


def load() -> np.ndarray:
    return IDLE_W + PULSE_W * (np.searchsorted(EDGES, AT, side="right") % 2)


def test_it_is_the_median_of_the_idle_times() -> None:
    found = idle_of(AT, load(), MARKERS, 0)
    assert found.watts == IDLE_W
    assert found.found.spread_watts == 0
    assert found.found.cooldown_s == pytest.approx(0.05, abs=0.06)


@pytest.mark.parametrize(("time_constant_s", "cooldown_s"), [(2.0, 6.0), (6.0, 18.0)])
def test_a_warm_device_is_not_idle(time_constant_s: float, cooldown_s: float) -> None:
    """After the last pulse 10 W more fall to a twentieth within three time constants: that time is the cool-down, and
    the idle power is that of before the load all the same."""
    watts = load()
    for end in EDGES[1::2]:
        after = AT >= end
        later = [edge for edge in EDGES if edge > end]
        until = later[0] if later else np.inf
        cooling = after & (AT < until)
        watts[cooling] += PULSE_W * np.exp(-(AT[cooling] - end) / time_constant_s)
    found = idle_of(AT, watts, MARKERS, 0)
    assert found.watts == pytest.approx(IDLE_W, abs=0.4)
    assert found.found.cooldown_s == pytest.approx(cooldown_s, abs=0.3)


def test_a_device_that_stays_warm() -> None:
    """Power never falls back before the log ends: no cool-down is stated, and no idle time behind the load counts."""
    watts = load()
    watts[EDGES[0] < AT] += 2.0
    found = idle_of(AT, watts, MARKERS, 0)
    assert found.watts == IDLE_W
    assert found.found.cooldown_s is None


def test_idle_times_that_differ() -> None:
    """Something else ran before the first pulse: 3 W more there, so the idle times are 3 W apart."""
    watts = load()
    watts[EDGES[0] > AT] += 3.0
    assert idle_of(AT, watts, MARKERS, 0).found.spread_watts == pytest.approx(3.0)


def test_a_log_without_an_idle_time() -> None:
    late = AT > EDGES[5]
    assert idle_of(AT[late], load()[late], MARKERS, 0).watts is None
