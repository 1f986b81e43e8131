"""Who carries out what: nothing twice, nothing lost, and what is done about devices that go away."""

import asyncio
from pathlib import Path

import pytest

from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.patience import Patience
from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.client.rack import CHUNK_BYTES
from bench.fleet.ledger import LEDGER, Ledger, Line, read_ledger
from bench.fleet.orders import Order, OrderFile
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack

PATIENT = Patience(grace_s=20, pause_s=0.001)
QUICK = Patience(grace_s=0.05, pause_s=0.001, busy_s=0.0)


def order(number: int, devices: tuple[str, ...], each: bool = False, files: tuple[OrderFile, ...] = ()) -> FleetOrder:
    made = Order(suite=b"%d" % number, device=devices[0] if each else "", files=files)
    return FleetOrder(id=made.id, order=made, model="m", target="null:cpu", scenario="s", devices=devices)


def plan(*orders: FleetOrder, places: dict[str, Path] | None = None) -> FleetPlan:
    return FleetPlan(orders=orders, left_out=(), places=places or {})


def dispatched(
    rack: SimulatedRack, made: FleetPlan, out: Path, kept: Kept | None = None, patience: Patience = QUICK
) -> list[Line]:
    """What the ledger holds after a run that ends by itself."""

    async def run() -> None:
        ledger = Ledger(out / LEDGER)
        await asyncio.wait_for(Dispatch(rack, made, ledger, kept or Kept(), patience=patience).run(), 20)
        ledger.close()

    asyncio.run(run())
    return list(read_ledger(out / LEDGER))


def kinds(lines: list[Line], one: FleetOrder) -> list[str]:
    return [line.kind for line in lines if line.order == one.id]


def test_each_order_is_done_once(tmp_path: Path) -> None:
    """Three devices share nine runs; every result is fetched and acknowledged."""
    names = ("a", "b", "c")
    rack, kept = SimulatedRack(Simulated(name) for name in names), Kept()
    orders = [order(number, names) for number in range(9)]
    lines = dispatched(rack, plan(*orders), tmp_path, kept)
    assert sorted(one.id for one in orders) == sorted(kept.orders)
    assert ["plan", "sent", "began", "fetched", "acknowledged"] == kinds(lines, orders[0])
    assert 9 == sum(len(device.began) for device in rack.devices.values())
    assert all(device.acknowledged for device in rack.devices.values())


def test_a_command_that_is_repeated_does_nothing_twice(tmp_path: Path) -> None:
    """What the ledger calls fetched is not sent again, and what the device still keeps of it is acknowledged."""
    one = order(1, ("a",))
    rack, kept = SimulatedRack([Simulated("a")]), Kept()
    dispatched(rack, plan(one), tmp_path, kept)
    again = dispatched(rack, plan(one), tmp_path, kept)
    assert ([one.id], 1) == (kept.orders, len(rack.devices["a"].began))
    assert 1 == [line.kind for line in again].count("plan")


def test_a_result_that_waits_is_fetched_before_anything_is_measured(tmp_path: Path) -> None:
    """The client was killed while the run went on."""
    one = order(1, ("a", "b"))
    rack, kept = SimulatedRack([Simulated("a"), Simulated("b")], hold=True), Kept()

    async def killed_then_again() -> None:
        ledger = Ledger(tmp_path / LEDGER)
        first = asyncio.create_task(Dispatch(rack, plan(one), ledger, kept, patience=QUICK).run())
        while not rack.devices["a"].running:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        ledger.close()
        rack.end("a")
        rack.hold = False
        await Dispatch(rack, plan(one), Ledger(tmp_path / LEDGER), kept, patience=QUICK).run()

    asyncio.run(killed_then_again())
    assert [one.id] == kept.orders
    assert (1, 0) == (len(rack.devices["a"].began), len(rack.devices["b"].began))


def test_a_device_that_comes_back_in_time_keeps_its_run(tmp_path: Path) -> None:
    """Cut off for a moment: nobody else gets the order, and the result is fetched."""
    one = order(1, ("a", "b"))
    rack, kept = SimulatedRack([Simulated("a"), Simulated("b")], hold=True), Kept()

    async def cut_off() -> None:
        run = asyncio.create_task(Dispatch(rack, plan(one), Ledger(tmp_path / LEDGER), kept, patience=PATIENT).run())
        while not rack.devices["a"].running:
            await asyncio.sleep(0)
        rack.devices["a"].is_away = True
        rack.moved()
        await asyncio.sleep(0.02)
        rack.end("a")
        rack.devices["a"].is_away = False
        rack.moved()
        await asyncio.wait_for(run, 20)

    asyncio.run(cut_off())
    assert ([one.id], []) == (kept.orders, rack.devices["b"].began)


