"""Failure is a record: each way a worker can go, for real."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.errors import InputError
from bench.process.failure import failure_of
from bench.record.record import RecordedRun
from bench.store.records import load_records
from bench.store.unfinished import UNFINISHED, recover

pytestmark = pytest.mark.process

MISBEHAVING = Path(__file__).resolve().parents[2] / "plugins" / "misbehaving.py"
Run = Callable[..., list[RecordedRun]]


@pytest.mark.parametrize(
    ("device", "phase", "kind", "message"),
    [
        ("crash-open", "compile", "crashed", "the runtime crashed with SIGSEGV in phase compile"),
        ("crash-call", "steady", "crashed", "the runtime crashed with SIGSEGV in phase steady"),
        ("killed-call", "steady", "killed", "the process was killed in phase steady"),
        ("oom-open", "compile", "out_of_memory", "out of memory during compile"),
        ("leave-open", "compile", "crashed", "the process ended with status 7 in phase compile without a message"),
        ("unfolder-open", "check", "plugin_error", "the run's temporary file outputs-0.npz was removed or changed"),
        ("unworkspace-open", "check", "plugin_error", "the run's temporary file inputs-0.npz was removed or changed"),
        ("refuse-open", "compile", "runtime_error", "ValueError: tensor rank mismatch in layer 7 of …/net.onnx"),
    ],
)
def test_a_worker_that_dies_becomes_a_record(run: Run, device: str, phase: str, kind: str, message: str) -> None:
    """A crash, a kill, an exhausted memory and an exception each leave a failed record that says where and what."""
    failure = run(["fake"], [f"bad:{device}"])[0].record.failure
    assert failure is not None
    assert (phase, kind) == (failure.phase, failure.kind)
    assert failure.message.startswith(message)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (AssertionError(), "AssertionError"),
        (ValueError(" {x} "), "ValueError: {x}"),
    ],
)
def test_an_error_without_words_is_named_alone(error: BaseException, message: str) -> None:
    """Nothing stands for words that the runtime did not give, and braces in them are no placeholders."""
    assert message == str(failure_of(error, "compile").failure.message)


def test_a_worker_that_hangs_is_ended(run: Run) -> None:
    """A hang ends at the deadline, says in which phase, and leaves no process."""
    record = run(["fake"], ["bad:hang-open"], timeout_s=10.0)[0].record
    assert record.failure is not None
    assert ("compile", "timeout") == (record.failure.phase, record.failure.kind)
    assert workers_of(os.getpid()) == []


def test_the_rest_of_the_suite_goes_on(run: Run) -> None:
    """One that crashes, one that is absent, one broken plugin: the good one is measured all the same."""
    recorded = run(["fake"], ["bad:crash-open", "bad:absent", "broken:cpu", "null:cpu"])
    outcome = [(r.record.plan.target.id, r.record.status) for r in recorded]
    assert outcome == [
        ("bad:crash-open", "failed"),
        ("bad:absent", "skipped"),
        ("broken:cpu", "skipped"),
        ("null:cpu", "ok"),
    ]
    assert recorded[1].record.failure is not None
    assert "no such chip here" in recorded[1].record.failure.message
    assert recorded[1].record.failure.remedy == "plug one in"
    names = [r.record.plan.target.device_name for r in recorded]
    # named though nothing was opened; the model's own word counts where it was read
    assert names[:3] == ["Chip of crash-open for fake-tensor", "Chip of absent", None]


def test_a_plugin_that_removes_the_workspace_is_told_as_that(run: Run) -> None:
    """Of the next run too, whose input nobody gave: no word of ``--input``, no status of bad input."""
    first, second = (one.record.failure for one in run(["fake"], ["bad:unworkspace-open", "null:cpu"]))
    assert first is not None
    assert second is not None
    assert ["plugin_error"] * 2 == [first.kind, second.kind]
    assert "the run's temporary folder was removed or changed during the run" == second.message
    assert "--input" not in first.message + first.remedy + second.remedy


def test_a_killed_worker_leaves_no_temporary_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that a runtime has written out may be as large as the model."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked again
    failure = run(["fake"], ["bad:litter-open"])[0].record.failure
    assert failure is not None
    assert "killed" == failure.kind
    assert [] == list(temporary.iterdir())


def test_a_crash_in_a_later_repeat_keeps_the_earlier_phases(run: Run, tmp_path: Path) -> None:
    """What was gathered before the crash stays in the record."""
    record = run(["fake"], ["bad:killed-call"])[0].record
    assert record.plan.model.sha256 is not None
    assert load_records(tmp_path / "out")[0].record == record


def test_a_plugin_that_breaks_its_contract_hurts_itself_only(run: Run) -> None:
    """A value of the wrong type is that run's failure, and the next run is measured."""
    first, second = run(["fake"], ["liar:cpu", "null:cpu"])
    assert first.record.failure is not None
    assert ("plugin_error", "ok") == (first.record.failure.kind, second.record.status)
    assert "device_name" in first.record.failure.message


