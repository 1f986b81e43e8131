"""What is done otherwise on Windows, tested without it."""

import io
import json
import os
import sys
from pathlib import Path, PureWindowsPath
from types import ModuleType

import pytest

from bench.bundle.names import wrong_name
from bench.cli.options import echo_json
from bench.cli.terminal.utf8 import tolerate_encodings, writes_unicode
from bench.machine.findings import long_paths, long_paths_finding
from bench.nights.series import Series
from bench.printable import ascii_json
from bench.quality.dataset import read_listing
from bench.reading import with_slashes
from bench.record.shown.redact import without_paths
from bench.scratch import LOCKING, OWNER, scratch_folder, sweep
from bench.store.records import new_record_id
from bench.suite.dataset_options import DatasetAsk
from bench.suite.suite import is_file, load_suite


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``sys.platform`` and locks of a file's first byte, as ``msvcrt`` has them."""
    fcntl = pytest.importorskip("fcntl")
    msvcrt = ModuleType("msvcrt")

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    msvcrt.LK_NBLCK, msvcrt.locking = 2, locking  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(sys, "platform", "win32")
    return msvcrt


@pytest.mark.usefixtures("windows")
def test_a_scratch_folder_is_locked_by_a_file_that_keeps_its_name(tmp_path: Path) -> None:
    """An open file cannot be renamed there; the folder of a living process stays, and is gone at its end."""
    with scratch_folder("odb-", tmp_path) as folder:
        assert {OWNER, LOCKING} == {file.name for file in folder.iterdir()}
        sweep("odb-", tmp_path)
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("windows")
def test_the_folder_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    """It was left in Windows' folder for temporary files for ever before."""
    left = tmp_path / "odb-left"
    left.mkdir()
    (left / LOCKING).touch()
    begun = tmp_path / "odb-begun"
    begun.mkdir()
    (begun / LOCKING).touch()
    (left / OWNER).touch()
    sweep("odb-", tmp_path)
    assert [begun] == list(tmp_path.iterdir())


@pytest.mark.usefixtures("windows")
def test_the_lock_is_let_go_before_the_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is open cannot be removed there."""
    told: list[str] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda descriptor: (told.append("closed"), close(descriptor))[1])
    monkeypatch.setattr("shutil.rmtree", lambda folder, ignore_errors: told.append("removed"))
    with scratch_folder("odb-", tmp_path):
        told.clear()
    assert ["closed", "removed"] == told


@pytest.mark.parametrize("encoding", ["cp949", "cp1252", "cp437", "ascii", "utf-8"])
def test_no_output_fails_for_a_character_that_a_code_page_lacks(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """A mark that it lacks becomes a question mark; the rest stays."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    tolerate_encodings()
    sys.stdout.write("p50 3 ms ✓ 유효 × é\n")
    assert b"p50 3 ms " in raw.getvalue()
    assert ("✓" in raw.getvalue().decode(encoding)) == (encoding == "utf-8") == writes_unicode(sys.stdout)


@pytest.mark.parametrize("encoding", ["cp949", "cp1252", "utf-8"])
def test_json_is_the_same_in_every_code_page(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Scripts read it: what an encoding lacks is an escape, and no question mark."""
    value = {"name": "사진 ✓ é \U0001f600", "plain": 'a\\b"c\n'}
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    echo_json(value)
    assert value == json.loads(raw.getvalue().decode(encoding))


def test_an_escape_beyond_the_first_plane_is_a_pair() -> None:
    """As JSON wants it."""
    assert '"\\ud83d\\ude00"' == ascii_json('"\U0001f600"')


@pytest.mark.parametrize(
    "name", ["con", "nul.onnx", "aux", "COM1.v2", "net:1", 'a"b', "a<b>", "ends.", "ends ", "a\\b"]
)
def test_folders_have_names_that_windows_allows(name: str) -> None:
    """Of records and of series, whatever a model is called."""
    folders = (new_record_id(name, "ort:cpu"), Series(model=name, target="ort:cpu", scenario="single-stream").id)
    assert [None, None] == [wrong_name(folder) for folder in folders]
    assert folders == tuple(PureWindowsPath(folder).name for folder in folders)


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Users\Kim\models\net.onnx",
        r"\\nas\share\kim\net.onnx",
        r"\\?\C:\Users\Kim\a very long folder\net.onnx",
        r"D:\work\kim\net.onnx",
        "C:/Users/Kim/models/net.onnx",
    ],
)
def test_a_record_keeps_no_folder_of_windows(path: str) -> None:
    """Drive letters, shares and extended paths are cut to the last part."""
    told = without_paths(f"cannot open '{path}'")
    assert ("net.onnx" in told, any(word in told for word in ("Kim", "kim", "nas", "work"))) == (True, False)


def test_a_suite_and_a_dataset_written_on_windows_are_read_elsewhere(tmp_path: Path) -> None:
    """Backslashes between folders; a drive's letter stays what it is."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/net.onnx").write_bytes(b"")
    (tmp_path / "photos/a b").mkdir(parents=True)
    (tmp_path / "photos/a b/one.png").write_bytes(b"")
    (tmp_path / "suite.toml").write_text("[[models]]\nsource = 'models\\net.onnx'\n[[targets]]\nid = 'ort:cpu'\n")
    suite = load_suite(tmp_path / "suite.toml")
    assert [tmp_path / "models/net.onnx"] == [Path(model.source) for model in suite.models]
    (tmp_path / "photos/labels.json").write_text(json.dumps({"a b\\one.png": 3}))
    listing = read_listing(DatasetAsk(tmp_path / "photos"), judged=False)
    assert (["a b/one.png"], ()) == ([entry.file for entry in listing.entries], listing.left_out)
    assert is_file("C:\\models\\net")


@pytest.mark.skipif(os.sep != "/", reason="no file has a backslash in its name there")
def test_a_backslash_in_a_files_own_name_stays(tmp_path: Path) -> None:
    """Where a file of exactly that name exists, it is meant."""
    (tmp_path / "a\\b.png").write_bytes(b"")
    assert ["a\\b.png", "c/d.png"] == [with_slashes(tmp_path, name) for name in ("a\\b.png", "c\\d.png")]


def test_the_doctor_says_whether_long_paths_are_allowed() -> None:
    """A caution with the command; nothing where there is no such limit."""
    assert [] == long_paths_finding(None)
    assert long_paths() is None or sys.platform == "win32"
    (on,), (off,) = long_paths_finding(True), long_paths_finding(False)
    assert (("ok", ""), ("warning", True)) == (
        (on.state, on.remedy),
        (off.state, "LongPathsEnabled" in str(off.remedy)),
    )
