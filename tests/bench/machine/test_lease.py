"""Who may measure on a machine: an order of a rack alone, runs by hand together."""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.execution.suite_run import Listener, run_suite
from bench.machine.lease import LOCKS, MACHINE, leased, lock_folder, machine_alone, machine_shared
from bench.machine.lockers import lockers
from bench.plugins import Catalog
from bench.record.runner import FleetDevice
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.words import Sentence

ORDER = {"device": "board-1", "order": "0f", "pid": str(os.getpid())}


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(LOCKS, str(tmp_path))
    return tmp_path


def test_a_device_has_one_worker(locks: Path) -> None:
    file = locks / "device.lease"
    with leased(file, {"device": "a"}):
        for _ in range(2):
            with pytest.raises(InputError, match="device a"), leased(file, {"device": "b"}):
                raise AssertionError
    with leased(file, {"device": "b"}):
        pass


def test_runs_by_hand_are_beside_one_another_and_nested() -> None:
    with machine_shared(), machine_shared(), machine_shared():
        pass


def test_a_run_by_hand_is_refused_beside_an_order_and_told_which() -> None:
    with machine_alone(ORDER):
        told = f"device board-1, order 0f, pid {os.getpid()}"
        with pytest.raises(InputError, match=told) as refused, machine_shared():
            raise AssertionError
        assert refused.value.remedy
    with machine_shared():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_whoever_has_the_lock_is_named(locks: Path) -> None:
    """Any user can hold it, with any program; what an order said of itself is not taken for what another is."""
    fcntl = pytest.importorskip("fcntl")
    (locks / f"{MACHINE}.json").write_text('{"device": "board-1", "order": "0f", "pid": "1"}')
    told: list[Sentence] = []
    with (locks / MACHINE).open("w") as file:
        if not lockers_are_shown(file):
            pytest.skip("the kernel shows no locks here")
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=f"pid {os.getpid()}, user ") as refused, machine_shared():
            raise AssertionError
    assert "board-1" not in refused.value.message
    assert str(locks / MACHINE) in refused.value.remedy
    with machine_shared():
        thread = threading.Thread(target=lambda: waits_for(told), daemon=True)
        thread.start()
        while not told:
            time.sleep(0.01)
    thread.join(20)
    assert "machine.waits" == told[0].code
    assert f"pid {os.getpid()}, " in str(told[0])


def lockers_are_shown(file: Any) -> bool:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX)
    return bool(lockers(Path(file.name)))


def waits_for(told: list[Sentence]) -> None:
    with machine_alone(ORDER, told.append):
        pass


def test_lockers_as_the_kernel_lists_them(tmp_path: Path) -> None:
    """Those of another file, other kinds of locks, those who wait, and processes of another container are left out; a
    process that is gone is told by its number."""
    file = tmp_path / "lock"
    file.touch()
    facts = file.stat()
    place = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    (tmp_path / "proc" / "71").mkdir(parents=True)
    (tmp_path / "proc" / "71" / "cmdline").write_bytes(b"odb\0run\0-m\0" + b"x" * 100 + b"\x1b[2J\0")
    lines = [
        f"1: FLOCK  ADVISORY  READ 71 {place} 0 EOF",
        f"1: -> FLOCK  ADVISORY  WRITE 72 {place} 0 EOF",
        f"2: POSIX  ADVISORY  WRITE 73 {place} 0 EOF",
        "3: FLOCK  ADVISORY  WRITE 74 00:01:1 0 EOF",
        f"4: FLOCK  ADVISORY  READ 0 {place} 0 EOF",
        f"5: FLOCK  ADVISORY  READ 75 {place} 0 EOF",
        f"6: FLOCK  ADVISORY  READ 75 {place} 0 EOF",
        "7: FLOCK",
    ]
    (tmp_path / "proc" / "locks").write_text("\n".join(lines))
    first, second = lockers(file, tmp_path)
    assert {"pid": "75"} == second
    assert "71" == first["pid"]
    assert first["command"].startswith("odb run -m xxx")
    assert "\x1b" not in first["command"]
    assert len(first["command"]) <= 81
    assert [] == lockers(tmp_path / "missing", tmp_path)
    assert [] == lockers(file, tmp_path / "proc")


def test_an_order_that_waits_for_another_is_told_so() -> None:
    """As where two workers try a rack on one machine; it is no run by hand."""
    told: list[Sentence] = []
    with machine_alone(ORDER):
        thread = threading.Thread(target=lambda: waits_for(told), daemon=True)
        thread.start()
        while not told:
            time.sleep(0.01)
    thread.join(20)
    assert ("machine.waits_for_order", True) == (told[0].code, "device board-1, order 0f" in str(told[0]))
    assert "command" not in str(told[0])


def in_a_thread(waited: threading.Event, done: threading.Event) -> threading.Thread:
    def order() -> None:
        with machine_alone(ORDER, lambda who: waited.set()):
            done.set()

    thread = threading.Thread(target=order, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("first", [machine_shared, lambda: machine_alone({})])
def test_an_order_waits_for_whoever_measures(first: Callable[[], AbstractContextManager[None]]) -> None:
    """And says so, once."""
    waited, done = threading.Event(), threading.Event()
    with first():
        thread = in_a_thread(waited, done)
        assert waited.wait(20)
        assert not done.is_set()
    thread.join(20)
    assert done.is_set()


def test_without_a_place_for_the_lock_there_is_no_protection(locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCKS, str(locks / "missing"))
    with machine_alone(ORDER), machine_shared():
        pass


def test_a_lock_that_another_made_and_who_cannot_be_written_holds(locks: Path) -> None:
    """As in a folder that all users share."""
    (locks / MACHINE).touch(mode=0o444)
    with machine_alone(ORDER), pytest.raises(InputError), machine_shared():
        raise AssertionError


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files")
def test_a_lock_can_be_read_by_all_whoever_made_it(locks: Path) -> None:
    """Who may not read it could not see that it is locked."""
    before = os.umask(0o077)
    try:
        with machine_alone(ORDER):
            pass
    finally:
        os.umask(before)
    assert 0o644 == (locks / MACHINE).stat().st_mode & 0o777


def test_the_folder_is_that_of_the_machine_and_not_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOCKS)
    found = lock_folder()
    monkeypatch.setenv("TMPDIR", "/somewhere")
    assert found == lock_folder()


def test_a_suite_is_measured_beside_none_of_a_rack(catalog: Catalog, tmp_path: Path) -> None:
    """``odb run`` is refused before it reads anything; the order of a rack waits, and says so."""
    suite = Suite(models=(ModelAsk("nothing"),), targets=(TargetAsk("null"),))
    with machine_alone(ORDER), pytest.raises(InputError, match="board-1"):
        run_suite(suite, catalog, tmp_path, cache=tmp_path)
    told, steps = threading.Event(), []

    class Told(Listener):
        def step(self, text: Sentence | str) -> None:
            steps.append(text)
            told.set()

    def order() -> None:
        with pytest.raises(InputError, match="nothing"):
            run_suite(
                suite, catalog, tmp_path, cache=tmp_path, listener=Told(), fleet=FleetDevice(device="a", order="b")
            )

    with machine_shared():
        thread = threading.Thread(target=order, daemon=True)
        thread.start()
        assert told.wait(20)
    thread.join(20)
    assert ["machine.waits"] == [step.code for step in steps if isinstance(step, Sentence)]
