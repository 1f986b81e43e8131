"""Targets that answer or leave in ways that no parent expects. Loaded by the tests of what the supervisor survives."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from bench.contracts import Device, OpenRequest
from bench.testing import FakeModel, NullTarget

SLEEPS = "173"


def say_no_unicode() -> None:
    """Writes bytes that are no UTF-8 on the pipe that the worker answers on."""
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b'["\xff\xfe"]\n')
        except OSError:
            continue


def raise_surrogate() -> None:
    """The name of a file that is no UTF-8, in a runtime's message."""
    raise ValueError("cannot open net\udcff.onnx")


def leave_child() -> None:
    """A child in a session of its own that holds every descriptor of the worker, the pipe among them."""
    if os.fork() == 0:
        os.setsid()
        os.execv("/bin/sleep", ["sleep", SLEEPS])


def leave_child_holding_pipe() -> None:
    """A child as a runtime forks it: with the worker's pipe inherited."""
    for descriptor in range(3, 64):
        try:
            os.set_inheritable(descriptor, True)
        except OSError:
            continue
    subprocess.Popen(["sleep", SLEEPS], close_fds=False)
    if os.fork() == 0:
        os.setsid()
        os.execv("/bin/sleep", ["sleep", SLEEPS])


def leave_child_and_die() -> None:
    """The worker is gone without a word, and its child holds the pipe."""
    leave_child_holding_pipe()
    os._exit(9)


def flood() -> None:
    """Prints without end, as a runtime at its highest log level."""
    for _ in range(200):
        os.write(1, b"[V] node added\n" * 10_000)
    os.write(1, b"the last words\n")
    sys.stdout.flush()


TRICKS: dict[str, Callable[[], None]] = {
    "no-unicode": say_no_unicode,
    "surrogate": raise_surrogate,
    "child": leave_child_holding_pipe,
    "child-and-die": leave_child_and_die,
    "flood": flood,
}


class Untidy(NullTarget):
    """Does the trick named by the device when it is opened."""

    def devices(self) -> Sequence[Device]:
        return [Device(trick, True, default=False) for trick in TRICKS]

    def options(self, device: str) -> Mapping[str, str]:
        return {"latency_us": "spin"}

    def work(self, request: OpenRequest) -> Callable[[], None]:
        TRICKS[request.device]()
        return super().work(request)


PLUGINS = {"targets": {"untidy": Untidy, "null": NullTarget}, "models": {"fake": FakeModel}}
