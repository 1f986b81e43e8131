"""Exact fakes, for this project's tests and for plugin authors'.

``FakeClock`` simulates time; ``FakeTarget`` takes exactly the given time on it. ``NullTarget`` runs in a real worker
and does nothing, or spins for a given time: measuring it measures the harness. ``FakeModel`` and ``FakeDecoder`` are
models without a graph.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import cycle
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import (
    Artifact,
    DecoderSpec,
    Device,
    Format,
    GraphFacts,
    ModelRequest,
    NodePlacement,
    OpenRequest,
    Phase,
    Placement,
    SessionFacts,
    Task,
    Tensors,
    TensorSession,
    TensorSpec,
    TokenSession,
)
from bench.store.records import write_atomically

if TYPE_CHECKING:
    import numpy as np


class FakeClock:
    """Nanoseconds that pass only when told to. Call it as ``time.perf_counter_ns`` is called."""

    def __init__(self, now_ns: int = 0) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, duration_ns: int) -> None:
        """Let ``duration_ns`` pass."""
        self.now_ns += duration_ns

    def seconds(self) -> float:
        """The same clock in seconds."""
        return self.now_ns / 1e9


def no_phase(name: str) -> AbstractContextManager[None]:
    """A ``contracts.Phase`` that times nothing."""
    return nullcontext()


class FakeFacts(Struct):
    """Facts that every fake session reports."""

    options: dict[str, str]
    device: str = "null"

    def placement(self) -> Placement | None:
        return Placement("NULL", (NodePlacement("identity", "Identity", "NULL"),), "fake")

    def facts(self) -> SessionFacts:
        return SessionFacts(
            device_name="a device that does nothing",
            options_effective=self.options,
            versions={"fake": "1"},
            executed_precision="float32",
        )


class FakeTensorSession(FakeFacts):
    """Copies its inputs to its outputs, after ``work`` has been called once a query."""

    work: Callable[[], None] = lambda: None
    inputs: Sequence[TensorSpec] = ()
    outputs: Sequence[TensorSpec] = ()
    feeds: dict[str, Any] = {}

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        self.feeds = dict(feeds)
        return self.work

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        return [self.bind(feeds)] * (lanes or 2)

    def refill(self, feeds: Tensors) -> None:
        self.feeds = dict(feeds)

    def results(self) -> Tensors:
        return {name: array.copy() for name, array in self.feeds.items()}


class FakeTokenSession(FakeFacts):
    """Generates ``ids`` over and over, whatever the prompt."""

    ids: tuple[int, ...] = (1, 2, 3)
    work: Callable[[], None] = lambda: None
    position: int = 0

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        self.position = 0
        return self.decode()

    def decode(self) -> int:
        self.work()
        token = self.ids[self.position % len(self.ids)]
        self.position += 1
        return token

    def reset(self) -> None:
        self.position = 0


class NullTarget:
    """The target ``null:cpu``: no runtime, no work. Option ``latency_us`` spins that long in every call;
    ``throttle_after_ms`` makes every call that begins so long after the first 15 % longer, as a hot chip does."""

    summary = "does nothing; measures the harness"
    formats: Sequence[Format] = ("onnx", "openvino_ir", "tflite")
    tasks: Sequence[Task] = ("tensor", "text_generation")
    requires: Sequence[str] = ()
    install = ""
    safe_options: Collection[str] = ("latency_us", "throttle_after_ms")

    def devices(self) -> Sequence[Device]:
        return (Device("cpu", True, "a device that does nothing", default=False),)

    def options(self, device: str) -> Mapping[str, str]:
        return {
            "latency_us": "spin this many microseconds in every call",
            "throttle_after_ms": "from so many milliseconds after the first call on, spin 15 % longer",
        }

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        pass

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        with phase("compile"):
            work = self.work(request)
            if request.artifact.task == "text_generation":
                return FakeTokenSession(dict(request.options), work=work)
            facts = request.artifact.facts
            return FakeTensorSession(dict(request.options), "null", work, facts.inputs, facts.outputs)

    def work(self, request: OpenRequest) -> Callable[[], None]:
        """What one call does. For subclasses."""
        latency_ns = int(float(request.options.get("latency_us", "0")) * 1_000)
        after_ms = request.options.get("throttle_after_ms")
        return spin(latency_ns) if after_ms is None else throttled(latency_ns, int(float(after_ms) * 1_000_000))


class FakeTarget(NullTarget):
    """As ``NullTarget``, on a ``FakeClock``: call number i takes exactly ``latencies_ns[i]``, over and over."""

    def __init__(self, clock: FakeClock, latencies_ns: Iterable[int]) -> None:
        self._clock, self._latencies = clock, cycle(latencies_ns)

    def work(self, request: OpenRequest) -> Callable[[], None]:
        return lambda: self._clock.advance(next(self._latencies))


class FakeModel:
    """A model without a graph: one float32 input [1, 4], copied to the output. Written as a file of one line."""

    summary = "one input, copied"
    task: Task = "tensor"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ("float32",)

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        cache.mkdir(parents=True, exist_ok=True)
        path = cache / f"fake-{self.task}.onnx"
        if not path.is_file():
            write_atomically(path, b"fake\n")
        return fake_artifact(path, self.task)


class FakeDecoder(FakeModel):
    """A language model without a graph."""

    summary = "tokens from nowhere"
    task: Task = "text_generation"


def fake_artifact(path: Path, task: Task = "tensor") -> Artifact:
    """An artifact whose file is ``path``, with one MAC."""
    spec = TensorSpec("x", "float32", (1, 4))
    data = path.read_bytes()
    return Artifact(
        model_id=path.stem,
        task=task,
        format="onnx",
        precision="float32",
        path=path,
        files=(path,),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        facts=GraphFacts((spec,), (spec,), {"Identity": 1}, 0, 1, 0, 32, {"identity": 1}),
        shapes={} if task == "text_generation" else {"x": (1, 4)},
        decoder=DecoderSpec(1, 1, 1, 100, 4096) if task == "text_generation" else None,
    )


def spin(duration_ns: int) -> Callable[[], None]:
    """A call that keeps a core busy for ``duration_ns``."""

    def idle() -> None:
        pass

    def busy() -> None:
        end = perf_counter_ns() + duration_ns
        while perf_counter_ns() < end:
            pass

    return busy if duration_ns else idle


def throttled(duration_ns: int, after_ns: int, clock: Callable[[], int] = perf_counter_ns) -> Callable[[], None]:
    """As ``spin``, and 15 % longer for every call that begins ``after_ns`` after the first did."""
    first_ns: int | None = None

    def busy() -> None:
        nonlocal first_ns
        now = clock()
        first_ns = now if first_ns is None else first_ns
        end = now + (duration_ns if now - first_ns < after_ns else duration_ns * 115 // 100)
        while clock() < end:
            pass

    return busy


PLUGINS = {
    "targets": {"null": NullTarget},
    "models": {"fake": FakeModel, "fake-decoder": FakeDecoder},
}
