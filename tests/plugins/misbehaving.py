"""Targets that go wrong, each in its own real way. Loaded with --plugin by the tests."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.contracts import Artifact, Device, OpenRequest, Phase, SessionFacts, TensorSession, TokenSession
from bench.errors import RunFailure
from bench.testing import FakeDecoder, FakeModel, FakeTensorSession, NullTarget


def crash() -> None:
    """A real segmentation fault."""
    ctypes.string_at(0)


def hang() -> None:
    """Never returns."""
    while True:
        time.sleep(60)


def killed() -> None:
    """As the out-of-memory killer, or a person, would."""
    os.kill(os.getpid(), signal.SIGKILL)


def litter() -> None:
    """Killed beside its temporary files."""
    tempfile.mkdtemp(prefix="optimised-")
    killed()


def exhaust() -> None:
    """Asks for more memory than any machine has."""
    bytearray(1 << 60)


def refuse() -> None:
    """What a runtime says when it cannot."""
    raise ValueError("tensor rank mismatch in layer 7 of /home/someone/secret/net.onnx")


def leave() -> None:
    """A native library that ends the process."""
    os._exit(7)


def chatter() -> None:
    """Native libraries print past Python."""
    os.write(1, b"\x1b[93mnative: hello from /opt/vendor/lib/libchip.so\x1b[m\n")
    os.write(2, b"native: and on stderr\n")


def remove_own_folder() -> None:
    """A cleaner of temporary folders, or a plugin that takes the folder of its job for its own."""
    shutil.rmtree(Path(sys.argv[1]).parent)


def remove_workspace() -> None:
    shutil.rmtree(Path(sys.argv[1]).parent.parent)


TRICKS: dict[str, Callable[[], None]] = {
    "crash": crash,
    "hang": hang,
    "killed": killed,
    "oom": exhaust,
    "refuse": refuse,
    "litter": litter,
    "leave": leave,
    "chatter": chatter,
    "unfolder": remove_own_folder,
    "unworkspace": remove_workspace,
}


class Misbehaving(NullTarget):
    """Device ``crash-open`` crashes when opened, ``crash-call`` in its twentieth call and ``crash-late`` in its two
    hundredth, which no untimed pass reaches; so for every trick."""

    def devices(self) -> Sequence[Device]:
        return [Device(f"{t}-{w}", True, default=False) for t in TRICKS for w in ("open", "call", "late")] + [
            Device("absent", False, reason="no such chip here", remedy="plug one in", default=False),
            Device("fallback", True, default=False),
        ]

    def options(self, device: str) -> Mapping[str, str]:
        return {"latency_us": "spin", "knob": "does nothing"}

    def name_of(self, device: str, options: Mapping[str, str], artifact: Artifact | None = None) -> str:
        return f"Chip of {device}" + (f" for {artifact.model_id}" if artifact is not None else "")

    def work(self, request: OpenRequest) -> Callable[[], None]:
        trick_name, _, when = request.device.partition("-")
        trick = TRICKS.get(trick_name, lambda: None)
        if when == "open":
            trick()
        calls = 0

        def call() -> None:
            nonlocal calls
            calls += 1
            time.sleep(0.001)
            if calls == {"call": 20, "late": 200}.get(when):
                trick()

        return call


class WrongFacts(FakeTensorSession):
    """Says nothing where a name is due."""

    def facts(self) -> SessionFacts:
        return SessionFacts(device_name=None)  # type: ignore[arg-type]


class Liar(NullTarget):
    """Breaks the contract after it has run; also starts a child of its own and forgets it."""

    def options(self, device: str) -> Mapping[str, str]:
        return {"child": "leave a process behind"}

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        with phase("compile"):
            if "child" in request.options:
                subprocess.Popen(["sleep", "171"])
                os.abort()
            facts = request.artifact.facts
            return WrongFacts({}, "liar", lambda: None, facts.inputs, facts.outputs)


class Broken(NullTarget):
    """Cannot even list its devices."""

    def devices(self) -> Sequence[Device]:
        raise RunFailure("unavailable", "the vendor's library is missing", "install it")


PLUGINS = {
    "targets": {"bad": Misbehaving, "broken": Broken, "liar": Liar, "null": NullTarget},
    "models": {"fake": FakeModel, "fake-decoder": FakeDecoder},
}
