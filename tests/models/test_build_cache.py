"""The cache of built-in models, and the checksum of files."""

import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from bench.digest import sha256_of
from bench.errors import InputError
from bench.models.build_cache import cached_build


def test_the_same_recipe_is_built_once(tmp_path: Path) -> None:
    """A second call finds the first's file and does not write."""
    calls: list[Path] = []

    def write(path: Path) -> None:
        calls.append(path)
        path.write_bytes(b"model")

    first = cached_build(tmp_path, "net", {"seed": 1}, write)
    assert first == cached_build(tmp_path, "net", {"seed": 1}, write)
    assert (1, b"model") == (len(calls), first.read_bytes())


def test_files_beside_the_model_are_kept(tmp_path: Path) -> None:
    """A model with a file of weights is found again with it."""

    def write(path: Path) -> None:
        path.write_bytes(b"graph")
        path.with_name(f"{path.name}.data").write_bytes(b"weights")

    first = cached_build(tmp_path, "net", {}, write)
    assert first == cached_build(tmp_path, "net", {}, write)
    assert ["built.sha256", "model.onnx", "model.onnx.data"] == sorted(file.name for file in first.parent.iterdir())


@pytest.mark.parametrize("recipe", [{"seed": 2}, {"seed": 1, "version": 2}, {}])
def test_another_recipe_is_another_file(tmp_path: Path, recipe: dict[str, object]) -> None:
    """Anything the content depends on leads to another folder."""
    first = cached_build(tmp_path, "net", {"seed": 1}, lambda path: path.touch())
    assert first != cached_build(tmp_path, "net", recipe, lambda path: path.touch())


@pytest.mark.parametrize("file", ["model.onnx", "model.onnx.data", "built.sha256"])
@pytest.mark.parametrize("damage", [b"", b"graph with another bit", b"\xff"])
def test_a_damaged_build_is_built_again(tmp_path: Path, file: str, damage: bytes) -> None:
    """Whichever file of it changed, by a failing disk or by hand, the next call has the content as it was written."""

    def write(path: Path) -> None:
        path.write_bytes(b"graph")
        path.with_name(f"{path.name}.data").write_bytes(b"weights")

    first = cached_build(tmp_path, "net", {}, write)
    (first.parent / file).write_bytes(damage)
    again = cached_build(tmp_path, "net", {}, write)
    assert (first, b"graph", b"weights") == (again, again.read_bytes(), (again.parent / "model.onnx.data").read_bytes())
    assert [first.parent] == list(tmp_path.iterdir())


def test_a_build_without_its_checksum_is_built_again(tmp_path: Path) -> None:
    """As of a cache that an older version wrote."""
    first = cached_build(tmp_path, "net", {}, lambda path: path.write_bytes(b"new") and None)
    (first.parent / "built.sha256").unlink()
    first.write_bytes(b"old")
    assert b"new" == cached_build(tmp_path, "net", {}, lambda path: path.write_bytes(b"new") and None).read_bytes()


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="locks are POSIX")
def test_what_a_killed_builder_left_is_removed(tmp_path: Path) -> None:
    """Half a model of a process that was killed is gone after the next build; that of one at work is not touched."""
    code = (
        "import os, sys; from pathlib import Path; from bench.models.build_cache import cached_build\n"
        "cached_build(Path(sys.argv[1]), 'net', {}, lambda path: (path.write_bytes(b'half'), os.kill(os.getpid(), 9)))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert 1 == len(list(tmp_path.iterdir()))
    built = cached_build(tmp_path, "net", {}, lambda path: path.write_bytes(b"whole") and None)
    assert [built.parent] == list(tmp_path.iterdir())


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """When writing fails, the cache holds neither a half-written model nor a temporary folder."""

    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cached_build(tmp_path, "net", {}, write)
    assert [] == list(tmp_path.iterdir())


def test_two_builders_at_once_agree(tmp_path: Path) -> None:
    """When another process finishes first, its file is used and one's own is removed."""

    def slow(path: Path) -> None:
        cached_build(tmp_path, "net", {}, lambda other: other.write_bytes(b"first") and None)
        path.write_bytes(b"second")

    assert b"first" == cached_build(tmp_path, "net", {}, slow).read_bytes()
    assert 1 == len(list(tmp_path.iterdir()))


def test_checksum_is_that_of_the_contents_in_order(tmp_path: Path) -> None:
    """It equals SHA-256 of the files one after the other, so anybody can check it, and the order matters."""
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"x" * (3 << 20))
    b.write_bytes(b"y")
    assert hashlib.sha256(a.read_bytes() + b"y").hexdigest() == sha256_of((a, b))
    assert sha256_of((a, b)) != sha256_of((b, a))


def test_a_cache_that_is_a_file_is_said(tmp_path: Path) -> None:
    """The error names the model and the variable that moves the cache."""
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(InputError, match="for net") as refused:
        cached_build(tmp_path / "cache", "net", {}, lambda path: None)
    assert "ODB_CACHE" in str(refused.value.advice)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """Also while weights are written. An error of the model's own file is not the cache's."""

    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match="No space left"):
        cached_build(tmp_path, "net", {}, full)
    assert list(tmp_path.iterdir()) == []

    def unreadable(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/model.gguf")

    with pytest.raises(PermissionError):
        cached_build(tmp_path, "net", {}, unreadable)
