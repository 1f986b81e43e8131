"""Several writers, killed writers, a full disk and a history that cannot be written: nothing is lost."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_nights import history_of, ids, night_of, saved

from bench.errors import InputError
from bench.nights import index as index_module
from bench.nights.checking import check
from bench.nights.decisions import DECISIONS, Decision
from bench.nights.history import History
from bench.nights.keeping import keep
from bench.nights.kept_index import INDEX

ADD = """
import sys
from bench.nights.history import History
with History.open(sys.argv[1], create=True) as history:
    added = history.add(sys.argv[2:])
    assert added.refused == (), added.refused
"""

DECIDE = """
import sys
from bench.nights.decisions import Decision
from bench.nights.history import History
with History.open(sys.argv[1]) as history:
    for number in range(50):
        why = f"{sys.argv[4]} {number} " + "x" * 3000
        history.decide(Decision(kind="pin", series=sys.argv[2], record_id=sys.argv[3], why=why, at_utc=""))
"""

FULL = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.argv = ["odb", "history", "add", sys.argv[3], "--history", sys.argv[2]]
from bench.cli import main
main()
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def names(history: Path) -> list[str]:
    return sorted(folder.name for folder in (history / "records").glob("[!.]*/*"))


def leftovers(history: Path) -> list[str]:
    return [path.name for path in (history / "records").glob(".*")]


def is_sound(folder: Path, records: int) -> None:
    """All are there, byte for byte, and the index fits them."""
    with History.open(folder) as history:
        found = check(history)
        assert (records, True, records) == (found.records, found.sound, sum(one.nights for one in history.overview()))


@pytest.mark.process
def test_several_processes_add_at_the_same_time(tmp_path: Path) -> None:
    """Each adds its own records and those of a folder that all of them add."""
    shared = saved(tmp_path / "shared", *(night_of(number, "shared") for number in range(8)))
    own = [saved(tmp_path / f"own{k}", *(night_of(n, f"own{k}") for n in range(8))) for k in range(3)]
    writers = [start(ADD, tmp_path / "history", shared, folder) for folder in own]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    assert len(names(tmp_path / "history")) == 32
    assert [] == leftovers(tmp_path / "history")
    is_sound(tmp_path / "history", 32)


@pytest.mark.process
def test_a_killed_writer_leaves_whole_records(tmp_path: Path) -> None:
    """Killed at several moments, each time the history opens, holds what was put in place, and takes the rest."""
    results = saved(tmp_path / "results", *(night_of(number) for number in range(40)))
    folder = tmp_path / "history"
    for wanted in (1, 20):
        writer = start(ADD, folder, results)
        try:
            deadline = time.monotonic() + 30
            while len(names(folder)) < wanted and writer.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
        with History.open(folder) as history:
            assert names(folder) == ids(history)
    with History.open(folder) as history:
        there = len(names(folder))
        added = history.add([results])
        assert (40 - there, there, ()) == (len(added.points), len(added.present), added.refused)
    assert [] == leftovers(folder)
    is_sound(folder, 40)


@pytest.mark.process
def test_decisions_of_several_processes_are_all_there(tmp_path: Path) -> None:
    """Each is one line, as long as it may be."""
    folder = history_of(tmp_path / "history", night_of(0))
    with History.open(folder) as history:
        (series,) = history.series()
    writers = [start(DECIDE, folder, series.id, "000-net", name) for name in ("a", "b")]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    with History.open(folder) as history:
        said = [" ".join(one.why.split()[:2]) for one in history.decisions()]
        assert ([f"a {n}" for n in range(50)], [f"b {n}" for n in range(50)]) == (
            [one for one in said if one.startswith("a")],
            [one for one in said if one.startswith("b")],
        )
        assert history.notices == ()


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="has no limit for the size of files")
def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    """Where no record can be written, none is there in part. Where the index alone cannot, the records are in."""
    results = saved(tmp_path / "results", night_of(0), night_of(1))
    none = start(FULL, 500, tmp_path / "none", results)
    _, errors = none.communicate(timeout=60)
    assert none.returncode == 2, errors
    assert "cannot be written" in errors
    assert ([], []) == (names(tmp_path / "none"), leftovers(tmp_path / "none"))

    without_index = start(FULL, 40_000, tmp_path / "kept", results)
    _, errors = without_index.communicate(timeout=60)
    assert without_index.returncode == 0, errors
    assert "cannot be written" in errors
    assert ["000-net", "001-net"] == names(tmp_path / "kept")
    with History.open(tmp_path / "kept") as history:
        assert ["000-net", "001-net"] == ids(history)
    is_sound(tmp_path / "kept", 2)


def test_a_full_disk_in_the_middle_keeps_what_was_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is added by the same call once there is room."""
    results = saved(tmp_path / "results", *(night_of(number) for number in range(5)))
    written: list[object] = []

    def fail(source: Path, history: Path, staged: Path, any_date: bool) -> object:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(source)
        return keep(source, history, staged, any_date)

    with History.open(tmp_path / "history", create=True) as history:
        monkeypatch.setattr("bench.nights.history.keep", fail)
        with pytest.raises(InputError, match="No space left on device"):
            history.add([results])
        assert ["000-net", "001-net", "002-net"] == ids(history) == names(tmp_path / "history")
        monkeypatch.undo()
        assert ["003-net", "004-net"] == [point.record_id for point in history.add([results]).points]
    is_sound(tmp_path / "history", 5)


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite opens files for reading alone, as where the history belongs to somebody else."""
    real = sqlite3.connect

    def connect(where: str, **settings: object) -> sqlite3.Connection:
        return real(where.replace("mode=rwc", "mode=ro"), **settings)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(index_module.sqlite3, "connect", connect)


@pytest.mark.parametrize("without", ["nothing", "index", "record", "row"])
def test_a_history_that_cannot_be_written_can_be_read(
    tmp_path: Path, without: str, request: pytest.FixtureRequest
) -> None:
    """Also where its index is missing, or does not fit the records: a temporary one stands in."""
    folder = history_of(tmp_path / "history", night_of(0), night_of(1))
    expected = ["000-net", "001-net"]
    if without == "index":
        (folder / INDEX).unlink()
    if without == "record":
        shutil.rmtree(folder / "records" / "2026-01" / "000-net")
        expected = ["001-net"]
    if without == "row":
        shutil.copytree(saved(tmp_path / "more", night_of(2)) / "002-net", folder / "records" / "2026-02" / "002-net")
        expected = [*expected, "002-net"]
    before = (folder / INDEX).read_bytes() if without != "index" else None
    request.getfixturevalue("unwritable")
    with History.open(folder) as history:
        assert expected == ids(history)
        told = {notice.code for notice in history.notices}
    assert (without != "nothing") == ("history.index_not_writable" in told)
    assert before == ((folder / INDEX).read_bytes() if (folder / INDEX).exists() else None)


def test_a_decision_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    folder = history_of(tmp_path / "history", night_of(0))
    (folder / DECISIONS).mkdir()
    with History.open(folder) as history:
        (series,) = history.series()
        with pytest.raises(InputError, match="cannot be written"):
            history.decide(Decision(kind="pin", series=series.id, record_id="000-net", why="", at_utc=""))
        with pytest.raises(InputError, match="folder"):
            history.decisions()


def test_an_index_that_another_process_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever: the error says that no record is lost, and the record is in its folder."""
    folder = history_of(tmp_path / "history", night_of(0))
    monkeypatch.setattr(index_module, "WAIT_SECONDS", 0.05)
    with History.open(folder) as history:
        other = sqlite3.connect(folder / INDEX, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="the index cannot be used: database is locked"):
            history.add([saved(tmp_path / "more", night_of(1))])
        other.execute("ROLLBACK")
        other.close()
    with History.open(folder) as history:
        assert ["000-net"] == ids(history)
        history.add([tmp_path / "more"])
        assert ["000-net", "001-net"] == ids(history)
