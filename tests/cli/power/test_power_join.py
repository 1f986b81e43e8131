"""``odb power join``: made results with a marker, a made log, and what stands in the new records."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from bench.cli.group import odb
from bench.power.marker import planned
from bench.power.pulses import FILE
from bench.record.energy import RepeatEnergy
from bench.store.records import load_records, save
from bench.testing.records import fake_run

S = 1_000_000_000
START_NS = 1_767_225_600 * S  # 2026-01-01 UTC
IDLE_W, PULSE_W, RUN_W = 3.0, 12.0, 7.0
BEGINS_S, LASTS_S, QUERIES = (25.0, 35.0), 5.0, 50
AHEAD_S = 7.25  # of the meter's clock


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two repeats of 5 s between two markers."""
    folder = tmp_path / "results"
    folder.mkdir()
    markers = [planned(START_NS), planned(START_NS + 45 * S, 1)]
    (folder / FILE).write_bytes(msgspec.json.encode(markers))
    run = fake_run("20260101T000000000Z-fake-fake-000000", [np.full(QUERIES, int(LASTS_S * S / QUERIES), np.int64)] * 2)
    repeats = tuple(
        replace(repeat, energy=RepeatEnergy(QUERIES, int(LASTS_S * S), 1.0, (), START_NS + int(begin * S)))
        for repeat, begin in zip(run.record.repeats, BEGINS_S, strict=True)
    )
    save(folder, replace(run.record, repeats=repeats), run.samples)
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What a meter read five times a second: idle, pulses, and 7 W more than idle in each repeat."""
    edges = [edge for number in (0, 1) for edge in planned(START_NS + 45 * number * S, number).edges_unix_ns]
    at = np.arange(-5, 75, 0.2)
    watts = IDLE_W + PULSE_W * (np.searchsorted(edges, START_NS + at * S, side="right") % 2)
    for begin in BEGINS_S:
        watts += RUN_W * ((at > begin - 1) & (at < begin + LASTS_S + 1))
    stamps = [f"{(np.datetime64(START_NS, 'ns') + int((a + AHEAD_S) * S))!s:.26}" for a in at]
    path = tmp_path / "log.csv"
    path.write_text("t,P [W]\n" + "".join(f"{t},{w}\n" for t, w in zip(stamps, watts, strict=True)), encoding="utf-8")
    return path


MAPPING = ("--mapping", "time=t,power=P [W]", "--zone", "UTC")


def join(*words: object) -> Any:
    return CliRunner().invoke(odb, ["power", "join", *map(str, words)], standalone_mode=False)


def test_the_records_have_the_meters_joules(results: Path, log: Path, tmp_path: Path) -> None:
    """7 W above idle for 5 s over 50 queries: 0.7 J each. The old records stay as they are."""
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    found = join(results, log, *MAPPING, "--meter", "uncertainty=0.4%", "-o", tmp_path / "metered", "--json")
    told = json.loads(found.output)
    assert found.return_value == 0
    assert told["records"][0]["uncertainty"]["total_joules_per_inference"] == pytest.approx(0.004)
    assert told["alignment"]["by"] == "marker"
    assert told["alignment"]["offset_s"] == pytest.approx(-AHEAD_S, abs=0.11)
    assert told["idle_watts"] == pytest.approx(IDLE_W)
    assert told["records"][0]["joules_per_inference"] == pytest.approx(0.7, rel=1e-3)
    (run,) = load_records(tmp_path / "metered")
    assert run.record.summary.energy is not None
    assert run.record.summary.energy.tier == "meter"
    assert run.record.meter is not None
    assert run.record.meter.sha256 == hashlib.sha256(log.read_bytes()).hexdigest()
    assert run.record.record_id != run.record.meter.joined_from == "20260101T000000000Z-fake-fake-000000"
    assert run.record.verdict is not None
    assert "record_edited" not in run.record.verdict.invalidating
    assert before == {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}


def test_a_log_that_covers_no_repeat_leaves_no_folder(results: Path, log: Path, tmp_path: Path) -> None:
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join(lines[:130]), encoding="utf-8")  # 26 s: the first marker, and a second of the run
    found = join(results, log, *MAPPING, "-o", tmp_path / "metered", "--json")
    assert (found.return_value, json.loads(found.output)["folder"]) == (3, None)
    assert not (tmp_path / "metered").exists()


def test_after_an_earlier_run_into_the_same_folder(results: Path, log: Path, tmp_path: Path) -> None:
    """Its markers, of an hour ago, are not in this log: idle is that of this run's own."""
    earlier = [planned(START_NS - 3600 * S), planned(START_NS - 3500 * S, 1)]
    own = msgspec.json.decode((results / FILE).read_bytes())
    (results / FILE).write_bytes(msgspec.json.encode([*earlier, *own]))
    found = join(results, log, *MAPPING, "-o", tmp_path / "metered", "--json")
    told = json.loads(found.output)
    assert told["idle_watts"] == pytest.approx(IDLE_W)
    assert told["records"][0]["joules_per_inference"] == pytest.approx(0.7, rel=1e-3)


def test_a_log_that_begins_within_the_run(results: Path, log: Path, tmp_path: Path) -> None:
    """The marker behind the run shows where it is, and not the idle power before it: the device may still be warm."""
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join([lines[0], *lines[190:]]), encoding="utf-8")  # from 33 s on
    told = json.loads(join(results, log, *MAPPING, "-o", tmp_path / "metered", "--json").output)
    assert (told["idle_watts"], told["records"][0]["joules_per_inference"]) == (None, None)
    assert told["records"][0]["total_joules_per_inference"] == pytest.approx(1.0, rel=1e-3)


