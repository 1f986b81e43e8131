"""A history: records go in byte for byte, are found by series and night, and the index follows the folders."""

import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made_nights import failed_on, history_of, ids, night_of, saved
from msgspec.structs import replace

from bench.analysis.run_processes import timed
from bench.errors import InputError
from bench.nights import places
from bench.nights.decisions import Decision
from bench.nights.history import History
from bench.nights.index import SCHEMA, Entry, Index
from bench.nights.keeping import entry_of
from bench.nights.kept_index import INDEX
from bench.nights.point import Level, Point, point_of
from bench.nights.series import Series
from bench.record.codec import encode
from bench.store.records import load, write_record


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three nights of one model and one of another, in no order."""
    return saved(tmp_path / "results", night_of(2), night_of(0), night_of(1), night_of(1, "other"))


@pytest.fixture
def kept(tmp_path: Path, results: Path) -> Path:
    with History.open(tmp_path / "history", create=True) as history:
        history.add([results])
    return tmp_path / "history"


def test_records_are_found_by_series_oldest_first(kept: Path) -> None:
    with History.open(kept) as history:
        assert (["000-net", "001-net", "002-net"], ["001-other"]) == (ids(history), ids(history, "other"))
        every = history.every(last=2)
        assert [["001-net", "002-net"], ["001-other"]] == [[p.record_id for p in points] for points in every.values()]
        assert [series.model for series in every] == ["net", "other"]
        net, _ = history.overview()
        assert (net.nights, net.counted, net.first, net.last) == (3, 3, "2026-01-30", "2026-02-01")
        assert (net.newest.record_id, history.notices) == ("002-net", ())


def test_records_lie_by_month_byte_for_byte(kept: Path, results: Path) -> None:
    for name, month in [("000-net", "2026-01"), ("002-net", "2026-02")]:
        there, source = kept / "records" / month / name, results / name
        assert {p.name: p.read_bytes() for p in source.iterdir()} == {p.name: p.read_bytes() for p in there.iterdir()}
    assert {"2026-01", "2026-02"} == {p.name for p in (kept / "records").iterdir()}
    with History.open(kept) as history:
        assert encode(load(results / "001-net").record) == encode(history.load("001-net").record)


def test_a_point_is_that_of_the_record(kept: Path, results: Path) -> None:
    """Nothing is lost on the way through the index."""
    with History.open(kept) as history:
        point = history.point("001-net")
    assert point == entry_of(results / "001-net").point
    assert point is not None
    assert point.levels["latency_p50_ns"].figure == 1_000_000


def test_the_same_record_added_again_changes_nothing(kept: Path, results: Path) -> None:
    with History.open(kept) as history:
        added = history.add([results])
        assert (added.points, added.refused) == ((), ())
        assert sorted(added.present) == ["000-net", "001-net", "001-other", "002-net"]


def test_another_record_of_the_same_id_is_refused(kept: Path, tmp_path: Path) -> None:
    """The one in the history stays, and the others are added."""
    more = saved(tmp_path / "more", night_of(1, latency_ns=2_000_000), night_of(3))
    with History.open(kept) as history:
        added = history.add([more])
        assert (["003-net"], ["another_record"]) == (
            [point.record_id for point in added.points],
            [str(one.reason.code).rpartition(".")[2] for one in added.refused],  # type: ignore[union-attr]
        )
        point = history.point("001-net")
    assert point is not None
    assert point.levels["latency_p50_ns"].figure == 1_000_000


def test_an_id_leads_nowhere(tmp_path: Path) -> None:
    bad = ("../../out", "/out", "a/b", "..", "", "C:x", "a\nb", ".hidden", "x" * 300)
    run = night_of(0)
    for number, name in enumerate(bad):
        write_record(tmp_path / f"bad{number}", replace(run.record, record_id=name), run.samples)
    with History.open(tmp_path / "history", create=True) as history:
        refused = history.add(sorted(tmp_path.glob("bad*"))).refused
    for number, refusal in enumerate(refused):
        assert f"bad{number}/record.json: record_id cannot be the name of a folder" in str(refusal.reason)
    assert len(bad) == len(refused)
    assert {*(f"bad{n}" for n in range(len(bad))), "history"} == {p.name for p in tmp_path.iterdir()}
    assert [] == [*(tmp_path / "history" / "records").iterdir()]


def test_a_missing_damaged_or_older_index_is_made_again(kept: Path) -> None:
    file = kept / INDEX
    file.unlink()
    with History.open(kept) as history:
        assert ["000-net", "001-net", "002-net"] == ids(history)
        assert ["history.records_indexed"] == [notice.code for notice in history.notices]
    for damage in (b"no database", b"", file.read_bytes()[:20_000]):
        file.write_bytes(damage)
        with History.open(kept) as history:
            assert ["000-net", "001-net", "002-net"] == ids(history)
    with sqlite3.connect(file) as base:
        base.execute("PRAGMA user_version = 0")
    base.close()
    with History.open(kept) as history:
        assert ["history.index_made_anew"] == [n.code for n in history.notices if n.code != "history.records_indexed"]
        assert ["000-net", "001-net", "002-net"] == ids(history)


def test_an_index_of_a_newer_version_is_left_alone(kept: Path) -> None:
    with sqlite3.connect(kept / INDEX) as base:
        base.execute("PRAGMA user_version = 1000")
    base.close()
    with pytest.raises(InputError, match="newer version"):
        History.open(kept)


def test_the_base_is_what_was_decided_last(kept: Path) -> None:
    """Without a decision the first night that counts."""

    def decide(kind: Any, record: str, name: str = "") -> None:
        at = "2026-03-01T00:00:00+00:00"
        history.decide(Decision(kind=kind, series=series.id, record_id=record, why="so", at_utc=at, name=name))

    with History.open(kept) as history:
        series = history.series()[0]
        bases = [history.base(series.id)]
        decide("accept", "002-net")
        decide("pin", "000-net", name="release")
        bases.append(history.base(series.id))
        decide("pin", "001-net")
        bases += [history.base(series.id), history.base(series.id, "release"), history.base(series.id, "unknown")]
        assert ["000-net", "002-net", "001-net", "000-net", None] == [base and base.record_id for base in bases]
        assert ["accept", "pin", "pin"] == [one.kind for one in history.decisions()]
        with pytest.raises(InputError, match="no record of the series"):
            decide("pin", "001-other")


def test_every_field_of_a_point_comes_back_from_the_index(kept: Path) -> None:
    """A field that the index left out would have its default in every history, and in no test of a point."""
    fields = Point.__struct_fields__
    run = night_of(3)
    whole = replace(
        point_of(timed(run), "records/2026-02/x", "0" * 64),
        record_id="x",
        emulated=True,
        codes=("a",),
        outputs="wrong",
        conditions={"clock_mhz": 1.0},
    )
    index = Index(None)
    index.add([Entry(whole, datetime(2026, 2, 2, tzinfo=UTC))])
    found = index.point("x")
    assert {name: getattr(found, name) for name in fields} == {name: getattr(whole, name) for name in fields}
    index.close()


def test_a_record_that_does_not_count_is_no_base(tmp_path: Path) -> None:
    """Neither by default nor by decision."""
    kept = history_of(tmp_path / "history", failed_on(0), night_of(1), failed_on(2))
    with History.open(kept) as history:
        (series,) = history.series()
        base = history.base(series.id)
        assert (["000-net", "001-net", "002-net"], "001-net") == (ids(history), base and base.record_id)
        assert {series: base} == history.bases()
        with pytest.raises(InputError, match=r"cannot be a base: .*\(failed: crashed\)"):
            history.decide(
                Decision(
                    kind="pin", series=series.id, record_id="002-net", why="so", at_utc="2026-03-01T00:00:00+00:00"
                )
            )
        assert [] == history.decisions()


def test_a_decision_whose_record_is_gone_is_told_and_does_not_count(kept: Path) -> None:
    with History.open(kept) as history:
        series = history.series()[0]
        for record in ("001-net", "002-net"):
            history.decide(Decision(kind="pin", series=series.id, record_id=record, why="", at_utc=""))
        history.remove(points for points in history.points(series.id) if points.record_id == "002-net")
    with History.open(kept) as history:
        base = history.base(series.id)
        assert ("001-net", ["history.decided_record_gone"]) == (base and base.record_id, codes(history))


def codes(history: History) -> list[str]:
    return [notice.code for notice in history.notices]


def test_what_was_copied_in_or_removed_by_hand_is_put_right_and_told(kept: Path, tmp_path: Path) -> None:
    """By names alone, also in a month that seems unchanged for the index: it was changed a moment ago."""
    shutil.rmtree(kept / "records" / "2026-01" / "000-net")
    shutil.copytree(saved(tmp_path / "more", night_of(3)) / "003-net", kept / "records" / "2026-02" / "003-net")
    with History.open(kept) as history:
        assert ["001-net", "002-net", "003-net"] == ids(history)
        assert ["history.records_gone", "history.records_indexed"] == codes(history)
    with History.open(kept) as history:
        assert (["001-net", "002-net", "003-net"], []) == (ids(history), codes(history))


def test_an_unchanged_month_is_not_listed(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it has been quiet for two seconds, opening looks at the time of its last change only."""
    for month in ("2026-01", "2026-02"):
        os.utime(kept / "records" / month, ns=(10**18, 10**18))
    History.open(kept).close()
    monkeypatch.setattr(places, "names", lambda folder, month: pytest.fail("it was listed"))
    with History.open(kept) as history:
        assert ["000-net", "001-net", "002-net"] == ids(history)


