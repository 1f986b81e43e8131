"""Orders that went to another device while theirs was away, and devices that join later: each record once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.fetching import Read
from bench.fleet.client.patience import Patience
from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.client.rack import Asked
from bench.fleet.client.running import _admit_newcomers, _fetch_others, measured
from bench.fleet.ledger import LEDGER, Ledger, Line, read_ledger
from bench.fleet.orders import Event, Finished, Order, OrderFile
from tests.bench.fleet.test_planning import SUITE, asked
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack

PATIENCE = Patience(grace_s=0.02, pause_s=0.001, busy_s=0.0, join_s=0.001)
Then = Callable[[SimulatedRack, Dispatch], Awaitable[None]]


def order(number: int, *devices: str, each: bool = False) -> FleetOrder:
    made = Order(suite=b"%d" % number, device=devices[0] if each else "")
    return FleetOrder(id=made.id, order=made, model="m", target="null:cpu", scenario="s", devices=devices)


def dispatched(
    rack: SimulatedRack,
    orders: Collection[FleetOrder],
    out: Path,
    kept: Kept,
    then: Then,
    places: dict[str, Path] | None = None,
) -> list[Line]:
    """What the ledger holds after a run during which ``then`` happens."""

    async def run() -> None:
        plan = FleetPlan(orders=tuple(orders), left_out=(), places=places or {})
        dispatch = Dispatch(rack, plan, Ledger(out / LEDGER), kept, patience=PATIENCE)
        going_on = asyncio.create_task(dispatch.run())
        await then(rack, dispatch)
        await asyncio.wait_for(going_on, 20)

    asyncio.run(run())
    return list(read_ledger(out / LEDGER))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.001)


async def lost(rack: SimulatedRack, begun: str = "a", other: str = "b") -> None:
    """The device goes away as it runs, and stays away until another has its order."""
    await until(lambda: bool(rack.devices[begun].running))
    rack.devices[begun].is_away = True
    rack.moved()
    await until(lambda: bool(rack.devices[other].running))


def back(rack: SimulatedRack, device: str = "a") -> None:
    rack.devices[device].is_away = False
    rack.moved()


def dropped(lines: list[Line]) -> list[tuple[str, str]]:
    return [(line.device, line.code) for line in lines if line.kind == "dropped"]


def test_a_device_that_returns_ends_the_run_that_another_has_now(tmp_path: Path) -> None:
    """And takes the next order."""
    other, one, two = order(0, "c"), order(1, "a", "b"), order(2, "a", "c")
    rack, kept = SimulatedRack([Simulated(name) for name in "abc"], hold=True), Kept()

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        await lost(rack)
        back(rack)
        await until(lambda: rack.devices["a"].running == two.id)
        assert [one.id] == rack.devices["a"].dropped
        for name in "abc":
            rack.end(name)

    lines = dispatched(rack, [other, one, two], tmp_path, kept, then)
    assert sorted((other.id, one.id, two.id)) == sorted(kept.orders)
    assert ([two.id], [one.id]) == (rack.devices["a"].acknowledged, rack.devices["b"].acknowledged)
    assert [("a", "twice")] == dropped(lines)


def test_a_result_that_comes_back_is_kept_and_the_other_run_is_ended(tmp_path: Path) -> None:
    one = order(1, "a", "b")
    rack, kept = SimulatedRack([Simulated("a"), Simulated("b")], hold=True), Kept()

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        await lost(rack)
        rack.end("a")
        back(rack)
        await until(lambda: bool(rack.devices["b"].dropped))

    lines = dispatched(rack, [one], tmp_path, kept, then)
    assert ([one.id], [one.id]) == (kept.orders, rack.devices["a"].acknowledged)
    assert ([("b", "twice")], "") == (dropped(lines), rack.devices["b"].running)
    assert [("fetched", "a")] == [(line.kind, line.device) for line in lines if line.kind == "fetched"]


def test_of_two_results_one_is_kept_and_the_other_told(tmp_path: Path) -> None:
    """The device returns when all is done but another run."""
    one, two = order(1, "a", "b"), order(2, "b", each=True)
    rack, kept = SimulatedRack([Simulated("a"), Simulated("b")], hold=True), Kept()

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        await until(lambda: bool(rack.devices["b"].running))
        rack.end("b")
        await lost(rack)
        rack.end("b")
        await until(lambda: len(kept.orders) == 2)

    lines = dispatched(rack, [one, two], tmp_path, kept, then)
    rack.end("a")
    back(rack)
    three = order(3, "a", each=True)
    rack.hold = False
    lines = dispatched(rack, [one, three], tmp_path, kept, lambda rack, dispatch: asyncio.sleep(0))
    assert sorted((one.id, two.id, three.id)) == sorted(kept.orders)
    assert ([("a", "twice")], {}) == (dropped(lines), rack.devices["a"].finished)


def test_an_order_that_was_sent_to_a_device_that_is_left_out_now_goes_to_another(tmp_path: Path) -> None:
    """Unless it runs there."""
    one, running = order(1, "b"), order(2, "b")
    ledger = Ledger(tmp_path / LEDGER)
    for sent in (one, running):
        ledger.add(Line(kind="sent", order=sent.id, device="a"))
    ledger.close()
    rack, kept = SimulatedRack([Simulated("a", running=running.id), Simulated("b")]), Kept()
    dispatched(rack, [one, running], tmp_path, kept, lambda rack, dispatch: asyncio.sleep(0))
    assert sorted((one.id, running.id)) == sorted(kept.orders)
    assert ([], [one.id]) == (rack.devices["a"].began, rack.devices["b"].began)


def test_what_a_device_that_is_left_out_has_finished_is_fetched(tmp_path: Path) -> None:
    """And nothing else that it has."""
    theirs, other = order(1, "a", each=True), order(2, "a", each=True)
    device, kept = Simulated("a"), Kept()
    rack, ledger = SimulatedRack([device]), Ledger(tmp_path / LEDGER)
    for one in (theirs, other):
        rack._finish(device, one.id)
    asyncio.run(_fetch_others(rack, "a", {theirs.id}, ledger, kept, PATIENCE))
    assert ([theirs.id], [theirs.id], {other.id}) == (kept.orders, device.acknowledged, {*device.finished})
    assert "acknowledged" == ledger.standing(theirs.id).last
    device.is_away = True
    asyncio.run(_fetch_others(rack, "a", {other.id}, ledger, kept, PATIENCE))


def test_a_result_that_is_fetched_already_is_waited_for(tmp_path: Path) -> None:
    """The other device, which has one too, is not asked again and again meanwhile."""
    one, reading = order(1, "a", "b"), asyncio.Event()
    rack = SimulatedRack([Simulated("a"), Simulated("b")], hold=True)

    class Slow(Kept):
        async def __call__(self, finished: Finished, read: Read) -> Path:
            await reading.wait()
            return await super().__call__(finished, read)

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        await lost(rack)
        rack._finish(rack.devices["a"], one.id)
        back(rack)
        await asyncio.sleep(0.02)
        rack.end("b")
        await asyncio.sleep(0.02)
        reading.set()

    kept = Slow()
    lines = dispatched(rack, [one], tmp_path, kept, then)
    assert [one.id] == kept.orders
    assert 2 == sum(line.kind == "sent" for line in lines)


def test_what_another_device_says_of_an_order_is_not_written_down(tmp_path: Path) -> None:
    """The next client would ask the wrong one for it."""
    one, kept = order(1, "a"), Kept()
    rack = SimulatedRack([Simulated("a")], hold=True)

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        dispatch.hear(Event(order=one.id, device="b", kind="began"))
        await until(lambda: bool(rack.devices["a"].running))
        rack.end("a")

    lines = dispatched(rack, [one], tmp_path, kept, then)
    assert ["a"] == [line.device for line in lines if line.kind == "began"]


def test_a_device_that_joins_takes_part_in_what_is_for_any(tmp_path: Path) -> None:
    """And in nothing that is for one device alone."""
    shared, alone = [order(number, "a") for number in range(3)], order(9, "a", each=True)
    rack, kept = SimulatedRack([Simulated("a"), Simulated("b")], hold=True), Kept()

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        await until(lambda: bool(rack.devices["a"].running))
        dispatch.admit("b", [one.id for one in (*shared, alone)])
        dispatch.admit("b", [one.id for one in shared])
        await until(lambda: bool(rack.devices["b"].running))
        rack.hold = False
        for name in ("b", "a"):
            rack.end(name)

    dispatched(rack, [*shared, alone], tmp_path, kept, then)
    assert sorted(one.id for one in (*shared, alone)) == sorted(kept.orders)
    assert rack.devices["b"].began
    assert alone.id not in rack.devices["b"].began


class Told(Dispatch):
    """A dispatch of the device ``a`` that takes down who is admitted."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    @property
    def devices(self) -> set[str]:
        return {"a"}

    def admit(self, device: str, orders: Collection[str]) -> None:
        self.told.append((device, len(orders)))


