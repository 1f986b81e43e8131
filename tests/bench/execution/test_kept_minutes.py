"""A long run that is killed, or interrupted, keeps the minutes that were complete. A plugin's minutes last a second."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.cli.terminal.signals import EXIT_INTERRUPTED
from bench.record.record import RecordedRun
from bench.store.records import load_records
from bench.store.unfinished import MINUTES, UNFINISHED

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and locks are POSIX"),
]

SECONDS = Path(__file__).resolve().parents[2] / "plugins" / "seconds.py"
ODB = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from bench.cli import main; sys.exit(main())"
)
ENDS = ("interrupted", "parent", "worker")


class Ended:
    """A run of sixty seconds that was ended after two of them, or more."""

    def __init__(self, out: Path, status: int, stderr: str, kept: int) -> None:
        self.out, self.status, self.stderr, self.kept = out, status, stderr, kept


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """Three runs at the same time, each ended in its own way; times do not matter."""
    folders = {how: tmp_path_factory.mktemp(how) / "out" for how in ENDS}
    processes = {how: start(out) for how, out in folders.items()}
    try:
        found = {}
        for how, process in processes.items():
            wait_for(lambda how=how: minutes_of(folders[how]) >= 2)
            end(process, how)
            kept = minutes_of(folders[how])
            _, stderr = process.communicate(timeout=60)
            found[how] = Ended(folders[how], process.returncode, stderr, kept)
        yield found
    finally:
        for process in processes.values():
            if process.poll() is None:
                for one in (*workers_of(process), process):
                    one.kill()
                process.communicate()


def start(out: Path) -> "subprocess.Popen[str]":
    words = ["run", "--plugin", str(SECONDS), "-m", "fake", "-t", "null:cpu", "-O", "latency_us=2000", "-o", str(out)]
    words += ["-s", "seconds:seconds=60", "--preset", "quick"]
    return subprocess.Popen([sys.executable, "-c", ODB, *words], stderr=subprocess.PIPE, text=True)


def end(process: "subprocess.Popen[str]", how: str) -> None:
    if how == "interrupted":
        process.send_signal(signal.SIGINT)
    elif how == "parent":
        process.kill()
    else:
        workers_of(process)[0].kill()


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    found = psutil.Process(process.pid).children(recursive=True)
    return [one for one in found if "bench.process.worker" in " ".join(one.cmdline())]


def minutes_of(out: Path) -> int:
    return len([*out.glob(f"{UNFINISHED}*/*/{MINUTES}/0*.npz")])


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come about in time"
        time.sleep(0.05)


def whole(ended: Ended) -> RecordedRun:
    """The record, of which at most a second is lost; its samples are those of the seconds that it names."""
    (run,) = load_records(ended.out)
    (repeat,) = run.record.repeats
    (latency,), (point,) = run.arrays("latency_ns"), run.arrays("point")
    assert run.record.status == "failed"
    assert repeat.samples is not None
    assert len(latency) == repeat.samples.queries
    done = (repeat.duration_ns or 0) // 1_000_000_000
    assert done >= ended.kept - 1
    assert set(range(done)) <= set(np.unique(point).tolist())
    assert run.record.summary.curves["rate_of_minute_per_s"].points[1].value is not None
    return run


def test_ctrl_c_keeps_the_minutes_and_says_so(ended: dict[str, Ended]) -> None:
    """The record says how many of them there are, and the command ends as interrupted."""
    run = whole(ended["interrupted"])
    assert run.record.failure is not None
    assert ended["interrupted"].status == EXIT_INTERRUPTED
    assert ("interrupted", "steady") == (run.record.failure.kind, run.record.failure.phase)
    assert "interrupted; kept: the first " in run.record.failure.message
    assert run.record.failure.message.endswith(" of 60 minutes")


def test_a_killed_worker_loses_at_most_a_minute(ended: dict[str, Ended]) -> None:
    """As any worker that dies, and what it had kept is in the record."""
    run = whole(ended["worker"])
    assert run.record.failure is not None
    assert "killed" == run.record.failure.kind
    assert " of 60 minutes." in run.record.failure.message


def test_a_killed_run_loses_at_most_a_minute(ended: dict[str, Ended]) -> None:
    """Nothing is a record until the report makes it one."""
    out = ended["parent"].out
    assert not [*out.glob("*/record.json")]
    done = subprocess.run(
        [sys.executable, "-c", ODB, "report", str(out)], capture_output=True, text=True, timeout=120, check=False
    )
    run = whole(ended["parent"])
    assert f"{run.record.record_id}: interrupted; kept: the first " in done.stderr
    assert 0 == done.returncode
    assert [run.record.record_id] == [path.name for path in out.iterdir()]
