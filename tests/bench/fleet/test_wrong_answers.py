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
from bench.fleet.client.dask_rack import DaskRack
from bench.fleet.client.dispatch import Read, Unverified
from bench.fleet.client.fetching import MOST_RESULT_BYTES, Keeper
from bench.fleet.client.rack import Away, Garbled, Holdings
from bench.fleet.device import calls
from bench.fleet.device.agent import STATE, Agent
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.facts import DeviceState
from bench.fleet.orders import Finished, OrderFile, ResultFile
from bench.fleet.security import Party
from bench.record.record import RecordedRun
from bench.record.runner import FleetDevice
from bench.store.records import save
from bench.testing.records import fake_run
from tests.bench.fleet.test_device import FACTS, Double
from tests.bench.fleet.test_dispatch import dispatched, kinds, order, plan
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack, facts

NONSENSE: tuple[Any, ...] = (b"", b"{}", b"\xff\x00", b'{"name": 7}', "text", None, 3, ValueError("no"), b"[" * 100_000)


class Answers(DaskRack):
    """Devices that answer what the test says, without Dask. ``frozen``: whoever asks these waits until it is over."""

    def __init__(self, told: dict[str, Any], frozen: frozenset[str] = frozenset()) -> None:
        super().__init__("tls://rack:8786", Party(None))
        self._told, self._frozen, self.asked = told, frozen, 0

    async def _addresses(self) -> dict[str, str]:
        return {name: f"tls://{name}" for name in self._told}

    async def _run(
        self, addresses: list[str], call: Callable[..., Any], *given: Any, seconds: float = 0
    ) -> dict[str, Any]:
        self.asked += 1
        names = [address.removeprefix("tls://") for address in addresses]
        if self._frozen & set(names):
            raise Away
        await asyncio.sleep(0.001 if names == ["a"] else 0)
        answers = {name: self._told[name] for name in names}
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
    with pytest.raises(Garbled):
        asyncio.run(rack.read("a", "00", "r/record.json", 0, 8))
    if nonsense is not None:
        with pytest.raises(Garbled):
            asyncio.run(rack.put("a", "f00", 8, 0, b""))


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

    async def read(self, device: str, order_id: str, name: str, offset: int, most: int) -> bytes:
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
