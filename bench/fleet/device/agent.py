"""The agent of a device: takes one order at a time, whoever sends it, and keeps what came of it until it is fetched."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bench.errors import OdbError, disk_is_full
from bench.fleet.device.admission import not_taken, refused
from bench.fleet.device.artifacts import Artifacts, free_bytes
from bench.fleet.device.carrying import DRIFTS, Said
from bench.fleet.device.child import Child
from bench.fleet.device.spool import Spool
from bench.fleet.device.steady import HISTORY
from bench.fleet.facts import DeviceFacts, DeviceState, Running
from bench.fleet.orders import Answer, Event, Finished, Order, Refused
from bench.reading import NOT_DECODED
from bench.words import Sentence, sentence

LINGER_SECONDS = 30.0
"""How long a device waits for a client that fetches a result before it takes the next order."""
LONGEST_WAIT_S = 3600.0
"""How long an order waits for those who measure by hand here; then its client may give it to another device."""
MOST_LOST_RUNS = 3
MOST_ACKNOWLEDGED = 64
"""So many of the orders whose results were fetched last are known, and not begun by a task that was late."""
ORDERS, ARTIFACTS, STATE = "orders", "artifacts", "state.json"
Begin = Callable[..., Child]


class Connection:
    """A worker of Dask that the agent has for the time being. ``log``: sends an event to who listens."""

    def __init__(self, log: Callable[[dict[str, Any]], None] = lambda event: None) -> None:
        self.log, self.is_lost = log, False


class CutOff(Exception):
    """The worker that carried the order is gone; the run goes on."""


class Kept(msgspec.Struct, frozen=True):
    """What of an agent's state is on disk."""

    lost_runs: int = 0
    quarantined: Sentence | str = ""


class Carried:
    """The order that is carried out now."""

    def __init__(self, order: Order) -> None:
        self.order, self.id = order, order.id
        self.began_ns, now_ns = time.monotonic_ns(), time.time_ns()
        self.child: Child | None = None
        self.refused: Said | None = None
        self.answer: Refused | None = None  # for the task that waits; a later one is judged anew
        self.is_dropped = False
        self.wait: threading.Timer | None = None  # for those who measure by hand, with its limit
        self.running = Running(order=self.id, model="", target="", scenario="", since_utc_ns=now_ns)