def test_a_record_that_cannot_be_read_is_left_out_and_named(kept: Path) -> None:
    """Its reason is known from then on; a folder of another name than its record is one, too."""
    (kept / "records" / "2026-01" / "000-net").rename(kept / "records" / "2026-01" / "another")
    broken = kept / "records" / "2026-02" / "broken"
    broken.mkdir()
    (broken / "record.json").write_text("{")
    for _ in range(2):
        with History.open(kept) as history:
            assert ["001-net", "002-net"] == ids(history)
            refused = {place: str(reason) for place, reason in history.refused().items()}
            assert ["records/2026-01/another", "records/2026-02/broken"] == [*refused]
            assert "has another name than its record_id, 000-net" in refused["records/2026-01/another"]
            assert codes(history).count("history.record_refused") == 2
    shutil.rmtree(broken)
    with History.open(kept) as history:
        assert ["records/2026-01/another"] == [*history.refused()]


def test_a_history_takes_the_records_of_another(kept: Path, tmp_path: Path) -> None:
    """Its own as well: it has them."""
    with History.open(history_of(tmp_path / "mine", night_of(0), night_of(9))) as history:
        added = history.add([kept])
        assert (3, ("000-net",)) == (len(added.points), added.present)
        assert ["000-net", "001-net", "002-net", "009-net"] == ids(history)
        assert ((), 5) == (history.add([tmp_path / "mine"]).points, sum(one.nights for one in history.overview()))


