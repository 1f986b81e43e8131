"""A real scheduler, three real workers that pretend to be different boards, and ``odb fleet`` as a person types it."""

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.cli.group import odb
from bench.fleet.client import dask_rack, patience, planning
from bench.fleet.ledger import LEDGER, read_ledger
from bench.machine.lease import LOCKS, MACHINE, machine_shared
from bench.machine.lockers import lockers
from bench.store.records import load_records
from tests.support.fleet.processes import MODEL, ODB, PLUGINS, ProcessRack, process_rack

pytestmark = pytest.mark.process

SUITE = """
name = "rack"
repeats = 1
max_seconds = 0.2
models = [{source = "fake"}]
targets = [{id = "chip:npu"}]
"""
BOARDS = ("snapdragon", "notebook", "gateway")


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessRack]:
    """Three devices, each with a target of its own plugin."""
    pytest.importorskip("distributed", reason="needs the extra fleet")
    with process_rack(tmp_path_factory.mktemp("rack")) as made:
        for board in BOARDS:
            made.add(board, PLUGINS / f"{board}.py")
        made.wait(lambda: all("joined" in made.log(board) for board in BOARDS), "three devices join")
        yield made


def asked(rack: ProcessRack, *given: str) -> int:
    """``odb fleet …`` in this process; its exit status."""
    whole = ["fleet", *given, "--scheduler", rack.address, "--keys", str(rack.keys / "client")]
    status: int = odb.main(whole, standalone_mode=False)
    return status


