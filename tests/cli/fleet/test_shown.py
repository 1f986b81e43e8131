"""Devices and plans as people read them, whatever they are called."""

import pytest
from msgspec.structs import replace

from bench.cli.fleet.shown import device_for_scripts, print_devices, print_plan
from bench.fleet.client.planning import plan_fleet
from bench.fleet.client.rack import Asked
from bench.fleet.facts import DeviceState, Running
from bench.suite.suite import ModelAsk
from tests.bench.fleet.test_planning import RACK, SUITE, asked
from tests.support.fleet.simulated import facts

ODD = "[/x] [red]net[1]"
"""A name that is a style to a terminal's library, and one that ends where none began."""


def test_names_in_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_fleet(asked(replace(SUITE, models=(ModelAsk("[red]net[1]"),))), RACK)
    assert plan.orders
    print_plan(plan, (), False)
    assert "[red]net[1]" in capsys.readouterr().out
    state = DeviceState(name="a", quarantined=ODD)
    print_devices([Asked(facts=facts("a", labels={"room": ODD}), state=state)], {})
    assert 2 == capsys.readouterr().out.count(ODD)


def test_a_device_says_what_it_does_how_long_and_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """Also before its run has a name, while it waits for somebody who measures by hand."""
    running = Running(
        order="0f",
        model="m",
        target="null:cpu",
        scenario="offline",
        since_utc_ns=0,
        step="repeat 2 of 5",
        step_since_utc_ns=45_000_000_000,
    )
    one = Asked(facts=facts("a", utc_ns=65_000_000_000), state=DeviceState(name="a", running=running))
    print_devices([one], {"a": ["0f", "1f", "2f"]})
    told = capsys.readouterr().out.splitlines()[1].split()
    assert "a m null:cpu offline, for 1:05: repeat 2 of 5, for 0:20 2 null:cpu os=linux soc=qcs8550".split() == told
    waits = replace(running, model="", target="", scenario="", step="waiting for pid 7")
    print_devices([replace(one, state=replace(one.state, running=waits))], {})
    assert "0f, for 1:05: waiting for pid 7, for 0:20" in capsys.readouterr().out


def test_results_that_wait_are_told_with_their_size_and_age(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody else removes them."""
    hour_ns = 3600_000_000_000
    state = DeviceState(name="a", finished=("0f", "1f"), finished_bytes=5 << 19, finished_since_utc_ns=hour_ns)
    one = Asked(facts=facts("a", utc_ns=31 * hour_ns), state=state)
    print_devices([one], {})
    assert "free, results to fetch: 2 (2.50 MiB, oldest 30:00:00)" in capsys.readouterr().out
    told = device_for_scripts(one, ())
    assert (5 << 19, 30 * 3600.0) == (told["finished_bytes"], told["finished_oldest_seconds"])
