"""Which records prune leaves: a series says the same of its events and its base afterwards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_nights import FIRST, failed_on, history_of, ids, night_of
from msgspec.structs import replace

from bench.nights.checking import check
from bench.nights.decisions import Decision
from bench.nights.events import events_of
from bench.nights.history import History
from bench.nights.point import Point
from bench.nights.pruning import prunable
from bench.nights.series import Series

NEVER, ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def point(number: int, **fields: object) -> Point:
    created = (FIRST + timedelta(days=number)).isoformat()
    return replace(LIKE, record_id=f"{number:03}", created_utc=created, **fields)


LIKE = Point(
    series=Series(model="net", target="null:cpu", scenario="single-stream"),
    record_id="",
    created_utc="",
    folder="",
    record_sha256="",
    status="ok",
    valid=True,
    versions={"kernel": "6"},
)


def pin(record_id: str) -> Decision:
    return Decision(kind="pin", series="any", record_id=record_id, why="", at_utc="")


def left(points: list[Point], decisions: list[Decision], before: datetime, monthly: int = 0) -> list[str]:
    gone = {one.record_id for one in prunable(points, decisions, before, monthly)}
    return [one.record_id for one in points if one.record_id not in gone]


def test_what_nothing_refers_to_goes() -> None:
    """The first record, the first of an event, the first that counts and a pinned one stay."""
    new = {**LIKE.versions, "kernel": "7"}
    points = [
        point(0, status="failed", valid=False, codes=("crashed",)),
        point(1),
        point(2),
        point(3, versions=new),
        point(4, versions=new),
        point(5, versions=new),
    ]
    assert ["000", "001", "003"] == left(points, [], ALWAYS)
    assert ["000", "001", "003", "005"] == left(points, [pin("005"), pin("absent")], ALWAYS)
    assert ["000", "001", "003", "004", "005"] == left(points, [], FIRST + timedelta(days=4))
    assert [] == prunable(points, [], NEVER)
    assert [] == prunable([], [], ALWAYS)


def test_some_of_each_month_stay() -> None:
    """The first that count: nights 0 and 1 are in January, the others in February."""
    points = [point(0), point(1), point(2, emulated=True), *(point(n) for n in range(3, 7))]
    assert ["000", "003"] == left(points, [], ALWAYS, 1)
    assert ["000", "001", "003", "004"] == left(points, [], ALWAYS, 2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ok", "failed"]),
            st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
    st.sets(st.integers(0, 11), max_size=2),
)
def test_events_and_base_are_the_same_afterwards(
    nights: list[tuple[str, dict[str, str], bool]], days: int, pinned: set[int]
) -> None:
    points = [
        point(number, status=status, versions=versions, valid=valid)
        for number, (status, versions, valid) in enumerate(nights)
    ]
    decisions = [pin(f"{number:03}") for number in sorted(pinned)]
    kept = left(points, decisions, FIRST + timedelta(days=days))
    rest = [one for one in points if one.record_id in kept]
    assert events_of(points) == events_of(rest)
    assert next((one for one in points if one.counts), None) == next((one for one in rest if one.counts), None)
    assert {one.record_id for one in points} & {f"{number:03}" for number in pinned} <= {*kept}
    assert kept == left(rest, decisions, FIRST + timedelta(days=days))


def test_what_is_removed_leaves_the_folders_and_the_index(tmp_path: Path) -> None:
    folder = history_of(tmp_path / "history", *(night_of(n) for n in range(5)), failed_on(5))
    with History.open(folder) as history:
        (series,) = history.series()
        history.remove(prunable(history.points(series.id), [], FIRST + timedelta(days=3)))
        assert ["000-net", "003-net", "004-net", "005-net"] == ids(history)
    assert ["000-net", "003-net", "004-net", "005-net"] == sorted(p.name for p in (folder / "records").glob("*/*"))
    with History.open(folder) as history:
        assert (["000-net", "003-net", "004-net", "005-net"], ()) == (ids(history), history.notices)
        assert check(history).sound


def test_a_removal_that_was_killed_leaves_each_record_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that left the index and not their folder are found again."""
    folder = history_of(tmp_path / "history", *(night_of(n) for n in range(4)))
    with History.open(folder) as history:
        (series,) = history.series()
        real = Path.rename
        moved: list[Path] = []

        def killed(self: Path, target: Path) -> Path:
            if moved and self.name.endswith("-net"):
                raise KeyboardInterrupt
            moved.extend([self] if self.name.endswith("-net") else [])
            return real(self, target)

        monkeypatch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            history.remove(history.points(series.id)[1:])
        monkeypatch.undo()
    with History.open(folder) as history:
        assert ["000-net", "002-net", "003-net"] == ids(history)
        assert check(history).sound
