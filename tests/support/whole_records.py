"""Records with every part filled in, as this version writes them: of tensors, of text, offline, and of a failed run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from judged_runs import steady
from msgspec.structs import replace
from text_quality import text_quality

from bench import __version__
from bench.analysis.outputs.agreement import Said, agreement, judged
from bench.analysis.outputs.fidelity import of_output
from bench.analysis.outputs.tolerance import THRESHOLDS, rule_told
from bench.analysis.quality import compare, summarise
from bench.analysis.rules import rules_digest
from bench.analysis.verdict.judge import judge
from bench.contracts import Quantisation, TensorSpec
from bench.record.asked import Asked, NamedFile
from bench.record.energy import ChannelReading, EnergySummary, RepeatEnergy
from bench.record.evidence import Alternation, Determinism, RepeatedInput, RepeatRule, Until
from bench.record.inputs import FedInput, InputFacts, PlannedModel
from bench.record.memory import MemoryPoint
from bench.record.quality import UNLABELLED, DatasetFacts, JudgedMetric, LeftOut, Quality, QualityReference
from bench.record.record import (
    Environment,
    Failure,
    Fidelity,
    OpenedArtifact,
    OutputFidelity,
    Phases,
    PlacementSummary,
    PlannedTarget,
    PlanPart,
    Record,
    RecordedRun,
    Repeat,
    SampleArrays,
    Scenario,
    Tool,
    Warmup,
)
from bench.record.summary import Summary
from bench.record.text import KvCache, TextGeneration
from bench.stats.sequential import spent
from bench.store.derived import computed
from bench.suite.presets import PRESETS, text_generation_rule
from bench.testing.records import fake_record, fake_repeat
from bench.words import sentence

Array = np.ndarray[Any, Any]
Samples = dict[str, Array]
MS, SECOND, MIB = 1_000_000, 1_000_000_000, 1 << 20
QUICK = PRESETS["quick"]
CUT = sentence("verdict.fallback.no_arithmetic")
DEADLINE_NS = 4 * MS  # about half of the queries end before it
MODEL = PlannedModel(
    "net",
    "tensor",
    "onnx",
    "int8",
    "f" * 64,
    5_000_000,
    4_000_000,
    1_000_000,
    4_000_000,
    900_000,
    (TensorSpec("x", "uint8", (1, 4), Quantisation(0.5, 3)),),
    (TensorSpec("y", "float32", (1, 8)), TensorSpec("k", "int64", (1, 3))),
    1_200_000,
    4_600_000,
)
TARGET = PlannedTarget(
    "ort:cpu",
    "ort",
    "cpu",
    "a processor",
    False,
    {"intra_op_num_threads": "2"},
    {"intra_op_num_threads": "2"},
    "int8",
    OpenedArtifact("onnx", "a" * 64, 4_900_000),
    "int8",
    "int8",
)
ENVIRONMENT = Environment(
    host={"cpu": "a processor", "cores_logical": 2, "memory_bytes": 1 << 34, "os": "an OS"},
    runtime={"onnxruntime": "1.32.0"},
    accelerator={"cpu": "a processor"},
    driver={"a_driver": "1"},
    power_source="battery",
    battery_percent=80.0,
    governor="performance",
    frequency_mhz={"min": 800.0, "max": 3000.0},
    temperature_celsius={"package": 50.0},
    load={"load_1min": 0.1},
    unavailable={"gpu": sentence("machine.frequencies_not_told")},
)
INPUTS = InputFacts(
    "partly seeded",
    "e" * 64,
    {"x": (1, 4), "length": (1,)},
    "order=bgr",
    (FedInput("x", "uint8", "image"), FedInput("length", "int64", "seeded", "3", False, 7)),
)
ASKED = Asked(
    "file",
    NamedFile("net.onnx", "f" * 64, 5_000_000),
    "onnx",
    "int8",
    {"x": (1, 4)},
    {"x": NamedFile("cat.jpg", "c" * 64, 1_000)},
    "order=bgr",
    dataset=NamedFile("photos"),
    dataset_options="label_offset=1",
    reference=NamedFile("float.onnx", "9" * 64, 7_000),
    check_inputs=4,
    max_seconds=5.0,
    settings={"deadline_ns": DEADLINE_NS},
)


def tensors() -> RecordedRun:
    """Six repeats of a quantised model, and one set aside; power, memory, placement, outputs, quality and caches."""
    samples: Samples = {}
    repeats = [_repeat(index, samples) for index in range(6)]
    aside = replace(_repeat(6, samples), cpu_busy_share=0.5)
    model = replace(MODEL, inputs=(*MODEL.inputs, TensorSpec("length", "int64", (1,))))
    plan = PlanPart(
        model,
        TARGET,
        Scenario("single-stream", compile_cache="warm"),
        "quick",
        QUICK.rule,
        3,
        QUICK.repeats.fewest,
        "odb run -m net.onnx -t ort:cpu -s single-stream --compile-cache warm --preset quick --seed 3",
        inputs=INPUTS,
        asked=ASKED,
        repeat_rule=QUICK.repeats,
    )
    return _finished(
        _record("tensors", plan, tuple(repeats)),
        samples,
        set_aside=(aside,),
        repeats_ended="precise",
        log_tail=("a runtime said this",),
        placement=PlacementSummary(
            "NPU", {"NPU": 7, "CPU": 2}, {"NPU": 900_000, "CPU": 100_000}, ("Resize a", "Cast b"), "a log", (CUT,)
        ),
        fidelity=Fidelity(
            "float.onnx on ort:cpu",
            4,
            outputs=(
                OutputFidelity("y", 0.9991, 31.5, 0.02, 0.75, False, 0.9995, 35.5, 1.0),
                OutputFidelity("k", equal_fraction=0.95),
            ),
            ok=True,
            rule=rule_told("int8", THRESHOLDS["int8"], True),
            inputs_source="dataset",
            reason=of_output("k", sentence("outputs.labels_differ", share=1 / 60)),
        ),
        determinism=Determinism(2, False, ("y",), 1e-7, 0.99999, True, None, ("Dropout",)),
        repeated_input=RepeatedInput((1000, 1100, 1050), (1001, 1099, 1051), (1003, 1102, 1049)),
        quality=_quality(samples),
    )


def text(seen_before: int = 0) -> RecordedRun:
    """A decoder that differs from its reference in the third token, with a tokenizer, a KV cache and power a token.
    ``seen_before``: queries of each process whose prompt its engine may have kept."""
    samples: Samples = {}
    tokens, count = 8, 12
    repeats = []
    for index in range(5):
        gaps = (2e6 * np.random.default_rng(index).lognormal(0, 0.02, (count, tokens))).astype(np.int64)
        times = gaps.cumsum(axis=1)
        made = _repeat(index, samples, times[:, -1])
        extra = {
            "token_ns": times,
            "prompt_tokens": np.full(count, 16),
            "tokenized_token_ns": times[:6] + 1_000,
        }
        if seen_before:
            extra["shared_tokens"] = np.where(np.arange(count) < seen_before, 16, 0)
        samples.update({f"{role}_{index}": array for role, array in extra.items()})
        arrays = {**made.samples.arrays, **{role: f"{role}_{index}" for role in extra}} if made.samples else {}
        prefill = replace(made.energy, queries=6, duration_ns=50 * MS, cpu_seconds=0.05, channels=_channels(0.05))
        repeats.append(replace(made, samples=SampleArrays(count, arrays), prefill_energy=prefill, token_overhead_ns=40))
    plan = PlanPart(
        replace(MODEL, task="text_generation", precision="float16", inputs=(), outputs=()),
        replace(TARGET, executed_precision="float16"),
        Scenario("single-stream", 16, tokens, depth_tokens=4),
        "quick",
        text_generation_rule(QUICK.rule),
        0,
        5,
        "odb run -m llm -t ort:cpu -s single-stream --prompt-tokens 16 --generate-tokens 8 --depth 4 --preset quick "
        "--repeats 5 --seed 0",
        repeat_rule=RepeatRule(5, 5),
    )
    logits = np.random.default_rng(1).standard_normal((20, 30)).astype(np.float32)
    forced = tuple(range(20))
    near = logits + np.float32(1e-3)
    theirs = Said((1, 2, 3, 4, 5, 6, 7, 8), forced, logits)
    ours = Said((1, 2, 9, 4, 5, 6, 7, 7), forced, near * np.float32(1.001))
    found = agreement("engine", "llm float16 on ort:cpu", theirs, ours)
    fidelity = judged(found, theirs, ours, "float16")
    known = TextGeneration(
        0,
        0,
        (1, 2, 9, 4, 5, 6, 7, 7),
        kv_cache=KvCache(1280, 1288, 512, "seen"),
        agreement=(found, replace(found, of="model", reference="llm float32 on ort:cpu")),
    )
    return _finished(
        replace(
            _record("prefixes" if seen_before else "text", plan, tuple(repeats)),
            summary=Summary(energy=EnergySummary(), text_generation=known),
        ),
        samples,
        fidelity=fidelity,
        quality=text_quality(samples, MODEL.sha256 or "", TARGET.id, dict(TARGET.options_effective)),
        determinism=Determinism(2, False, ("tokens",), within_rounding=False, first_difference=3),
        repeats_ended="fixed",
    )


def from_prefixes() -> RecordedRun:
    """As ``text``, by an engine that keeps prefixes."""
    return text(seen_before=6)


def offline() -> RecordedRun:
    """Two lanes of a constant latency, in five processes."""
    samples: Samples = {}
    repeats = []
    for index in range(5):
        latency = 10 * MS + index * 10_000
        ends = np.arange(1, 61) * latency // 2
        window = int(ends[-1]) + 1
        inside = np.full(len(ends), latency)
        flying = np.array([ends[-1] - latency // 2, ends[-1]])
        made = _repeat(index, samples, inside)
        arrays = {
            "latency_ns": inside,
            "start_ns": ends - latency,
            "in_flight_latency_ns": np.full(2, latency + 10),
            "in_flight_start_ns": flying,
        }
        samples.update({f"{role}_{index}": array for role, array in arrays.items()})
        keys = {**(made.samples.arrays if made.samples else {}), **{role: f"{role}_{index}" for role in arrays}}
        held = SampleArrays(len(inside), keys)
        repeats.append(replace(made, samples=held, duration_ns=window, power_pass=None))
    plan = PlanPart(
        replace(MODEL, inputs=(), outputs=()),
        TARGET,
        Scenario("offline", lanes=2),
        "quick",
        QUICK.rule,
        0,
        5,
        "odb run -m net -t ort:cpu -s offline --lanes 2 --preset quick --repeats 5 --seed 0",
        repeat_rule=RepeatRule(5, 5),
    )
    from bench.analysis.run_processes import offline_queries

    record = _record("offline", plan, tuple(repeats))
    counted = tuple(
        replace(repeat, energy=replace(repeat.energy, queries=offline_queries(repeat, samples)))
        for repeat in record.repeats
        if repeat.energy is not None
    )
    return _finished(replace(record, repeats=counted), samples, repeats_ended="fixed")


def several() -> RecordedRun:
    """Queries of four samples each, in six processes, pairs of another run's that were measured until the time was up;
    energy and processor time are those of each run of the model."""
    samples: Samples = {}
    repeats = tuple(
        replace(made, energy=replace(made.energy, queries=4 * made.energy.queries))
        for made in (_repeat(index, samples) for index in range(6))
        if made.energy is not None
    )
    plan = PlanPart(
        replace(MODEL, inputs=(), outputs=()),
        TARGET,
        Scenario("multi-stream", parameters={"streams": 4}),
        "quick",
        QUICK.rule,
        0,
        4,
        "odb run -m net -t ort:cpu -s multi-stream:streams=4 --preset quick --seed 0",
        repeat_rule=RepeatRule(4, 30),
        alternation=Alternation("g", "base", until=Until(0.03, 1, 30, None, (4, 5, 6), *spent((4, 5, 6)), "time")),
    )
    return _finished(_record("several", plan, repeats), samples, repeats_ended="comparison")


def failed() -> RecordedRun:
    """A model that did not compile."""
    plan = PlanPart(MODEL, TARGET, Scenario("single-stream"), "quick", QUICK.rule, 0, 6, repeat_rule=QUICK.repeats)
    failure = Failure(
        "compile",
        "unsupported_operator",
        sentence("run.no_reference_opens_format", artifact_format="onnx"),
        sentence("run.run_again"),
    )
    return _finished(_record("failed", plan, ()), {}, status="failed", failure=failure)


def _record(record_id: str, plan: PlanPart, repeats: tuple[Repeat, ...]) -> Record:
    tool = Tool("ondevice-bench", __version__, rules_digest())
    return fake_record(record_id, plan, repeats, tool=tool, environment=ENVIRONMENT)


def _finished(record: Record, samples: Samples, **parts: Any) -> RecordedRun:
    found = computed(replace(record, **parts), samples)
    return RecordedRun(replace(found, verdict=judge(RecordedRun(found, samples))), samples)


def _repeat(index: int, samples: Samples, latency: Array | None = None) -> Repeat:
    """One process; its arrays are put into ``samples``."""
    latency = (4 * steady(index)).astype(np.int64) if latency is None else latency
    duration_ns = int(latency.sum())
    memory = {
        phase: MemoryPoint((40 + step) * MIB, (30 + step) * MIB, (35 + step) * MIB, (50 + step) * MIB, True, 4 * MIB)
        for step, phase in enumerate(
            ("start", "runtime_import", "read", "compile", "ready", "first_inference", "steady")
        )
    }
    seconds = duration_ns / SECOND
    return fake_repeat(
        index,
        latency,
        samples,
        {"warmup_latency_ns": latency[:6]},
        phases_ns=Phases(70 * MS, 80 * MS, 5 * MS, 60 * MS, 9 * MS),
        compile_cache="warm",
        warmup=Warmup(6, 30 * MS, True),
        memory_bytes=memory,
        energy=RepeatEnergy(len(latency), duration_ns, 0.9 * seconds, _channels(seconds)),
        power_pass=RepeatEnergy(200, 2 * SECOND, None, (ChannelReading("hwmon", "vdd", "board", 18.0, 3.0, 12.0),)),
        harness_ns=900 * MS,
        loop_overhead_ns=120,
        cpu_busy_share=0.12,
        frequency_mhz=(3000.0, 2100.0),
    )


def _channels(seconds: float) -> tuple[ChannelReading, ...]:
    total = 12.0 * seconds
    return (
        ChannelReading("rapl", "package-0", "package", total, 2.0, total - 2.0 * seconds),
        ChannelReading("intel_npu", "busy", "npu", busy_seconds=0.4 * seconds),
        ChannelReading("intel_npu", "accel0 memory", "npu", memory_bytes=48 << 20),
    )


def _quality(samples: Samples) -> Quality:
    """Top-1 and top-5 of 60 photographs, 12 of which the reference answers better."""
    metrics = tuple(JudgedMetric(name, "mean", True, "share") for name in ("top1", "top5"))
    theirs = {"top1": np.array([1] * 50 + [0] * 10, np.int8), "top5": np.array([1] * 58 + [0] * 2, np.int8)}
    mine = {"top1": np.array([0] * 12 + [1] * 41 + [0] * 7, np.int8), "top5": np.array([1] * 57 + [0] * 3, np.int8)}
    samples.update({f"quality_{name}": array for name, array in mine.items()})
    samples.update({f"quality_reference_{name}": array for name, array in theirs.items()})
    left = (LeftOut("blank.jpg", "labels.json", UNLABELLED),)
    facts = DatasetFacts("photos", "classification", "d" * 64, 60, left, {"label_offset": "1"}, "order=bgr")
    judged_metrics, reference = _summarised(metrics, mine), _summarised(metrics, theirs)
    keys = {name: f"quality_reference_{name}" for name in theirs}
    return Quality(
        facts,
        MODEL.sha256 or "",
        TARGET.id,
        TARGET.options_effective,
        judged_metrics,
        QualityReference("float.onnx on ort:cpu", "9" * 64, reference, samples=keys),
        compare(judged_metrics, theirs, mine),
        {name: f"quality_{name}" for name in mine},
    )


def _summarised(metrics: Any, results: Mapping[str, Array]) -> Any:
    return summarise(metrics, results, 60)
