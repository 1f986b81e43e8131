"""A scheduler and a device of a rack as processes on loopback, with TLS and keys of their own."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from bench.fleet.device import calls
from bench.fleet.device.task import carry_out
from bench.fleet.keys import make_keys
from bench.fleet.orders import Answer, Order
from bench.fleet.security import party_of

ODB = (sys.executable, "-c", "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()")
SCRIPTED = (sys.executable, str(Path(__file__).with_name("loopback_device.py")))
WAIT_SECONDS = 60


def until(true: Callable[[], Any]) -> Any:
    """What ``true`` returns as soon as that is something."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Loopback:
    """The rack: keys, a scheduler, and the device ``board``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys, self.device_folder = folder, folder / "keys", folder / "board"
        make_keys(self.keys, ["board"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tls://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.client: Any = None

    def begin_scheduler(self) -> None:
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        self._begin("scheduler", [*ODB, "fleet", "scheduler", "--keys", str(self.keys / "scheduler"), *where])

    def begin_device(self, *options: str) -> None:
        """The device ``board``, whose children do what the test says; with ``options`` as `odb fleet worker` has it."""
        keys, folder = str(self.keys / "board"), str(self.device_folder)
        if not options:
            self._begin("device", [*SCRIPTED, self.address, keys, folder])
            return
        places = ("--keys", keys, "--folder", folder, "--lease", str(self.folder / "lease"), "--host", "127.0.0.1")
        self._begin("device", [*ODB, "fleet", "worker", "--scheduler", self.address, *places, *options])

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def connect(self) -> None:
        """A new client."""
        from distributed import Client

        self._close_client()
        party = party_of(self.keys / "client", "client")
        self.client = Client(self.address, timeout=WAIT_SECONDS, set_as_default=False, **party.arguments())

    def wait_for_a_turn(self) -> None:
        """Until the device is back, which joins between repeats only: the child begins one after the other."""
        until(lambda: (self.device_folder / "next").touch() or self.client.scheduler_info()["workers"])

    def worker(self) -> str:
        """The address of the device, as soon as it is there."""
        workers = until(lambda: self.client.scheduler_info()["workers"])
        (address,) = workers
        return str(address)

    def submit(self, order: Order, attempt: int = 1) -> Any:
        return self.client.submit(
            carry_out,
            msgspec.json.encode(order),
            key=f"odb-{order.id}-{attempt}",
            pure=False,
            retries=0,
            resources={"device": 1, "device=board": 1},
        )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        worker = self.worker()
        return self.client.run(function, *arguments, workers=[worker])[worker]

    def running(self) -> str:
        return str(self.call(calls.holdings)["running"])

    def answer(self, future: Any) -> Answer:
        found: Answer = msgspec.json.decode(future.result(timeout=WAIT_SECONDS), type=Answer)
        return found

    def let_end(self, how: str = "") -> None:
        """The child ends as ``how`` says."""
        (self.device_folder / "end").write_text(how)

    def begun(self) -> list[str]:
        return (self.device_folder / "begun").read_text().split()

    def end(self) -> None:
        self._close_client()
        for name in [*self.processes]:
            self.kill(name)

    def _close_client(self) -> None:
        if self.client is not None:
            with suppress(TimeoutError):  # of a scheduler that is gone
                self.client.close(timeout=1)

    def _begin(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