def test_after_the_grace_time_another_device_gets_the_order(tmp_path: Path) -> None:
    """And a device that was named for it is told as lost."""
    shared, only = order(1, ("a", "b")), order(2, ("a",), each=True)
    rack, kept = SimulatedRack([Simulated("a", is_away=True), Simulated("b")]), Kept()
    ledger = Ledger(tmp_path / LEDGER)
    ledger.add(Line(kind="sent", order=shared.id, device="a"))
    ledger.close()
    lines = dispatched(rack, plan(shared, only), tmp_path, kept)
    assert ([shared.id], [shared.id]) == (kept.orders, rack.devices["b"].began)
    assert ["plan", "lost"] == kinds(lines, only)
    assert ["away"] == [line.code for line in lines if line.kind == "lost"]


def test_a_run_that_dies_is_begun_again_but_not_for_ever(tmp_path: Path) -> None:
    """A negative verdict is a record; a run without a record is repeated, three times at most."""
    once, device = order(1, ("a",), each=True), Simulated("a", dies=1)
    kept = Kept()
    lines = dispatched(SimulatedRack([device]), plan(once), tmp_path, kept)
    assert (["plan", "sent", "began", "lost", "sent", "began", "fetched", "acknowledged"]) == kinds(lines, once)
    assert "" == device.quarantined

    always = Simulated("a", dies=9)
    lines = dispatched(SimulatedRack([always]), plan(order(2, ("a",), each=True)), tmp_path, kept)
    assert 3 == len(always.began)
    assert ("lost", "run_lost") == (lines[-1].kind, lines[-1].code)


def test_three_lost_runs_in_a_row_quarantine_a_device(tmp_path: Path) -> None:
    """The orders that only it could do are told, the others go on elsewhere."""
    bad, good, kept = Simulated("a", dies=99), Simulated("b"), Kept()
    orders = [order(number, ("a",), each=True) for number in range(3)] + [order(9, ("b",), each=True)]
    lines = dispatched(SimulatedRack([bad, good]), plan(*orders), tmp_path, kept)
    assert bad.quarantined
    assert ([orders[3].id], 3) == (kept.orders, len(bad.began))
    last = {one.id: next(line for line in reversed(lines) if line.order == one.id) for one in orders[:3]}
    assert {"run_lost", "quarantined"} == {line.code for line in last.values()}


@pytest.mark.parametrize("code", ["disk_full", "no_plugins", "cannot_plan"])
def test_what_one_device_refuses_another_does(code: str, tmp_path: Path) -> None:
    """And the device that refused gets the rest of the orders."""
    first, second = order(1, ("a", "b")), order(2, ("a",), each=True)
    rack, kept = SimulatedRack([Simulated("a", refuses=[code]), Simulated("b")]), Kept()
    lines = dispatched(rack, plan(first, second), tmp_path, kept)
    done = sorted(kept.orders)
    refused = [line for line in lines if line.kind == "refused"]
    assert [("a", code, "because")] == [(line.device, line.code, line.reason) for line in refused]
    assert done in (sorted([first.id, second.id]), [first.id])


def test_a_device_that_waits_too_long_for_those_who_measure_by_hand_gets_no_more_orders(tmp_path: Path) -> None:
    """What only it could do is refused, without another hour of waiting for each; the rest goes on."""
    alone, shared = [order(number, ("a",), each=True) for number in range(2)], order(9, ("a", "b"))
    device, kept = Simulated("a", refuses=["busy"]), Kept()
    lines = dispatched(SimulatedRack([device, Simulated("b")]), plan(*alone, shared), tmp_path, kept)
    refused = {(line.order, line.code, line.reason) for line in lines if line.kind == "refused"}
    assert {(one.id, "busy", "because") for one in alone} == refused
    assert ([shared.id], []) == (kept.orders, device.began)


def test_files_are_sent_when_they_are_wanted_and_never_into_a_timed_run(tmp_path: Path) -> None:
    """A device that is timing a run says so, and the part is offered again."""
    data = tmp_path / "net.onnx"
    data.write_bytes(b"weights")
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=7)
    one, device, kept = order(1, ("a",), files=(file,)), Simulated("a", busy_puts=2), Kept()
    dispatched(SimulatedRack([device]), plan(one, places={"f00": data}), tmp_path, kept)
    assert ([one.id], {"f00"}, 0) == (kept.orders, device.files, device.busy_puts)


HASTY = Patience(grace_s=0.05, pause_s=0.001, busy_s=0.001, longest_busy_s=0.3)


def test_a_device_that_takes_no_files_for_long_is_given_up(tmp_path: Path) -> None:
    """What only it could do is refused with how long that was and what to do; the rest goes on."""
    data = tmp_path / "net.onnx"
    data.write_bytes(b"weights")
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=7)
    alone, shared = order(1, ("a",), files=(file,)), order(2, ("a", "b"), files=(file,))
    rack, kept = SimulatedRack([Simulated("a", busy_puts=1 << 30), Simulated("b", busy_puts=2)]), Kept()
    lines = dispatched(rack, plan(alone, shared, places={"f00": data}), tmp_path, kept, HASTY)
    (refused,) = [line for line in lines if line.kind == "refused"]
    assert (alone.id, "a", "busy") == (refused.order, refused.device, refused.code)
    assert "a has transferred nothing for" in str(refused.reason)
    assert "odb fleet status" in str(refused.remedy)
    assert [shared.id] == kept.orders


