"""A rack in memory: what devices do with orders, without Dask, processes or time."""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Device, TargetFacts
from bench.fleet.client.fetching import Read, Unverified
from bench.fleet.client.rack import Asked, Away, Holdings
from bench.fleet.facts import DeviceFacts, DeviceState
from bench.fleet.orders import Answer, Event, Finished, Order, Refused, ResultFile, Wanted
from bench.words import Sentence

RESULT = b"a record"


def facts(name: str, targets: Collection[str] = ("null",), **changes: object) -> DeviceFacts:
    """A device with these plugins, each with a target ``cpu``."""
    found = TargetFacts(
        devices=(Device("cpu", True), Device("off", False, reason="it is switched off", default=False)),
        options={"cpu": {"threads": "how many"}},
        formats=("onnx", "tflite"),
        tasks=("tensor", "text_generation"),
        versions={"null": "1"},
        safe_options=("threads",),
    )
    plain = DeviceFacts(
        name=name,
        labels={"os": "linux", "soc": "qcs8550"},
        targets=dict.fromkeys(targets, found),
        versions={"ondevice-bench": "1", "distributed": "2"},
        utc_ns=0,
        free_bytes=1 << 40,
        cache_bytes=0,
    )
    return replace(plain, **changes)


def unlike(name: str) -> DeviceFacts:
    """A device of whose kind there is no other: its driver has a version of its own."""
    plain = facts(name)
    return replace(plain, targets={key: replace(one, versions={"driver": name}) for key, one in plain.targets.items()})


@dataclass
class Simulated:
    """A device. ``refuses``: what it answers instead of measuring, one after another. ``dies``: so many runs end
    without a record. ``is_away``: nobody reaches it. ``parts``: bytes of files that came, by hash. ``cut_offs``: so
    many answers to a part are lost on the way. ``busy_puts``, ``busy_reads``: so many times it transfers nothing now.
    ``cut_reads``: so many times it goes away while a result is read."""

    name: str
    refuses: list[str] = field(default_factory=list)
    dies: int = 0
    is_away: bool = False
    files: set[str] = field(default_factory=set)
    parts: dict[str, int] = field(default_factory=dict)
    sent_bytes: int = 0
    cut_offs: int = 0
    cut_reads: int = 0
    busy_puts: int = 0
    busy_reads: int = 0
    finished: dict[str, Finished] = field(default_factory=dict)
    running: str = ""
    began: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    quarantined: Sentence | str = ""


class SimulatedRack:
    """``hold``: orders begin and do not end until ``end`` is called."""

    def __init__(self, devices: Iterable[Simulated], hold: bool = False) -> None:
        self.devices = {device.name: device for device in devices}
        self.hold = hold
        self._told: Callable[[Event], None] = lambda event: None
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Something about the devices changed."""
        self._moved.set()
        self._moved = asyncio.Event()

    def end(self, name: str) -> None:
        """The device's run ends with a record."""
        device = self.devices[name]
        self._finish(device, device.running)
        self.moved()

    def listen(self, told: Callable[[Event], None]) -> None:
        self._told = told

    async def names(self) -> Collection[str]:
        return [name for name, device in self.devices.items() if not device.is_away]

    async def ask(self, devices: Sequence[str]) -> tuple[list[Asked], list[str]]:
        return [Asked(facts=facts(name), state=DeviceState(name=name)) for name in devices], []

    async def back(self, device: str) -> None:
        while self.devices[device].is_away:
            await self._moved.wait()

    async def carry_out(self, device: str, order_id: str, order: Order, silent_s: float) -> Answer:
        await asyncio.sleep(0)
        one = self._there(device)
        if order_id in one.finished:
            return one.finished[order_id]
        if one.quarantined:
            return Refused(order=order_id, device=device, code="quarantined", reason=one.quarantined)
        if one.refuses:
            return Refused(order=order_id, device=device, code=one.refuses.pop(0), reason="because", remedy="do")
        missing = tuple(file.sha256 for file in order.files if file.sha256 not in one.files)
        if missing:
            return Wanted(order=order_id, device=device, sha256=missing)
        if one.running != order_id:
            one.began.append(order_id)
            one.running = order_id
            self._told(Event(order=order_id, device=device, kind="began"))
        if one.dies:
            one.dies -= 1
            one.running = ""
            return Refused(order=order_id, device=device, code="crashed", reason="it died")
        if not self.hold:
            self._finish(one, order_id)
        while order_id not in one.finished:
            await self._moved.wait()
            self._there(device)
            if order_id in one.dropped:
                return Refused(order=order_id, device=device, code="dropped", reason="another did it")
            if not one.running and order_id not in one.finished:
                raise Away
        return one.finished[order_id]

    async def holdings(self, device: str) -> Holdings:
        one = self._there(device)
        return Holdings(one.running, tuple(one.finished))

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        one = self._there(device)
        if one.busy_puts:
            one.busy_puts -= 1
            return None
        have = one.parts.get(sha256, 0)
        if offset == have:
            have = one.parts[sha256] = have + len(data)
            one.sent_bytes += len(data)
        if have == size_bytes:
            one.files.add(sha256)
        if data and one.cut_offs:
            one.cut_offs -= 1
            raise Away
        return have

    async def result(self, device: str, order_id: str) -> Finished:
        return self._there(device).finished[order_id]

    async def read(self, device: str, order_id: str, name: str, offset: int, most: int) -> bytes | None:
        one = self._there(device)
        if one.busy_reads:
            one.busy_reads -= 1
            return None
        if one.cut_reads:
            one.cut_reads -= 1
            raise Away
        return RESULT[offset : offset + most]

    async def acknowledge(self, device: str, order_id: str) -> None:
        one = self._there(device)
        one.finished.pop(order_id, None)
        one.acknowledged.append(order_id)

    async def drop(self, device: str, order_id: str) -> None:
        one = self._there(device)
        one.finished.pop(order_id, None)
        one.dropped.append(order_id)
        if one.running == order_id:
            one.running = ""
        self.moved()

    async def quarantine(self, device: str, reason: Sentence | str) -> None:
        self._there(device).quarantined = reason

    async def release(self, device: str) -> None:
        self._there(device).quarantined = ""

    def _there(self, device: str) -> Simulated:
        if self.devices[device].is_away:
            raise Away
        return self.devices[device]

    def _finish(self, device: Simulated, order_id: str) -> None:
        file = ResultFile(name="r/record.json", sha256=hashlib.sha256(RESULT).hexdigest(), size_bytes=len(RESULT))
        device.finished[order_id] = Finished(order=order_id, device=device.name, files=(file,), seconds=1.0)
        device.running = ""


class Kept:
    """Fetched results by order. ``damaged``: so many arrive with other contents."""

    def __init__(self, damaged: int = 0) -> None:
        self.orders: list[str] = []
        self.damaged = damaged

    async def __call__(self, finished: Finished, read: Read) -> Path:
        assert RESULT == await read(finished.files[0].name, 0, 1 << 20)
        if self.damaged:
            self.damaged -= 1
            raise Unverified("another checksum")
        self.orders.append(finished.order)
        return Path(f"record-{finished.order}")
