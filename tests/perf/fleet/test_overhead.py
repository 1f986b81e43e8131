"""What a rack costs beside a run: from the moment an order is sent until its record is here, whole and acknowledged,
without what its child takes alone. In pairs, alternating, on one machine; three minutes on a quiet one."""

import asyncio
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loopback_rack import Loopback

import bench.testing.plugins
from bench.fleet.client.dask_rack import DaskRack
from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.fetching import Keeper
from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.device.child import CARRYING
from bench.fleet.device.spool import FILES, ORDER
from bench.fleet.ledger import DONE, LEDGER, Ledger
from bench.fleet.orders import Order
from bench.fleet.security import party_of
from bench.suite.suite import ModelAsk, Suite, TargetAsk

pytestmark = [pytest.mark.perf, pytest.mark.process, pytest.mark.timeout(900)]

PAIRS = int(os.environ.get("ODB_OVERHEAD_PAIRS", "15"))
MOST_SECONDS = 0.5
PLUGIN = Path(str(bench.testing.plugins.__file__))


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Loopback]:
    pytest.importorskip("distributed", reason="needs the extra fleet")
    rack = Loopback(tmp_path)
    try:
        rack.begin_scheduler()
        rack.begin_device("--plugin", str(PLUGIN), "--target", "null", "--yardstick-hours", "0")
        rack.connect()
        rack.worker()
        yield rack
    finally:
        rack.end()


def test_a_run_of_a_rack_takes_half_a_second_longer_at_most(benchmark: Any, rack: Loopback, tmp_path: Path) -> None:
    """The median over the pairs. Planning, connecting and the daily yardstick are left out."""
    suite = Suite(
        models=(ModelAsk("fake"),), targets=(TargetAsk("null:cpu"),), preset="quick", repeats=1, max_seconds=0.2
    )
    orders = [
        Order(suite=msgspec.json.encode(suite), device="board", labels=(f"pair={number}",)) for number in range(PAIRS)
    ]
    differences: list[float] = []

    async def play() -> None:
        ledger = Ledger(tmp_path / LEDGER)
        async with DaskRack(rack.address, party_of(rack.keys / "client", "client")) as reached:
            for number, order in enumerate(orders):
                one = FleetOrder(id=order.id, order=order, model="", target="", scenario="", devices=("board",))
                dispatch = Dispatch(reached, FleetPlan(orders=(one,), left_out=()), ledger, Keeper(tmp_path / "out"))
                seconds = {}
                for side in ("rack", "alone") if number % 2 else ("alone", "rack"):
                    began = time.monotonic()
                    if side == "rack":
                        await dispatch.run()
                    else:
                        await asyncio.to_thread(alone, order, tmp_path / f"alone-{number}")
                    seconds[side] = time.monotonic() - began
                assert ledger.standing(order.id).last in DONE
                differences.append(seconds["rack"] - seconds["alone"])

    (tmp_path / "out").mkdir()
    benchmark.pedantic(lambda: asyncio.run(play()), rounds=1)
    low, median, high = statistics.quantiles(differences, n=4)
    benchmark.extra_info |= {"pairs": PAIRS, "seconds beside the run": [low, median, high]}
    assert median <= MOST_SECONDS, differences


def alone(order: Order, folder: Path) -> None:
    """The same child without agent, worker and connection."""
    (folder / FILES).mkdir(parents=True)
    (folder / ORDER).write_bytes(msgspec.json.encode(order))
    with (folder / "said.txt").open("wb") as said:
        subprocess.run([*CARRYING, str(folder), "board", "0", str(PLUGIN)], stdout=said, stderr=said, check=True)
