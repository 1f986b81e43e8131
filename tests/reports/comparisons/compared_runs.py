"""Made pairs of records, one of each kind of answer that a comparison can give."""

from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.comparison.comparison import Comparison, compare_all
from bench.comparison.folders import Findings, Problem
from bench.comparison.matching import pair_up
from bench.comparison.observe import observe
from bench.contracts import Scenario
from bench.errors import InputError
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation
from bench.record.quality import DatasetFacts, Quality, QualityMetric
from bench.record.record import (
    Failure,
    Fidelity,
    OutputFidelity,
    PlacementSummary,
    Reason,
    Record,
    RecordedRun,
    Verdict,
)
from bench.testing.records import MODEL, TARGET, fake_run
from bench.words import sentence

MS = 1_000_000
QUERIES = 10
FIGURES = {"cold_start_ns": 3e8, "peak_rss_bytes": 1e8, "cpu_seconds": 8.0, "joules": 9.0}
TOLD = sentence("compare.one_process")
"""A sentence of the catalogues, in the place of a target's."""


def run(name: str, p50_ms: float = 4.0, processes: int = 5, spread: float = 0.005, **plan: Any) -> RecordedRun:
    latency = [np.full(200, round(p50_ms * MS * (1 + spread * i))) for i in range(processes)]
    figures = [{**FIGURES, "peak_rss_bytes": 1e8 * (4 / p50_ms) + 1e4 * i} for i in range(processes)]
    return fake_run(name, latency, figures=figures, **plan)


def of(one: RecordedRun, **changes: Any) -> RecordedRun:
    """``one`` with other fields of the record."""
    return replace(one, record=replace(one.record, **changes))


def within(one: RecordedRun, part: str, **changes: Any) -> RecordedRun:
    """``one`` with other fields of a part of its plan, or of ``plan`` or ``environment``."""
    record: Record = one.record
    if part in ("plan", "environment"):
        return of(one, **{part: replace(getattr(record, part), **changes)})
    return of(one, plan=replace(record.plan, **{part: replace(getattr(record.plan, part), **changes)}))


def invalid(one: RecordedRun, *codes: str) -> RecordedRun:
    return of(one, verdict=Verdict(False, False, tuple(Reason(code, TOLD, TOLD) for code in codes)))


def failed(one: RecordedRun, status: str = "failed") -> RecordedRun:
    return of(one, status=status, failure=Failure("compile", "crashed", TOLD, TOLD))


def text(name: str, ms: float) -> RecordedRun:
    tokens = [np.tile(7 * MS + round(ms * MS) * np.arange(5), (20, 1)) + i for i in range(5)]
    return fake_run(name, [array[:, -1] for array in tokens], tokens)


def turned(side: Any, factor: float, phase: int) -> RecordedRun:
    """Half of a pair of runs that took turns; of each process, ``phase`` of 20 blocks are twice as slow."""
    blocks = np.repeat([4 * MS] * (20 - phase) + [8 * MS] * phase, QUERIES)
    latency = [np.rint(blocks * factor * (1 + 0.001 * i)).astype(np.int64) for i in range(6)]
    made = fake_run(side, latency, alternation=Alternation(f"g{factor}{phase}", side))
    samples, repeats = dict(made.samples), []
    for i, repeat in enumerate(made.record.repeats):
        assert repeat.samples is not None
        samples[f"block_queries_{i}"] = np.full(20, QUERIES)
        arrays = {**repeat.samples.arrays, "block_queries": f"block_queries_{i}"}
        repeats.append(replace(repeat, samples=replace(repeat.samples, arrays=arrays)))
    return RecordedRun(replace(made.record, repeats=tuple(repeats)), samples)


def in_turns(factor: float, phases: tuple[int, int] = (10, 10)) -> tuple[RecordedRun, RecordedRun]:
    base, new = turned("base", 1.0, phases[0]), turned("new", factor, phases[1])
    group = Alternation(f"g{factor}{phases}", "base")
    return within(base, "plan", alternation=group), within(new, "plan", alternation=replace(group, side="new"))


PLACED = PlacementSummary("HTP", {"HTP": 10, "CPU": 1}, fallback=("Div_a",))
AGREED = Fidelity("ort:cpu", 1, 0.998344, ok=True, outputs=(OutputFidelity("y", 0.998344, 40.0, 0.0123, 1.0),))


def emulated(name: str, placement: Any = PLACED, fidelity: Any = AGREED) -> RecordedRun:
    made = fake_run(name, [np.full(3, MS)], target=replace(TARGET, emulated=True))
    return of(made, placement=placement, fidelity=fidelity)


