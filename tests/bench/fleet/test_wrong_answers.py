"""Devices that stand still, answer nonsense, or bring results that are not theirs: told, while the rest goes on."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.fleet.client import dask_rack
from bench.fleet.client.dask_rack import DaskRack
from bench.fleet.client.dispatch import AT_ONCE
from bench.fleet.client.fetching import MOST_RESULT_BYTES, Keeper, Read, Unverified
from bench.fleet.client.rack import Away, Declined, Garbled, Holdings
from bench.fleet.client.supplying import MOST_SETBACKS
from bench.fleet.device import calls
from bench.fleet.device.agent import STATE, Agent
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.facts import DeviceState
from bench.fleet.orders import Finished, Order, OrderFile, ResultFile
from bench.fleet.security import Party
from bench.record.record import RecordedRun
from bench.record.runner import FleetDevice
from bench.store.records import save
from bench.testing.records import fake_run
from tests.bench.fleet.test_dispatch import dispatched, kinds, order, plan
from tests.support.fleet.agents import FACTS, Double
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack, facts

NONSENSE: tuple[Any, ...] = (b"", b"{}", b"\xff\x00", b'{"name": 7}', "text", None, 3, ValueError("no"), b"[" * 100_000)


class Answers(DaskRack):
    """Devices that answer what the test says, without Dask. ``frozen``: whoever asks these waits until it is over."""

    def __init__(self, told: dict[str, Any], frozen: frozenset[str] = frozenset()) -> None:
        super().__init__("tls://rack:8786", Party(None))
        self._says, self._frozen, self.asked = told, frozen, 0

    async def _addresses(self) -> dict[str, str]:
        return {name: f"tls://{name}" for name in self._says}

    async def _run(
        self, addresses: list[str], call: Callable[..., Any], *given: Any, seconds: float = 0
    ) -> dict[str, Any]:
        self.asked += 1
        names = [address.removeprefix("tls://") for address in addresses]
        if self._frozen & set(names):
            raise Away
        await asyncio.sleep(0.001 if names == ["a"] else 0)
        answers = {name: self._says[name] for name in names}
        return {f"tls://{name}": answer(call) if callable(answer) else answer for name, answer in answers.items()}


def true(name: str) -> Callable[[Any], bytes]:
    """What a device says of itself."""
    return lambda call: msgspec.json.encode(facts(name) if call is calls.facts else DeviceState(name=name))


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_of_one_device_leaves_the_others(nonsense: Any) -> None:
    """It is named among those without an answer."""
    rack = Answers({"a": true("a"), "b": nonsense})
    found, silent = asyncio.run(rack.ask(["a", "b", "gone"]))
    assert (["a"], ["b", "gone"]) == ([one.facts.name for one in found], silent)


def test_one_that_stands_still_does_not_keep_the_others() -> None:
    """Asked together they take too long; asked one by one, only the one that stands still is missing."""
    rack = Answers({name: true(name) for name in ("a", "b", "c")}, frozenset("b"))
    found, silent = asyncio.run(rack.ask(["a", "b", "c"]))
    assert (["a", "c"], ["b"]) == ([one.facts.name for one in found], silent)


def test_a_device_speaks_for_itself_only() -> None:
    """One that claims the name of another gets none of its orders."""
    found, silent = asyncio.run(Answers({"a": true("a"), "b": true("a")}).ask(["a", "b"]))
    assert (["a"], ["b"]) == ([one.facts.name for one in found], silent)


def test_a_scheduler_that_is_lost_meanwhile_is_told() -> None:
    class Lost(Answers):
        async def _addresses(self) -> dict[str, str]:
            raise Away("reset")

        async def _connected(self) -> Any:
            raise Away("reset")

    assert ([], ["a"]) == asyncio.run(Lost({}).ask(["a"]))
    with pytest.raises(InputError, match="cannot be reached"):
        asyncio.run(Lost({}).queue())


@pytest.mark.parametrize("nonsense", [{"running": 3}, [], "x" * 99, None])
def test_answers_in_no_known_form(nonsense: Any) -> None:
    rack = Answers({"a": nonsense})
    with pytest.raises(Garbled):
        asyncio.run(rack.holdings("a"))
    if nonsense is not None:  # that is: later
        with pytest.raises(Garbled):
            asyncio.run(rack.read("a", "00", "r/record.json", 0, 8))
        with pytest.raises(Garbled):
            asyncio.run(rack.put("a", "f00", 8, 0, b""))


def test_what_a_device_raises_ends_nothing_but_the_call() -> None:
    """A result that another client has fetched meanwhile is no reason to end the whole; a file that a device does not
    take is refused."""
    rack = Answers({"a": InputError("no such result")})
    with pytest.raises(Away):
        asyncio.run(rack.read("a", "00", "r/record.json", 0, 8))
    with pytest.raises(Declined, match="wrong_file"):
        asyncio.run(rack.put("a", "f00", 8, 0, b""))


class Submits(Answers):
    """Tasks are taken and never end. ``cancelled``: how many were taken back."""

    cancelled = 0

    async def _connected(self) -> Any:
        return self

    def submit(self, *given: Any, **settings: Any) -> Any:
        return Endless(self)


class Endless:
    def __init__(self, rack: Submits) -> None:
        self._rack = rack

    def __await__(self) -> Any:
        return asyncio.get_running_loop().create_future().__await__()

    async def cancel(self) -> None:
        self._rack.cancelled += 1


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_rack, "LOOK_SECONDS", 0.001)


async def carried(rack: Submits, silent_s: float) -> Any:
    return await asyncio.wait_for(rack.carry_out("a", "o1", Order(suite=b"{}"), silent_s), 0.1)


def test_a_device_that_stands_still_during_a_run_is_away(at_once: None) -> None:
    """Its connection stays up. It is asked after it was silent for longer than a process may take, and not before; one
    that answers then is waited for."""
    frozen = Submits({"a": None}, frozenset("a"))
    with pytest.raises(Away):
        asyncio.run(carried(frozen, 0.0))
    assert (1, 1) == (frozen.asked, frozen.cancelled)
    with pytest.raises(TimeoutError):
        asyncio.run(carried(quiet := Submits({"a": None}, frozenset("a")), 60.0))
    with pytest.raises(TimeoutError):
        asyncio.run(carried(slow := Submits({"a": {}}), 0.0))
    assert (0, 0) == (quiet.asked, slow.cancelled)
    assert slow.asked > 1


def test_the_end_of_a_run_elsewhere_ends_no_waiting_here(at_once: None) -> None:
    """A device that was away may carry out an order that another has now."""

    async def told(device: str) -> Any:
        answer = msgspec.json.encode(Finished(order="o1", device="a", files=(), seconds=1.0))
        rack = Submits({"a": answer})
        event = {"order": "o1", "device": device, "kind": "ended"}
        asyncio.get_running_loop().call_later(0.01, lambda: rack._hear((0.0, event)))
        return await carried(rack, 60.0)

    with pytest.raises(TimeoutError):
        asyncio.run(told("b"))
    assert "a" == asyncio.run(told("a")).device


class Babbling(SimulatedRack):
    """The device ``a`` answers nonsense."""

    async def holdings(self, device: str) -> Holdings:
        if device == "a":
            raise Garbled(device)
        return await super().holdings(device)


def test_a_device_that_babbles_gets_no_orders(tmp_path: Path) -> None:
    """Those that only it could carry out are refused, with what to do; the others are done elsewhere."""
    alone, shared, kept = order(1, ("a",)), order(2, ("a", "b")), Kept()
    lines = dispatched(Babbling([Simulated("a"), Simulated("b")]), plan(alone, shared), tmp_path, kept)
    (refused,) = [line for line in lines if line.kind == "refused"]
    assert (alone.id, "a", "garbled") == (refused.order, refused.device, refused.code)
    assert "same versions" in str(refused.remedy)
    assert [shared.id] == kept.orders


class Flaky(SimulatedRack):
    """The first time that a result is read, the device goes away."""

    reads = 0

    async def read(self, device: str, order_id: str, name: str, offset: int, most: int) -> bytes | None:
        self.reads += 1
        if self.reads == 1:
            raise Away
        return await super().read(device, order_id, name, offset, most)


def test_a_device_that_goes_away_while_its_result_is_fetched_is_asked_again(tmp_path: Path) -> None:
    """The run is not measured a second time."""
    one, device, kept = order(1, ("a",)), Simulated("a"), Kept()
    lines = dispatched(Flaky([device]), plan(one), tmp_path, kept)
    assert ([one.id], [one.id], 1) == (kept.orders, device.acknowledged, len(device.began))
    assert "lost" not in kinds(lines, one)


def test_a_file_that_is_gone_when_a_device_wants_it(tmp_path: Path) -> None:
    """Its orders are refused with its name; the others are done."""
    file = OrderFile(name="m", sha256="f00", size_bytes=3)
    one, other, kept = order(1, ("a",), files=(file,)), order(2, ("a",)), Kept()
    lines = dispatched(
        SimulatedRack([Simulated("a")]), plan(one, other, places={"f00": tmp_path / "gone.onnx"}), tmp_path, kept
    )
    (refused,) = [line for line in lines if line.kind == "refused"]
    assert (one.id, "wrong_file") == (refused.order, refused.code)
    assert "gone.onnx" in str(refused.reason)
    assert str(refused.remedy)
    assert [other.id] == kept.orders


class Forgetful(SimulatedRack):
    """The device ``a`` takes parts of files and has none of them."""

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        have = await super().put(device, sha256, size_bytes, offset, data)
        self.devices[device].parts.clear()
        return have if device != "a" else 0


def test_a_device_that_keeps_nothing_of_a_file_is_sent_it_a_few_times(tmp_path: Path) -> None:
    """Then the order goes to another."""
    (tmp_path / "net.onnx").write_bytes(b"weights")
    one, kept = order(1, ("a", "b"), files=(OrderFile(name="m", sha256="f00", size_bytes=7),)), Kept()
    first, second = Simulated("a"), Simulated("b", is_away=True)
    rack = Forgetful([first, second])
    made = plan(one, places={"f00": tmp_path / "net.onnx"})
    lines = dispatched(rack, made, tmp_path, kept)
    told = [(line.device, line.code) for line in lines if line.kind == "refused"]
    assert ("a", "wrong_file") in told
    assert 7 * MOST_SETBACKS == first.sent_bytes


class Timing(SimulatedRack):
    """All devices but ``z`` time runs of others until that has its file."""

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        if device != "z" and not self.devices["z"].files:
            return None
        return await super().put(device, sha256, size_bytes, offset, data)


def test_devices_that_time_runs_do_not_keep_others_from_their_files(tmp_path: Path) -> None:
    """However many there are."""
    (tmp_path / "net.onnx").write_bytes(b"weights")
    file, names = OrderFile(name="m", sha256="f00", size_bytes=7), [*map(str, range(AT_ONCE)), "z"]
    orders, kept = [order(number, (name,), files=(file,)) for number, name in enumerate(names)], Kept()
    made = plan(*orders, places={"f00": tmp_path / "net.onnx"})
    dispatched(Timing([Simulated(name) for name in names]), made, tmp_path, kept)
    assert sorted(one.id for one in orders) == sorted(kept.orders)


# ------------------------------------------------------------------------------------------------------ results


def result(tmp_path: Path, fleet: FleetDevice | None) -> tuple[dict[str, bytes], Finished]:
    """A whole record as a device offers it: the contents of its files, and what it says of them."""
    run = fake_run("r1", [np.full(50, 1_000_000)] * 2)
    run = RecordedRun(replace(run.record, fleet=fleet), run.samples)
    (tmp_path / "there").mkdir()
    folder = tmp_path / "there" / save(tmp_path / "there", run.record, run.samples).record_id
    files = {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in sorted(folder.iterdir())}
    return files, offered(files)


def offered(files: dict[str, bytes], **sizes: int) -> Finished:
    told = tuple(
        ResultFile(name=name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=sizes.get(name, len(data)))
        for name, data in files.items()
    )
    return Finished(order="o1", device="a", files=told, seconds=1.0)


def kept(out: Path, files: dict[str, bytes], finished: Finished) -> Path:
    async def read(name: str, offset: int, most: int) -> bytes:
        return files[name][offset : offset + most]

    reading: Read = read
    out.mkdir(exist_ok=True)
    return asyncio.run(Keeper(out)(finished, reading))


def test_a_record_is_kept_if_it_is_of_the_order_and_the_device(tmp_path: Path) -> None:
    files, finished = result(tmp_path, FleetDevice("a", "o1"))
    assert "r1" == kept(tmp_path / "out", files, finished).name


@pytest.mark.parametrize("fleet", [None, FleetDevice("b", "o1"), FleetDevice("a", "o2")])
def test_the_record_of_another_is_not_kept(fleet: FleetDevice | None, tmp_path: Path) -> None:
    """Of no fleet, of another device, of another order."""
    files, finished = result(tmp_path, fleet)
    with pytest.raises(Unverified, match="not of this order and device"):
        kept(tmp_path / "out", files, finished)
    assert [] == [path for path in (tmp_path / "out").glob("*") if not path.name.startswith(".")]


def test_a_record_under_the_name_of_another_is_not_kept(tmp_path: Path) -> None:
    """Neither in the place of the ledger or the page, nor in that of a record that is there."""
    files, _ = result(tmp_path, FleetDevice("a", "o1"))
    moved = {name.replace("r1/", "fleet.html/"): data for name, data in files.items()}
    with pytest.raises(Unverified):
        kept(tmp_path / "out", moved, offered(moved))
    (tmp_path / "out" / "r1").mkdir(parents=True)
    with pytest.raises(Unverified, match="exists"):
        kept(tmp_path / "out", files, offered(files))


@pytest.mark.parametrize(
    "name", ["../r1/record.json", "/etc/r1", "r1/../../x", "C:/r1", "r1\\x", "r1/\x1b[2J", "record.json"]
)
def test_names_that_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(Unverified):
        kept(tmp_path / "out", {name: b""}, offered({name: b""}))


def test_a_result_that_is_too_large_is_not_fetched(tmp_path: Path) -> None:
    """A negative size of one file does not make room for another."""
    files = {"r1/record.json": b"", "r1/samples.npz": b""}
    told = offered(files, **{"r1/record.json": MOST_RESULT_BYTES + 1, "r1/samples.npz": -MOST_RESULT_BYTES})
    with pytest.raises(Unverified, match="larger than"):
        kept(tmp_path / "out", files, told)


def test_names_that_some_systems_do_not_keep_apart(tmp_path: Path) -> None:
    with pytest.raises(Unverified, match="keep apart"):
        kept(tmp_path / "out", {}, offered({"r1/a": b"", "r1/A": b""}))


# ------------------------------------------------------------------------------------------------- full disks


def test_a_full_disk_does_not_stop_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written of its state holds as long as it runs."""
    agent = Agent(FACTS, tmp_path, Artifacts(tmp_path / "artifacts"), begin=Double)

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    agent.quarantine("the fan is loud")
    assert ("the fan is loud", False) == (agent.state().quarantined, (tmp_path / STATE).exists())
