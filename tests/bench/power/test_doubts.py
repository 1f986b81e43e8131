"""Each doubt about a log: provoked, and silent in a log without fault."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.power.doubt import Doubt
from bench.power.doubts import doubts_of
from bench.power.log import PowerLog, figures_of
from bench.words import say, speaking

SECONDS = np.arange(100) * 0.1
WATTS = 10 + np.sin(np.arange(100))


def log(**changed: Any) -> PowerLog:
    whole = PowerLog(
        name="x.csv",
        sha256="",
        size_bytes=0,
        format="table",
        channel="P [W]",
        seconds=SECONDS,
        watts=WATTS,
        clock="utc",
        began="2026-01-01T00:00:00+00:00",
    )
    return replace(whole, **changed)


def at(values: Any, place: slice | int, value: float) -> Any:
    changed = np.array(values, np.float64)
    changed[place] = value
    return changed


def later(place: int, seconds: float) -> Any:
    return SECONDS + np.where(np.arange(100) >= place, seconds, 0.0)


def test_a_log_without_fault_is_not_doubted() -> None:
    assert doubts_of(log()) == ()


@pytest.mark.parametrize(
    ("changed", "code", "blocks", "figures"),
    [
        ({"watts": np.full(100, np.nan)}, "nothing_read", True, {"n": 100}),
        ({"watts": at(WATTS, 7, np.nan)}, "not_read", False, {"n": 1, "fraction": 0.01}),
        ({"watts": at(WATTS, 7, -2.0)}, "negative", False, {"n": 1, "least_watts": -2.0}),
        ({"watts": at(WATTS, slice(20, 45), 5.0)}, "stuck", False, {"n": 25, "watts": 5.0}),
        ({"watts": at(WATTS, slice(20, 45), 15.0)}, "at_its_limit", False, {"n": 25, "watts": 15.0}),
        ({"seconds": later(50, -3.0)}, "clock_back", True, {"reading": 51}),
        ({"seconds": later(50, 2.0)}, "gaps", False, {"n": 1}),
        ({"seconds": later(50, 7200.0)}, "clock_jumped", True, {"n": 1}),
        ({"seconds": SECONDS * 20}, "slow", False, {}),
        ({"seconds": SECONDS[:1], "watts": WATTS[:1]}, "one_reading", True, {}),
        ({"seconds": SECONDS * 0}, "no_time_passes", True, {}),
        ({"tier": "sensor"}, "own_estimate", False, {"channel": "P [W]"}),
        ({"volts": 5.0}, "voltage_given", False, {"volts": 5.0}),
        ({"clock": "local"}, "clock_local", False, {}),
        ({"clock": "relative"}, "clock_relative", False, {}),
        ({"doubts_of_reader": (Doubt("beyond_range", True, {"n": 2}),)}, "beyond_range", True, {"n": 2}),
    ],
)
def test_each_doubt(changed: dict[str, Any], code: str, blocks: bool, figures: dict[str, Any]) -> None:
    found = {doubt.code: doubt for doubt in doubts_of(log(**changed))}
    assert code in found
    assert found[code].blocks is blocks
    assert figures.items() <= found[code].figures.items()
    assert "power.doubt" not in str(found[code].told)


def test_no_energy_where_time_moves_back() -> None:
    found = figures_of(log(seconds=later(50, -3.0)))
    assert (found.joules, found.mean_watts, found.span_s) == (None, None, None)
    assert (found.readings, found.most_watts) == (100, pytest.approx(WATTS.max()))


def test_energy_bridges_what_was_not_read() -> None:
    """A line through the missing reading: the energy of a ramp does not change."""
    ramp = np.arange(100.0)
    whole = figures_of(log(watts=ramp)).joules
    assert figures_of(log(watts=at(ramp, 40, np.nan))).joules == pytest.approx(whole)


def test_korean_particles_follow_the_count() -> None:
    """건을, 개가."""
    with speaking("ko"):
        assert "레코드 1건을" in say("power.join.written", n=1, folder="metered")
        assert "3개가 전력계의" in say("power.doubt.beyond_range", n=3)
