"""Nights measured by ``odb run --against``: the pairs of the night judge it, and not the spread between nights."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from bench.cli.group import odb
from bench.record.evidence import Alternation
from bench.record.record import RecordedRun
from bench.store.records import save
from bench.testing.records import ENVIRONMENT, MODEL, fake_run

FIRST = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
BLOCKS, QUERIES, PAIRS = 20, 10, 6
RESTLESS = 0.10  # standard deviation between nights: no session of its own shows 5 % here


def dated(run: RecordedRun, night: int, **host: str) -> RecordedRun:
    environment = replace(ENVIRONMENT, host={**ENVIRONMENT.host, **host})
    created = (FIRST + timedelta(days=night)).isoformat(timespec="seconds")
    return RecordedRun(replace(run.record, created_utc=created, environment=environment), run.samples)


def plain(night: int, speed: float) -> RecordedRun:
    latency = [np.full(50, round(1e6 * speed * (1 + 0.002 * i)), np.int64) for i in range(5)]
    return dated(fake_run(f"night-{night}", latency), night)


def in_turns(side: Any, night: int, speed: float, sha256: str, disturbed: float = 0.0, **host: str) -> RecordedRun:
    """One side of ``PAIRS`` pairs of processes, which ran at ``speed`` times 1 ms; a fraction of blocks is
    ``disturbed``, and takes twice as long."""
    rng = np.random.default_rng(night)
    latency = [
        np.rint(1e6 * speed * np.repeat(rng.choice([1.0, 2.0], BLOCKS, p=[1 - disturbed, disturbed]), QUERIES)).astype(
            np.int64
        )
        for _ in range(PAIRS)
    ]
    noise = np.random.default_rng([night, len(side)])
    latency = [np.rint(one * math.exp(noise.normal(0, 0.002))).astype(np.int64) for one in latency]
    made = fake_run(
        f"{side}-{night}", latency, model=replace(MODEL, sha256=sha256), alternation=Alternation(f"n{night}", side)
    )
    samples, repeats = dict(made.samples), []
    for i, repeat in enumerate(made.record.repeats):
        assert repeat.samples is not None
        samples[f"block_queries_{i}"] = np.full(BLOCKS, QUERIES)
        arrays = {**repeat.samples.arrays, "block_queries": f"block_queries_{i}"}
        repeats.append(replace(repeat, samples=replace(repeat.samples, arrays=arrays)))
    return dated(RecordedRun(replace(made.record, repeats=tuple(repeats)), samples), night, **host)


OLD, NEW = "f" * 64, "a" * 64


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve nights of one model, which differ by ``RESTLESS``."""
    room, rng = tmp_path_factory.mktemp("paired"), np.random.default_rng(3)
    for night in range(12):
        run = plain(night, math.exp(rng.normal(0, RESTLESS)))
        (room / "past").mkdir(exist_ok=True)
        save(room / "past", run.record, run.samples)
    done = CliRunner().invoke(odb, ["history", "add", str(room / "past"), "--history", str(room / "nightly")])
    assert done.exit_code == 0, done.output
    return room / "nightly"


def gate(tmp_path: Path, history: Path, *runs: RecordedRun) -> tuple[int, dict[str, Any]]:
    for run in runs:
        turns = run.record.plan.alternation
        folder = tmp_path / ("plain" if turns is None else turns.side)
        folder.mkdir(exist_ok=True)
        save(folder, run.record, run.samples)
    asked = ["gate", str(tmp_path), "--history", str(history), "--json"]
    done = CliRunner().invoke(odb, asked, standalone_mode=False)
    assert done.exception is None, done.exception
    (found,) = json.loads(done.stdout)["findings"]
    return done.return_value, found


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.3])
def test_five_percent_is_red_however_fast_the_machine_is_tonight(tmp_path: Path, history: Path, speed: float) -> None:
    sides = in_turns("base", 12, speed, OLD), in_turns("new", 12, speed * 1.05, NEW)
    status, found = gate(tmp_path, history, *sides)
    assert (status, found["word"]) == (1, "worse")
    confirmation = found["confirmation"]
    assert (confirmation["how"], confirmation["confirmed"]) == ("paired", True)
    assert confirmation["records"] == ["base-12", "new-12"]
    assert confirmation["metrics"][0]["change"] == pytest.approx(0.05, abs=0.01)


