"""Damaged files of a history: decisions with torn lines, an index with any bytes, records that were changed."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from made_nights import history_of, ids, night_of
from msgspec.structs import replace
from mutations import damaged_bytes

from bench.nights.checking import check
from bench.nights.decisions import DECISIONS, Decision, append_decision, read_decisions
from bench.nights.history import History
from bench.nights.index import DamagedIndex, Entry, Index
from bench.nights.kept_index import INDEX
from bench.nights.places import moment_of
from bench.store.records import write_record

PIN = Decision(kind="pin", series="s", record_id="r", why="한국어 and “quotes”", at_utc="2026-03-01T00:00:00+00:00")


def test_decisions_come_back_as_they_were_made(tmp_path: Path) -> None:
    made = [PIN, replace(PIN, kind="accept", why="two\nlines"), replace(PIN, name="release")]
    for one in made:
        append_decision(tmp_path, one)
    assert (made, []) == read_decisions(tmp_path)
    assert (tmp_path / DECISIONS).read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("cut", [1, 2, 20, 60])
def test_a_torn_last_line_is_skipped_and_does_not_spoil_the_next(tmp_path: Path, cut: int) -> None:
    """One that lacks its line break alone is whole."""
    append_decision(tmp_path, PIN)
    append_decision(tmp_path, replace(PIN, why="torn"))
    file = tmp_path / DECISIONS
    file.write_bytes(file.read_bytes()[:-cut])
    append_decision(tmp_path, replace(PIN, why="next"))
    found, wrong = read_decisions(tmp_path)
    assert [PIN.why, *(["torn"] if cut == 1 else []), "next"] == [one.why for one in found]
    assert ([] if cut == 1 else [2]) == [one.figures["line"] for one in wrong]


def test_lines_that_are_no_decision_are_named_and_the_others_hold(tmp_path: Path) -> None:
    good = msgspec.json.encode(PIN)
    bad = [b"{", b"[]", b'{"kind": "other"}', b"\xff\xfe", b"[" * 5000, good.replace(b'"pin"', b'"unpin"'), b"\0"]
    (tmp_path / DECISIONS).write_bytes(b"\n".join([good, *bad, b"", good]) + b"\n")
    found, wrong = read_decisions(tmp_path)
    assert ([PIN, PIN], [*range(2, 9)]) == (found, [one.figures["line"] for one in wrong])
    assert all(str(one).startswith("decisions.jsonl, line ") for one in wrong)


def test_any_bytes_are_read_as_decisions_or_named(tmp_path: Path) -> None:
    """A line that was not touched always holds."""
    rng = random.Random(14)
    lines = [msgspec.json.encode(replace(PIN, why=f"reason {number}")) for number in range(4)]
    for _ in range(300):
        damaged = damaged_bytes(lines[1], rng).replace(b"\n", b" ")
        (tmp_path / DECISIONS).write_bytes(b"\n".join([lines[0], damaged, *lines[2:]]) + b"\n")
        found, wrong = read_decisions(tmp_path)
        assert {"reason 0", "reason 2", "reason 3"} <= {one.why for one in found}
        assert len(found) + len(wrong) in (3, 4)


@pytest.mark.long
def test_an_index_of_any_bytes_is_read_or_made_anew(tmp_path: Path) -> None:
    """Never another error than that it is of a newer version; and making it anew always helps."""
    folder = history_of(tmp_path / "history", *(night_of(number) for number in range(4)))
    expected = [f"{number:03}-net" for number in range(4)]
    whole = (folder / INDEX).read_bytes()
    rng = random.Random(14)
    for turn in range(16):
        data = damaged_bytes(whole, rng) if turn % 2 else scattered(whole, rng)
        (folder / INDEX).write_bytes(data)
        with newer_is_refused(folder), History.open(folder) as history:
            history.overview()
            found = {point.record_id for points in history.every().values() for point in points}
            assert len(found) <= len(expected)
        with History.open(folder) as history:
            history.rebuild()
            assert expected == ids(history)
            assert check(history).sound


@contextmanager
def newer_is_refused(folder: Path) -> Iterator[None]:
    """Damage to the number of the schema alone looks like a newer version; then the index is removed as it says."""
    try:
        yield
    except DamagedIndex as error:
        if not error.newer:
            raise
        (folder / INDEX).unlink()


def scattered(data: bytes, rng: random.Random) -> bytes:
    """Forty bytes of the parts that are in use."""
    found = bytearray(data)
    used = [at for at, byte in enumerate(data) if byte]
    for at in rng.sample(used, 40):
        found[at] = rng.randrange(256)
    return bytes(found)


def test_a_damaged_page_is_found_while_reading_and_made_anew(tmp_path: Path) -> None:
    """Its head is whole, so that opening does not notice."""
    folder = history_of(tmp_path / "history", *(night_of(number) for number in range(4)))
    with History.open(folder) as history:
        data = bytearray((folder / INDEX).read_bytes())
        data[4 * 16_384 :] = bytes(len(data) - 4 * 16_384)
        with (folder / INDEX).open("r+b") as file:
            file.write(data)
    with History.open(folder) as history:
        assert [f"{number:03}-net" for number in range(4)] == ids(history)
        assert check(history).sound


def test_a_record_that_was_changed_is_found_by_its_hash(tmp_path: Path) -> None:
    """Also one whose seal was made again; its samples; and a point in the index that is not the record's."""
    folder = history_of(tmp_path / "history", *(night_of(number) for number in range(4)))
    january, february = folder / "records" / "2026-01", folder / "records" / "2026-02"
    forged = night_of(0, latency_ns=900_000)
    shutil.rmtree(january / "000-net")
    write_record(january / "000-net", forged.record, forged.samples)
    (january / "001-net" / "samples.npz").write_bytes(b"nothing")
    with History.open(folder) as history:
        point = history.point("003-net")
        assert point is not None
    level = replace(point.levels["latency_p50_ns"], figure=1.0)
    index = Index(folder / INDEX)
    index.remove("2026-02", ["003-net"])
    index.add([Entry(replace(point, levels={"latency_p50_ns": level}), moment_of(point.created_utc, ""))])
    index.close()
    with History.open(folder) as history:
        found = check(history)
        places = ["records/2026-01/000-net", "records/2026-01/001-net", "records/2026-02/003-net"]
        assert (4, places) == (found.records, [one.path for one in found.changed])
        told = [str(one.reason) for one in found.changed]
        assert told[0] == "the record is not the one that was added"
        assert told[2] == "the index holds another point than the record gives"
        history.rebuild()
        assert ["000-net", "002-net", "003-net"] == ids(history)
    assert (february / "002-net").is_dir()


def test_a_check_lists_months_that_seem_unchanged(tmp_path: Path) -> None:
    """A record removed by something that put the folder's time back."""
    folder = history_of(tmp_path / "history", night_of(0), night_of(1))
    month = folder / "records" / "2026-01"
    os.utime(month, ns=(10**18, 10**18))
    History.open(folder).close()
    shutil.rmtree(month / "001-net")
    os.utime(month, ns=(10**18, 10**18))
    with History.open(folder) as history:
        assert ["000-net", "001-net"] == ids(history)
        assert (1, True) == (check(history).records, check(history).sound)
        assert ["history.records_gone"] == [notice.code for notice in history.notices]
