"""A/A and power on noise recorded here: comparisons resampled from pairs of real processes that took turns.

The recordings are those of record_noise.py, each with its provenance beside it. A comparison draws as many pairs as
the standard preset measures, puts each back, tosses a coin for which of it is the base, and goes through
``bench.comparison.comparison.compare`` like any other. A slowdown is injected by multiplying every latency of one side.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import Comparison, compare
from bench.comparison.rules import SPEEDS
from bench.record.evidence import Alternation
from bench.record.record import RecordedRun
from bench.suite.presets import PRESETS
from bench.testing.records import fake_run

pytestmark = pytest.mark.perf

RECORDED = sorted(Path(__file__).with_name("recorded").glob("*.npz"))
PAIRS = PRESETS["standard"].pairs
REPEATS = PAIRS // 2
COMPARISONS = 100
UNIT_NS = 100
NAMED = ("faster", "slower", "better", "worse")

Side = list[tuple[np.ndarray, np.ndarray]]


def sides(path: Path) -> tuple[Side, Side]:
    """Latencies in ns and queries of each block, of every process, of both sides."""
    with np.load(path) as archive:
        count = sum(name.startswith("base_blocks_") for name in archive.files)
        base, new = (
            [(archive[f"{s}_{i}"].astype(np.int64) * UNIT_NS, archive[f"{s}_blocks_{i}"]) for i in range(count)]
            for s in ("base", "new")
        )
    return base, new


def run_of(name: Any, processes: Side, factor: float = 1.0, alternated: bool = True) -> RecordedRun:
    """A run made of recorded processes, as if they had been measured now."""
    latency = [np.rint(part * factor).astype(np.int64) for part, _ in processes]
    run = fake_run(name, latency, alternation=Alternation("g", name) if alternated else None)
    if not alternated:
        return run
    samples, repeats = dict(run.samples), []
    for i, repeat in enumerate(run.record.repeats):
        assert repeat.samples is not None
        samples[f"block_queries_{i}"] = processes[i][1]
        arrays = {**repeat.samples.arrays, "block_queries": f"block_queries_{i}"}
        repeats.append(replace(repeat, samples=replace(repeat.samples, arrays=arrays)))
    return RecordedRun(replace(run.record, repeats=tuple(repeats)), samples)


def compared(path: Path, factor: float, rng: np.random.Generator) -> Comparison:
    """One resampled comparison of the model with itself, its new side slowed by ``factor``. Pairs are drawn with
    replacement, as new ones would come; which of a pair is the base a coin says, for neither is."""
    both = sides(path)
    drawn, coins = rng.choice(len(both[0]), PAIRS), rng.integers(0, 2, PAIRS)
    base = [both[coin][i] for i, coin in zip(drawn, coins, strict=True)]
    new = [both[1 - coin][i] for i, coin in zip(drawn, coins, strict=True)]
    return compare(run_of("base", base), run_of("new", new, factor))


def power(path: Path, factor: float, comparisons: int = COMPARISONS) -> float:
    """Share of comparisons whose p50 is called slower."""
    rng = np.random.default_rng(round(1000 * factor))
    words = [compared(path, factor, rng).changes[0].word for _ in range(comparisons)]
    return words.count("slower") / comparisons


def unpaired(path: Path, factor: float, rng: np.random.Generator) -> Comparison:
    """As many records of processes that did not take turns, each drawn with replacement from both sides."""
    every = [process for side in sides(path) for process in side]
    a, b = ([every[i] for i in rng.choice(len(every), REPEATS)] for _ in range(2))
    return compare(run_of("base", a, 1, False), run_of("new", b, factor, False))


def unpaired_power(path: Path, factor: float) -> float:
    """The same injection, found by records that were not made in alternation: independent processes of one side."""
    rng, found = np.random.default_rng(2), 0
    base, _ = sides(path)
    for _ in range(COMPARISONS):
        drawn = rng.permutation(len(base))
        half = len(base) // 2
        a, b = ([base[i] for i in part] for part in (drawn[:half], drawn[half:]))
        found += compare(run_of("base", a, 1, False), run_of("new", b, factor, False)).changes[0].word == "slower"
    return found / COMPARISONS


def test_a_against_a_is_called_different_in_two_percent_at_most(benchmark: Any) -> None:
    """100 comparisons of each model with itself: in at most 2 % of all does any metric say faster, slower, better or
    worse."""
    said: dict[str, int] = {}

    def play() -> None:
        for path in RECORDED:
            rng = np.random.default_rng(1)
            found = [compared(path, 1.0, rng) for _ in range(COMPARISONS)]
            said[path.stem] = sum(any(c.word in NAMED for c in one.changes) for one in found)

    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["said"] = said
    assert COMPARISONS * len(said) >= 200
    assert sum(said.values()) <= 0.02 * COMPARISONS * len(said)


def test_records_one_after_the_other_are_seldom_called_different(benchmark: Any) -> None:
    """The same for records that did not take turns, five processes against five, 300 comparisons of each model."""
    said: dict[str, int] = {}

    def play() -> None:
        for path in RECORDED:
            rng = np.random.default_rng(4)
            found = [unpaired(path, 1.0, rng) for _ in range(3 * COMPARISONS)]
            said[path.stem] = sum(any(c.word in NAMED for c in one.changes) for one in found)

    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["said"] = said
    assert sum(said.values()) <= 0.02 * 3 * COMPARISONS * len(said)


@pytest.mark.parametrize("processes", [3, 5])
def test_neighbours_in_time_are_seldom_called_different(benchmark: Any, processes: int) -> None:
    """Records as they are really made one after the other: so many processes in the order of the recording against the
    next so many, from every place on. In at most 2 % does any metric differ."""
    said: dict[str, str] = {}
    wrong = tried = 0

    def play() -> None:
        nonlocal wrong, tried
        for path in RECORDED:
            found = [
                compare(
                    run_of("base", side[i : i + processes], alternated=False),
                    run_of("new", side[i + processes : i + 2 * processes], alternated=False),
                )
                for side in sides(path)
                for i in range(len(side) - 2 * processes + 1)
            ]
            named = sum(any(c.word in NAMED for c in one.changes) for one in found)
            said[path.stem] = f"{named} of {len(found)}"
            wrong, tried = wrong + named, tried + len(found)

    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["said"] = said
    assert tried >= 60
    assert wrong <= 0.02 * tried


def test_no_recorded_speeds_differ_by_as_much_as_is_allowed_for() -> None:
    """Of the medians of one model's processes the slowest is less than half of ``SPEEDS`` above the fastest."""
    for path in RECORDED:
        medians = [float(np.median(latency)) for side in sides(path) for latency, _ in side]
        assert max(medians) / min(medians) < SPEEDS / 2


@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
def test_five_percent_are_found(benchmark: Any, path: Path) -> None:
    """A slowdown of 5 % is found in 90 % of the comparisons, at the pairs of the standard preset."""
    found: dict[str, float] = {}

    def play() -> None:
        found["5 %"] = power(path, 1.05)

    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["found"] = found
    benchmark.extra_info["not in alternation"] = unpaired_power(path, 1.05)
    benchmark.extra_info["least detectable"] = least(lambda factor: power(path, factor, 50))
    assert found["5 %"] >= 0.9


def least(found: Callable[[float], float]) -> float:
    """The smallest slowdown of those tried that is found in 90 %, above the tolerance of 3 %; 1: none up to 30 %."""
    steps = [1.035, 1.04, 1.045, 1.05, 1.06, 1.07, 1.08, 1.1, 1.15, 1.2, 1.3]
    return next((round(factor - 1, 4) for factor in steps if found(factor) >= 0.9), 1.0)