def judged(name: str, wrong: int, count: int = 200, **dataset: Any) -> RecordedRun:
    """A run judged on so many samples, ``wrong`` of them answered wrong."""
    one = run(name)
    flags = np.ones(count, np.int8)
    flags[:wrong] = 0
    facts = DatasetFacts("photos", "classification", "d" * 64, count, **dataset)
    share = 1 - wrong / count
    metric = QualityMetric("top1", share, None, count, True, "mean", "share", "Wilson")
    facts_of = {"artifact_sha256": one.record.plan.model.sha256 or "", "target": "null:cpu"}
    quality = Quality(dataset=facts, metrics=(metric,), samples={"top1": "quality_top1"}, **facts_of)
    return RecordedRun(replace(one.record, quality=quality), {**one.samples, "quality_top1": flags})


def pairs() -> dict[str, tuple[RecordedRun, RecordedRun]]:
    """Kind of answer -> base and new."""
    base = run("base")
    two = (run("base", processes=2), run("new", 4.2, processes=2))
    many_fallbacks = replace(PLACED, nodes={"HTP": 4, "CPU": 7}, fallback=tuple(f"Div_{x}" for x in "bcdefgh"))
    older = of(run("new"), schema_version=1), of(base, schema_version=1)
    found = {
        "slower": (base, run("new", 5.0)),
        "slower tenfold": (base, run("new", 50.0)),
        "faster": (base, run("new", 3.0)),
        "same": (base, run("new")),
        "near": (base, run("new", 4.13, spread=0.002)),
        "noise": (base, run("new", 3.5, spread=0.2)),
        "two processes": two,
        "one process": (base, run("new", processes=1)),
        "offline": (
            run("base", scenario=Scenario("offline", lanes=2)),
            run("new", 5.0, scenario=Scenario("offline", lanes=2)),
        ),
        "text": (text("base", 2.0), text("new", 2.6)),
        "busy": (base, invalid(run("new", 40.0), "host_busy", "drift")),
        "both invalid": (invalid(base, "host_busy"), invalid(run("new"), "drift")),
        "processes differ": (invalid(base, "processes_differ"), invalid(run("new"), "processes_differ")),
        "edited": (base, invalid(run("new"), "record_edited")),
        "no verdict": (base, of(run("new"), verdict=None)),
        "noted": (base, of(run("new"), verdict=Verdict(True, False, (Reason("on_battery", TOLD, "", False),)))),
        "wrong": (base, invalid(run("new"), "output_mismatch")),
        "broken": (base, failed(run("new"))),
        "skipped": (base, failed(run("new"), "skipped")),
        "both failed": (failed(base), of(run("new"), status="failed")),
        "same record": (base, base),
        "in turns": in_turns(1.06),
        "in turns, same": in_turns(1.0),
        "by turns": in_turns(1.06, (9, 11)),
        "in turns, invalid": tuple(invalid(one, "host_busy") for one in in_turns(1.06)),
        "emulated, same": (emulated("base"), emulated("new")),
        "emulated, moved": (emulated("base"), emulated("new", many_fallbacks, replace(AGREED, ok=False))),
        "emulated, back": (
            emulated("base"),
            emulated("new", replace(PLACED, fallback=()), replace(AGREED, reference="b")),
        ),
        "emulated, unknown": (emulated("base", None), emulated("new", None, None)),
        "emulated against measured": (base, emulated("new")),
        "tokens": (
            emulated("base", fidelity=replace(AGREED, token_prefix=4, tokens_compared=4)),
            emulated("new", fidelity=replace(AGREED, ok=False, token_prefix=2, tokens_compared=4)),
        ),
        "quality lost": (judged("base", 4), judged("new", 90)),
        "quality kept": (judged("base", 4, 2000), judged("new", 4, 2000)),
        "quality open": (judged("base", 4), judged("new", 9)),
        "one judged": (judged("base", 4), run("new")),
        "other samples": (judged("base", 4), within_dataset(judged("new", 4), sha256="e" * 64, name="others")),
        "read otherwise": (judged("base", 4), judged("new", 4, options={"label_offset": "1"})),
        "of another": (judged("base", 4), invalid(judged("new", 4), "quality_of_another")),
        "versions": (
            base,
            within(of(run("new"), tool=replace(base.record.tool, version="1")), "environment", runtime={"fake": "2"}),
        ),
        "targets": (
            base,
            within(run("new"), "target", id="other:npu", device_name="NPU", options_requested={"a": "1"}),
        ),
        "old schema": (older[1], older[0]),
        "one old schema": (base, older[0]),
        "apart": (base, of(run("new"), created_utc="2026-05-09T10:11:12Z")),
        "without time": (base, of(run("new"), created_utc="?")),
        "warmer": (
            within(base, "environment", temperature_celsius={"cpu": 30.0}),
            within(run("new"), "environment", temperature_celsius={"cpu": 70.0}),
        ),
        "loaded": (
            base,
            of(run("new"), repeats=tuple(replace(r, cpu_busy_share=0.4) for r in run("new").record.repeats)),
        ),
        "took turns or not": (base, within(run("new"), "plan", alternation=Alternation("g", "new"))),
        "nothing in common": (fake_run("base", [np.full(2, MS)] * 5), fake_run("new", [np.full(2, MS)] * 5)),
        "other sensor": (base, run("new")),
    }
    return {**found, **refused()}


