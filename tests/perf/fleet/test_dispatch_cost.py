"""What planning and dispatch cost the client of a large rack, on simulated devices that answer at once."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.planning import plan_fleet
from bench.fleet.ledger import LEDGER, Ledger
from bench.suite.suite import ModelAsk
from tests.bench.fleet.test_planning import SUITE, asked
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack, facts, unlike

pytestmark = [pytest.mark.perf, pytest.mark.timeout(600)]

DEVICES = int(os.environ.get("ODB_RACK_DEVICES", "1000"))
MOST_SECONDS = 60


@pytest.mark.parametrize("made", [facts, unlike], ids=["alike", "all-different"])
def test_a_hundred_runs_on_each_of_a_thousand_devices(benchmark: Any, tmp_path: Path, made: Any) -> None:
    """Two scenarios of 50 models on each device: planned, dispatched, fetched and acknowledged. The ledger is real."""
    names = [f"board-{number}" for number in range(DEVICES)]
    suite = replace(SUITE, models=tuple(ModelAsk(f"tiny{number}") for number in range(50)))
    devices, kept = [made(name) for name in names], Kept()

    def play() -> None:
        rack = SimulatedRack(Simulated(name) for name in names)
        plan = plan_fleet(asked(suite, each=True), devices)
        asyncio.run(Dispatch(rack, plan, Ledger(tmp_path / LEDGER), kept).run())

    benchmark.pedantic(play, rounds=1)
    assert 100 * DEVICES == len(set(kept.orders)) == len(kept.orders)
    assert benchmark.stats.stats.max <= MOST_SECONDS
