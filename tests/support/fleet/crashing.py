"""A device and its client that are killed at a step that the test chooses: the device between two operations on its
disk, the client between two calls. Ledger, dispatch, agent and spool are real; a run is a thread that writes a file."""

import asyncio
import hashlib
import itertools
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.fetching import Read, Unverified
from bench.fleet.client.patience import Patience
from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.client.rack import Asked, Away, Holdings
from bench.fleet.device.agent import ORDERS, Agent, Connection
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.device.carrying import Said
from bench.fleet.device.spool import ORDER, RECORDS, RESULT
from bench.fleet.ledger import LEDGER, Ledger, Line, read_ledger
from bench.fleet.orders import Answer, Event, Finished, Order
from bench.words import Sentence
from tests.support.fleet.agents import DATA, FACTS, PLENTY
from tests.support.fleet.begun import Begun

NAME = FACTS.name
AT_ONCE = Patience(grace_s=20.0, pause_s=0.0, busy_s=0.0)


class Killed(BaseException):
    """The process does nothing any more."""


class Moments:
    """Counts the moments at which a process may be killed, and kills it at those of ``at``."""

    def __init__(self, at: Collection[int] = (), then: Callable[[], None] = lambda: None) -> None:
        self.seen, self._at, self._then, self.is_dead = 0, at, then, False

    def pass_one(self) -> None:
        if not self.is_dead:
            self.seen += 1
            if self.seen not in self._at:
                return
            self.is_dead = True
            self._then()
        raise Killed