class Versions(SimulatedRack):
    """Devices whose ``odb`` may be another. ``asked``: who was."""

    def __init__(self, *devices: Simulated) -> None:
        super().__init__(devices)
        self.version, self.asked = "1", []  # type: ignore[var-annotated]

    async def ask(self, devices: Sequence[str]) -> tuple[list[Asked], list[str]]:
        self.asked += devices
        found, silent = await super().ask(devices)
        versions = {"ondevice-bench": self.version, "distributed": "2"}
        return [replace(one, facts=replace(one.facts, versions=versions)) for one in found], silent


def test_what_joins_is_asked_once_and_planned_as_the_others(tmp_path: Path) -> None:
    """What may not take part, as of another version, is asked again when it has gone and come back."""
    rack, dispatch = Versions(Simulated("a"), Simulated("b", is_away=True)), Told()

    async def joined() -> None:
        found, _ = await rack.ask(["a"])
        looking = asyncio.create_task(_admit_newcomers(rack, asked(SUITE), found, dispatch, PATIENCE))
        rack.version = "0"
        back(rack, "b")
        await until(lambda: dispatch.told == [("b", 0)])
        await asyncio.sleep(0.02)
        rack.devices["b"].is_away = True
        await asyncio.sleep(0.02)
        rack.version = "1"
        back(rack, "b")
        await until(lambda: len(dispatch.told) == 2)
        looking.cancel()

    asyncio.run(joined())
    assert dispatch.told == [("b", 0), ("b", 2)]
    assert ["a", "b", "b"] == rack.asked


