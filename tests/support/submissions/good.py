"""A submission about which ``odb check`` has nothing to say, with its records; the tests of rules break it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from judged_runs import steady
from msgspec.structs import replace

from bench import __version__
from bench.analysis.quality import compare, summarise
from bench.analysis.rules import rules_digest
from bench.contracts import Scenario
from bench.record.asked import Asked, NamedFile
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.evidence import Alternation, Determinism, RepeatedInput
from bench.record.inputs import InputFacts, PlannedModel
from bench.record.memory import MemoryPoint
from bench.record.quality import DatasetFacts, JudgedMetric, Quality, QualityReference
from bench.record.record import (
    Environment,
    Fidelity,
    OutputFidelity,
    Phases,
    PlacementSummary,
    PlannedTarget,
    PlanPart,
    Record,
    RecordedRun,
    Repeat,
    Tool,
    Warmup,
)
from bench.record.refused import RefusedRecord
from bench.store.derived import judged
from bench.submission.assessment import Assessment, Row, assessed
from bench.submission.criterion import Criterion, Level
from bench.submission.dossier.reproduction import Answer, Reproduction, Word
from bench.submission.form import (
    Measuring,
    Party,
    Project,
    Submission,
    SubmittedDevice,
    SubmittedModel,
    SubmittedScenario,
    SubmittedTarget,
)
from bench.submission.rules.check import Checked, checked
from bench.submission.rules.context import Context, ModelFile
from bench.submission.texts import Texts
from bench.submission.track import Partner, Track, TrackScenario, TrackTarget
from bench.suite.presets import PRESETS
from bench.testing.records import fake_record, fake_repeat

SHA256 = "f" * 64
MODEL = PlannedModel("net", "tensor", "onnx", "int8", SHA256, 1_000_000, 500_000, 1_000_000)
TARGET = PlannedTarget("ort:cpu", "ort", "cpu", "a processor", executed_precision="int8")
REPEATS = 6
SAMPLES = 1000
BOTH = Texts(ko="글", en="text")


class Good(NamedTuple):
    """What a rule sees. ``yardsticks``: whether each of ``runs`` took turns with one, which ``assessment`` adds."""

    submission: Submission
    runs: tuple[RecordedRun, ...]
    context: Context
    refused: tuple[RefusedRecord, ...] = ()
    yardsticks: bool = True

    @property
    def assessment(self) -> Assessment:
        beside = [yardstick_of_run(run.record.record_id) for run in self.runs] if self.yardsticks else []
        return assessed(self.submission, (*self.runs, *beside), self.refused)

    def checked(self) -> Checked:
        return checked(self.assessment, self.context)


def criterion(name: str, metric: str, target: float, unit: str, **fields: Any) -> Criterion:
    """A complete one: its target is beyond all that was reached."""
    at_most = fields.get("direction", "at_least") == "at_most"
    best, before = (target * 1.5, target * 2) if at_most else (target / 2, target / 4)
    plain: dict[str, Any] = {
        "id": name,
        "title": Texts(ko=f"{name} 항목", en=f"{name} criterion"),
        "metric": metric,
        "direction": "at_least",
        "target": target,
        "unit": unit,
        "weight": 20.0,
        "model": "net",
        "scenario": "single-stream",
        "world_best": Level(value=best, holder="A firm", source="A paper", conditions="A board"),
        "before": Level(value=before, source="Our first model"),
        "method": BOTH,
        "conditions": BOTH,
        "reason": BOTH,
        "source": "A standard",
    }
    return Criterion(**{**plain, **fields})


CRITERIA = (
    criterion(
        *("latency", "summary.latency_ns.p50", 10.0, "ms"), direction="at_most", evidence=("device",), repeats=REPEATS
    ),
    criterion("placement", "placement.macs.share", 90.0, "%", evidence=("placement",)),
    criterion("top1", "quality.metrics.top1", 60.0, "%", evidence=("quality",)),
    criterion(
        *("energy", "summary.energy.joules_per_inference", 1.0, "J"),
        direction="at_most",
        evidence=("device", "energy_meter"),
        repeats=REPEATS,
    ),
    criterion("outputs", "fidelity.cosine_min", 0.9, "1", evidence=("outputs",)),
)
SUBMISSION = Submission(
    format=1,
    track="a-track",
    rules=1,
    project=Project(name=BOTH, summary=BOTH),
    applicant=Party(organisation="An applicant"),
    demand_company=Party(organisation="A company"),
    device=SubmittedDevice(name="A drone", maker="A maker", form_factor="A board", cooling="A fan", room_celsius=25.0),
    measuring=Measuring(preset="standard", seed=7),
    models=(SubmittedModel(id="net", source="models/net.onnx", licence="Apache-2.0"),),
    targets=(SubmittedTarget(id="ort:cpu"),),
    scenarios=(SubmittedScenario(name="single-stream"),),
    criteria=CRITERIA,
)
TRACK = Track(
    id="a-track",
    name=BOTH,
    partner=Partner(id="own", name=BOTH),
    device=BOTH,
    about=BOTH,
    targets=(TrackTarget(id="ort:cpu", reason="A board"),),
    scenarios=(TrackScenario(scenario="single-stream", reason="One after the other"),),
    criteria=CRITERIA,
)


def run(record_id: str = "r1", slower: float = 1.0, **parts: Any) -> RecordedRun:
    """A valid run with everything that a criterion may ask for. ``slower``: a factor of its latencies; ``parts``
    replaces fields of the record before it is judged."""
    samples: dict[str, Any] = {}
    repeats = tuple(_repeat(i, samples, slower) for i in range(REPEATS))
    plan = PlanPart(
        model=MODEL,
        target=TARGET,
        scenario=Scenario("single-stream"),
        preset="standard",
        rule=PRESETS["standard"].rule,
        seed=7,
        repeats=REPEATS,
        inputs=InputFacts("file", "e" * 64, {"x": (1, 4)}),
        asked=Asked(kind="file", model=NamedFile("net.onnx", SHA256, 1_000_000)),
        alternation=Alternation(record_id, "new"),
    )
    fields: dict[str, Any] = {
        "created_utc": "2026-05-04T10:11:12+00:00",
        "tool": Tool("ondevice-bench", __version__, rules_digest()),
        "environment": Environment(
            host={"cpu": "a processor", "cores_logical": 2, "memory_bytes": 1 << 34, "os": "an OS"},
            runtime={"onnxruntime": "1.32.0"},
            power_source="ac",
            governor="performance",
            temperature_celsius={"package": 40.0},
        ),
        "placement": PlacementSummary("CPU", {"CPU": 9}, {"CPU": 1_000_000}),
        "fidelity": Fidelity(
            "net float32 on ort:cpu",
            4,
            outputs=(OutputFidelity("y", 0.9999, 45.0, 0.001),),
            ok=True,
            inputs_source="file",
        ),
        "determinism": Determinism(2, True),
        "repeated_input": RepeatedInput(
            (1_000, 1_020, 990, 1_010), (950, 1_000, 980, 1_000), (1_010, 990, 1_000, 1_020)
        ),
        "quality": _quality(samples),
        "repeats_ended": "precise",
        **parts,
    }
    return judged(RecordedRun(fake_record(record_id, plan, repeats, **fields), samples)).plain()


@cache
def yardstick_of_run(record_id: str) -> RecordedRun:
    """The yardstick with which the run of that id took turns."""
    one = run(f"{record_id}-yardstick", slower=1.25)
    model = replace(MODEL, id="mobilenet_v2", sha256="9" * 64)
    turns = Alternation(record_id, "base", yardstick=True)
    plan = replace(
        one.record.plan, model=model, alternation=turns, asked=Asked(kind="built_in", model=NamedFile("mobilenet_v2"))
    )
    return judged(replace(one, record=replace(one.record, plan=plan, quality=None))).plain()


def _repeat(index: int, samples: dict[str, Any], slower: float) -> Repeat:
    latency = (4 * slower * steady(index)).astype(np.int64)
    seconds = int(latency.sum()) / 1e9
    reading = ChannelReading("rapl", "package-0", "package", 12.0 * seconds, 2.0, 10.0 * seconds)
    return fake_repeat(
        index,
        latency,
        samples,
        {"warmup_latency_ns": latency[:10]},
        phases_ns=Phases(runtime_import=1, compile=1, first_inference=1),
        warmup=Warmup(10, 10**8, True),
        memory_bytes={"steady": MemoryPoint(peak_rss_bytes=1 << 26)},
        energy=RepeatEnergy(len(latency), int(latency.sum()), 0.9 * seconds, (reading,)),
        cpu_busy_share=0.01,
        loop_overhead_ns=100,
        frequency_mhz=(3000.0, 2990.0),
    )


def _quality(samples: dict[str, Any], count: int = SAMPLES) -> Quality:
    metrics = (JudgedMetric("top1", "mean", True, "share"),)
    right = count * 8 // 10
    mine = {"top1": np.array([1] * right + [0] * (count - right), np.int8)}
    theirs = {"top1": np.array([1] * (right + 1) + [0] * (count - right - 1), np.int8)}
    samples |= {"quality_top1": mine["top1"], "quality_reference_top1": theirs["top1"]}
    found, reference = summarise(metrics, mine, count), summarise(metrics, theirs, count)
    return Quality(
        DatasetFacts("photos", "classification", "d" * 64, count),
        SHA256,
        TARGET.id,
        TARGET.options_effective,
        found,
        QualityReference("float.onnx on ort:cpu", "9" * 64, reference, samples={"top1": "quality_reference_top1"}),
        compare(found, theirs, mine),
        {"top1": "quality_top1"},
    )


CONTEXT = Context(
    folder=Path(),
    track=TRACK,
    models={"net": ModelFile(True, sha256=SHA256, size_bytes=1_000_000, modified_utc="2026-05-01T00:00:00+00:00")},
    record_folders=frozenset({"r1", "r2", "r1-yardstick", "r2-yardstick"}),
)


def good() -> Good:
    """The whole of it."""
    return Good(SUBMISSION, (run(),), CONTEXT)


# ------------------------------------------------------------------------------------------------------ to change it


def form(found: Good, **fields: Any) -> Good:
    """With other fields of the form; a dotted name is a field of a part: ``project__name``."""
    submission = found.submission
    for name, value in fields.items():
        part, _, field = name.partition("__")
        changed = replace(getattr(submission, part), **{field: value}) if field else value
        submission = replace(submission, **{part: changed})
    return found._replace(submission=submission)


def first(found: Good, part: str, **fields: Any) -> Good:
    """With other fields of the first model, target, scenario or criterion."""
    one, *others = getattr(found.submission, part)
    return form(found, **{part: (replace(one, **fields), *others)})


def criterion_of(found: Good, name: str, **fields: Any) -> Good:
    """With other fields of the criterion of that id."""
    changed = tuple(replace(one, **fields) if one.id == name else one for one in found.submission.criteria)
    return form(found, criteria=changed)


def record(found: Good, change: Callable[[Record], Record]) -> Good:
    """With the first record changed, and not judged again."""
    one, *others = found.runs
    return found._replace(runs=(replace(one, record=change(one.record)), *others))


def rerun(found: Good, change: Callable[[Record], Record]) -> Good:
    """With the first record changed, and judged again."""
    changed = record(found, change)
    one, *others = changed.runs
    return changed._replace(runs=(judged(one).plain(), *others))


def only(found: Good, *names: str) -> Good:
    """With these criteria alone, of equal weights, as the track has them, too."""
    kept = tuple(one for one in found.submission.criteria if one.id in names)
    weighed = tuple(replace(one, weight=100 / len(kept)) for one in kept)
    track = None if found.context.track is None else replace(found.context.track, criteria=weighed)
    return form(found, criteria=weighed)._replace(context=replace(found.context, track=track))


def context(found: Good, **fields: Any) -> Good:
    """With other fields of the context."""
    return found._replace(context=replace(found.context, **fields))


def without_proposals(found: Good) -> Good:
    """With a track that proposes no criteria."""
    assert found.context.track is not None
    return context(found, track=replace(found.context.track, criteria=()))


def reproduction_of(
    found: Assessment, word: Word = "reproduced", sha256: str = "c" * 64, **fields: Any
) -> Reproduction:
    """What another person found, ``word`` for every criterion. ``sha256``: of the bundle's manifest."""
    return Reproduction(
        tool_version="0.1.0",
        created_utc="2026-05-04T10:11:12+00:00",
        subject="bundle",
        subject_sha256=sha256,
        margin_percent=found.submission.measuring.margin_percent,
        host={"cpu": "another processor", "os": "another system"},
        answers=tuple(_answer(row, word) for row in found.rows),
        **fields,
    )


def _answer(row: Row, word: Word) -> Answer:
    value = row.seen.value
    return Answer(
        criterion=row.criterion.id,
        word=word,
        unit=row.unit,
        claimed=value,
        again=None if value is None else 1.01 * value,
        ratio=None if value is None else 1.01,
        interval=None if value is None else (1.0, 1.02),
        claimed_record=row.record_id,
        claimed_sha256=row.record_sha256,
        again_record="again-1" if row.record_id else "",
    )
