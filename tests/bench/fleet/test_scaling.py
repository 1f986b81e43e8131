"""What an order costs does not depend on how many devices the rack has, counted in calls of functions."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.planning import plan_fleet
from bench.fleet.facts import DeviceFacts
from bench.fleet.ledger import LEDGER, Ledger
from bench.suite.suite import ModelAsk, Suite
from tests.bench.fleet.test_planning import SUITE, asked
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack, facts, unlike


@pytest.mark.parametrize("made", [facts, unlike], ids=["alike", "all-different"])
def test_on_each_of_the_devices(made: Callable[[str], DeviceFacts], tmp_path: Path) -> None:
    """From the plan to the acknowledged result, and when the command is repeated."""
    suite = replace(SUITE, models=tuple(ModelAsk(f"tiny{number}") for number in range(5)))
    few, many = (
        [calls_per_order(suite, made, count, True, tmp_path / f"{count}") for _ in ("first", "again")]
        for count in (20, 80)
    )
    assert many[0] <= 1.05 * few[0]
    assert many[1] <= 1.05 * few[1]


def test_on_any_of_the_devices(tmp_path: Path) -> None:
    """And not on how many models the suite has."""
    few, many = (
        calls_per_order(
            replace(SUITE, models=tuple(ModelAsk(f"tiny{number}") for number in range(count))),
            facts,
            count,
            False,
            tmp_path / f"{count}",
        )
        for count in (50, 200)
    )
    assert many <= 1.05 * few


def calls_per_order(suite: Suite, made: Callable[[str], DeviceFacts], count: int, each: bool, out: Path) -> float:
    """Calls of functions, of Python and of C, until ``count`` devices have carried out everything."""
    out.mkdir(exist_ok=True)
    devices, calls = [made(f"board-{number}") for number in range(count)], 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def play() -> int:
        rack = SimulatedRack(Simulated(facts.name) for facts in devices)
        plan = plan_fleet(asked(suite, each=each), devices)
        ledger = Ledger(out / LEDGER)
        await Dispatch(rack, plan, ledger, Kept()).run()
        ledger.close()
        return len(plan.orders)

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        orders = asyncio.run(play())
    finally:
        sys.setprofile(before)
    return calls / orders
