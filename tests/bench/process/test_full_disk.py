"""A full disk is told by the file that was written, where the error names one."""

import errno
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.process.failure import failure_of
from bench.record.record import Failure
from bench.record.shown.redact import _own_folders


class FullLog(io.StringIO):
    """A log whose disk is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A worker's folder for temporary files, on a disk so full that ``tempfile`` finds none."""

    def refused() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    folder = tmp_path / "job"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "gettempdir", refused)
    monkeypatch.setattr(sys, "stderr", FullLog())
    _own_folders.cache_clear()
    yield folder
    _own_folders.cache_clear()


def told(*named: str | None) -> Failure:
    """The failure of an error that names these files: a path, or a source, nothing and a destination."""
    return failure_of(OSError(errno.ENOSPC, "No space", *named), "prepare").failure


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ((), "a disk has no room for what the run writes: No space"),
        (("/opt/somebody/cache/net.blob",), "…/net.blob: cannot be written: No space"),
        (("cache/net.blob",), "cache/net.blob: cannot be written: No space"),
        (("models/net.gguf", None, "copies/new.gguf"), "copies/new.gguf: cannot be written: No space"),
    ],
)
def test_a_full_disk_is_told_by_the_file_that_is_written(named: tuple[str | None, ...], said: str) -> None:
    """Of a copy, the source is only read. The traceback has no room in the log either."""
    failure = told(*named)
    assert ("prepare", "runtime_error", said) == (failure.phase, failure.kind, failure.message)
    assert "Free space there." in failure.remedy


def test_the_temporary_folder_is_known_without_writing_to_it(temporary: Path) -> None:
    for named in ((str(temporary / "net.blob"),), ("models/net.gguf", None, str(temporary / "net.gguf"))):
        failure = told(*named)
        assert "a temporary file cannot be written or read: No space" == failure.message
        assert "set TMPDIR" in failure.remedy


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_the_temporary_folder_is_known_by_another_name(temporary: Path, tmp_path: Path) -> None:
    """On macOS /var is a link."""
    (tmp_path / "link").symlink_to(temporary)
    assert "set TMPDIR" in told(str(tmp_path / "link" / "net.blob")).remedy


def test_the_folder_that_tempfile_chose_is_temporary_too(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
    assert "set TMPDIR" in told(str(tmp_path / "other" / "net.blob")).remedy
    assert "set TMPDIR" not in told(str(tmp_path / "third" / "net.blob")).remedy
