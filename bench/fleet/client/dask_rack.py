"""A rack reached over Dask: calls and tasks for devices, events from them, and the loss of either end as ``Away``."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import InputError, OdbError
from bench.fleet.client.rack import Asked, Away, Declined, Garbled, Holdings
from bench.fleet.device import calls
from bench.fleet.device.task import carry_out
from bench.fleet.engine import said_by
from bench.fleet.facts import DeviceFacts, DeviceState
from bench.fleet.orders import TOPIC, Answer, Event, Finished, Order, Refused
from bench.fleet.security import Party
from bench.reading import NOT_DECODED
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from distributed import Client

CALL_SECONDS = 60.0
"""How long a device may take to answer a call."""
ASK_SECONDS = 10.0
"""How long devices may take to say what they are. One that stands still must not keep the others."""
ASKED_AT_ONCE = 32
CONNECT_SECONDS = 10.0
KNOWN_SECONDS = 1.0
"""How long the scheduler's list of workers is believed."""
LOOK_SECONDS = 5.0
"""How often a task that goes on is looked after: whether its device is still the one that was joined."""
KEY = "odb"


class DaskRack:
    """``async with DaskRack(…) as rack:``. ``scheduler``: its address, ``party``: this end's certificate."""

    def __init__(self, scheduler: str, party: Party) -> None:
        self._scheduler, self._party = scheduler, party
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._known: tuple[float, Mapping[str, str]] = (0.0, {})
        self._told: Callable[[Event], None] = lambda event: None
        self._ended: dict[tuple[str, str], asyncio.Event] = {}
        self._heard: dict[str, float] = {}  # when a device last said something, by the monotonic clock
        self._futures: set[Any] = set()

    async def __aenter__(self) -> "DaskRack":
        """Raises ``InputError`` where the scheduler cannot be reached, or does not take this certificate."""
        try:
            await self._connected()
        except Away as away:
            raise self._unreachable(away) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                await client._close(fast=True)

    def listen(self, told: Callable[[Event], None]) -> None:
        self._told = told

    async def names(self) -> Collection[str]:
        try:
            return list(await self._addresses())
        except Away:
            return []

    async def ask(self, devices: Sequence[str]) -> tuple[list[Asked], list[str]]:
        try:
            addresses = await self._addresses()
        except Away:
            return [], sorted(devices)
        by_address = {addresses[name]: name for name in devices if name in addresses}
        told = await self._run_on_all(list(by_address), calls.facts)
        states = await self._run_on_all(list(told), calls.state)
        found: dict[str, Asked] = {}
        for address, (state, _) in states.items():
            name = by_address[address]
            try:
                facts, now = _read(told[address][0], DeviceFacts), _read(state, DeviceState)
            except Garbled:
                continue
            if name == facts.name == now.name:
                off_s = (facts.utc_ns - told[address][1]) / 1e9
                found[name] = Asked(facts=facts, state=now, clock_off_s=off_s)
        return [found[name] for name in sorted(found)], sorted(set(devices) - set(found))

    async def back(self, device: str) -> None:
        while device not in await self.names():
            await asyncio.sleep(KNOWN_SECONDS)

    async def carry_out(self, device: str, order_id: str, order: Order, silent_s: float) -> Answer:
        client, address = await self._connected(), await self._address(device)
        self._heard[device] = time.monotonic()
        ended = self._ended[device, order_id] = asyncio.Event()
        try:
            future = client.submit(
                carry_out,
                msgspec.json.encode(order),
                key=f"{KEY}-{order_id}-{token_hex(3)}",
                workers=[address],
                allow_other_workers=False,
                resources={"device": 1},
                pure=False,
                retries=0,
            )
        except Exception as error:
            raise Away(str(error)) from error
        self._futures.add(future)  # a future that nobody holds is taken back
        answered = asyncio.ensure_future(_answer_of(future))
        answered.add_done_callback(lambda done: self._let_go(future, done))
        heard = asyncio.ensure_future(ended.wait())
        waited: set[asyncio.Future[Any]] = {answered, heard}
        try:
            while True:
                done, _ = await asyncio.wait(waited, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
                if answered in done:
                    return _answer(answered.result())
                if heard in done and (found := await self._call(device, calls.result, order_id)):
                    return _finished(found)
                waited -= done  # without a result the task says why
                await self._look_after(device, address, silent_s)
        except Away:  # a task that came later to the device would begin the order again
            with suppress(Exception):
                await future.cancel()
            raise
        finally:
            heard.cancel()
            self._ended.pop((device, order_id), None)

    async def _look_after(self, device: str, address: str, silent_s: float) -> None:
        """Raises ``Away`` where the device is not the one that was joined, or stands still: it is asked only after it
        has said nothing for longer than a process of a run may take, so that no repeat is disturbed."""
        if await self._address(device) != address:
            raise Away(device)
        if time.monotonic() - self._heard[device] > silent_s:
            await self._call(device, calls.holdings)
            self._heard[device] = time.monotonic()

    def _let_go(self, future: Any, answered: "asyncio.Future[bytes]") -> None:
        """The task has ended, or is given up since its result came first: what it raised is of no interest then."""
        self._futures.discard(future)
        if not answered.cancelled():
            answered.exception()

    async def holdings(self, device: str) -> Holdings:
        try:
            return msgspec.convert(await self._call(device, calls.holdings), Holdings)
        except msgspec.ValidationError:
            raise Garbled(device) from None

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        try:
            have = await self._call(device, calls.put, sha256, size_bytes, offset, data)
        except Away as away:
            error = away.__cause__
            if not isinstance(error, OdbError):
                raise
            code = "disk_full" if type(error).__name__ == "NoRoom" else "wrong_file"
            refused = Refused(order="", device=device, code=code, reason=error.sentence, remedy=error.advice)
            raise Declined(refused) from None
        if have is None or (isinstance(have, int) and have >= 0):
            return have
        raise Garbled(device)

    async def result(self, device: str, order_id: str) -> Finished:
        found = await self._call(device, calls.result, order_id)
        if not found:
            raise Away(device)
        return _finished(found)

    async def read(self, device: str, order_id: str, name: str, offset: int, most: int) -> bytes | None:
        data = await self._call(device, calls.read, order_id, name, offset, most)
        if data is None or (isinstance(data, bytes) and len(data) <= most):
            return data
        raise Garbled(device)

    async def acknowledge(self, device: str, order_id: str) -> None:
        await self._call(device, calls.acknowledge, order_id)

    async def drop(self, device: str, order_id: str) -> None:
        await self._call(device, calls.drop, order_id)

    async def quarantine(self, device: str, reason: Sentence | str) -> None:
        await self._call(device, calls.quarantine, msgspec.json.encode(reason))

    async def release(self, device: str) -> None:
        await self._call(device, calls.release)

    async def queue(self) -> dict[str, list[str]]:
        """Device -> the orders that the scheduler holds for it, those that are carried out included. Raises
        ``InputError`` where the scheduler is lost."""
        try:
            client, addresses = await self._connected(), await self._addresses()
            held = await asyncio.wait_for(client.run_on_scheduler(_queued), CALL_SECONDS)
        except Away as away:
            raise self._unreachable(away) from None
        except Exception as error:
            raise self._unreachable(error) from None
        return {name: held.get(address, []) for name, address in addresses.items()}

    # ------------------------------------------------------------------------------------------- the connection

    def _unreachable(self, error: Exception) -> InputError:
        said = {"scheduler": self._scheduler, "reason": said_by(error)}
        return InputError(sentence("fleet.client.unreachable", **said), sentence("fleet.client.unreachable.remedy"))

    async def _connected(self) -> "Client":
        """The client of Dask, a new one where the last lost its scheduler. Raises ``Away``."""
        from distributed import Client

        async with self._connecting:
            if self._client is not None and self._client.status == "running":
                return self._client
            if self._client is not None:
                with suppress(Exception):
                    await self._client._close(fast=True)
                self._client, self._known = None, (0.0, {})
            try:
                client = await Client(
                    self._scheduler,
                    asynchronous=True,
                    timeout=CONNECT_SECONDS,
                    set_as_default=False,
                    name=KEY,
                    **self._party.arguments(),
                )
            except (OSError, TimeoutError, RuntimeError, ValueError, ImportError) as error:
                raise Away(said_by(error)) from error
            client.subscribe_topic(TOPIC, self._hear)
            self._client = client
            return client

    async def _addresses(self) -> Mapping[str, str]:
        """Device -> the address of its worker. Raises ``Away`` where the scheduler cannot be reached."""
        async with self._looking:
            asked, known = self._known
            if time.monotonic() - asked < KNOWN_SECONDS:
                return known
            client = await self._connected()
            try:
                info = await asyncio.wait_for(client.scheduler.identity(n_workers=-1), CALL_SECONDS)
            except Exception as error:
                raise Away(str(error)) from error
            known = {str(worker["name"]): address for address, worker in info["workers"].items()}
            self._known = time.monotonic(), known
            return known

    async def _address(self, device: str) -> str:
        address = (await self._addresses()).get(device)
        if address is None:
            raise Away(device)
        return address

    async def _call(self, device: str, call: Callable[..., Any], *given: Any) -> Any:
        """What the device answers. Raises ``Away``, from what the device raised if it did."""
        address = await self._address(device)
        answer = (await self._run([address], call, *given, seconds=CALL_SECONDS)).get(address, Away(device))
        if isinstance(answer, Away):
            raise answer
        if isinstance(answer, Exception):
            self._known = 0.0, {}
            raise Away(str(answer)) from answer
        return answer

    async def _run_on_all(self, addresses: list[str], call: Callable[..., Any]) -> dict[str, tuple[Any, int]]:
        """What each device that answers in time says, and the middle of the time that it took, in UTC nanoseconds, by
        address. All are asked at once, and where that takes too long each by itself."""
        found: dict[str, tuple[Any, int]] = {}
        some = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(*these: str) -> None:
            async with some:
                before_ns = time.time_ns()
                answers = await self._run(list(these), call, seconds=ASK_SECONDS)
                middle_ns = (before_ns + time.time_ns()) // 2
                found.update((address, (answer, middle_ns)) for address, answer in answers.items())

        try:
            await ask(*addresses)
        except Away:
            await asyncio.gather(*(ask(address) for address in addresses), return_exceptions=True)
        return found

    async def _run(self, addresses: list[str], call: Callable[..., Any], *given: Any, seconds: float) -> dict[str, Any]:
        """Each device's answer, or what it raised, by address. Raises ``Away`` where one takes longer."""
        if not addresses:
            return {}
        client = await self._connected()
        try:
            answers: dict[str, Any] = await asyncio.wait_for(
                client.run(call, *given, workers=addresses, on_error="return"), seconds
            )
        except Exception as error:
            raise Away(str(error)) from error
        return answers

    def _hear(self, event: tuple[float, Any]) -> None:
        """An event of a device, as Dask hands it over."""
        try:
            told = msgspec.convert(event[1], Event)
        except msgspec.ValidationError:
            return
        self._heard[told.device] = time.monotonic()
        self._told(told)
        if told.kind == "ended" and (told.device, told.order) in self._ended:
            self._ended[told.device, told.order].set()


async def _answer_of(future: Any) -> bytes:
    """What the task returns. Raises ``Away`` where its worker, or the scheduler, was lost."""
    try:
        answer: bytes = await future
    except asyncio.CancelledError:
        raise
    except Exception as error:
        raise Away(str(error)) from error
    return answer


def _queued(dask_scheduler: Any) -> dict[str, list[str]]:
    """On the scheduler: worker's address -> the orders whose tasks are for it."""
    found: dict[str, list[str]] = {}
    for key, task in dask_scheduler.tasks.items():
        name, _, rest = str(key).partition("-")
        if name == KEY and task.state not in ("memory", "erred", "released", "forgotten"):
            for address in task.worker_restrictions or ():
                found.setdefault(address, []).append(rest.rpartition("-")[0])
    return found


def _answer(data: Any) -> Answer:
    answer: Answer = _read(data, Answer)
    return answer


def _finished(data: Any) -> Finished:
    finished: Finished = _read(data, Finished)
    return finished


def _read(data: Any, form: Any) -> Any:
    """What a device said, in that form. Raises ``Garbled``."""
    try:
        return msgspec.json.decode(data, type=form)
    except (TypeError, *NOT_DECODED):
        raise Garbled from None
