"""Figures and verdicts of recorded samples are those of ``golden/figures.json``, which older code wrote.

Written anew, with ODB_WRITE_GOLDEN=1, only where a rule changes on purpose.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.observe import observe
from bench.record.record import RecordedRun, Scenario
from bench.stats.autocorrelation import effective_sample_size
from bench.stats.convergence import relative_width, width_of
from bench.stats.intervals import order_statistic_interval
from bench.stats.percentiles import percentile
from bench.stats.processes import MIN_SAMPLES, between_process_interval, ordered
from bench.store.derived import computed, judged
from bench.store.records import load, load_timed, save
from bench.suite.presets import PRESETS
from bench.testing.records import fake_run
from bench.words import Sentence

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "figures.json"
RECORDED = Path(__file__).resolve().parents[2] / "perf" / "recorded"
UNIT_NS = 100
PROCESSES = 6
KNOWN = {"cold_start_ns": 3e8, "peak_rss_bytes": 1e8, "cpu_seconds": 8.0, "joules": 9.0}


def latencies(name: str) -> list[np.ndarray]:
    """Of the first processes of a recording, in ns and in the order measured."""
    with np.load(RECORDED / f"{name}.npz") as archive:
        return [archive[f"base_{i}"].astype(np.int64) * UNIT_NS for i in range(PROCESSES)]


def tensor(name: str, parts: list[np.ndarray], preset: str, **plan: Any) -> RecordedRun:
    run = fake_run(name, parts, figures=[KNOWN] * len(parts), **plan)
    return replace(run, record=replace(run.record, plan=replace(run.record.plan, rule=PRESETS[preset].rule)))


def offline(name: str) -> RecordedRun:
    """Two lanes: the window is half as long as its queries together, and they end evenly within it."""
    run = tensor(name, latencies(name), "standard", scenario=Scenario("offline", lanes=2))
    repeats = tuple(replace(repeat, duration_ns=(repeat.duration_ns or 0) // 2) for repeat in run.record.repeats)
    latency = {key: part for key, part in run.samples.items() if "latency" in key}
    starts = {key.replace("latency", "start"): part.cumsum() // 2 - part for key, part in latency.items()}
    return replace(run, record=replace(run.record, repeats=repeats), samples={**latency, **starts})


def text(name: str) -> RecordedRun:
    """Generations of eight tokens."""
    tokens = [part[: len(part) // 8 * 8].reshape(-1, 8).cumsum(axis=1)[:200] for part in latencies(name)]
    return fake_run(name, [array[:, -1] for array in tokens], tokens)


def slowing(part: np.ndarray) -> np.ndarray:
    return np.rint(part * np.linspace(1, 1.3, len(part))).astype(np.int64)


def instant(part: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(part)) % 9 == 0, 0, part)


def runs() -> dict[str, RecordedRun]:
    """A run of each kind: calm, too short, autocorrelated, drifting, with queries that took no time."""
    wave = 50_000 + np.rint(9_000 * np.sin(np.arange(700) / 40)).astype(np.int64)
    return {
        **{f"{name}, {preset}": tensor(name, latencies(name), preset) for name, preset in NAMES},
        "few": tensor("few", [part[:9] for part in latencies("ultraface")], "standard"),
        "one": tensor("one", latencies("squeezenet")[:1], "standard"),
        "wave": tensor("wave", [wave, wave[::-1].copy(), wave + 700], "quick"),
        "slowing": tensor("slowing", [slowing(part) for part in latencies("squeezenet")], "standard"),
        "instant": tensor("instant", [instant(part[:40]) for part in latencies("mobilenet")], "quick"),
        "offline": offline("mobilenet"),
        "text": text("ultraface"),
    }


NAMES = [("mobilenet", "standard"), ("squeezenet", "strict"), ("ultraface", "quick")]


def said(run: RecordedRun) -> dict[str, Any]:
    """Everything that is computed from the run's samples."""
    found = judged(run)
    values = {name: list(one) for name, one in observe(run).values.items()}
    summary, verdict = found.record.summary, found.record.verdict
    return {"summary": in_words(summary), "values": values, "verdict": in_words(verdict)}


def in_words(part: Any) -> Any:
    """``part`` as plain values, and its sentences as their words."""
    return worded(msgspec.to_builtins(part))


def worded(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"code", "figures"}:
        return str(msgspec.convert(value, Sentence))
    if isinstance(value, dict):
        return {key: worded(one) for key, one in value.items()}
    return [worded(one) for one in value] if isinstance(value, list | tuple) else value


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where the two differ; a float by more than the last digits, which are the processor's."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        return [one for key in expected for one in differences(expected[key], found[key], f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [one for i, (a, b) in pairs for one in differences(a, b, f"{where}[{i}]")]
    if isinstance(expected, float) and isinstance(found, float):
        return [] if found == pytest.approx(expected, rel=1e-12, abs=0) else [f"{where}: {found!r}, not {expected!r}"]
    return [] if (type(expected), expected) == (type(found), found) else [f"{where}: {found!r}, not {expected!r}"]


def test_no_figure_has_changed() -> None:
    """Summary, verdict with its messages, and what a comparison takes of each process."""
    found = {name: json.loads(json.dumps(said(run))) for name, run in runs().items()}
    if os.environ.get("ODB_WRITE_GOLDEN") == "1":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} was written anew; read it, and run again without ODB_WRITE_GOLDEN")
    assert [] == differences(json.loads(GOLDEN.read_text(encoding="utf-8")), found)


@pytest.mark.parametrize("name", ["mobilenet", "squeezenet", "ultraface"])
@pytest.mark.parametrize("p", MIN_SAMPLES)
def test_what_is_shared_is_what_each_would_compute(name: str, p: float) -> None:
    """To the last bit: percentile, effective sample size, interval and its width of each process alone."""
    parts = [*latencies(name), np.empty(0, np.int64), np.array([5, 7, 6])]
    shared = ordered(parts)
    kept = [part for part in parts if len(part)]
    sizes = [effective_sample_size(part, p) for part in kept]
    alone = [order_statistic_interval(part, p, ess=size) for part, size in zip(kept, sizes, strict=True)]
    assert [percentile(part, p) for part in kept] == list(shared.percentiles(p))
    assert sizes == list(shared.effective(p)) == list(shared.effective(p))
    assert alone == list(shared.intervals(p))
    assert [relative_width(part, p) for part in kept] == [
        width_of(interval, middle) for interval, middle in zip(alone, shared.percentiles(p), strict=True)
    ]
    assert between_process_interval(parts, p) == between_process_interval(kept, p)


def test_a_run_is_judged_as_its_parts_are() -> None:
    """The figures do not depend on whether the latencies were in order already."""
    run = runs()["slowing"]
    assert computed(run.record, run.samples).summary == judged(run).record.summary


def test_a_comparison_sees_the_same_of_a_run_read_in_order(tmp_path: Path) -> None:
    """What ``load_timed`` has sorted already, and what ``load`` leaves to be sorted."""
    for name, run in runs().items():
        record = save(tmp_path, replace(judged(run).record, record_id=name.replace(", ", "-")), run.samples)
        folder = tmp_path / record.record_id
        assert observe(load_timed(folder)) == observe(load(folder))
        assert type(load(folder)) is RecordedRun