class CrashingDevice:
    """``kills``: at which operations on its disk it is killed; it is begun again as soon as somebody wants it.
    ``is_power``: the power is cut then, and files that were not synchronised are empty. ``deaths``: so many runs end
    without a record."""

    def __init__(self, folder: Path, kills: Collection[int] = (), is_power: bool = False, deaths: int = 0) -> None:
        self.folder, self._is_power, self._deaths = folder, is_power, deaths
        self.moments = Moments(kills, self._killed)
        self.begun, self.explained = Begun(folder / ORDERS), Counter[str]()
        self._numbers = itertools.count(1)
        self._synchronised: set[int] = set()
        self.told: Callable[[Event], None] = lambda event: None
        self.connection = Connection()
        self.start()

    def start(self) -> None:
        """What runs of the one that was killed has ended."""
        while True:
            self._await_threads()
            self.moments.is_dead = False
            try:
                artifacts = Artifacts(self.folder / "artifacts", 1 << 20, lambda path: PLENTY)
                self.agent = Agent(
                    FACTS, self.folder, artifacts, begin=self._begin, linger_s=0.0, free=lambda path: PLENTY
                )
                break
            except Killed:
                continue
        self.connection = Connection(lambda event: self.told(_event(event)))
        self.agent.joined(self.connection)

    def _await_threads(self) -> None:
        for thread in threading.enumerate():
            if thread.name in ("odb-fleet-start", "odb-fleet-run"):
                thread.join(10)

    def _begin(self, folder: Path, arguments: Any, said: Callable[[Said], None], ended: Callable[[int], None]) -> Any:
        run = threading.Thread(target=self._run, args=(folder, said, ended), name="odb-fleet-run", daemon=True)
        run.start()
        return _Child()

    def _run(self, folder: Path, said: Callable[[Said], None], ended: Callable[[int], None]) -> None:
        said(Said(kind="began", model="m", target="null:cpu", scenario="s"))
        if self._deaths:
            self._deaths -= 1
            self.explained[folder.name] += 1
            ended(-9)
            return
        record = folder / RECORDS / "r"
        record.mkdir(parents=True)
        (record / "record.json").write_bytes(b"measured the %d. time" % next(self._numbers))
        ended(0)

    def _killed(self) -> None:
        for order in self.folder.glob(f"{ORDERS}/*/{ORDER}"):
            if not (order.parent.name.startswith(".") or (order.parent / RESULT).exists()):
                self.explained[order.parent.name] += 1
        if self._is_power:
            for file in self.folder.glob(f"{ORDERS}/**/*"):
                if file.is_file() and file.stat().st_ino not in self._synchronised:
                    with file.open("wb"):
                        pass
        self.agent.left(self.connection)

    # ------------------------------------------------------------------------------------------------- its disk

    def step(self) -> None:
        """Whoever watches the disk may look now, and the device may be killed."""
        self.begun.look()
        self.moments.pass_one()

    def synchronise(self, file: int) -> None:
        self._synchronised.add(os.fstat(file).st_ino)
        self.step()

    def write(self, path: Path, data: bytes) -> int:
        """In two parts, each at a time of its own."""
        for part in (b"", data[: len(data) // 2], data):
            with path.open("wb" if not part else "r+b") as file:
                file.write(part)
                self._synchronised.discard(os.fstat(file.fileno()).st_ino)
            time_ns = next(self._numbers)
            os.utime(path, ns=(time_ns, time_ns))
            self.step()
        return len(data)

    def remove_tree(self, folder: Path, reverse: bool) -> None:
        """One after another, in either order."""
        inside = sorted(folder.iterdir(), reverse=reverse) if folder.is_dir() else []
        for path in inside:
            if path.is_dir():
                self.remove_tree(path, reverse)
            else:
                path.unlink()
        if folder.is_dir():
            folder.rmdir()
            self.step()


@contextmanager
def slow_disk(monkeypatch: Any, folder: Path, reverse: bool) -> Iterator[list[CrashingDevice]]:
    """Operations below ``folder`` are steps of the device that the test puts into the list."""
    devices: list[CrashingDevice] = []

    def stepped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *rest: Any, **options: Any) -> Any:
            answer = function(first, *rest, **options)
            if devices and str(first).startswith(f"{folder / ORDERS}{os.sep}"):
                devices[0].step()
            return answer

        return call

    write_bytes, rmtree, fsync = Path.write_bytes, shutil.rmtree, os.fsync

    def write(path: Path, data: bytes) -> int:
        inside = devices and path.is_relative_to(folder)
        return devices[0].write(path, data) if inside else write_bytes(path, data)

    def remove_tree(path: Path, ignore_errors: bool = False) -> None:
        if devices and Path(path).is_relative_to(folder):
            devices[0].remove_tree(Path(path), reverse)
        else:
            rmtree(path, ignore_errors)

    def synchronise(file: int) -> None:
        if devices:
            devices[0].synchronise(file)
        else:
            fsync(file)

    with monkeypatch.context() as patch:
        for name in ("mkdir", "unlink", "replace"):
            patch.setattr(Path, name, stepped(getattr(Path, name)))
        patch.setattr(Path, "write_bytes", write)
        patch.setattr(shutil, "rmtree", remove_tree)
        patch.setattr(os, "fsync", synchronise)
        patch.setattr(threading, "excepthook", _unless_killed(threading.excepthook))
        yield devices


def _unless_killed(hook: Callable[..., Any]) -> Callable[..., Any]:
    return lambda told: None if issubclass(told.exc_type, Killed) else hook(told)


class _Child:
    def stop(self) -> None: ...

    def last_words(self) -> str:
        return ""


def _event(event: dict[str, Any]) -> Event:
    return Event(order=event["order"], device=event["device"], kind=event["kind"], text="", utc_ns=0)


class CrashingClient:
    """One rack of one device, and the client that is begun again with the same folder until all is done. ``kills``: at
    which moments before and after a call it is killed. Calls of one that is gone go on in the device."""

    def __init__(self, device: CrashingDevice, out: Path, kills: Collection[int] = ()) -> None:
        self._device, self._out = device, out
        self.moments = Moments(kills)
        self.kept: dict[str, bytes] = {}
        out.mkdir()

    async def measure(self, *orders: FleetOrder) -> None:
        plan = FleetPlan(orders=orders, left_out=(), places={})
        while True:
            self.moments.is_dead = False
            ledger = Ledger(self._out / LEDGER)
            try:
                dispatch = Dispatch(self, plan, ledger, self._keep, patience=AT_ONCE)
                with_results = await self._again(self.holdings, NAME)
                await self._again(dispatch.forget_done, NAME, with_results.finished)
                await dispatch.run()
                return
            except Killed:
                continue
            finally:
                ledger.close()

    async def _again(self, call: Callable[..., Any], *given: Any) -> Any:
        while True:
            try:
                return await call(*given)
            except Away:
                await self.back(NAME)

    async def _keep(self, finished: Finished, read: Read) -> Path:
        (file,) = finished.files
        data = await read(file.name, 0, 1 << 20)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise Unverified("another hash")
        self.moments.pass_one()
        before = self.kept.setdefault(finished.order, data)
        assert before == data, "measured again after it was fetched"
        self.moments.pass_one()
        return Path(finished.order)

    def lines(self) -> list[Line]:
        return list(read_ledger(self._out / LEDGER))

    # ------------------------------------------------------------------------------------------------- as a Rack

    async def _call(self, function: Callable[..., Any], *given: Any) -> Any:
        """Raises ``Away`` where the device is killed."""
        self.moments.pass_one()
        if self._device.moments.is_dead:
            raise Away
        try:
            answer = await asyncio.to_thread(function, *given)
        except Killed:
            raise Away from None
        except BaseException as error:
            if self._device.moments.is_dead:
                raise Away from None
            raise error
        self.moments.pass_one()
        return answer

    def listen(self, told: Callable[[Event], None]) -> None:
        loop = asyncio.get_running_loop()
        self._device.told = lambda event: None if loop.is_closed() else loop.call_soon_threadsafe(told, event)

    async def back(self, device: str) -> None:
        if self._device.moments.is_dead:
            await asyncio.to_thread(self._device.start)

    async def carry_out(self, device: str, order_id: str, order: Order, silent_s: float) -> Answer:
        answer: Answer = await self._call(lambda: self._device.agent.carry_out(order))
        return answer

    async def holdings(self, device: str) -> Holdings:
        state = await self._call(self._device.agent.state)
        return Holdings("" if state.running is None else state.running.order, state.finished)

    async def result(self, device: str, order_id: str) -> Finished:
        found = await self._call(lambda: self._device.agent.spool.result(order_id))
        if found is None:
            raise Away
        finished: Finished = found
        return finished

    async def read(self, device: str, order_id: str, name: str, offset: int, most: int) -> bytes | None:
        data: bytes = await self._call(lambda: self._device.agent.spool.read(order_id, name, offset, most))
        return data

    async def acknowledge(self, device: str, order_id: str) -> None:
        await self._call(lambda: self._device.agent.acknowledge(order_id))

    async def drop(self, device: str, order_id: str) -> None:
        await self._call(lambda: self._device.agent.drop(order_id))

    async def quarantine(self, device: str, reason: Sentence | str) -> None:
        raise AssertionError("the device was killed too seldom for that")

    async def names(self) -> Collection[str]:
        raise NotImplementedError

    async def ask(self, devices: Sequence[str]) -> tuple[list[Asked], list[str]]:
        raise NotImplementedError

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        self._device.agent.artifacts.put(sha256, size_bytes, offset, DATA)
        raise NotImplementedError

    async def release(self, device: str) -> None:
        raise NotImplementedError
