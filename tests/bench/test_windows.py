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
from bench.nights.series import Series
from bench.printable import ascii_json
from bench.record.shown.redact import without_paths
from bench.scratch import LOCKING, OWNER, scratch_folder, sweep
from bench.store.records import new_record_id


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
