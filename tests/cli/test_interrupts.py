"""Interrupts at any moment of any command: status 130, a sentence, no traceback, nothing left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.process

MISBEHAVING = Path(__file__).resolve().parents[1] / "plugins" / "misbehaving.py"
NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

START = """
import os, signal, sys
module, number, disposition = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.argv[:] = ["odb", *sys.argv[4:]]
signal.signal(number, {"ignored": signal.SIG_IGN, "python": signal.default_int_handler}[disposition])


class Interrupts:
    "Sends the signal to this process when the module is about to be imported."

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == module:
            sys.stdout.write("sent\\n")
            sys.stdout.flush()
            os.kill(os.getpid(), number)


sys.meta_path.insert(0, Interrupts)
from bench.cli import main

if module == "the end":
    import atexit

    atexit.register(Interrupts.find_spec, "the end")
main()
"""


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the processes of these tests also where it is ignored here, as in a background job of a shell."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(module: str, number: int, *words: str, signals: str = "python") -> tuple[int, bool, str]:
    """``odb`` with a signal at the first import of ``module``: its status, whether the signal was sent, its stderr."""
    command = [sys.executable, "-c", START, module, str(int(number)), signals, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, "sent" in done.stdout.splitlines(), done.stderr


@posix
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("bench.cli.group", ["--help"]),
        ("click", ["--version"]),
        ("click.shell_completion", ["completion", "bash"]),
        ("bench.errors", ["list", "models"]),
        ("bench.plugins", ["list", "models"]),
        ("bench.record.codec", ["schema"]),
        ("bench.cli.doctor_command", ["doctor"]),
        ("bench.comparison.comparison", ["compare", "a", "b"]),
        ("numpy._core._multiarray_umath", ["compare", "a", "b"]),
        ("bench.store.submissions", ["report", "a"]),
        ("msgspec._core", ["run", "--dry-run"]),
        (
            "bench.execution.suite_run",
            ["run", "-m", "fake", "-t", "null:cpu", "--plugin", str(MISBEHAVING), "-o", "never"],
        ),
        ("the end", ["list", "models"]),
    ],
)
def test_an_interrupt_while_a_command_is_imported(module: str, words: list[str], tmp_path: Path) -> None:
    """Whatever is being imported, also a native module, and as Python ends."""
    number = NUMBERS[len(module) % len(NUMBERS)]
    assert (130, True, "odb: interrupted\n") == interrupted(module, number, *words)
    assert not Path("never").exists()


@posix
@pytest.mark.parametrize("number", NUMBERS)
def test_each_signal(number: int) -> None:
    """The statuses are the same."""
    assert (130, True, "odb: interrupted\n") == interrupted("bench.process.telemetry", number, "list", "models")


@posix
def test_an_interrupt_once_a_run_has_begun(tmp_path: Path) -> None:
    """It is raised, so that what was begun is removed, and no empty folder of records is left."""
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    words = ["run", "-m", "fake", "-t", "null:cpu", "--plugin", str(MISBEHAVING), "-o", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        status, sent, said = interrupted("bench.machine.sensors.rapl", signal.SIGINT, *words)
    assert (130, True) == (status, sent)
    assert ["odb: interrupted"] == said.split("\n")[-2:-1]  # nothing was written that could be kept
    assert "Traceback" not in said
    assert ([], False) == (list(temporary.iterdir()), out.exists())


@posix
def test_an_ignored_signal_stays_ignored() -> None:
    """As under nohup: the command is carried out."""
    number = getattr(signal, "SIGHUP", signal.SIGTERM)
    status, sent, said = interrupted("click", number, "list", "scenarios", signals="ignored")
    assert (0, True, "") == (status, sent, said)


POOL = """
import os, sys, time
from bench.cli.terminal.signals import handle_interrupts
from bench.parallel import FEWEST, each


def slow(number):
    time.sleep(60 if number else 0)


os.sched_getaffinity = lambda pid: {0, 1}
handle_interrupts()
list(each(slow, range(FEWEST)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
@pytest.mark.parametrize(("number", "to_group", "status"), [(9, False, -9), (2, False, 130), (2, True, 130)])
def test_processes_that_read_many_records_end_with_their_parent(number: int, to_group: bool, status: int) -> None:
    """Killed, interrupted alone, or with its whole group as at a terminal."""
    command = [sys.executable, "-c", POOL]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as parent:
        children: list[psutil.Process] = []
        while len(children) < 2:
            children = psutil.Process(parent.pid).children()
            assert parent.poll() is None
        end = time.monotonic() + 60
        while any(one.status() != psutil.STATUS_SLEEPING for one in (psutil.Process(parent.pid), *children)):
            assert time.monotonic() < end
        for _ in range(10):  # Python does not see a signal that comes as a thread begins to wait; nor would a person
            (os.killpg if to_group else os.kill)(parent.pid, number)
            with suppress(subprocess.TimeoutExpired):
                parent.wait(timeout=5)
                break
        _, said = parent.communicate(timeout=60)
        assert (status, b"Traceback" in said) == (parent.returncode, False)
        _, left = psutil.wait_procs(children, timeout=30)
        assert [] == left