def test_an_index_leads_nowhere(kept: Path, tmp_path: Path) -> None:
    """Somebody's index that names a folder outside, in a month that looks unchanged: it is made anew."""
    victim = saved(tmp_path / "victim", night_of(7)) / "007-net"
    os.utime(kept / "records" / "2026-02", ns=(10**18, 10**18))
    History.open(kept).close()
    for column, value in (("record", "../../../victim/007-net"), ("month", "2026-02/../../..")):
        with sqlite3.connect(kept / INDEX) as base:
            base.execute(f"UPDATE point SET {column} = ? WHERE record = '002-net'", (value,))
        base.close()
        with History.open(kept) as history:
            (series,) = (one for one in history.series() if one.model == "net")
            history.remove(history.points(series.id, last=1))
            assert victim.is_dir()
            history.add([saved(tmp_path / column, night_of(2))])
            assert ["000-net", "001-net", "002-net"] == ids(history)
        os.utime(kept / "records" / "2026-02", ns=(10**18, 10**18))
        History.open(kept).close()


def test_a_record_that_only_the_index_lacks_is_found_when_it_is_added(kept: Path, results: Path) -> None:
    """In a month that looks unchanged, so that opening does not list it."""
    os.utime(kept / "records" / "2026-02", ns=(10**18, 10**18))
    History.open(kept).close()
    with sqlite3.connect(kept / INDEX) as base:
        base.execute("DELETE FROM point WHERE record = '002-net'")
    base.close()
    with History.open(kept) as history:
        assert ["000-net", "001-net"] == ids(history)
        assert ((), ("002-net",)) == (
            history.add([results / "002-net"]).points,
            history.add([results / "002-net"]).present,
        )
        assert ["000-net", "001-net", "002-net"] == ids(history)


