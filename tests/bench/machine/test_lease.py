"""Who may measure on a machine: an order of a rack alone, runs by hand together."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.execution.suite_run import Listener, run_suite
from bench.machine.lease import LOCKS, MACHINE, leased, lock_folder, machine_alone, machine_shared
from bench.plugins import Catalog
from bench.record.runner import FleetDevice
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.words import Sentence

ORDER = {"device": "board-1", "order": "0f", "pid": "7"}


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
        with pytest.raises(InputError, match="device board-1, order 0f, pid 7") as refused, machine_shared():
            raise AssertionError
        assert refused.value.remedy
    with machine_shared():
        pass


def in_a_thread(waited: threading.Event, done: threading.Event) -> threading.Thread:
    def order() -> None:
        with machine_alone(ORDER, waited.set):
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
