"""An agent of a device whose children are no processes, and tasks that wait for it."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.fleet.device.agent import Agent, Connection
from bench.fleet.device.artifacts import Artifacts
from bench.fleet.device.carrying import Said
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import Answer, Order, OrderFile

DATA = b"a model"
FILE = OrderFile(name="m/model.onnx", sha256=hashlib.sha256(DATA).hexdigest(), size_bytes=len(DATA))
ORDER = Order(suite=b"{}", files=(FILE,))
FACTS = DeviceFacts(name="board", labels={}, targets={}, versions={}, utc_ns=0, free_bytes=0, cache_bytes=0)
PLENTY = 1 << 40


class Double:
    """A child that runs until the test says how it ends."""

    begun: "list[Double]"

    def __init__(
        self, folder: Path, arguments: Sequence[str], said: Callable[[Said], None], ended: Callable[[int], None]
    ) -> None:
        self.folder, self.arguments, self.said, self.ended = folder, arguments, said, ended
        self.is_stopped = False

    def record(self, name: str = "r1") -> None:
        (self.folder / "records" / name).mkdir(parents=True)
        (self.folder / "records" / name / "record.json").write_bytes(b"{}")
        self.ended(0)

    def stop(self) -> None:
        self.is_stopped = True

    def last_words(self) -> str:
        return "Segmentation fault"


class Rack:
    """An agent, its children, and tasks in threads."""

    def __init__(self, folder: Path, linger_s: float = 0.0, longest_wait_s: float = 3600.0, **facts: Any) -> None:
        self.children: list[Double] = []
        self.begun = threading.Semaphore(0)
        self.events: list[dict[str, Any]] = []
        self.free_bytes = PLENTY
        self.agent = Agent(
            replace(FACTS, **facts),
            folder,
            Artifacts(folder / "artifacts", 1 << 20, lambda path: self.free_bytes),
            begin=self._begin,
            linger_s=linger_s,
            longest_wait_s=longest_wait_s,
            free=lambda path: self.free_bytes,
        )
        self.connection = Connection(self.events.append)
        self.agent.joined(self.connection)

    def _begin(self, *arguments: Any) -> Any:
        self.children.append(Double(*arguments))
        self.begun.release()
        return self.children[-1]

    def send(self, data: bytes = DATA) -> None:
        self.agent.artifacts.put(hashlib.sha256(data).hexdigest(), len(data), 0, data)

    def task(self, order: Order = ORDER) -> "Task":
        return Task(lambda: self.agent.carry_out(order))

    def child(self) -> Double:
        """The next that begins."""
        assert self.begun.acquire(timeout=10)
        return self.children[-1]


class Task:
    def __init__(self, function: Callable[[], Answer]) -> None:
        self._answer: Answer | BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    def _run(self, function: Callable[[], Answer]) -> None:
        try:
            self._answer = function()
        except Exception as error:
            self._answer = error

    def answer(self) -> Answer | BaseException | None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self._answer

    @property
    def is_waiting(self) -> bool:
        self._thread.join(0.05)
        return self._thread.is_alive()