def test_links_are_no_records(kept: Path, tmp_path: Path) -> None:
    """They may lead anywhere."""
    outside = saved(tmp_path / "outside", night_of(5))
    (kept / "records" / "2026-02" / "005-net").symlink_to(outside / "005-net", target_is_directory=True)
    (kept / "records" / "2026-03").symlink_to(outside, target_is_directory=True)
    with History.open(kept) as history:
        assert ["000-net", "001-net", "002-net"] == ids(history)


def test_one_that_is_refused_does_not_stop_the_others(tmp_path: Path) -> None:
    results = saved(tmp_path / "results", night_of(0), night_of(1), night_of(2))
    record = results / "001-net" / "record.json"
    record.write_bytes(record.read_bytes().replace(b'"status": "ok"', b'"status": "failed"'))
    (results / "002-net" / "samples.npz").write_bytes(b"no samples")
    with History.open(tmp_path / "history", create=True) as history:
        added = history.add([results])
        assert ["000-net"] == [point.record_id for point in added.points] == ids(history)
        assert [str(results / name) for name in ("001-net", "002-net")] == [one.path for one in added.refused]
        assert all(str(results / one.path) in str(one.reason) for one in added.refused)
    assert ["000-net"] == [folder.name for folder in (tmp_path / "history" / "records").glob("*/*")]


def test_a_dry_run_writes_nothing(kept: Path, tmp_path: Path) -> None:
    more = saved(tmp_path / "more", night_of(1), night_of(7), night_of(8, "third"))
    before = sorted((kept / "records").rglob("*"))
    with History.open(kept) as history:
        added = history.add([more], dry_run=True)
        assert ["007-net", "008-third"] == [point.record_id for point in added.points]
        assert (("001-net",), ["third"]) == (added.present, [one.model for one in added.new_series])
        assert ["000-net", "001-net", "002-net"] == ids(history)
    assert before == sorted((kept / "records").rglob("*"))


def test_there_is_no_history_where_none_was_begun(tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "holds no history"), (tmp_path / "absent", "no such folder")):
        with pytest.raises(InputError, match=words):
            History.open(folder)
    assert [] == [*tmp_path.iterdir()]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^/.*/file: cannot be written: Not a directory"):
        History.open(tmp_path / "file", create=True)


def test_nights_are_ordered_by_the_moment_whatever_the_time_zone(tmp_path: Path) -> None:
    """A record of another time zone lies in the month that it was in UTC."""
    late = night_of(0, created_utc="2026-02-01T01:00:00+09:00")
    early = night_of(1, created_utc="2026-01-31T15:00:00Z")
    with History.open(history_of(tmp_path / "history", late, early)) as history:
        assert ["001-net", "000-net"] == ids(history)
        point = history.point("000-net")
    assert point is not None
    assert point.folder == "records/2026-01/000-net"


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    for number, created in enumerate(("yesterday", "", "9999-12-31T23:59:59-23:59", "2026-13-01T00:00:00")):
        saved(tmp_path / "results", night_of(number, created_utc=created))
    with History.open(tmp_path / "history", create=True) as history:
        refused = history.add([tmp_path / "results"]).refused
        assert len(refused) == 4
        assert all("created_utc is no date and time" in str(one.reason) for one in refused)


FIELDS = {
    Point: (
        "series record_id created_utc folder record_sha256 status valid emulated codes leading levels versions "
        "conditions outputs"
    ),
    Level: "mean deviation processes figure",
    Series: "model target scenario precision shapes options settings machine device",
}


def test_the_number_of_the_schema_follows_the_types() -> None:
    """Whoever changes a field here, or how it is computed, raises ``SCHEMA``: older indices are made anew then."""
    assert {kind: fields.split() for kind, fields in FIELDS.items()} == {k: [*k.__struct_fields__] for k in FIELDS}
    assert SCHEMA == 4
