"""What a history refuses of the records that are added, and that many are indexed as few are."""

import subprocess
import sys
from pathlib import Path

import pytest
from made_nights import history_of, ids, night_of, saved

from bench.nights.history import History

FULL = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.argv = ["odb", "history", "rebuild", "--history", sys.argv[1]]
from bench.cli import main
main()
"""


def test_a_wrong_clock_is_refused(tmp_path: Path) -> None:
    """1970 would be the base, and 2099 the last night for ever. It is taken if that is what is wanted."""
    results = saved(
        tmp_path / "results",
        night_of(0),
        night_of(1, created_utc="1970-01-01T00:07:00+00:00"),
        night_of(2, created_utc="2099-03-01T00:00:00+00:00"),
    )
    with History.open(tmp_path / "history", create=True) as history:
        foreseen = history.add(results, dry_run=True)
        added = history.add(results)
        assert ["000-net"] == [point.record_id for point in added.points] == [p.record_id for p in foreseen.points]
        assert foreseen.refused == added.refused
        places = [str(results / name / "record.json") for name in ("001-net", "002-net")]
        assert [
            f"{place}: made at {made} by its own clock, which is in the future or before this tool existed"
            for place, made in zip(places, ("1970-01-01T00:07:00+00:00", "2099-03-01T00:00:00+00:00"), strict=True)
        ] == [str(one.reason) for one in added.refused]
        assert ["001-net", "002-net"] == [point.record_id for point in history.add(results, any_date=True).points]


@pytest.mark.process
def test_many_records_are_indexed_as_few_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By several processes, which give the same index, and the same reason for a record that cannot be read."""
    folder = history_of(tmp_path / "history", *(night_of(number) for number in range(30)))
    (edited,) = folder.glob("records/*/003-net/record.json")
    edited.write_text(edited.read_text(encoding="utf-8").replace('"fake"', '"fame"', 1), encoding="utf-8")
    found = []
    for fewest in (1_000, 2):
        monkeypatch.setattr("bench.parallel.FEWEST", fewest)
        with History.open(folder) as history:
            history.rebuild()
            found.append(([history.points(one.id) for one in history.series()], dict(history.refused())))
    assert found[0] == found[1]
    points, refused = found[0]
    assert [29] == [len(of_one) for of_one in points]
    assert [edited.parent.relative_to(folder).as_posix()] == list(refused)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="has no limit for the size of files")
def test_an_index_that_cannot_be_written_was_not_made_anew(tmp_path: Path) -> None:
    folder = history_of(tmp_path / "history", night_of(0), night_of(1))
    done = subprocess.run([sys.executable, "-c", FULL, folder], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the index was not made anew, because its file cannot be written" in done.stderr
    with History.open(folder) as history:
        assert ["000-net", "001-net"] == ids(history)