class Agent:
    """One for a process. ``folder`` holds spool, artifacts and state; ``facts`` are announced. All methods may be
    called from any thread. ``yardstick_hours``: how often an order is preceded by a yardstick; 0: never.
    ``longest_wait_s``: for those who measure by hand. ``is_timing``: a repeat is timed now. ``at_boundary`` is called
    between timed parts, in any thread."""

    def __init__(
        self,
        facts: DeviceFacts,
        folder: Path,
        artifacts: Artifacts,
        *,
        begin: Begin = Child,
        linger_s: float = LINGER_SECONDS,
        longest_wait_s: float = LONGEST_WAIT_S,
        free: Callable[[Path], int] = free_bytes,
        yardstick_hours: float = 0.0,
    ) -> None:
        self.name, self.artifacts, self._facts, self._folder = facts.name, artifacts, facts, folder
        self.spool = Spool(folder / ORDERS)
        self._begin_child, self._linger_s, self._free = begin, linger_s, free
        self._longest_wait_s = longest_wait_s
        self._yardstick_hours = yardstick_hours
        self._changed = threading.Condition()
        self._connection = Connection()
        self._carried: Carried | None = None
        self._heard: dict[str, float] = {}  # when a client last asked for a result
        self._acknowledged: deque[str] = deque(maxlen=MOST_ACKNOWLEDGED)
        self.is_timing = False
        self.at_boundary: Callable[[], None] = lambda: None
        self._stopping = False
        self._kept = self._read_kept()
        for _ in range(self.spool.lost()):
            self._count_lost()

    def joined(self, connection: Connection) -> None:
        """A worker of Dask is there."""
        with self._changed:
            self._connection = connection

    def left(self, connection: Connection) -> None:
        """It is not any more: whoever waits in it is let go, and what runs goes on."""
        with self._changed:
            connection.is_lost = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End what runs; it does not count as lost."""
        with self._changed:
            self._stopping = True
            carried = self._carried
            self._connection.is_lost = True
            self._changed.notify_all()
        if carried is not None and carried.child is not None:
            carried.child.stop()
            self.spool.remove(carried.id)

    def carry_out(self, order: Order) -> Answer:
        """What the task of an order does: see ``bench.fleet.device.task``. Raises ``CutOff``."""
        order_id = order.id
        mine: Carried | None = None
        with self._changed:
            connection = self._connection
            while True:
                if connection.is_lost:
                    raise CutOff
                if (result := self.spool.result(order_id)) is not None:
                    break
                if mine is not None and mine.answer is not None:
                    return mine.answer
                if order_id in self._acknowledged:  # its task waited behind that of a client that is gone
                    self._acknowledged.remove(order_id)
                    return self._refused(order, "dropped", sentence("fleet.acknowledged", device=self.name))
                if self._carried is None:
                    if (answer := self._not_taken(order)) is not None:
                        return answer
                    self._carried = Carried(order)
                    self._start(self._carried)
                if self._carried is not None and self._carried.id == order_id:
                    mine = self._carried
                self._changed.wait()
        if mine is not None:
            self._tell("ended", order_id)
            self._await_client(connection, order_id)
        return result

    @property
    def is_busy(self) -> bool:
        """Whether nothing may be transferred now: a repeat is timed, or somebody measures by hand."""
        carried = self._carried
        return self.is_timing or (carried is not None and carried.wait is not None)

    def put(self, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        """A part of a file; see ``Artifacts.put``. ``None`` also while nothing may be transferred."""
        if self.is_busy:
            return None
        if self._carried is None:  # whoever waits for a run to end need not say so
            self.artifacts.let_go_of_silent()
        return self.artifacts.put(sha256, size_bytes, offset, data)

    def facts(self) -> DeviceFacts:
        """What the device says of itself now."""
        return replace(
            self._facts,
            utc_ns=time.time_ns(),
            free_bytes=self._free(self._folder),
            cache_bytes=self.artifacts.bytes(),
            cache_most_bytes=self.artifacts.most_bytes,
        )

    def state(self) -> DeviceState:
        """What it does now."""
        with self._changed:
            carried, kept = self._carried, self._kept
        results = self.spool.results()
        return DeviceState(
            name=self.name,
            running=None if carried is None else carried.running,
            finished=tuple(results),
            finished_bytes=sum(file.size_bytes for result in results.values() for file in result.files),
            finished_since_utc_ns=self.spool.oldest_utc_ns() if results else 0,
            quarantined=kept.quarantined,
            lost_runs=kept.lost_runs,
        )

    def heard(self, order_id: str) -> None:
        """A client asks for this result: the device waits for it."""
        with self._changed:
            self._heard[order_id] = time.monotonic()
            self._changed.notify_all()

    def acknowledge(self, order_id: str) -> None:
        """The result was fetched, and is removed. A task that still waits for it begins the order no more."""
        with self._changed:
            self._acknowledged.append(order_id)
        self._forget(order_id)

    def drop(self, order_id: str) -> None:
        """The order was carried out elsewhere: its run is ended, which counts as no lost run, and its result removed.
        Returns at once."""
        self.artifacts.let_go(order_id)
        with self._changed:
            carried = self._carried
            is_running = carried is not None and carried.id == order_id
        if carried is None or not is_running:
            self._forget(order_id)
            return
        carried.is_dropped = True
        if carried.child is not None:
            threading.Thread(target=carried.child.stop, name="odb-fleet-drop", daemon=True).start()

    def _forget(self, order_id: str) -> None:
        self.spool.remove(order_id)
        with self._changed:
            self._heard.pop(order_id, None)
            self._changed.notify_all()

    def quarantine(self, reason: Sentence | str) -> None:
        """Take no orders until ``release``; what runs goes on. It holds when the agent is started again."""
        with self._changed:
            self._keep(replace(self._kept, quarantined=reason))

    def release(self) -> None:
        """Take orders again. A device that had drifted is as it is from now on: its yardsticks begin anew."""
        with self._changed:
            why = self._kept.quarantined
            if isinstance(why, Sentence) and why.code == "fleet.drifts":
                (self._folder / HISTORY).unlink(missing_ok=True)
            self._keep(Kept())

    def _not_taken(self, order: Order) -> Answer | None:
        """Why the order is not begun, if anything is in the way."""
        if self._kept.quarantined:
            return self._in_quarantine(order)
        return not_taken(order, self._facts, self.artifacts, self._folder, self._free)

    def _start(self, carried: Carried) -> None:
        """Begin the child, in a thread that may copy files meanwhile."""
        threading.Thread(target=self._started, args=(carried,), name="odb-fleet-start", daemon=True).start()

    def _started(self, carried: Carried) -> None:
        try:
            try:
                folder = self.spool.begin(carried.order, self.artifacts)
            finally:  # its files have second names now
                self.artifacts.let_go(carried.id)
            plugins: Sequence[str] = self._facts.plugins
            carried.child = self._begin_child(
                folder,
                (self.name, str(self._yardstick_hours), *plugins),
                lambda said: self._said(carried, said),
                lambda status: self._ended(carried, status),
            )
            if carried.is_dropped or self._stopping:  # meanwhile
                carried.child.stop()
        except (OSError, OdbError) as error:
            code = "disk_full" if disk_is_full(error) else "wrong_file"
            reason = error.sentence if isinstance(error, OdbError) else (error.strerror or str(error))
            remedy = error.advice if isinstance(error, OdbError) else ""
            self._over(carried, self._refused(carried.order, code, reason, remedy))

    def _said(self, carried: Carried, said: Said) -> None:
        self.is_timing = said.kind == "turn"
        self._waits(carried, said.text if said.kind == "waits" else "")
        if said.kind == "refused":
            carried.refused = said
            return
        running = carried.running
        if said.model:
            running = replace(running, model=said.model, target=said.target, scenario=said.scenario)
        step = said.text if said.kind in ("waits", "step", "turn") else ""
        carried.running = replace(running, step=step, step_since_utc_ns=time.time_ns())
        self._tell(said.kind, carried.id, said.text)
        self.at_boundary()

    def _waits(self, carried: Carried, step: Sentence | str) -> None:
        """It waits for those who measure by hand, or no longer where ``step`` is empty."""
        before, carried.wait = carried.wait, None
        if before is not None:
            before.cancel()
        if step:
            carried.wait = threading.Timer(self._longest_wait_s, self._waited_in_vain, (carried, step))
            carried.wait.daemon = True
            carried.wait.start()

    def _waited_in_vain(self, carried: Carried, step: Sentence | str) -> None:
        if carried.wait is None or carried.child is None:  # it has begun meanwhile
            return
        told = sentence("fleet.waited_in_vain", device=self.name, wait_ns=round(self._longest_wait_s * 1e9), step=step)
        remedy = sentence("fleet.waited_in_vain.remedy")
        carried.refused = Said(kind="refused", code="busy", text=told, remedy=remedy)
        carried.child.stop()

    def _ended(self, carried: Carried, status: int) -> None:
        """The child ended: what there is of records is the result."""
        self.is_timing = False
        self._waits(carried, "")
        self.at_boundary()
        if self._stopping:
            self.spool.remove(carried.id)
        else:
            self._over(carried, self._outcome(carried, status))

    def _outcome(self, carried: Carried, status: int) -> Finished | Refused:
        order, device = carried.order, self.name
        if carried.is_dropped:
            return self._refused(order, "dropped", sentence("fleet.dropped", device=device))
        seconds = (time.monotonic_ns() - carried.began_ns) / 1e9
        try:
            result = self.spool.end(carried.id, device, seconds)
        except FileNotFoundError:
            remedy = sentence("fleet.order_removed.remedy")
            return self._refused(order, "crashed", sentence("fleet.order_removed", device=device), remedy)
        except OSError as error:
            code = "disk_full" if disk_is_full(error) else "crashed"
            return self._refused(order, code, error.strerror or str(error))
        if result is not None:
            return result
        if (said := carried.refused) is not None:
            if said.code == DRIFTS:
                self.quarantine(said.text)
                return self._in_quarantine(order)
            return self._refused(order, said.code, said.text, said.remedy)
        last = "" if carried.child is None else carried.child.last_words()
        remedy = sentence("fleet.crashed.remedy", device=device)
        return self._refused(order, "crashed", sentence("fleet.crashed", status=status, last=last), remedy)

    def _over(self, carried: Carried, answer: Finished | Refused) -> None:
        if isinstance(answer, Refused):
            self.spool.remove(carried.id)
        with self._changed:
            if isinstance(answer, Refused):
                carried.answer = answer
            if isinstance(answer, Finished):
                self._keep(replace(self._kept, lost_runs=0))
            elif answer.code == "crashed":
                self._count_lost()
            self._carried = None
            self.artifacts.heard_of_all()
            self._changed.notify_all()

    def _await_client(self, connection: Connection, order_id: str) -> None:
        """Until the result was fetched and acknowledged, or nobody has asked for it for a while: nothing is timed
        while it is transferred."""
        with self._changed:
            since = time.monotonic()
            while self.spool.result(order_id) is not None and not connection.is_lost:
                left_s = max(since, self._heard.get(order_id, 0.0)) + self._linger_s - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(left_s)

    def _in_quarantine(self, order: Order) -> Refused:
        return self._refused(
            order,
            "quarantined",
            sentence("fleet.quarantined", device=self.name, reason=self._kept.quarantined),
            sentence("fleet.quarantined.remedy", device=self.name),
        )

    def _refused(self, order: Order, code: str, reason: Sentence | str, remedy: Sentence | str = "") -> Refused:
        return refused(self.name, order.id, code, reason, remedy)

    def _tell(self, kind: Any, order_id: str, text: Sentence | str = "") -> None:
        event = Event(order=order_id, device=self.name, kind=kind, text=text, utc_ns=time.time_ns())
        self._connection.log(msgspec.to_builtins(event))

    def _count_lost(self) -> None:
        lost = self._kept.lost_runs + 1
        reason: Sentence | str = self._kept.quarantined
        if lost >= MOST_LOST_RUNS and not reason:
            reason = sentence("fleet.lost_in_a_row", count=lost)
        self._keep(Kept(lost, reason))

    def _keep(self, kept: Kept) -> None:
        if kept == self._kept:
            return
        self._kept = kept
        staged = self._folder / f".{STATE}"
        with suppress(OSError):  # on a full disk it holds until the agent ends
            staged.write_bytes(msgspec.json.encode(kept))
            staged.replace(self._folder / STATE)

    def _read_kept(self) -> Kept:
        try:
            return msgspec.json.decode((self._folder / STATE).read_bytes(), type=Kept)
        except (OSError, *NOT_DECODED):
            return Kept()