def test_a_worker_killed_midway_and_every_record_once(
    rack: ProcessRack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its run died with it and is done again; repeated, the command measures nothing."""
    suite, out = tmp_path / "suite.toml", tmp_path / "out"
    suite.write_text(SUITE)

    def begun() -> bool:
        return any((line.kind, line.device) == ("began", "gateway") for line in read_ledger(out / LEDGER))

    def power_cut() -> None:
        rack.wait(begun, "the run on the gateway begins")
        rack.kill("gateway")
        rack.begin("gateway")

    cut = threading.Thread(target=power_cut)
    cut.start()
    status = asked(rack, "run", str(suite), "--each", "-o", str(out), "--plugin", str(MODEL), "--json")
    cut.join()
    told = json.loads(capsys.readouterr().out)
    assert status in (0, 1)  # a busy machine makes a run invalid, which is not measured again
    assert ([], 3) == (told["failed"], len(told["records"]))
    records = [run.record for run in load_records(out)]
    assert dict.fromkeys(BOARDS, 1) == dict(Counter(record.fleet.device for record in records if record.fleet))
    lines = list(read_ledger(out / LEDGER))
    assert [("lost", "gateway")] == [(line.kind, line.device) for line in lines if line.kind in ("lost", "refused")]
    assert [1, 1, 1] == list(Counter(line.order for line in lines if line.kind == "fetched").values())

    asked(rack, "run", str(suite), "--each", "-o", str(out), "--plugin", str(MODEL), "--json")
    assert 3 == len(json.loads(capsys.readouterr().out)["records"])
    assert 4 == sum(line.kind == "sent" for line in read_ledger(out / LEDGER))


@contextmanager
def meanwhile(rack: ProcessRack, out: Path, disturb: Callable[[str], None]) -> Iterator[None]:
    """``disturb`` is called with the device that begins a run first, as soon as it does."""
    devices: list[str] = []

    def first() -> list[str]:
        devices[:] = [line.device for line in read_ledger(out / LEDGER) if line.kind == "began"][:1]
        return devices

    def act() -> None:
        rack.wait(lambda: bool(first()), "a run begins")
        disturb(devices[0])

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def fetched_from(out: Path) -> list[str]:
    """The devices whose records are here, of orders each of which is fetched once."""
    lines = [line for line in read_ledger(out / LEDGER) if line.kind == "fetched"]
    assert len(lines) == len({line.order for line in lines}) == len(load_records(out))
    return [line.device for line in lines]


def test_the_order_of_a_device_that_stays_away_is_done_by_another(
    rack: ProcessRack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, out = tmp_path / "suite.toml", tmp_path / "out"
    suite.write_text(SUITE)
    lost: list[str] = []

    def power_cut(device: str) -> None:
        lost.append(device)
        rack.kill(device)

    with meanwhile(rack, out, power_cut):
        asked(rack, "run", str(suite), "--grace", "1", "-o", str(out), "--plugin", str(MODEL), "--json")
    told = json.loads(capsys.readouterr().out)
    assert ([], 1) == (told["failed"], len(told["records"]))
    assert [lost[0]] != fetched_from(out)
    assert [*lost, *fetched_from(out)] == [line.device for line in read_ledger(out / LEDGER) if line.kind == "sent"]
    rack.begin_and_wait(lost[0])


def test_a_device_that_joins_does_what_one_that_stands_still_cannot(
    rack: ProcessRack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is stopped in a run, and its connection stays up. It takes the waiting order, and after the bound of
    silence and the grace time the other, too."""
    for place, name, value in (
        (planning, "SILENT_S", 2.0),
        (planning, "deadline_s", lambda suite, run: -planning.MARGIN_S),
        (dask_rack, "CALL_SECONDS", 2.0),
        (dask_rack, "LOOK_SECONDS", 0.2),
        (patience, "Patience", partial(patience.Patience, join_s=0.2)),
    ):
        monkeypatch.setattr(place, name, value)
    suite, out = tmp_path / "suite.toml", tmp_path / "out"
    suite.write_text(
        SUITE.replace('{id = "chip:npu"}', '{id = "chip:npu"}, {id = "chip:npu", options = {latency_us = "1"}}')
    )
    given = ("run", str(suite), "--where", "device=snapdragon*", "--grace", "3", "-o", str(out), "--plugin", str(MODEL))

    def stopped(device: str) -> None:
        os.kill(rack.pid(device), signal.SIGSTOP)
        rack.add("snapdragon-2", PLUGINS / "snapdragon.py")

    try:
        with meanwhile(rack, out, stopped):
            asked(rack, *given, "--json")
        told = json.loads(capsys.readouterr().out)
        assert ([], 2) == (told["failed"], len(told["records"]))
        assert ["snapdragon-2", "snapdragon-2"] == fetched_from(out)
    finally:
        os.kill(rack.pid("snapdragon"), signal.SIGCONT)
        rack.kill("snapdragon-2")


def test_status_and_quarantine(rack: ProcessRack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A device in quarantine refuses orders until it is released, and the status says why."""
    asked(rack, "quarantine", "notebook", "--why", "the fan is broken")
    capsys.readouterr()
    assert 0 == asked(rack, "status", "--json")
    devices = {one["device"]: one for one in json.loads(capsys.readouterr().out)["devices"]}
    assert set(BOARDS) == devices.keys()
    assert ("the fan is broken", "") == (devices["notebook"]["quarantined"], devices["gateway"]["quarantined"])
    assert ["chip:npu"] == devices["gateway"]["targets"]
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE)
    given = ("run", str(suite), "--where", "device=notebook", "--plugin", str(MODEL), "--json")
    asked(rack, *given, "--dry-run")
    assert {"notebook": "the fan is broken"} == json.loads(capsys.readouterr().out)["quarantined"]
    assert 3 == asked(rack, *given, "-o", str(tmp_path / "out"))
    (failed,) = json.loads(capsys.readouterr().out)["failed"]
    assert ("quarantined", "notebook is in quarantine: the fan is broken") == (failed["code"], failed["reason"])
    asked(rack, "release", "notebook")
    asked(rack, "status")
    assert "the fan is broken" not in capsys.readouterr().out


def test_an_order_waits_for_a_run_by_hand_and_the_status_says_for_whom(
    rack: ProcessRack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By process, and since when; it is carried out as soon as the run by hand has ended."""
    folder, told, holds = rack.folder / "gateway", list[dict[str, Any]](), threading.Event()
    monkeypatch.setenv(LOCKS, str(folder))

    def waits() -> bool:
        given = ("fleet", "status", "--scheduler", rack.address, "--keys", str(rack.keys / "client"), "--json")
        said = json.loads(subprocess.run([*ODB, *given], capture_output=True, check=True).stdout)
        running = next(one["running"] for one in said["devices"] if one["device"] == "gateway")
        told.extend([running] if running and "by hand" in running["step"] else [])
        return bool(told)

    def by_hand() -> None:
        with machine_shared():
            holds.set()
            rack.wait(waits, "the order waits")
            told[0]["holders"] = lockers(folder / MACHINE)

    thread = threading.Thread(target=by_hand)
    thread.start()
    assert holds.wait(20)
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE)
    given = ("run", str(suite), "--where", "device=gateway", "--plugin", str(MODEL), "-o", str(tmp_path / "out"))
    asked(rack, *given, "--json")
    thread.join()
    (running,) = told
    assert all(f"pid {one['pid']}" in running["step"] for one in running["holders"])
    assert 0 < running["step_seconds"] <= running["seconds"]
    assert 1 == len(json.loads(capsys.readouterr().out)["records"])
