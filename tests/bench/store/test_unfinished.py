"""What a killed suite had measured becomes records, whole ones only; what a living suite keeps is left alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.comparison.folders import compare_folders
from bench.errors import InputError
from bench.minutes.files import MinuteFiles
from bench.record.record import RecordedRun
from bench.scratch import OWNER
from bench.store.records import WRITING, load, load_records, save, write_atomically
from bench.store.submissions import read
from bench.store.unfinished import MINUTES, UNFINISHED, recover, unfinished
from bench.testing.records import fake_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks are POSIX")


def after(repeats: int, name: str = "r") -> RecordedRun:
    """A run of so many repeats."""
    return fake_run(name, [np.full(20, 1_000_000 + index) for index in range(repeats)])


def abandoned(out: Path, *runs: RecordedRun) -> Path:
    """The folder of a process that kept these runs and was killed."""
    with unfinished(out) as kept:
        for run in runs:
            kept.keep(run)
        (living,) = out.glob(f"{UNFINISHED}*")
        left = living.with_name(f"{UNFINISHED}of-the-dead")
        shutil.copytree(living, left)
    return left


def repeats_in(out: Path) -> dict[str, int]:
    return {run.record.record_id: len(run.record.repeats) for run in load_records(out)}


def test_the_last_repeats_are_recovered(tmp_path: Path) -> None:
    """Of each run what was kept last, as it was kept; nothing else is left, and nothing is found again."""
    left = abandoned(tmp_path, after(1), after(2), after(1, "s"))
    assert {"r": ["000002"], "s": ["000001"]} == {p.name: [k.name for k in p.iterdir()] for p in left.glob("[rs]")}
    assert ["r", "s"] == [record.record_id for record in recover(tmp_path)]
    assert {"r": 2, "s": 1} == repeats_in(tmp_path)
    found, expected = load(tmp_path / "r"), after(2)
    assert expected.samples.keys() == found.samples.keys()
    assert all(np.array_equal(expected.samples[key], found.samples[key]) for key in expected.samples)
    assert ["r", "s"] == sorted(path.name for path in tmp_path.iterdir())
    assert [] == recover(tmp_path)


def test_folders_in_the_folder_are_looked_at_too(tmp_path: Path) -> None:
    """As the two sides of a comparison that was measured in alternation."""
    (tmp_path / "base").mkdir()
    abandoned(tmp_path / "base", after(3))
    assert ["r"] == [record.record_id for record in recover(tmp_path)]
    assert {"r": 3} == repeats_in(tmp_path / "base")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("name", ["record.json", "samples.npz"])
def test_half_a_record_is_passed_over(tmp_path: Path, name: str, kept: float) -> None:
    """The repeat before counts; a run of which there is nothing whole is gone."""
    left = abandoned(tmp_path, after(2))
    shutil.copytree(left / "r" / "000002", left / "r" / "000003")
    whole = (left / "r" / "000003" / name).read_bytes()
    (left / "r" / "000003" / name).write_bytes(whole[: int(kept * len(whole))])
    (left / "s").mkdir()
    shutil.copytree(left / "r" / "000003", left / "s" / "000003")
    assert ["r"] == [record.record_id for record in recover(tmp_path)]
    assert {"r": 2} == repeats_in(tmp_path)
    assert not left.exists()


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    """Killed after the record was written and before what was kept of it was removed: the record stays."""
    abandoned(tmp_path, after(2))
    save(tmp_path, after(5).record, after(5).samples)
    assert [] == recover(tmp_path)
    assert {"r": 5} == repeats_in(tmp_path)


def test_what_a_living_process_keeps_is_left_alone(tmp_path: Path) -> None:
    """Also while a record is written beside it; at the end it is removed."""
    with unfinished(tmp_path) as kept:
        kept.keep(after(1))
        assert [] == recover(tmp_path)
        (left,) = tmp_path.glob(f"{UNFINISHED}*")
        assert (left / "r" / "000001" / "record.json").is_file()
        save(tmp_path, after(2).record, after(2).samples)
        kept.drop("r")
        assert [OWNER] == [path.name for path in left.iterdir()]
    assert ["r"] == [path.name for path in tmp_path.iterdir()]


def test_what_is_no_kept_run_is_no_record(tmp_path: Path) -> None:
    """Another name than the record has, a link, a hidden name, a folder without an owner: nothing leaves its place."""
    left = abandoned(tmp_path, after(2))
    elsewhere = tmp_path / "elsewhere" / "r"
    shutil.copytree(left / "r", elsewhere)
    (left / "r").rename(left / "other")
    (left / "r").symlink_to(elsewhere)
    shutil.copytree(elsewhere, left / ".r")
    (tmp_path / f"{UNFINISHED}notes").mkdir()
    assert [] == recover(tmp_path)
    assert [f"{UNFINISHED}notes", "elsewhere"] == sorted(path.name for path in tmp_path.iterdir())
    assert (elsewhere / "000002" / "record.json").is_file()


def test_readers_see_finished_records_only(tmp_path: Path) -> None:
    """Neither a report nor a comparison takes what is unfinished, or half written, for a folder of records."""
    save(tmp_path, after(5).record, after(5).samples)
    abandoned(tmp_path, after(2, "s"))
    shutil.copytree(tmp_path / "r", tmp_path / f"{WRITING}0" / "t")
    assert (["r"], []) == ([run.record.record_id for run in read([tmp_path])[0]], read([tmp_path])[1])
    assert 1 == len(compare_folders(tmp_path, [tmp_path]).comparisons)
    shutil.rmtree(tmp_path / "r")
    with pytest.raises(InputError, match="no finished record; 1 record of interrupted runs"):
        read([tmp_path])


@pytest.mark.process
def test_what_a_killed_process_was_writing_is_swept(tmp_path: Path) -> None:
    """By the next write to the same folder; that of a process that lives, and folders of other makers, are left."""
    code = (
        "import os, sys; from pathlib import Path; from bench.store import records as store\n"
        "store.write_new = lambda path, data: os.kill(os.getpid(), 9)\n"
        "store.write_atomically(Path(sys.argv[1]), b'x')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "page.html")], check=False)
    (left,) = tmp_path.iterdir()
    assert (-9, True) == (done.returncode, left.name.startswith(WRITING))
    (tmp_path / f"{WRITING}mine").mkdir()
    write_atomically(tmp_path / "page.html", b"page")
    assert [f"{WRITING}mine", "page.html"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    """Before anything is measured."""
    with pytest.raises(InputError, match="cannot be written"), unfinished(tmp_path / "gone"):
        pass


def with_minute(out: Path, run: RecordedRun, **arrays: Any) -> Path:
    """The folder of a killed process that was in the second repeat of ``run``, with one minute of it."""
    left = abandoned(out, run)
    repeat = msgspec.structs.replace(run.record.repeats[0], samples=None)
    MinuteFiles(left / "r" / MINUTES).keep(arrays, repeat, b"{}")
    return left / "r" / MINUTES


def test_the_minutes_of_a_repeat_are_recovered(tmp_path: Path) -> None:
    """As a repeat more."""
    with_minute(tmp_path, after(1), latency_ns=np.full(20, 1_000_000))
    assert ["r"] == [record.record_id for record in recover(tmp_path)]
    assert {"r": 2} == repeats_in(tmp_path)


def pipe(minutes: Path) -> None:
    (minutes / "state.json").unlink()
    os.mkfifo(minutes / "state.json")


DAMAGED: dict[str, Callable[[Path], object]] = {
    "an empty state": lambda minutes: (minutes / "state.json").write_bytes(b""),
    "a state of brackets": lambda minutes: (minutes / "state.json").write_bytes(b'{"a":' + b"[" * 3000),
    "a pipe": pipe,
    "empty samples": lambda minutes: (minutes / "000000.npz").write_bytes(b""),
    "half of the samples": lambda minutes: (minutes / "000000.npz").write_bytes(
        (minutes / "000000.npz").read_bytes()[:99]
    ),
    "samples that are not there": lambda minutes: (minutes / "000000.npz").unlink(),
    "samples of another kind": lambda minutes: np.savez(minutes / "000000.npz", start_ns=np.arange(3)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_minutes_cost_their_repeat_alone(tmp_path: Path, damage: str) -> None:
    """As a power failure leaves them, or a stranger: the repeats before are recovered, and nothing waits."""
    DAMAGED[damage](with_minute(tmp_path, after(1), latency_ns=np.full(20, 1_000_000)))
    assert ["r"] == [record.record_id for record in recover(tmp_path)]
    assert {"r": 1} == repeats_in(tmp_path)
    assert ["r"] == [path.name for path in tmp_path.iterdir()]


def test_set_aside_repeats_count(tmp_path: Path) -> None:
    """A repeat that was disturbed is kept as the next."""
    run = after(2)
    kept, aside = run.record.repeats
    record = msgspec.structs.replace(run.record, repeats=(kept,), set_aside=(aside,))
    with unfinished(tmp_path) as keep:
        keep.keep(after(1))
        keep.keep(RecordedRun(record, run.samples))
        (left,) = tmp_path.glob(f"{UNFINISHED}*/r/*")
        assert "000002" == left.name
