"""Device and client are killed at every step of an order: nothing is lost, and nothing is begun or fetched twice but
what a kill of a running run explains."""

import asyncio
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest

from bench.fleet.device.agent import ORDERS
from bench.fleet.orders import Order
from tests.bench.fleet.test_dispatch import FleetOrder
from tests.support.fleet.crashing import NAME, CrashingClient, CrashingDevice, slow_disk


def order(number: int) -> FleetOrder:
    made = Order(suite=b"%d" % number, device=NAME)
    return FleetOrder(id=made.id, order=made, model="m", target="null:cpu", scenario="s", devices=(NAME,))


class Walk:
    """Orders that are carried out while the device is killed at the operations ``device`` on its disk, and the client
    before or after its calls ``client``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch, self._count = folder, monkeypatch, 0

    def __call__(
        self,
        orders: int = 1,
        device: Collection[int] = (),
        client: Collection[int] = (),
        power: bool = False,
        deaths: int = 0,
        reverse: bool = False,
    ) -> tuple[int, int]:
        """How many steps there were of each."""
        self._count += 1
        folder = self._folder / str(self._count)
        made = [order(number) for number in range(orders)]
        with slow_disk(self._monkeypatch, folder, reverse) as disk:
            board = CrashingDevice(folder, device, power, deaths)
            disk.append(board)
            killed = CrashingClient(board, folder / "out", client)
            asyncio.run(killed.measure(*made))
            if board.moments.is_dead:
                board.start()
        where = f"device {device}, client {client}, power {power}, reverse {reverse}"
        lines = killed.lines()
        ids = {one.id for one in made}
        assert ids == killed.kept.keys(), where
        assert dict.fromkeys(ids, 1) == Counter(one.order for one in lines if one.kind == "fetched"), where
        begun = {one: len(times) for one, times in board.begun.times.items()}
        explained = {one: 1 + board.explained[one] for one in ids}
        assert all(begun[one] <= explained[one] for one in ids), f"{where}: {begun}, {explained}"
        assert (None, ()) == (board.agent.state().running, board.agent.state().finished), where
        if len(device) + deaths < 2:
            assert 0 == board.agent.state().lost_runs, where
        assert [] == [*(folder / ORDERS).iterdir()], where
        return board.moments.seen, killed.moments.seen


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    return Walk(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("orders", "power", "deaths", "reverse"),
    [(2, False, 0, False), (1, True, 0, True), (1, False, 1, True)],
    ids=["killed", "power cut", "and a run dies"],
)
def test_a_device_is_killed_at_any_step(walk: Walk, orders: int, power: bool, deaths: int, reverse: bool) -> None:
    steps, _ = walk(orders, deaths=deaths)
    assert 20 < steps < 100
    for step in range(1, steps + 1):
        walk(orders, device=(step,), power=power, deaths=deaths, reverse=reverse)


def test_a_client_is_killed_at_any_step(walk: Walk) -> None:
    _, steps = walk(2)
    assert 10 < steps < 60
    for step in range(1, steps + 1):
        walk(2, client=(step,))


def test_both_are_killed(walk: Walk) -> None:
    """At a quarter of all pairs of steps."""
    device, client = walk()
    for first in range(1, device + 1):
        for second in range(1 + first % 4, client + 1, 4):
            walk(device=(first,), client=(second,))