def within_dataset(one: RecordedRun, **changes: Any) -> RecordedRun:
    quality = one.record.quality
    assert quality is not None
    return of(one, quality=replace(quality, dataset=replace(quality.dataset, **changes)))


def refused() -> dict[str, tuple[RecordedRun, RecordedRun]]:
    """One pair for each rule: differing, and unknown in one record or in both."""
    base, new = run("base"), run("new")
    host = {"cpu": "another", "cores_logical": 2, "memory_bytes": 1 << 34}
    environment = base.record.environment
    changed = {
        "schema": of(new, schema_version=0),
        "task": within(new, "model", task="text_generation"),
        "model": within(new, "model", id="other"),
        "artifact": within(new, "model", sha256="a" * 64),
        "input": within(new, "inputs", sha256="a" * 64),
        "shapes": within(new, "inputs", shapes={"x": (2, 4)}),
        "scenario": within(new, "plan", scenario=Scenario("offline", compile_cache="warm")),
        "stop": within(new, "plan", asked=Asked("file", NamedFile("net.onnx"), stop=True)),
        "preset": within(new, "plan", preset="strict"),
        "rule": within(new, "rule", precision=0.5, min_queries=7),
        "precision": within(new, "target", executed_precision="int8"),
        "kv cache": within(new, "target", executed_kv_cache="u8"),
        "machine": within(new, "environment", host=host),
        "system": within(new, "environment", host={**environment.host, "os": "another"}),
        "power source": within(new, "environment", power_source="battery"),
        "governor": within(new, "environment", governor="powersave"),
        "device": within(new, "target", device_name="another"),
        "driver": within(new, "environment", driver={"npu": "2"}),
        "placement": of(new, placement=PLACED),
        "unknown artifact": within(new, "model", sha256=None),
        "unknown inputs": within(new, "plan", inputs=None),
    }
    home = of(
        within(base, "environment", power_source="ac", governor="performance", driver={"npu": "1"}),
        placement=replace(PLACED, nodes={"CPU": 11}),
    )
    pairs = {f"rule {name}": (home, one) for name, one in changed.items()}
    unknown = within(within(base, "model", sha256=None), "target", executed_precision=None)
    kept = within(base, "target", executed_kv_cache="f16")
    return {
        **pairs,
        "kv caches": (kept, within(new, "target", executed_kv_cache="u8")),
        "unknown in both": (unknown, of(unknown, record_id="new")),
        "inputs unknown": (within(base, "plan", inputs=None), within(new, "plan", inputs=None)),
    }


def comparisons() -> dict[str, Comparison]:
    """Kind of answer -> the pair compared, each as if alone."""
    return {
        name: compare_all([(observe(base), observe(new))], subjects=("target",) if name == "targets" else ())[0]
        for name, (base, new) in pairs().items()
    }


def findings() -> Findings:
    """All of them in one, with records that found no partner and some that could not be read."""
    base = [
        observe(run("b1")),
        observe(of(run("b0"), created_utc="2026-05-01T10:11:12Z")),
        observe(run("b3", model=replace(MODEL, id="gone"))),
    ]
    new = [
        observe(run("n1")),
        observe(of(run("n0"), created_utc="2026-05-01T10:11:12Z")),
        observe(run("n3", model=replace(MODEL, id="fresh"))),
    ]
    _, alone = pair_up(base, new)
    turning = [observe(one) for one in in_turns(1.0)]
    _, beside = pair_up([turning[0], base[0]], [turning[1], observe(of(run("n4"), created_utc="2026-05-01T10:11:12Z"))])
    edited = turning[0].record
    spoiled = {**in_turns(1.0)[0].samples, "block_queries_0": np.full(19, QUERIES)}
    problem = Problem("")
    try:
        observe(RecordedRun(edited, spoiled))
    except InputError as error:
        problem = Problem(error.sentence, error.advice)
    made = tuple(comparisons().values())
    folder = replace(made[0], new=replace(made[0].new, folder="둘째"))
    return Findings(0.03, (*made, folder), (*alone, *beside), (problem,), ("cannot-tell",))
