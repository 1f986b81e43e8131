"""How rarely ``--until decided`` is wrong and how many pairs it saves: on simulated noise, on noise recorded here, and
live.

The recordings are those of record_noise.py. Each of their processes is cut to half of its blocks, as a pair is half as
long where the number of pairs is decided while they are measured.
"""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from simulated_pairs import (
    ALPHA_LEADING,
    FIXED,
    MOST,
    Noise,
    answer_of,
    fraction,
    normal,
    pairs_of,
    simulated,
    two_speeds,
    unequal,
)

from bench.comparison.comparison import ALPHA_SAME, TOLERANCE, compare
from bench.comparison.interleaved import pair_logs
from bench.comparison.observe import observe
from bench.execution.interleaved import run_in_alternation
from bench.plugins import Catalog, discover
from bench.record.evidence import Alternation, Until
from bench.record.record import RecordedRun
from bench.stats.ratio import paired_log_ratio
from bench.suite.presets import MOST_PAIRS
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.testing.records import fake_run

pytestmark = pytest.mark.perf

RECORDED = sorted(Path(__file__).with_name("recorded").glob("*.npz"))
PLUGINS = Path(__file__).resolve().parents[2] / "bench" / "testing" / "plugins.py"
LEAST_BLOCKS = 12
SIMULATED = 10_000
RESAMPLED = 2_000
UNIT_NS = 100
NOISES: dict[str, Noise] = {
    "normal, 1 %": normal(0.01),
    "normal, 2 %": normal(0.02),
    "normal, 4 %": normal(0.04),
    "unequal errors, 1 %": unequal(0.01),
    "two speeds of processes, 16 %": two_speeds(0.16),
    "two speeds of processes, 49 %": two_speeds(0.49),
}
UNTIL = Until(TOLERANCE, among=1, most=MOST_PAIRS)


def row(noise: Noise, times: int) -> dict[str, str]:
    """Wrong answers and mean numbers of pairs, beside the power of the fixed plan of the preset standard."""
    said: dict[str, str] = {}
    for name, ratio, answer in (("0 %", 1.0, "same"), ("5 %", 1.05, "different"), ("10 %", 1.1, "different")):
        found = simulated(noise, ratio, times)
        fixed = fixed_plan(noise, ratio, times // 10)
        by_ten = fixed.count(answer) / len(fixed)
        said[name] = f"{fraction(found, answer):.1%} in {pairs_of(found):.1f} pairs, by ten {by_ten:.1%}"
        if ratio == 1.0:
            said["false difference"] = f"{fraction(found, 'different'):.2%}"
    said["false same at 3 %"] = f"{fraction(simulated(noise, 1 + TOLERANCE, times), 'same'):.2%}"
    return said


def fixed_plan(noise: Noise, ratio: float, times: int) -> list[str]:
    """The answers of ten pairs, tested once."""
    rng, answers = np.random.default_rng(3), []
    for _ in range(times):
        logs, errors = noise(rng)
        found = paired_log_ratio(logs[:FIXED] + math.log(ratio), None if errors is None else errors[:FIXED])
        answers.append(answer_of(found, ALPHA_LEADING))
    return answers


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NOISES)
def test_simulated(benchmark: Any, name: str) -> None:
    """10,000 comparisons of each kind: a false difference in at most 1 %, a false "same" in at most 5 %."""
    said = benchmark.pedantic(row, (NOISES[name], SIMULATED), rounds=1)
    benchmark.extra_info["said"] = said
    limit = ALPHA_LEADING + 3 * math.sqrt(ALPHA_LEADING / SIMULATED)
    assert float(said["false difference"].rstrip("%")) / 100 <= limit
    assert float(said["false same at 3 %"].rstrip("%")) / 100 <= ALPHA_SAME