def test_a_worker_that_dies_takes_its_children_along(run: Run) -> None:
    """What a crashed runtime had started does not run on beside the next repeat."""
    run(["fake"], ["liar:cpu"], options={"liar.child": "1"})
    assert [] == [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "171"]]


def test_what_libraries_print_is_kept_in_the_log(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """Native output reaches the record's log without paths or colours, and never the screen."""
    record = run(["fake"], ["bad:chatter-open"])[0].record
    assert "native: hello from …/libchip.so" in record.log_tail
    assert "native: and on stderr" in record.log_tail
    assert "native" not in "".join(capfd.readouterr())


def test_killing_the_parent_loses_no_record_and_leaves_no_process(tmp_path: Path) -> None:
    """kill -9 of the parent, in the second run's repeat: the first record is whole, and the worker is gone with it."""
    parent = start_odb(*fake_on(tmp_path, "null:cpu", "bad:hang-late"))
    worker = wait_for(lambda: second_worker(parent.pid, tmp_path))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    records = load_records(tmp_path / "out")
    assert ["ok"] == [r.record.status for r in records]
    assert len(records[0].arrays("latency_ns")) == 1


def test_killing_the_parent_loses_no_repeat(tmp_path: Path) -> None:
    """kill -9 between the repeats of a run: what it had measured is no record yet, and the report makes it one that
    says how far it came."""
    out = tmp_path / "out"
    words = ["-m", "fake", "-t", "null:cpu", "-t", "bad:hang-late", "--repeats", "3", "--max-seconds", "0.2"]
    parent = start_odb(*words, "-o", str(out))
    worker = wait_for(lambda: [*out.glob(f"{UNFINISHED}*/*/000001/record.json")] and worker_in_phase(parent.pid, out))
    assert [] == recover(out)  # it lives
    parent.kill()
    parent.wait()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    with pytest.raises(InputError, match="no finished record; 1 record"):
        load_records(out)
    command = [sys.executable, "-c", "from bench.cli import main; main()", "report", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (run,) = load_records(out)
    assert run.record.failure is not None
    assert ("failed", "interrupted") == (run.record.status, run.record.failure.kind)
    assert "interrupted after 1 of 3 repeats" == run.record.failure.message
    assert f"{run.record.record_id}: interrupted after 1 of 3 repeats" in done.stderr
    assert (0, 1) == (done.returncode, len(run.record.repeats))
    assert run.record.repeats[0].samples is not None
    assert [run.record.repeats[0].samples.queries] == [len(array) for array in run.arrays("latency_ns")]
    assert [run.record.record_id] == [path.name for path in out.iterdir()]


def test_killing_an_alternation_keeps_its_pairs(tmp_path: Path) -> None:
    """Both sides have the pairs that were measured, and the comparison's folder can be reported."""
    old, out = tmp_path / "old", tmp_path / "out"
    asked = ("-m", "fake", "-t", "null:cpu", "-O", "latency_us=500", "--repeats", "2", "--max-seconds", "0.2")
    assert start_odb(*asked, "-o", str(old)).wait(60) in (0, 1)
    parent = start_odb("--against", str(old), "--repeats", "50", "--max-seconds", "0.2", "-o", str(out))
    wait_for(lambda: all([*out.glob(f"{side}/{UNFINISHED}*/*/000001/record.json")] for side in ("base", "new")))
    parent.kill()
    parent.wait()
    found = {record.plan.alternation.side: record for record in recover(out) if record.plan.alternation is not None}
    assert {"base", "new"} == found.keys()
    assert {"interrupted"} == {record.failure.kind for record in found.values() if record.failure is not None}
    assert all(record.repeats for record in found.values())


def test_killing_the_worker_fails_that_run_only(tmp_path: Path) -> None:
    """kill -9 of a worker: its run is a failed record, the others are measured."""
    parent = start_odb(*fake_on(tmp_path, "bad:hang-open", "null:cpu"))
    wait_for(lambda: worker_in_phase(parent.pid, tmp_path)).kill()
    assert parent.wait(60) == 1
    outcome = {
        r.record.plan.target.id: r.record.failure and r.record.failure.kind for r in load_records(tmp_path / "out")
    }
    assert outcome == {"bad:hang-open": "killed", "null:cpu": None}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_an_interrupt_keeps_what_is_done(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, CI's SIGTERM, or a terminal that was closed: finished records stay, the current run is recorded as
    interrupted, no child is left."""
    parent = start_odb(*fake_on(tmp_path, "null:cpu", "bad:hang-late"))
    worker = wait_for(lambda: second_worker(parent.pid, tmp_path))
    parent.send_signal(number)
    assert parent.wait(30) == 130
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    outcome = [(r.record.status, r.record.failure and r.record.failure.kind) for r in load_records(tmp_path / "out")]
    assert outcome == [("ok", None), ("failed", "interrupted")]
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_both_sides_of_an_alternation(tmp_path: Path, number: int) -> None:
    """In the middle of a pair: a record of each side says so, no worker is left."""
    old, out = tmp_path / "old", tmp_path / "out"
    asked = ("-m", "fake", "-t", "null:cpu", "-O", "latency_us=500", "--repeats", "1", "--max-seconds", "0.2")
    assert start_odb(*asked, "-o", str(old)).wait(60) in (0, 1)
    parent = start_odb("--against", str(old), "--max-seconds", "50", "-o", str(out))
    wait_for(lambda: len(workers_in_turns(parent.pid)) == 2)
    parent.send_signal(number)
    assert parent.wait(30) == 130
    assert workers_of(parent.pid) == []
    for side in ("base", "new"):
        (recorded,) = load_records(out / side)
        failure = recorded.record.failure
        assert failure is not None
        assert ("interrupted", side) == (failure.kind, recorded.record.plan.alternation.side)  # type: ignore[union-attr]


@pytest.mark.parametrize(("largest_bytes", "written"), [(4096, False), (40_000, True)])
def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path, largest_bytes: int, written: bool) -> None:
    """When the record cannot be written, the error names the folder, exits 2, and no broken record is left. When only
    the page cannot, what was measured is printed all the same."""
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_bytes}, {largest_bytes}));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "sys.argv = ['odb', *sys.argv[1:]]; from bench.cli import main; main()"
    )
    pytest.importorskip("resource")
    asked = ["-m", "fake", "-t", "null:cpu", "-O", "latency_us=2000", "--repeats", "1", "--max-seconds", "0.1"]
    arguments = ["run", "--plugin", str(MISBEHAVING), *asked, "-o", str(tmp_path / "out")]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert written == ("null:cpu" in done.stdout)
    assert int(written) == len(list((tmp_path / "out").glob("*")))
    if written:
        assert ["ok"] == [run.record.status for run in load_records(tmp_path / "out")]


def fake_on(tmp_path: Path, *targets: str) -> list[str]:
    """The fake model on ``targets``, one repeat each, written to ``out``."""
    return ["-m", "fake", *(f for t in targets for f in ("-t", t)), "--repeats", "1", "-o", str(tmp_path / "out")]


def start_odb(*words: str) -> "subprocess.Popen[bytes]":
    """``odb run`` with the misbehaving plugins, in a process of its own."""
    # A shell starts background jobs with SIGINT ignored, nohup with SIGHUP, and whatever they start inherits it.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "getattr(signal, 'SIGHUP', None) and signal.signal(signal.SIGHUP, signal.SIG_DFL); "
        "from bench.cli import main; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", "--plugin", str(MISBEHAVING), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def workers_of(pid: int) -> list[psutil.Process]:
    """The living workers of process ``pid``."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [c for c in children if c.is_running() and "bench.process.worker" in _command(c)]


def worker_in_phase(pid: int, tmp_path: Path) -> psutil.Process | None:
    """The worker that has opened the hanging target."""
    for worker in workers_of(pid):
        job = _job(worker)
        if (
            job.get("request", {}).get("device") in ("hang-open", "hang-late")
            and worker.status() == psutil.STATUS_SLEEPING
        ):
            return worker
    return None


def workers_in_turns(pid: int) -> list[psutil.Process]:
    """The workers of a pair that have opened their targets, and measure in turns."""
    return [worker for worker in workers_of(pid) if _job(worker).get("in_turns")]


def second_worker(pid: int, tmp_path: Path) -> psutil.Process | None:
    """The hanging worker, once the first run's record is on disk."""
    return worker_in_phase(pid, tmp_path) if list((tmp_path / "out").glob("*/record.json")) else None


def wait_for(condition: Callable[[], object], seconds: float = 60) -> object:
    """Wait until ``condition`` is true; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _job(worker: psutil.Process) -> dict[str, Any]:
    try:
        file = next(a for a in worker.cmdline() if a.endswith("job.json"))
        return json.loads(Path(file).read_text())["job"]  # type: ignore[no-any-return]
    except (psutil.Error, StopIteration, OSError):
        return {}
