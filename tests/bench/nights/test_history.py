"""A history: records go in byte for byte, are found by series and night, and the index follows the folders."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.run_processes import timed
from bench.errors import InputError
from bench.nights.decisions import Decision
from bench.nights.history import History
from bench.nights.index import Entry, Index
from bench.nights.kept_index import INDEX
from bench.nights.point import Point, point_of
from bench.record.codec import encode
from bench.record.record import RecordedRun
from bench.store.records import load, save, write_record
from bench.testing.records import MODEL, fake_run

FIRST = datetime(2026, 1, 30, 3, 0, tzinfo=UTC)


def night_of(number: int, model: str = "net", latency_ns: int = 1_000_000, **fields: Any) -> RecordedRun:
    """The record of a model on night ``number``."""
    run = fake_run(f"{number:03}-{model}", [np.full(20, latency_ns)] * 2, model=replace(MODEL, id=model))
    record = replace(run.record, created_utc=(FIRST + timedelta(days=number)).isoformat(), **fields)
    return RecordedRun(record, run.samples)


def saved(folder: Path, *runs: RecordedRun) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        save(folder, run.record, run.samples)
    return folder


def ids(history: History, model: str = "net") -> list[str]:
    """The records of the one series of a model, oldest first."""
    (series,) = (one for one in history.series() if one.model == model)
    return [point.record_id for point in history.points(series.id)]


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
    from bench.nights.keeping import entry_of

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
