"""A rack on a network of its own: every device in a network namespace behind a cable that can be pulled, scheduler and
client at a switch. Needs Linux, root and `ip`."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.fleet.keys import make_keys
from tests.support.fleet.processes import ODB, Processes

HUB, PORT, SWITCH = "10.77.0.1", 8786, "switch"
NICE = ("nice", "-n", "5")


class NetworkRack(Processes):
    """Everything lies in ``folder``: keys, the devices' folders and logs. ``offer``: options of every worker."""

    def __init__(self, folder: Path, offer: tuple[str, ...]) -> None:
        super().__init__(folder)
        self.keys, self.address = folder / "keys", f"tls://{HUB}:{PORT}"
        self._offer, self._hub = offer, f"odb-{os.getpid()}"
        self._namespaces: dict[str, str] = {}
        make_keys(self.keys, (), (HUB,), 2)
        ip("netns", "add", self._hub)
        self._at_hub("link", "set", "lo", "up")
        self._at_hub("link", "add", SWITCH, "type", "bridge")
        self._at_hub("address", "add", f"{HUB}/16", "dev", SWITCH)
        self._at_hub("link", "set", SWITCH, "up")

    def begin_scheduler(self) -> None:
        """Wait until it listens."""
        told = self.log("scheduler").count("tls://")
        given = ("--host", HUB, "--port", str(PORT), "--keys", str(self.keys / "scheduler"))
        self._begin("scheduler", self._hub, "scheduler", *given)
        self.wait(lambda: self.log("scheduler").count("tls://") > told, "the scheduler listens")

    def add(self, name: str) -> None:
        """A machine with keys, folder, cache, locks and address of its own; its worker is begun."""
        number, namespace = len(self._namespaces) + 1, f"{self._hub}-{name}"
        make_keys(self.keys, (name,), (), 2)
        ip("netns", "add", namespace)
        self._namespaces[name] = namespace
        self._at_hub("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self._at_hub("link", "set", name, "master", SWITCH, "up")
        ip("-n", namespace, "address", "add", f"10.77.1.{number}/16", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", namespace, "link", "set", link, "up")
        self.begin(name)

    def begin(self, name: str) -> None:
        """Begin a device's worker, as its service does."""
        places = ("--folder", str(self.folder / name), "--lease", str(self.folder / f"{name}.lease"))
        given = ("--scheduler", self.address, "--keys", str(self.keys / name), *places)
        self._begin(name, self._namespaces[name], "worker", *given, *self._offer)

    def begin_client(self, *given: str, printed: Path) -> None:
        """``odb fleet …`` at the switch, the process ``client``."""
        whole = (*given, "--scheduler", self.address, "--keys", str(self.keys / "client"))
        self._begin("client", self._hub, *whole, printed=printed)

    def sent_bytes(self, name: str) -> int:
        """What has gone to the device through its cable, in all."""
        told = ip("-s", "-j", "-n", self._hub, "link", "show", name)
        return int(json.loads(told)[0]["stats64"]["tx"]["bytes"])

    def cut(self, name: str) -> None:
        """Pull the device's cable at the switch: packets are lost, and neither end is told."""
        self._at_hub("link", "set", name, "nomaster")

    def mend(self, name: str) -> None:
        """Plug it in again."""
        self._at_hub("link", "set", name, "master", SWITCH)

    def end(self) -> None:
        super().end()
        for namespace in (*self._namespaces.values(), self._hub):
            ip("netns", "delete", namespace)

    def _begin(self, name: str, namespace: str, *given: str, printed: Path | None = None) -> None:
        command = ("ip", "netns", "exec", namespace, *NICE, *ODB, "fleet", *given)
        locks = self.folder / f"{name}.locks"
        locks.mkdir(exist_ok=True)
        own = {"ODB_CACHE": str(self.folder / f"{name}.cache"), "ODB_LOCKS": str(locks)}
        self.start(name, *command, printed=printed, **own)

    def _at_hub(self, *given: str) -> None:
        ip("-n", self._hub, *given)


@contextmanager
def network_rack(folder: Path, *offer: str) -> Iterator[NetworkRack]:
    """A rack with its scheduler; every process and the network are gone at the end. Skips the test where this user, or
    the system, can make no network namespaces."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and `ip`, for network namespaces")
    try:
        rack = NetworkRack(folder, offer)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        rack.begin_scheduler()
        yield rack
    finally:
        rack.end()


def ip(*given: str) -> bytes:
    """What it prints. Raises ``CalledProcessError``."""
    return subprocess.run(["ip", *given], check=True, capture_output=True).stdout