def pairs_in(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The logarithm of each recorded pair's ratio of p50, and its standard error, from the first half of its blocks."""
    made = {}
    with np.load(path) as archive:
        count = sum(name.startswith("base_blocks_") for name in archive.files)
        for side in ("base", "new"):
            blocks = [archive[f"{side}_blocks_{i}"] for i in range(count)]
            blocks = [part[: max(LEAST_BLOCKS, len(part) // 2)] for part in blocks]
            latency = [archive[f"{side}_{i}"].astype(np.int64)[: part.sum()] * UNIT_NS for i, part in enumerate(blocks)]
            made[side] = with_blocks(fake_run(side, latency, alternation=Alternation("g", side)), blocks)
    logs = pair_logs("latency_p50_ns", observe(made["base"]), observe(made["new"]))
    assert logs is not None
    assert logs.errors is not None
    return np.array(logs.logs), np.array(logs.errors)


def with_blocks(run: RecordedRun, blocks: list[NDArray[Any]]) -> RecordedRun:
    samples, repeats = dict(run.samples), []
    for i, repeat in enumerate(run.record.repeats):
        assert repeat.samples is not None
        samples[f"block_queries_{i}"] = blocks[i]
        arrays = {**repeat.samples.arrays, "block_queries": f"block_queries_{i}"}
        repeats.append(replace(repeat, samples=replace(repeat.samples, arrays=arrays)))
    return RecordedRun(replace(run.record, repeats=tuple(repeats)), samples)


def recorded(path: Path) -> Noise:
    """Pairs drawn with replacement; which of a pair is the base a coin says, for neither is."""
    logs, errors = pairs_in(path)

    def draw(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        drawn, coins = rng.choice(len(logs), MOST), rng.choice([-1.0, 1.0], MOST)
        return logs[drawn] * coins, errors[drawn]

    return draw


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
def test_recorded(benchmark: Any, path: Path) -> None:
    """2,000 comparisons resampled from recorded pairs: no more wrong answers than allowed; 10 % are found in less than
    half of the fixed plan's pairs, and 0 % in less than all."""
    noise = recorded(path)
    said = benchmark.pedantic(row, (noise, RESAMPLED), rounds=1)
    benchmark.extra_info["said"] = said
    assert fraction(simulated(noise, 1.0, RESAMPLED), "different") <= ALPHA_LEADING
    assert fraction(simulated(noise, 1 + TOLERANCE, RESAMPLED), "same") <= ALPHA_SAME
    tenth, nothing = (simulated(noise, ratio, RESAMPLED) for ratio in (1.1, 1.0))
    assert fraction(tenth, "different") >= 0.95
    assert fraction(nothing, "same") >= 0.95
    assert pairs_of(tenth) <= FIXED / 2
    assert pairs_of(nothing) <= FIXED


def timed(suites: tuple[Suite, Suite], catalog: Catalog, folder: Path, until: Until | None) -> tuple[float, str, int]:
    """Seconds, the answer, and the number of pairs."""
    out = folder / f"base-{until is None}", folder / f"new-{until is None}"
    for side in out:
        side.mkdir(parents=True)
    began = time.monotonic()
    runs = run_in_alternation(*suites, catalog, out, cache=folder / "cache", until=until)
    took, found = time.monotonic() - began, compare(*runs)
    return took, next(c.word for c in found.changes if c.metric == found.leading), len(runs[0].record.repeats)


def beside(benchmark: Any, suites: tuple[Suite, Suite], catalog: Catalog, folder: Path) -> tuple[float, str, str]:
    """The fixed plan and ``--until decided``, one after the other: the fraction of the time, and both answers."""
    found: dict[str, tuple[float, str, int]] = {}

    def play() -> None:
        for name, until in (("fixed", None), ("until decided", UNTIL)):
            found[name] = timed(suites, catalog, folder, until)

    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["found"] = found
    (fixed_s, fixed, _), (until_s, decided, _) = found["fixed"], found["until decided"]
    return until_s / fixed_s, fixed, decided


def spinning(microseconds: int) -> Suite:
    target = TargetAsk("null:cpu", {"latency_us": str(microseconds)})
    return Suite(models=(ModelAsk("fake"),), targets=(target,), preset="standard")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("microseconds", "word", "most"), [(1100, "slower", 1 / 3), (1050, "slower", 1 / 2), (1000, "same", 1.0)]
)
def test_live_on_a_spinning_target(benchmark: Any, tmp_path: Path, microseconds: int, word: str, most: float) -> None:
    """A target that spins for 1 ms and for 10, 5 and 0 % more: the same answer as by the fixed plan of the preset
    standard, in a third, half and not more of its time."""
    suites = spinning(1000), spinning(microseconds)
    share, fixed, decided = beside(benchmark, suites, discover([PLUGINS]), tmp_path)
    assert (word, word) == (fixed, decided)
    assert share <= most


@pytest.mark.real
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("file", "target"), [("ultraface_rfb_320.onnx", "openvino:CPU"), ("squeezenet_fp16.onnx", "ort:cpu")]
)
def test_live_on_a_real_model(
    benchmark: Any, tmp_path: Path, realdata: Path, catalog: Catalog, file: str, target: str
) -> None:
    """A model against itself is the same, in not more than the fixed plan's time."""
    pytest.importorskip(target.partition(":")[0].replace("ort", "onnxruntime"))
    ask = (ModelAsk(str(realdata / "models" / file)),)
    suite = Suite(models=ask, targets=(TargetAsk(target),), preset="standard")
    share, _, decided = beside(benchmark, (suite, suite), catalog, tmp_path)
    assert "same" == decided
    assert share <= 1
