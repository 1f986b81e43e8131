"""A result that one process will write is not written by another meanwhile."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import bench.scratch
from bench.cli.group import odb
from bench.errors import InputError
from bench.scratch import RESERVED, reserved

TAKEN = "net.int8.onnx is being written by another odb"


def lock_file(result: Path) -> Path:
    return result.with_name(RESERVED.format(name=result.name))


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    """The kernel locks by open file, so that the same process shows it too. Nothing is left behind."""
    result = tmp_path / "net.int8.onnx"
    with reserved(result):
        with pytest.raises(InputError, match=TAKEN), reserved(result):
            raise AssertionError
        with reserved(tmp_path / "another.onnx"):
            assert 2 == len(list(tmp_path.iterdir()))
    with reserved(result):
        assert [lock_file(result)] == list(tmp_path.iterdir())
    assert [] == list(tmp_path.iterdir())


def test_another_way_to_the_same_folder_is_the_same_result(tmp_path: Path) -> None:
    """A symbolic link to it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    result = tmp_path / "real" / "net.int8.onnx"
    with reserved(result), pytest.raises(InputError, match=TAKEN), reserved(tmp_path / "link" / result.name):
        raise AssertionError


def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    """Its lock ended with it; the file is taken over, and removed."""
    result = tmp_path / "net.int8.onnx"
    lock_file(result).touch()
    with reserved(result):
        pass
    assert not lock_file(result).exists()


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that had it ended in between: a lock of the removed file would keep nobody out."""
    result, lock, removed = tmp_path / "net.int8.onnx", bench.scratch.lock, []

    def late(descriptor: int) -> None:
        if not removed:
            removed.append(lock_file(result).unlink())
        lock(descriptor)

    monkeypatch.setattr(bench.scratch, "lock", late)
    with reserved(result), pytest.raises(InputError, match=TAKEN), reserved(result):
        raise AssertionError
    assert [None] == removed


def test_without_locks_there_is_no_protection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that does not exist, and on a file system that takes no locks."""

    def unsupported(descriptor: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(bench.scratch, "lock", unsupported)
    for result in (tmp_path / "nowhere" / "net.onnx", tmp_path / "net.onnx"):
        with reserved(result), reserved(result):
            pass


@pytest.mark.parametrize("command", ["quantise", "preflight", "tune"])
def test_long_commands_refuse_at_once(command: str, tmp_path: Path) -> None:
    """Status 2 and what to do, before a process is started; a dry run writes nothing and is not refused by it."""
    model, data = tmp_path / "net.onnx", tmp_path / "data"
    model.write_bytes(b"")
    data.mkdir()
    result = {"quantise": "net.int8.onnx", "preflight": "page.html", "tune": "out/tuning.json"}[command]
    words = {
        "quantise": [str(model), "--data", str(data), "-o", str(tmp_path / result)],
        "preflight": [str(model), "-o", str(tmp_path / result)],
        "tune": ["-m", "fake", "-t", "fake:CPU", "-o", str(tmp_path / "out")],
    }[command]
    (tmp_path / "out").mkdir()
    with reserved(tmp_path / result):
        done = CliRunner().invoke(odb, [command, *words], standalone_mode=False)
    assert isinstance(done.exception, InputError), done.output
    assert f"{Path(result).name} is being written by another odb" == done.exception.message
    assert "Wait until that has ended, or name another output." == done.exception.remedy