def test_a_device_that_joins_may_have_what_the_others_refused(tmp_path: Path) -> None:
    """Also where it joined after the order was given out."""
    data = tmp_path / "net.onnx"
    data.write_bytes(b"weights")
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=7)
    made = Order(suite=b"1", files=(file,))
    one = FleetOrder(id=made.id, order=made, model="m", target="null:cpu", scenario="s", devices=("a",))
    first, kept = Simulated("a", busy_puts=1 << 30), Kept()

    async def then(rack: SimulatedRack, dispatch: Dispatch) -> None:
        await until(lambda: first.busy_puts < 1 << 30)
        dispatch.admit("b", [one.id])
        first.refuses, first.busy_puts = ["disk_full"], 0

    rack = SimulatedRack([first, Simulated("b")])
    lines = dispatched(rack, [one], tmp_path, kept, then, {"f00": data})
    assert [("refused", "a"), ("fetched", "b")] == [
        (line.kind, line.device) for line in lines if line.kind in ("refused", "fetched")
    ]


def test_what_a_device_keeps_of_an_order_that_is_done_is_removed_there(tmp_path: Path) -> None:
    """It stood still, and another did it; all that was asked for is done since."""
    one, other = order(1, "a", "b"), order(2, "a", each=True)
    ledger = Ledger(tmp_path / LEDGER)
    ledger.add(Line(kind="fetched", order=one.id, device="b", record="r"))
    rack = SimulatedRack([Simulated("a"), Simulated("b")])
    for kept in (one, other):
        rack._finish(rack.devices["a"], kept.id)
    dispatch = Dispatch(rack, FleetPlan(orders=(one,), left_out=()), ledger, Kept())
    asyncio.run(dispatch.forget_done("a", [*rack.devices["a"].finished]))
    assert ([one.id], {other.id}) == (rack.devices["a"].dropped, {*rack.devices["a"].finished})
    assert [("a", "twice")] == dropped(list(read_ledger(tmp_path / LEDGER)))


def test_what_was_measured_for_another_folder_is_not_taken(tmp_path: Path) -> None:
    """Such as that of last night, which nobody has fetched; the same command with the same folder goes on."""

    def sent(name: str) -> set[str]:
        (tmp_path / name).mkdir(exist_ok=True)
        rack = SimulatedRack([Simulated("a", refuses=["cannot_plan"] * 9)])
        asyncio.run(measured(rack, asked(SUITE, each=True), tmp_path / name, patience=PATIENCE))
        return {line.order for line in read_ledger(tmp_path / name / LEDGER) if line.kind == "sent"}

    monday = sent("monday")
    assert monday == sent("monday")
    assert monday.isdisjoint(sent("tuesday"))
