"""A rack of processes on loopback: a scheduler and devices that can be killed and begun again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.fleet.keys import make_keys

BOARD = Path(__file__).with_name("board.py")
PLUGINS = Path(__file__).resolve().parents[2] / "plugins" / "rack"
MODEL = PLUGINS / "model.py"
ODB = (sys.executable, "-c", "import sys; sys.argv[0] = 'odb'; from bench.cli import main; sys.exit(main())")
SECONDS = 90.0


class Processes:
    """Those of a rack by name, each in a group of its own as a shell begins them. Logs are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def kill(self, name: str) -> None:
        """With all of its group, as a power cut does."""
        with suppress(ProcessLookupError):
            os.killpg(self._processes[name].pid, signal.SIGKILL)
        self._processes[name].wait()

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def is_running(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def memory_bytes(self, name: str) -> int:
        """The most that the process has had resident."""
        status = Path(f"/proc/{self._processes[name].pid}/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

    def wait(self, until: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"{what}: not within {seconds} s\n{self._logs()}"
            time.sleep(0.05)

    def end(self) -> None:
        for name in self._processes:
            self.kill(name)

    def start(self, name: str, *command: str, printed: Path | None = None, **variables: str) -> None:
        """``printed``: where its stdout goes; into its log without. ``variables``: of its environment."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as said, (printed or log).open("ab") as out:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
                env={**os.environ, **variables},
                start_new_session=True,
            )

    def _logs(self) -> str:
        return "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-500:]}" for path in self.folder.glob("*.log")
        )


class ProcessRack(Processes):
    """On loopback. Everything lies in ``folder``: keys, the devices' folders and logs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._devices: dict[str, tuple[Path, ...]] = {}
        self._port = free_port()
        self.keys = folder / "keys"
        make_keys(self.keys, (), ("localhost",), 2)

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self._port}"

    def begin_scheduler(self) -> None:
        """Wait until it listens."""
        given = ("fleet", "scheduler", "--host", "127.0.0.1", "--port", str(self._port))
        self.start("scheduler", *ODB, *given, "--keys", str(self.keys / "scheduler"))
        self.wait(lambda: "tls://" in self.log("scheduler"), "the scheduler listens")

    def add(self, name: str, *plugins: Path) -> None:
        """Begin a device, without waiting for it."""
        make_keys(self.keys, (name,), (), 2)
        self._devices[name] = (MODEL, *plugins)
        self.begin(name)

    def begin(self, name: str) -> None:
        """Begin a device anew."""
        given = (name, self.address, self.keys / name, self.folder / name, *self._devices[name])
        self.start(name, sys.executable, str(BOARD), *(str(one) for one in given))

    def begin_and_wait(self, name: str) -> None:
        """Until it has joined."""
        joined = self.log(name).count("joined")
        self.begin(name)
        self.wait(lambda: self.log(name).count("joined") > joined, f"{name} joins")


@contextmanager
def process_rack(folder: Path) -> Iterator[ProcessRack]:
    """A rack with its scheduler; every process is gone at the end."""
    rack = ProcessRack(folder)
    try:
        rack.begin_scheduler()
        yield rack
    finally:
        rack.end()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
