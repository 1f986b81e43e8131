"""The agent of a device with children that are not processes."""

import errno
import hashlib
import shutil
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.fleet.device import calls
from bench.fleet.device.agent import Connection, CutOff
from bench.fleet.device.artifacts import NoRoom
from bench.fleet.device.carrying import Said
from bench.fleet.device.settled import settle
from bench.fleet.orders import Finished, OrderFile, Refused, Wanted
from tests.support.fleet.agents import DATA, FILE, ORDER, PLENTY, Rack


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    return Rack(tmp_path)


def refused(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    assert str(answer.reason)
    return answer.code


def test_an_order_is_carried_out_with_its_files_and_waits_to_be_fetched(rack: Rack) -> None:
    wanted = rack.task().answer()
    assert Wanted(order=ORDER.id, device="board", sha256=(FILE.sha256,)) == wanted
    rack.send()
    task, child = rack.task(), rack.child()
    assert DATA == (child.folder / "files" / FILE.name).read_bytes()
    child.said(Said(kind="began", model="m", target="t:d", scenario="s"))
    running = rack.agent.state().running
    assert running is not None
    assert (ORDER.id, "m", "t:d", "s") == (running.order, running.model, running.target, running.scenario)
    child.record()
    answer = task.answer()
    assert isinstance(answer, Finished)
    assert ["r1/record.json"] == [file.name for file in answer.files]
    assert (ORDER.id,) == rack.agent.state().finished
    assert b"{}" == rack.agent.spool.read(ORDER.id, "r1/record.json", 0, 99)
    assert ["began", "ended"] == [event["kind"] for event in rack.events]
    rack.agent.acknowledge(ORDER.id)
    assert () == rack.agent.state().finished


def test_a_run_that_begins_as_the_agent_stops_is_ended_and_not_lost(rack: Rack) -> None:
    """Its files were copied meanwhile."""
    rack.send()
    rack.agent._stopping = True
    rack.task()
    child = rack.child()
    child.ended(-15)
    assert not child.folder.exists()
    for _ in range(1000):
        if child.is_stopped:
            return
        time.sleep(0.01)
    raise AssertionError


def test_a_result_is_not_read_while_a_run_is_timed(rack: Rack) -> None:
    """Neither does a file come."""
    settle(rack.agent)
    try:
        rack.agent.is_timing = True
        assert calls.read("0" * 20, "r1/record.json", 0) is None
        assert calls.put(FILE.sha256, FILE.size_bytes, 0, DATA) is None
    finally:
        settle(None)


def test_the_same_order_is_never_begun_twice(rack: Rack) -> None:
    """While it runs the second waits, and after it the result is there at once."""
    rack.send()
    first, child = rack.task(), rack.child()
    second = rack.task()
    assert first.is_waiting
    assert second.is_waiting
    child.record()
    assert first.answer() == second.answer() == rack.task().answer()
    rack.agent.acknowledge(ORDER.id)
    assert "dropped" == refused(rack.task().answer()), "its task waited behind that of a client that is gone"
    assert 1 == len(rack.children)
    rack.task()
    rack.child().record()


def test_a_run_outlives_the_worker_of_dask(rack: Rack) -> None:
    rack.send()
    task, child = rack.task(), rack.child()
    rack.agent.left(rack.connection)
    assert isinstance(task.answer(), CutOff)
    rack.agent.joined(Connection())
    again = rack.task()
    assert again.is_waiting
    child.record()
    assert isinstance(again.answer(), Finished)
    assert 1 == len(rack.children)


def test_another_order_waits_for_the_run_that_goes_on(rack: Rack) -> None:
    rack.send()
    rack.task()
    child = rack.child()
    other = replace(ORDER, suite=b"{ }")
    task = rack.task(other)
    assert task.is_waiting
    child.record()
    rack.child().record()
    assert isinstance(task.answer(), Finished)
    assert {ORDER.id, other.id} == {*rack.agent.state().finished}


def test_nothing_is_begun_until_the_client_has_fetched(tmp_path: Path) -> None:
    rack = Rack(tmp_path, linger_s=60)
    rack.send()
    task, child = rack.task(), rack.child()
    child.record()
    assert task.is_waiting
    rack.agent.heard(ORDER.id)
    assert task.is_waiting
    rack.agent.acknowledge(ORDER.id)
    assert isinstance(task.answer(), Finished)


def test_files_are_not_taken_while_a_repeat_is_timed(rack: Rack) -> None:
    rack.send()
    rack.task()
    child, seen = rack.child(), []
    for kind in ("began", "step", "turn", "turn", "written"):
        child.said(Said(kind=kind))
        seen.append(rack.agent.is_timing)
    assert [False, False, True, True, False] == seen


def test_a_child_that_dies_is_told_and_three_in_a_row_are_a_quarantine(tmp_path: Path) -> None:
    rack = Rack(tmp_path)
    rack.send()
    for lost in (1, 2, 3):
        task = rack.task()
        rack.child().ended(-11)
        answer = task.answer()
        assert "crashed" == refused(answer)
        assert "Segmentation fault" in str(answer.reason)  # type: ignore[union-attr]
        assert "board" in str(answer.remedy)  # type: ignore[union-attr]
        assert lost == rack.agent.state().lost_runs
    assert "quarantined" == refused(rack.task().answer())
    again = Rack(tmp_path)
    assert "quarantined" == refused(again.task().answer()), "after a restart of the worker, too"
    again.agent.release()
    again.task()
    again.child().record()


def test_a_result_ends_the_row(rack: Rack) -> None:
    rack.send()
    for end in (lambda child: child.ended(1), lambda child: child.record()):
        task = rack.task()
        end(rack.child())
        task.answer()
    assert 0 == rack.agent.state().lost_runs


def test_results_outlive_the_agent_and_what_it_did_not_end_is_lost(tmp_path: Path) -> None:
    rack = Rack(tmp_path)
    rack.send()
    rack.task()
    rack.child().record()
    other = replace(ORDER, suite=b"{ }")
    rack.task(other)
    rack.child()
    again = Rack(tmp_path)  # as after a kill
    state = again.agent.state()
    assert ((ORDER.id,), len("{}")) == (state.finished, state.finished_bytes)
    assert 0 <= time.time_ns() - state.finished_since_utc_ns < 3600e9
    assert 1 == again.agent.state().lost_runs
    task = again.task(other)
    again.child().record()
    assert all(isinstance(one.answer(), Finished) for one in (again.task(), task))


def test_an_agent_that_is_asked_to_end_loses_nothing_by_it(tmp_path: Path) -> None:
    rack = Rack(tmp_path)
    rack.send()
    task, child = rack.task(), rack.child()
    rack.agent.stop()
    assert child.is_stopped
    assert isinstance(task.answer(), CutOff)
    assert 0 == Rack(tmp_path).agent.state().lost_runs


def test_what_the_child_refuses_comes_back_with_its_reason(rack: Rack) -> None:
    rack.send()
    task, child = rack.task(), rack.child()
    child.said(Said(kind="refused", code="cannot_plan", text="no such target", remedy="install it"))
    child.ended(0)
    answer = task.answer()
    assert (
        Refused(order=ORDER.id, device="board", code="cannot_plan", reason="no such target", remedy="install it")
        == answer
    )
    assert 0 == rack.agent.state().lost_runs


def test_a_refusal_that_nobody_took_is_not_told_later(rack: Rack) -> None:
    """What was in the way may be gone."""
    rack.send()
    task, child = rack.task(), rack.child()
    rack.agent.left(rack.connection)
    assert isinstance(task.answer(), CutOff)
    child.said(Said(kind="refused", code="busy", text="somebody measures"))
    child.ended(0)
    rack.agent.joined(Connection())
    later = rack.task()
    rack.child().record()
    assert isinstance(later.answer(), Finished)


def test_a_run_that_died_while_nobody_waited_counts_once(rack: Rack) -> None:
    """Its order is begun anew by the task that comes later, and that it died counts already."""
    rack.send()
    task, child = rack.task(), rack.child()
    rack.agent.left(rack.connection)
    assert isinstance(task.answer(), CutOff)
    child.ended(-9)
    assert 1 == rack.agent.state().lost_runs
    rack.agent.joined(Connection())
    later = rack.task()
    again = rack.child()
    assert 1 == rack.agent.state().lost_runs
    again.ended(-9)
    assert "crashed" == refused(later.answer())
    assert 2 == rack.agent.state().lost_runs


def test_orders_may_be_removed_while_one_runs(rack: Rack) -> None:
    """With the folder of all of them: the device says that nothing waits, tells the client whose run had no folder any
    more what to delete in future, and takes the next order."""
    rack.send()
    task = rack.task()
    rack.child()
    shutil.rmtree(rack.agent.spool.folder_of(ORDER.id).parent)
    state = rack.agent.state()
    assert (0, ()) == (state.finished_since_utc_ns, state.finished)
    rack.children[0].ended(-9)
    assert "crashed" == refused(answer := task.answer())
    assert "was removed" in str(answer.reason)  # type: ignore[union-attr]
    assert "odb fleet status --json" in str(answer.remedy)  # type: ignore[union-attr]
    later = rack.task()
    rack.child().record()
    assert isinstance(later.answer(), Finished)


def test_an_order_is_on_the_disk_whole_or_not_at_all(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads it while it is written, and although the disk becomes full meanwhile."""

    def half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    rack.send()
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        rack.agent.spool.begin(ORDER, rack.agent.artifacts)
    folder = rack.agent.spool.folder_of(ORDER.id)
    assert folder.is_dir()
    assert not (folder / "order.json").exists()


def test_plugins_are_refused_unless_the_worker_takes_them(tmp_path: Path) -> None:
    order = replace(ORDER, plugins=("m/model.onnx",))
    assert "no_plugins" == refused(Rack(tmp_path / "a").task(order).answer())
    assert isinstance(Rack(tmp_path / "b", takes_plugins=True).task(order).answer(), Wanted)


def test_a_plugin_that_is_no_file_of_the_order_is_refused(tmp_path: Path) -> None:
    """Such as a file of the device that somebody else put there, also where plugins are taken."""
    rack = Rack(tmp_path, takes_plugins=True)
    rack.send()
    for name in ("/home/odb/other.py", "../other.py", "m/other.py"):
        assert "wrong_file" == refused(rack.task(replace(ORDER, plugins=(FILE.name, name))).answer())
    assert [] == rack.children


def test_files_that_do_not_fit_into_the_cache_together_are_told(rack: Rack) -> None:
    """Before any is sent, with both sizes."""
    most = rack.agent.artifacts.most_bytes
    files = tuple(OrderFile(name=f"m/{n}", sha256=str(n) * 64, size_bytes=most // 2 + 1) for n in range(2))
    assert "disk_full" == refused(answer := rack.task(replace(ORDER, files=files)).answer())
    assert "1.00 MiB at most" in str(answer.reason)  # type: ignore[union-attr]
    assert "--cache-gb" in str(answer.remedy)  # type: ignore[union-attr]
    assert most == rack.agent.facts().cache_most_bytes


def test_the_files_of_an_order_stay_until_it_has_begun(tmp_path: Path) -> None:
    """Whoever sends others meanwhile is told to come again; then they make room."""
    large = b"x" * (1 << 19)
    file = OrderFile(name="m/large.onnx", sha256=hashlib.sha256(large).hexdigest(), size_bytes=len(large))
    order, other = replace(ORDER, files=(FILE, file)), b"y" * ((1 << 19) + 1)
    rack = Rack(tmp_path)
    assert isinstance(rack.task(order).answer(), Wanted)
    rack.send()
    sha256 = hashlib.sha256(other).hexdigest()
    assert rack.agent.put(sha256, len(other), 0, other) is None
    rack.send(large)
    assert rack.agent.put(sha256, len(other), 0, other) is None
    rack.task(order)
    child = rack.child()
    assert large == (child.folder / "files" / file.name).read_bytes()
    assert len(other) == rack.agent.put(sha256, len(other), 0, other)
    assert [file.sha256] == rack.agent.artifacts.wanted("o", {file.sha256: 1})
    child.record()


def test_nothing_is_transferred_while_somebody_measures_by_hand(rack: Rack) -> None:
    """The order waits, which the state says."""
    rack.send()
    rack.task()
    child = rack.child()
    child.said(Said(kind="waits", text="who it is"))
    assert (True, False) == (rack.agent.is_busy, rack.agent.is_timing)
    assert rack.agent.put("0" * 64, 1, 0, b"") is None
    running = rack.agent.state().running
    assert running is not None
    assert "who it is" == running.step
    assert 0 < running.since_utc_ns <= running.step_since_utc_ns
    child.said(Said(kind="began", model="m"))
    assert not rack.agent.is_busy
    child.record()


def test_an_order_waits_for_those_who_measure_by_hand_but_not_for_ever(tmp_path: Path) -> None:
    """Its process is ended, and the client told for whom it waited; that is no lost run."""
    rack = Rack(tmp_path, longest_wait_s=0.0)
    rack.send()
    task, child = rack.task(), rack.child()
    while not child.is_stopped:
        child.said(Said(kind="waits", text="pid 7"))  # at first the agent may not have the child yet
        time.sleep(0.01)
    child.ended(-15)
    assert "busy" == refused(answer := task.answer())
    assert "pid 7" in str(answer.reason)  # type: ignore[union-attr]
    assert answer.remedy  # type: ignore[union-attr]
    assert 0 == rack.agent.state().lost_runs


def test_a_full_disk_is_told(rack: Rack) -> None:
    rack.send()
    rack.free_bytes = 1000
    assert "disk_full" == refused(rack.task().answer())
    with pytest.raises(NoRoom):
        rack.send(b"another")
    rack.free_bytes = PLENTY
    task, child = rack.task(), rack.child()
    child.said(Said(kind="refused", code="disk_full", text="No space left on device"))
    child.ended(0)
    assert "disk_full" == refused(answer := task.answer())
    assert "Free space on the device." in str(answer.remedy)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "a\\b", "nul"])
def test_names_that_lead_elsewhere_are_refused(name: str, rack: Rack) -> None:
    rack.send()
    order = replace(ORDER, files=(replace(FILE, name=name),))
    assert "wrong_file" == refused(rack.task(order).answer())


def test_a_hash_that_is_none_is_refused(rack: Rack) -> None:
    order = replace(ORDER, files=(replace(FILE, sha256="../../x"),))
    assert "wrong_file" == refused(rack.task(order).answer())