def test_by_the_clock(results: Path, log: Path, tmp_path: Path) -> None:
    """A clock that is stated to agree is believed: windows 7.25 s off have another energy."""
    found = join(results, log, *MAPPING, "--clock-doubt", "0.1", "--idle-watts", "3", "-o", tmp_path / "m", "--json")
    told = json.loads(found.output)
    assert (told["alignment"]["by"], told["alignment"]["offset_s"]) == ("clock", 0.0)
    assert told["alignment"]["doubt_s"] == pytest.approx(0.2)  # half an interval more: no one says what a reading is
    assert told["records"][0]["joules_per_inference"] < 0.5


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--clock-doubt", "0.9"), "clocks must agree within"),
        (("--clock-doubt", "-1"), "clocks must agree within"),
        (("--idle-watts", "-1"), "--idle-watts"),
        (("--within", "0"), "--within"),
        (("--within", "nan"), "--within"),
        (("--within", "1"), "was not found"),
    ],
)
def test_what_is_refused(results: Path, log: Path, words: tuple[str, ...], why: str) -> None:
    found = join(results, log, *MAPPING, *words)
    assert why in str(found.exception)
    assert not results.with_name("results-metered").exists()


def test_a_run_is_not_joined_twice(results: Path, log: Path, tmp_path: Path) -> None:
    """Neither into one folder, nor beside itself, nor with a second log's energy on top."""
    metered = tmp_path / "metered"
    assert join(results, log, *MAPPING, "-o", metered).return_value == 0
    clock = ("--clock-doubt", "0.1", "--idle-watts", "3")
    other = log.with_name("other.csv")
    other.write_text(log.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    for where, file, out, why in (
        (results, log, metered, "has the run already"),
        (results, log, results, "has the run already"),
        (metered, other, tmp_path / "twice", "has the energy of another log already"),
    ):
        assert why in str(join(where, file, *MAPPING, *clock, "-o", out).exception)
    assert [1, 1] == [len(load_records(folder)) for folder in (metered, results)]
    assert not (tmp_path / "twice").exists()


def test_what_was_forgotten_of_the_meter_is_stated_by_joining_again(results: Path, log: Path, tmp_path: Path) -> None:
    """The same log replaces itself: its joules are not there twice."""
    first, again = tmp_path / "first", tmp_path / "again"
    assert join(results, log, *MAPPING, "-o", first).return_value == 0
    (first / FILE).write_bytes((results / FILE).read_bytes())
    assert join(first, log, *MAPPING, "--meter", "uncertainty=0.4%", "-o", again).return_value == 0
    (before, after) = (load_records(folder)[0].record for folder in (first, again))
    assert (before.meter.stated_uncertainty, after.meter.stated_uncertainty) == (None, pytest.approx(0.004))
    assert [len(repeat.energy.channels) for repeat in after.repeats] == [1, 1]
    assert after.summary.energy.joules_per_inference == before.summary.energy.joules_per_inference


def test_results_without_a_marker(results: Path, log: Path) -> None:
    (results / FILE).unlink()
    assert "has no marker" in str(join(results, log, *MAPPING).exception)


@pytest.mark.parametrize("data", [b"[{", b"[1]", b"\xff\xfe"])
def test_a_damaged_file_of_markers(results: Path, log: Path, data: bytes) -> None:
    """It is named, and not taken for none."""
    (results / FILE).write_bytes(data)
    said = str(join(results, log, *MAPPING).exception)
    assert f"{results.name}/{FILE} is damaged" in said


@pytest.mark.parametrize(
    ("day", "before", "apart"),
    [("2026-01-03", "2026-01-02", "48 h"), ("2029-01-01", "2028-12-31", "26,300 h")],
    ids=["two days", "three years"],
)
def test_a_log_of_another_day(results: Path, log: Path, day: str, before: str, apart: str) -> None:
    text = log.read_text(encoding="utf-8").replace("2026-01-01", day).replace("2025-12-31", before)
    log.write_text(text, encoding="utf-8")
    found = str(join(results, log, *MAPPING).exception)
    assert f"log.csv begins at {day} 00:00:02 UTC, {apart} apart from the run" in found


def test_a_log_of_another_zone(results: Path, log: Path) -> None:
    """The zone by which the log would contain the run is named."""
    found = join(results, log, *MAPPING[:-1], "+09:00")
    assert "its times were +9 h: check --zone" in str(found.exception)


def test_a_log_that_ends_before_the_run(results: Path, log: Path) -> None:
    """The first marker is there, and the second repeat is not: the first one keeps its energy."""
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join(lines[:190]), encoding="utf-8")  # 38 s
    found = join(results, log, *MAPPING)
    assert found.return_value == 0
    assert "repeat 2: the log does not cover the repeat" in found.output
    assert "nothing shows whether the meter's clock drifted" in found.output


def test_a_log_that_ends_at_the_idle_of_the_second_marker(results: Path, log: Path, tmp_path: Path) -> None:
    """It ends 3 s before the first pulse there: both repeats have their energy, by the first marker alone, which is
    said and stands in the record."""
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join(lines[: 1 + 5 * (5 + 47)]), encoding="utf-8")
    found = join(results, log, *MAPPING, "-o", tmp_path / "metered")
    assert found.return_value == 0
    assert "The log ends before the run, or before the end of the marker after it." in found.output
    assert "Cool-down" not in found.output, "the log does not show the end of the last pulse"
    assert "nothing shows whether the meter's clock drifted" in found.output
    (run,) = load_records(tmp_path / "metered")
    assert run.record.meter is not None
    assert "drift_not_checked" in run.record.meter.doubts
    assert [1, 1] == [len(repeat.energy.channels) for repeat in run.record.repeats if repeat.energy]