def test_pairs_judge_a_night_that_is_invalid_for_what_disturbed_both_sides(tmp_path: Path, history: Path) -> None:
    sides = in_turns("base", 12, 1.0, OLD, 0.2), in_turns("new", 12, 1.05, NEW, 0.2)
    alone = tmp_path / "alone"
    alone.mkdir()
    status, found = gate(alone, history, sides[1])
    assert (status, found["word"]) == (3, "invalid")
    both = tmp_path / "both"
    both.mkdir()
    status, found = gate(both, history, *sides)
    assert (status, found["word"]) == (1, "worse")
    assert found["reasons"][0]["figures"]["ratio"] == pytest.approx(1.05, abs=0.01)


def test_without_its_base_side_the_same_night_is_judged_by_the_nights(tmp_path: Path, history: Path) -> None:
    status, found = gate(tmp_path, history, in_turns("new", 12, 1.05, NEW))
    assert (status, found["word"], found["confirmation"]) == (0, "same", None)


def test_a_slow_machine_is_no_regression_of_what_took_turns_on_it(tmp_path: Path, history: Path) -> None:
    """Twice as slow as any night before, and so is the base beside it."""
    (tmp_path / "alone").mkdir()
    alone, _ = gate(tmp_path / "alone", history, plain(12, 2.0))
    sides = in_turns("base", 12, 2.0, OLD), in_turns("new", 12, 2.0, NEW)
    (tmp_path / "paired").mkdir()
    status, found = gate(tmp_path / "paired", history, *sides)
    assert alone == 3
    assert (status, found["word"]) == (0, "same")
    assert [reason["code"] for reason in found["reasons"]] == ["gate.why.paired_same"]


def test_what_changed_on_both_sides_is_in_neither_s_favour(tmp_path: Path, history: Path) -> None:
    """Another kernel may be what made both twice as slow, so the suspicion stays."""
    sides = in_turns("base", 12, 2.0, OLD, kernel="6.11"), in_turns("new", 12, 2.0, NEW, kernel="6.11")
    status, found = gate(tmp_path, history, *sides)
    assert (status, found["word"]) == (3, "suspect")


def test_pairs_with_another_model_than_the_base_s_are_not_used(tmp_path: Path, history: Path) -> None:
    sides = in_turns("base", 12, 1.0, "b" * 64), in_turns("new", 12, 1.05, NEW)
    status, found = gate(tmp_path, history, *sides)
    assert (status, found["word"]) == (0, "same")
    assert "gate.why.paired_with_another" in [reason["code"] for reason in found["reasons"]]


def test_the_base_s_side_is_no_night_of_the_series(tmp_path: Path) -> None:
    for run in (in_turns("base", 12, 1.0, OLD), in_turns("new", 12, 1.0, NEW)):
        save(tmp_path, run.record, run.samples)
    done = CliRunner().invoke(odb, ["history", "add", str(tmp_path), "--history", str(tmp_path / "h"), "--json"])
    told = json.loads(done.stdout)
    assert (["new-12"], [str(tmp_path / "base-12")]) == ([one["record_id"] for one in told["added"]], told["left_out"])


def test_a_record_of_a_wrong_clock_is_bad_input(tmp_path: Path, history: Path) -> None:
    run = plain(12, 1.0)
    wrong = RecordedRun(replace(run.record, created_utc="2099-01-01T00:00:00+00:00"), run.samples)
    save(tmp_path, wrong.record, wrong.samples)
    done = CliRunner().invoke(odb, ["gate", str(tmp_path), "--history", str(history)], standalone_mode=False)
    assert done.return_value == 2
    assert "by its own clock, which is in the future" in done.stderr
