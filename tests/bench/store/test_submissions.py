"""Several folders in one report: whose each record is, and what was refused."""

import os
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record.record import RecordedRun
from bench.store.records import save
from bench.store.submissions import read
from bench.testing.records import fake_run

np = pytest.importorskip("numpy")


def made(folder: Path, name: str) -> RecordedRun:
    folder.mkdir(parents=True, exist_ok=True)
    run = fake_run(name, [np.full(70, 1_000_000, dtype=np.int64)])
    save(folder, run.record, run.samples)
    return run


def test_records_of_several_folders_know_theirs(tmp_path: Path) -> None:
    """In the order given; a record in one folder alone has no folder to its name."""
    made(tmp_path / "b", "r1")
    made(tmp_path / "a", "r2")
    both, refused = read([tmp_path / "b", tmp_path / "a"])
    assert [("b", "r1"), ("a", "r2")] == [(run.folder, run.record.record_id) for run in both]
    assert ([], [""]) == (refused, [run.folder for run in read([tmp_path / "a"])[0]])


def test_a_folder_of_folders_stands_for_those(tmp_path: Path) -> None:
    """Submissions that lie in one folder are read as if each had been named."""
    made(tmp_path / "all" / "b", "r1")
    made(tmp_path / "all" / "a", "r2")
    found, _ = read([tmp_path / "all"])
    assert [("a", "r2"), ("b", "r1")] == [(run.folder, run.record.record_id) for run in found]


def test_folders_of_one_name_are_told_apart_as_they_were_given(tmp_path: Path) -> None:
    """Two nights of two startups may both be called `results`."""
    made(tmp_path / "a" / "results", "r1")
    made(tmp_path / "b" / "results", "r2")
    found, _ = read([tmp_path / "a" / "results", tmp_path / "b" / "results"])
    assert [str(tmp_path / "a" / "results"), str(tmp_path / "b" / "results")] == [run.folder for run in found]


def test_one_folder_given_twice_is_refused(tmp_path: Path) -> None:
    """Every run would be counted twice."""
    made(tmp_path / "a", "r1")
    with pytest.raises(InputError, match="given twice"):
        read([tmp_path / "a", tmp_path / "a" / ".." / "a"])


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """Beside one that holds records too."""
    made(tmp_path / "a", "r1")
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="b: holds no records"):
        read([tmp_path / "a", tmp_path / "b"])


def test_a_refused_record_is_named_without_its_path(tmp_path: Path) -> None:
    """The page that names it may be sent away; where its maker keeps files is nobody's business."""
    made(tmp_path / "a", "r1")
    made(tmp_path / "a", "r2")
    path = tmp_path / "a" / "r2" / "record.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    runs, refused = read([tmp_path / "a"])
    expected = "record.json: its content differs from record_sha256: the file was edited"
    assert (["r1"], [("r2", expected)]) == (
        [run.record.record_id for run in runs],
        [(one.name, one.message) for one in refused],
    )
    assert os.sep not in refused[0].message
