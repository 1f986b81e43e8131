"""Who carries out what: the orders of a plan, given to devices one by one until each is done, refused or lost.

The client gives a device its next order only when it has the result of the one before, so it always knows where an
order may be running: an order that was sent is never sent elsewhere unless its device stayed away for longer than the
grace time, or told that the run died. What is on its way is written in the ledger first.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Literal

from bench.fleet.client.fetching import Keep, Unverified, brought
from bench.fleet.client.patience import Busy, BusyWait, Patience
from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.client.rack import Away, Declined, Garbled, Rack
from bench.fleet.client.supplying import supply
from bench.fleet.client.waiting import Pool, Waiting
from bench.fleet.client.watching import FleetWatcher
from bench.fleet.ledger import DONE, UNDER_WAY, Ledger, Line
from bench.fleet.orders import Answer, Event, Finished, Refused, Wanted
from bench.words import Sentence, sentence

ATTEMPTS = 3
"""So often a run may die on a device without a record, and so many runs in a row until the device is quarantined."""
AT_ONCE = 4
"""So many devices get files at the same time, which bounds the memory that the scheduler needs."""
LONGEST_PAUSE_S = 5.0
OF_THE_DEVICE = ("quarantined", "busy")
"""Why a device refuses, whatever the order is: it gets no more of them."""


class Dispatch:
    """One plan on one rack. ``keep``: what fetches a result. Events of the rack go to ``hear``."""

    def __init__(
        self,
        rack: Rack,
        plan: FleetPlan,
        ledger: Ledger,
        keep: Keep,
        watcher: FleetWatcher | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._rack, self._plan, self._ledger, self._keep = rack, plan, ledger, keep
        self._watcher, self._patience = watcher or FleetWatcher(), patience or Patience()
        self._waiting = Waiting()
        self._fetching: dict[str, asyncio.Event] = {}
        self._begun: set[str] = set()
        self._losses: dict[str, int] = {}
        self._in_a_row: dict[str, int] = {}
        self._excluded: dict[str, set[str]] = {}
        self._without: dict[str, Line] = {}  # devices that get no orders now, and why
        self._barred: set[str] = set()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._news, self._over = asyncio.Event(), asyncio.Event()
        self._sending = asyncio.Semaphore(AT_ONCE)
        self._error: BaseException | None = None
        self.done_before = 0
        for order in plan.orders:
            self._take(order)

    async def run(self) -> None:
        """Return when every order is done, refused or lost. Raises ``InputError`` where results cannot be written
        here; what runs on devices goes on."""
        self._rack.listen(self.hear)
        self._watcher.planned(self._plan, self.done_before)
        if self._waiting.open:
            devices = sorted(self._waiting.devices)
            self._lanes = {device: asyncio.create_task(self._watched(device)) for device in devices}
        try:
            if self._lanes:
                await self._over.wait()
        finally:
            lanes, self._lanes = [*self._lanes.values()], {}
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        if self._error is not None:
            raise self._error

    @property
    def devices(self) -> set[str]:
        """Those that take part."""
        return {*self._lanes}

    def admit(self, device: str, orders: Collection[str]) -> None:
        """A device has joined that was not there as the plan was made: it takes part in ``orders``, as far as they
        are open and not for one device alone."""
        if self._lanes and device not in self._lanes and self._waiting.admit(device, orders):
            self._watcher.joined(device)
            self._lanes[device] = asyncio.create_task(self._watched(device))

    def hear(self, event: Event) -> None:
        """What a device tells of an order; of orders of other clients nothing is known here."""
        order = self._waiting.open.get(event.order)
        if order is None:
            return
        if event.kind == "began" and order.id not in self._begun and self._waiting.holder(order.id) == event.device:
            self._begun.add(order.id)
            self._ledger.add(Line(kind="began", order=order.id, device=event.device))
            self._watcher.began(order, event.device)
        if event.text:
            tell = self._watcher.waits if event.kind == "waits" else self._watcher.step
            tell(order, event.device, event.text)

    # ------------------------------------------------------------------------------------------------- orders

    def _take(self, order: FleetOrder) -> None:
        """Where an order stands, by the ledger."""
        words = {"model": order.model, "target": order.target, "scenario": order.scenario}
        self._ledger.add(Line(kind="plan", order=order.id, device=order.order.device, **words))
        standing = self._ledger.standing(order.id)
        if standing.last in DONE:
            self.done_before += 1
            return
        is_held = standing.last in UNDER_WAY and bool(standing.device)
        self._waiting.add(order, standing.device if is_held else "")
        if is_held and standing.begun:
            self._begun.add(order.id)

    async def _next(self, device: str) -> FleetOrder:
        """The order that the device has to carry out next; waits until there is one."""
        while (order := self._waiting.next(device)) is None:
            self._news.clear()
            await self._news.wait()
        return order

    def _put_back(self, order: FleetOrder) -> None:
        """The order waits for any device that has not refused it; without one it is lost."""
        self._begun.discard(order.id)
        self._drain(self._waiting.put_back(order, self._excluded.get(order.id, ())))
        self._news.set()

    def _drain(self, pool: Pool) -> None:
        """Give up what waits for devices none of which takes orders now."""
        if not all(device in self._without for device in pool):
            return
        why = self._without[pool[-1]]
        for order in self._waiting.drain(pool):
            device = order.order.device or (pool[0] if len(pool) == 1 else "")
            self._give_up(order, why.kind, device, why)

    def _give_up(self, order: FleetOrder, kind: str, device: str, why: Line | Refused) -> None:
        """The order ends without a record."""
        told = _failed("refused" if kind == "refused" else "lost", order, device, why)
        self._ledger.add(told)
        self._watcher.failed(order, told, True)
        self._settle(order)

    def _settle(self, order: FleetOrder) -> None:
        self._waiting.close(order)
        if not self._waiting.open:
            self._over.set()

    def _without_orders(self, device: str, why: Line) -> None:
        """The device gets no orders; what only it could do is given up."""
        self._without[device] = why
        for order in self._waiting.held(device):
            self._put_back(order)
        for pool in self._waiting.pools_of(device):
            self._drain(pool)

    # ------------------------------------------------------------------------------------------------ devices

    async def _watched(self, device: str) -> None:
        """A lane whose failure ends the whole."""
        try:
            await self._lane(device)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._error = self._error or error
            self._over.set()

    async def _lane(self, device: str) -> None:
        """One device, until there is nothing left for it."""
        clock = asyncio.get_running_loop().time
        away_since: float | None = None
        failures = 0
        while device not in self._barred:
            try:
                await self._catch_up(device)
                if away_since is not None:
                    self._watcher.back(device)
                    self._without.pop(device, None)
                away_since, failures = None, 0
                while device not in self._barred:
                    await self._carry_out(device, await self._next(device))
            except Away:
                if away_since is None:
                    away_since = clock()
                    self._watcher.away(device)
                await asyncio.sleep(min(LONGEST_PAUSE_S, self._patience.pause_s * 2**failures))
                failures = min(failures + 1, 10)
                await self._until_back(device, away_since + self._patience.grace_s - clock())
            except Busy as busy:
                self._bar(device, "busy", busy.reason, busy.remedy)
            except Garbled:
                remedy = sentence("fleet.client.garbled.remedy", device=device)
                self._bar(device, "garbled", sentence("fleet.client.garbled", device=device), remedy)

    async def _until_back(self, device: str, left_s: float) -> None:
        """Wait for the device; after the grace time its orders go to others, and it is waited for all the same."""
        if device not in self._without:
            try:
                await asyncio.wait_for(self._rack.back(device), max(0.0, left_s))
                return
            except TimeoutError:
                self._without_orders(
                    device,
                    Line(
                        kind="lost",
                        code="away",
                        reason=sentence("fleet.client.stayed_away", device=device, grace_s=self._patience.grace_s),
                        remedy=sentence("fleet.client.stayed_away.remedy"),
                    ),
                )
        await self._rack.back(device)

    async def _catch_up(self, device: str) -> None:
        """What the device has done while nobody listened: results are fetched, runs that died are counted."""
        holdings = await self._rack.holdings(device)
        for order_id in holdings.finished:
            order = self._waiting.open.get(order_id)
            if order is not None:
                await self._fetch(device, order, await self._rack.result(device, order_id))
            elif self._is_done(order_id):
                await self._let_forget(device, order_id)
        running = self._waiting.open.get(holdings.running)
        if running is not None and not self._waiting.holder(running.id):
            self._waiting.hold(device, running)
            self._begun.add(running.id)
        elif holdings.running and self._is_elsewhere(device, holdings.running):
            await self._let_forget(device, holdings.running)
        for order in self._waiting.held(device):
            if order.id in self._begun and order.id != holdings.running:
                died = sentence("fleet.client.run_died", device=device)
                await self._died(device, order, died, sentence("fleet.crashed.remedy", device=device))
            elif order.id != holdings.running and device not in order.devices:  # it was, when the order was sent
                self._put_back(order)

    async def forget_done(self, device: str, finished: Collection[str]) -> None:
        """Of the results that the device keeps, those of orders that are done are removed there."""
        with suppress(Away):
            for order_id in finished:
                if self._is_done(order_id):
                    await self._let_forget(device, order_id)

    def _is_done(self, order_id: str) -> bool:
        return self._ledger.standing(order_id).last in DONE

    def _is_elsewhere(self, device: str, order_id: str) -> bool:
        """Whether an order of this folder is done, or held by another device."""
        return self._is_done(order_id) or self._waiting.holder(order_id) not in ("", device)

    async def _let_forget(self, device: str, order_id: str) -> None:
        """The device forgets its run of an order that is done, and ends it if it still goes on. A run that this device
        did again after the order had gone to another is told in the ledger."""
        standing = self._ledger.standing(order_id)
        await self._rack.drop(device, order_id)
        if standing.last in DONE and standing.device == device:  # fetched, and its device had not heard of it
            self._ledger.add(Line(kind="acknowledged", order=order_id, device=device))
            return
        reason = sentence("fleet.client.twice", device=device, other=standing.device)
        self._ledger.add(Line(kind="dropped", order=order_id, device=device, code="twice", reason=reason))
        self._watcher.twice(order_id, device)

    async def _carry_out(self, device: str, order: FleetOrder) -> None:
        self._ledger.add(Line(kind="sent", order=order.id, device=device))
        self._watcher.sent(order, device)
        if order.id in self._begun:
            self._watcher.goes_on(order, device)
        try:
            answer = await self._answer(device, order)
        except Declined as declined:
            answer = declined.refused
        if isinstance(answer, Finished):
            await self._fetch(device, order, answer)
        elif isinstance(answer, Refused) and order.id in self._waiting.open:
            await self._refused(device, order, answer)

    async def _answer(self, device: str, order: FleetOrder) -> Answer:
        """Have it carried out; files that the device lacks are sent first."""
        for _ in range(ATTEMPTS):
            answer = await self._rack.carry_out(device, order.id, order.order, order.silent_s)
            if not isinstance(answer, Wanted):
                return answer
            for sha256 in answer.sha256:
                wait = BusyWait(device, self._patience)
                while (have_bytes := await self._supplied(device, order, sha256)) is not None:
                    self._watcher.waits(order, device, sentence("fleet.client.takes_no_files"))
                    await wait.pause(have_bytes)
        told = sentence("fleet.client.files_do_not_stay", device=device)
        remedy = sentence("fleet.client.files_do_not_stay.remedy")
        return Refused(order=order.id, device=device, code="wrong_file", reason=told, remedy=remedy)

    async def _supplied(self, device: str, order: FleetOrder, sha256: str) -> int | None:
        """As ``supply``. While the device takes nothing, others are sent theirs."""
        async with self._sending:
            return await supply(self._rack, self._plan, device, order, sha256)

    async def _refused(self, device: str, order: FleetOrder, refused: Refused) -> None:
        if refused.code == "crashed":
            await self._died(device, order, refused.reason, refused.remedy)
        elif refused.code == "dropped":  # for another client of the rack; here it is still wanted
            self._put_back(order)
        elif refused.code in OF_THE_DEVICE:
            self._bar(device, refused.code, refused.reason, refused.remedy)
        else:
            order = self._waiting.open[order.id]  # a device may have joined since
            self._excluded.setdefault(order.id, set()).add(device)
            if all(one in self._excluded[order.id] for one in order.devices):
                self._give_up(order, "refused", device, refused)
                return
            line = _failed("refused", order, device, refused)
            self._ledger.add(line)
            self._watcher.failed(order, line, False)
            self._put_back(order)

    async def _died(self, device: str, order: FleetOrder, reason: Sentence | str, remedy: Sentence | str) -> None:
        """A run that began and left no record is begun again, here or elsewhere, up to a maximum."""
        self._losses[order.id] = self._losses.get(order.id, 0) + 1
        self._in_a_row[device] = self._in_a_row.get(device, 0) + 1
        line = Line(kind="lost", order=order.id, device=device, code="run_lost", reason=reason, remedy=remedy)
        if self._losses[order.id] >= ATTEMPTS:
            self._give_up(order, "lost", device, line)
        else:
            self._ledger.add(line)
            self._watcher.failed(order, line, False)
            self._put_back(order)
        if self._in_a_row[device] >= ATTEMPTS:
            why = sentence("fleet.client.lost_in_a_row", count=ATTEMPTS)
            await self._rack.quarantine(device, why)
            told = sentence("fleet.client.quarantined", device=device, reason=why)
            self._bar(device, "quarantined", told, sentence("fleet.client.quarantined.remedy", device=device))

    def _bar(self, device: str, code: str, reason: Sentence | str, remedy: Sentence | str) -> None:
        """The device gets no orders, now and later."""
        self._barred.add(device)
        self._watcher.barred(device, reason)
        self._without_orders(device, Line(kind="refused", code=code, reason=reason, remedy=remedy))

    async def _fetch(self, device: str, order: FleetOrder, finished: Finished) -> None:
        """Bring the record here, prove that it is whole, write that down, and let the device forget it. What another
        device has carried out meanwhile is left where it is."""
        if order.id not in self._waiting.open:
            return
        if (elsewhere := self._fetching.get(order.id)) is not None:
            await elsewhere.wait()
            return
        over = self._fetching[order.id] = asyncio.Event()
        try:
            place = await self._kept(device, order, finished)
        finally:  # a device that went away meanwhile is asked again
            del self._fetching[order.id]
            over.set()
        if place is None:
            return
        other = self._waiting.holder(order.id)
        self._in_a_row[device] = 0
        self._ledger.add(Line(kind="fetched", order=order.id, device=device, record=place.name))
        self._watcher.fetched(order, device, place)
        try:
            await self._rack.acknowledge(device, order.id)
            self._ledger.add(Line(kind="acknowledged", order=order.id, device=device))
        finally:  # what was fetched is done, whether or not the device hears of it now
            self._settle(order)
        if other not in ("", device):  # it got the order when this device was away
            with suppress(Away):
                await self._let_forget(other, order.id)

    async def _kept(self, device: str, order: FleetOrder, finished: Finished) -> Path | None:
        """Where the record is; ``None`` where it never arrived whole, and the order is given up."""
        try:
            return await brought(self._rack, self._keep, device, order.id, finished, self._patience)
        except Unverified as error:
            remedy = sentence("fleet.client.unverified.remedy", device=device)
            why = Refused(order=order.id, device=device, code="unverified", reason=error.reason, remedy=remedy)
            self._give_up(order, "refused", device, why)
            return None


def _failed(kind: Literal["refused", "lost"], order: FleetOrder, device: str, why: Line | Refused) -> Line:
    """What the ledger says of an order that ended, for now or for good, without a record."""
    return Line(kind=kind, order=order.id, device=device, code=why.code, reason=why.reason, remedy=why.remedy)