def test_a_device_that_keeps_its_result_for_long_is_given_up(tmp_path: Path) -> None:
    """The result stays there, and the same command fetches it later; one that is busy for a moment is waited for."""
    one, other = order(1, ("a",)), order(2, ("b",))
    first, second, kept = Simulated("a", busy_reads=1 << 30), Simulated("b", busy_reads=3), Kept()
    lines = dispatched(SimulatedRack([first, second]), plan(one, other), tmp_path, kept, patience=HASTY)
    assert ["busy"] == [line.code for line in lines if line.kind == "refused"]
    assert ([other.id], {one.id}) == (kept.orders, {*first.finished})
    first.busy_reads = 0
    dispatched(SimulatedRack([first, second]), plan(one, other), tmp_path, kept)
    assert ([other.id, one.id], [one.id]) == (kept.orders, first.began)


class Trickling(SimulatedRack):
    """The device takes a byte, and then nothing for a while."""

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        have = await super().put(device, sha256, size_bytes, offset, data[:1])
        if data and have is not None:
            self.devices[device].busy_puts = 3
        return have


def test_a_device_that_takes_a_little_now_and_then_is_not_given_up(tmp_path: Path) -> None:
    data = tmp_path / "net.onnx"
    data.write_bytes(b"w" * 30)
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=30)
    one, kept = order(1, ("a",), files=(file,)), Kept()
    patience = Patience(busy_s=0.004, longest_busy_s=0.1)
    dispatched(Trickling([Simulated("a")]), plan(one, places={"f00": data}), tmp_path, kept, patience)
    assert [one.id] == kept.orders


def test_a_result_whose_fetching_was_cut_off_is_fetched_again(tmp_path: Path) -> None:
    """The scheduler may go in the midst of it."""
    orders, device, kept = [order(1, ("a",)), order(2, ("a",))], Simulated("a", cut_reads=2), Kept()
    dispatched(SimulatedRack([device]), plan(*orders), tmp_path, kept)
    assert [one.id for one in orders] == kept.orders == device.acknowledged == device.began


def test_a_transfer_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    """Each byte goes once, also when the device was lost before it could say that it has them."""
    data, size_bytes = tmp_path / "net.onnx", 3 * CHUNK_BYTES + 1
    with data.open("wb") as large:
        large.truncate(size_bytes)
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=size_bytes)
    orders = [order(number, ("a",), files=(file,)) for number in range(2)]
    device, kept = Simulated("a", cut_offs=2), Kept()
    dispatched(SimulatedRack([device]), plan(*orders, places={"f00": data}), tmp_path, kept)
    assert (sorted(one.id for one in orders), 0) == (sorted(kept.orders), device.cut_offs)
    assert size_bytes == device.sent_bytes


def test_a_file_that_is_gone_when_it_is_to_be_sent(tmp_path: Path) -> None:
    """The order is refused with the reason, and others go on."""
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=7)
    orders, kept = [order(1, ("a",), files=(file,)), order(2, ("a",))], Kept()
    lines = dispatched(
        SimulatedRack([Simulated("a")]), plan(*orders, places={"f00": tmp_path / "gone"}), tmp_path, kept
    )
    assert [(orders[0].id, "wrong_file")] == [(line.order, line.code) for line in lines if line.kind == "refused"]
    assert [orders[1].id] == kept.orders


def test_a_result_that_arrives_damaged_is_fetched_again(tmp_path: Path) -> None:
    """It is not acknowledged before it is whole; if it never is, that is told, and the device keeps it."""
    one, device, kept = order(1, ("a",)), Simulated("a"), Kept(damaged=1)
    dispatched(SimulatedRack([device]), plan(one), tmp_path, kept)
    assert ([one.id], [one.id]) == (kept.orders, device.acknowledged)

    stubborn = Simulated("a")
    lines = dispatched(SimulatedRack([stubborn]), plan(order(2, ("a",))), tmp_path, Kept(damaged=9))
    assert ("refused", "unverified", []) == (lines[-1].kind, lines[-1].code, stubborn.acknowledged)


def test_a_thousand_devices_share_ten_thousand_runs(tmp_path: Path) -> None:
    """Each has its ten."""
    names = [f"board-{number:04}" for number in range(1000)]
    rack, kept = SimulatedRack(Simulated(name) for name in names), Kept()
    orders = [order(number, (name,), each=True) for name in names for number in range(10)]
    dispatched(rack, plan(*orders), tmp_path, kept)
    assert (10_000, 10_000) == (len(kept.orders), len(set(kept.orders)))
