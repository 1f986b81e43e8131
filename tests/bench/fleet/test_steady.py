"""Whether a device has drifted: exact on made series, and how often a steady device is suspected, by simulation."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.fleet.device.agent import Agent
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.device.carrying import DRIFTS, Said
from bench.fleet.device.steady import HISTORY, LAST, Session, away, drift, is_due, levels_of, read_history
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import Order, Refused
from bench.words import sentence

STEADY = [0.00, 0.01, -0.01, 0.005, -0.005]
DAY_S = 86_400.0


def test_three_in_a_row_away_from_the_first_five_are_a_drift() -> None:
    """And two are not, nor three of which one is back or on the other side."""
    slow = math.log(1.2)
    assert drift([*STEADY, slow, slow]) is None
    found = drift([*STEADY, 0.0, slow, slow, slow])
    assert found is not None
    assert (1.2, 0.1) == (pytest.approx(found.ratio), pytest.approx(found.bound))
    assert drift([*STEADY, slow, 0.0, slow, slow]) is None
    assert drift([*STEADY, slow, -slow, slow]) is None
    faster = drift([*STEADY, -slow, -slow, -slow])
    assert faster is not None
    assert pytest.approx(1 / 1.2) == faster.ratio


def test_a_difference_within_the_bound_is_none() -> None:
    """Ten percent for a steady device, and more for one that was not steady at first."""
    assert drift([*STEADY, *3 * [math.log(1.099)]]) is None
    assert drift([*STEADY, *3 * [math.log(1.101)]]) is not None
    restless = [-0.1, -0.05, 0.0, 0.05, 0.1]
    assert drift([*restless, *3 * [0.49]]) is None
    assert drift([*restless, *3 * [0.51]]) is not None


def test_one_of_the_first_that_was_far_off_changes_nothing() -> None:
    assert drift([*STEADY[:4], 3.0, *3 * [math.log(1.2)]]) is not None


def test_too_few_sessions_tell_nothing() -> None:
    assert drift([]) is None
    assert drift([*STEADY, 9.0]) is None
    assert 0 == away(STEADY[:3])


def alarms(deviation: float, devices: int, sessions: int, heavy: bool = False) -> int:
    """How many of so many steady devices are ever suspected. ``heavy``: one session in ten has five times the noise."""
    chance, found = random.Random(17), 0
    for _ in range(devices):
        levels = [chance.gauss(0, deviation * (5 if heavy and chance.random() < 0.1 else 1)) for _ in range(sessions)]
        found += any(drift(levels[:end]) is not None for end in range(8, sessions + 1))
    return found


@pytest.mark.parametrize(("deviation", "heavy", "most"), [(0.01, True, 0), (0.03, False, 0), (0.03, True, 1)])
def test_steady_devices_are_hardly_ever_suspected(deviation: float, heavy: bool, most: int) -> None:
    """100 devices, 200 sessions of each, with noise of 1 % and 3 % from session to session."""
    assert alarms(deviation, 100, 200, heavy) <= most


def test_a_device_that_becomes_slower_is_found_in_three_sessions() -> None:
    """By 15 %, with noise of 1 %: of 200 devices nearly all."""
    chance, slower = random.Random(3), math.log(1.15)
    found = 0
    for _ in range(200):
        levels = [chance.gauss(0, 0.01) for _ in range(30)] + [chance.gauss(slower, 0.01) for _ in range(LAST)]
        found += drift(levels) is not None
    assert found >= 196


def sessions(levels: Sequence[float | None], versions: str = "v") -> list[Session]:
    return [Session(utc_s=n * DAY_S, target="t", versions=versions, level=one) for n, one in enumerate(levels)]


def test_a_yardstick_is_due_once_a_day_and_sooner_while_something_is_open() -> None:
    """While the first five are not there, and while the last was away: after ten minutes."""
    last_s = 5 * DAY_S
    for levels, soon in (
        ([*STEADY, 0.0], False),
        ([*STEADY, 1.0], True),
        ([*STEADY[:3]], True),
        ([*STEADY, None], False),
    ):
        known = sessions(levels)
        last_s = known[-1].utc_s
        assert not is_due(known, "t", last_s + 599, DAY_S)
        assert soon == is_due(known, "t", last_s + 601, DAY_S)
        assert is_due(known, "t", last_s + DAY_S, DAY_S)
    assert is_due(known, "another target", last_s, DAY_S)
    assert is_due(known, "t", last_s - 2 * DAY_S, DAY_S), "the clock was set back"


def test_other_versions_begin_a_history_of_their_own() -> None:
    known = [*sessions(STEADY), *sessions([1.0, 1.0, 1.0], "new driver")]
    assert [1.0, 1.0, 1.0] == levels_of(known, known[-1])
    assert drift(levels_of(known, known[-1])) is None


def test_a_device_that_has_drifted_is_quarantined_and_released_as_it_is(tmp_path: Path) -> None:
    """The order goes to others; the next history begins with the release."""
    facts = DeviceFacts(name="a", labels={}, targets={}, versions={}, utc_ns=0, free_bytes=0, cache_bytes=0)
    why = sentence("fleet.drifts", target="t", count=3, ratio=1.2, first=5, bound=0.1)

    class Child:
        def __init__(self, folder: Path, arguments: Sequence[str], said: object, ended: object) -> None:
            assert ("a", "24.0") == tuple(arguments)
            said(Said(kind="refused", code=DRIFTS, text=why))  # type: ignore[operator]
            ended(0)  # type: ignore[operator]

    agent = Agent(facts, tmp_path, Artifacts(tmp_path / "files"), begin=Child, yardstick_hours=24.0)  # type: ignore[arg-type]
    (tmp_path / HISTORY).write_bytes(b'{"utc_s": 1, "target": "t"}\n{"utc')
    assert 1 == len(read_history(tmp_path / HISTORY))
    refused = agent.carry_out(Order(suite=b"1"))
    assert isinstance(refused, Refused)
    assert ("quarantined", why) == (refused.code, agent.state().quarantined)
    assert "+20" in str(refused.reason)
    again = agent.carry_out(Order(suite=b"2"))
    assert isinstance(again, Refused)
    agent.release()
    assert ("", []) == (agent.state().quarantined, read_history(tmp_path / HISTORY))
