"""Nights measured in alternation: of each series so many of the pairs of processes that record_noise.py recorded."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.comparison.observe import Observation, observe
from bench.gate.pairing import Pair
from bench.nights.point import Point
from bench.record.evidence import Alternation
from bench.record.record import RecordedRun
from bench.testing.records import fake_run

RECORDED = Path(__file__).parents[1] / "recorded"
UNIT_NS = 100
PAIRS = 10  # of the preset standard
Sides = tuple[tuple[Any, Any], tuple[Any, Any]]


@cache
def recorded(model: str) -> tuple[Sides, ...]:
    """Latencies [n] in ns and queries of each block, of both sides of every pair."""
    with np.load(RECORDED / f"{model}.npz") as archive:
        count = sum(name.startswith("base_blocks_") for name in archive.files)
        return tuple(
            tuple(  # type: ignore[misc]
                (archive[f"{side}_{i}"].astype(np.int64) * UNIT_NS, archive[f"{side}_blocks_{i}"])
                for side in ("base", "new")
            )
            for i in range(count)
        )


def pair_of(point: Point, model: str, factor: float, rng: np.random.Generator) -> Pair:
    """The pair of a night: ``PAIRS`` pairs in a row of the recording, in which a coin says which side is the base;
    queries of the new one take ``factor`` times as long."""
    every = recorded(model)
    begin, swapped = int(rng.integers(0, len(every) - PAIRS + 1)), rng.random(PAIRS) < 0.5
    chosen = [both[::-1] if swap else both for both, swap in zip(every[begin : begin + PAIRS], swapped, strict=True)]
    seen = tuple(
        _observed(side, point.record_id, [both[place] for both in chosen], times)
        for place, (side, times) in enumerate((("base", 1.0), ("new", factor)))
    )
    base = replace(point, record_id=f"{point.record_id}-base")
    return Pair(base=base, new=point, observed=(seen[0], seen[1]))


def _observed(side: Any, group: str, processes: list[tuple[Any, Any]], factor: float) -> Observation:
    latency = [np.rint(one * factor).astype(np.int64) for one, _ in processes]
    made = fake_run(f"{group}-{side}", latency, alternation=Alternation(group, side))
    samples, repeats = dict(made.samples), []
    for i, (repeat, (_, blocks)) in enumerate(zip(made.record.repeats, processes, strict=True)):
        assert repeat.samples is not None
        samples[f"block_queries_{i}"] = blocks
        arrays = {**repeat.samples.arrays, "block_queries": f"block_queries_{i}"}
        repeats.append(replace(repeat, samples=replace(repeat.samples, arrays=arrays)))
    return observe(RecordedRun(replace(made.record, repeats=tuple(repeats)), samples))
