"""A submission made by hand whose criteria end in every way, and its dossier."""

from typing import Any

import real_use_runs
from msgspec.structs import replace
from report_runs import emulated, invalid, judged, text, vision

from bench.record.record import RecordedRun
from bench.submission.assessment import Assessment, assessed
from bench.submission.criterion import Criterion, Level
from bench.submission.dossier.data import DossierData, ListedFile
from bench.submission.dossier.ladder import ladder
from bench.submission.form import (
    Measuring,
    Party,
    Project,
    Submission,
    SubmittedDevice,
    SubmittedModel,
    SubmittedTarget,
)
from bench.submission.texts import Texts
from bench.submission.track import track_named

LATENCY, PLACED, SIZE = "summary.latency_ns.p50", "placement.nodes.share", "plan.model.size_bytes"


def criterion(name: str, metric: str, target: float, unit: str, weight: float, **fields: Any) -> Criterion:
    plain = {
        "id": name,
        "title": Texts(ko=f"평가 {name}", en=f"Criterion {name}"),
        "direction": "at_most",
        "method": Texts(ko="단일 쿼리를 차례로 실행", en="Queries one after another"),
        "conditions": Texts(ko="실내 23도, 상시 전원", en="23 degrees, on mains"),
        "reason": Texts(ko="초당 서른 장의 영상", en="Thirty pictures a second"),
        "source": "1 s / 30",
    }
    return Criterion(metric=metric, target=target, unit=unit, weight=weight, **{**plain, **fields})


CRITERIA = (
    criterion("met", LATENCY, 33.3, "ms", 20, model="mobilenet", device="ort:cpu"),
    criterion("not-met", "summary.latency_ns.p99", 3, "ms", 10, model="mobilenet", device="ort:cpu"),
    criterion("undecided", LATENCY, 4.15, "ms", 10, model="mobilenet", device="ort:cpu"),
    criterion("no-record", LATENCY, 10, "ms", 10, device="openvino:NPU"),
    criterion(
        "emulated-speed", "summary.throughput_per_s", 0.5, "frames/s", 10, device="qnn:htp-emu", direction="at_least"
    ),
    criterion("emulated-placement", PLACED, 100, "%", 10, device="qnn:htp-emu", direction="at_least"),
    criterion(
        "proposed",
        "plan.model.size_bytes",
        16,
        "MiB",
        10,
        proposed=True,
        world_best=Level(value=9.5, holder="Some Institute", country="KR", source="a paper"),
        before=Level(value=48.0),
    ),
    criterion(
        "quality", "quality.metrics.top1", 60, "%", 10, direction="at_least", model="mobilenet", device="ort:cpu"
    ),
    criterion("later", "later.standby", 2, "J", 5, scenario="standby:minutes=10"),
    criterion("invalid", LATENCY, 33.3, "ms", 5, device="ort:xnnpack"),
)
"""One of each ending, by its id."""

FIGURE = "summary.figures.{}.value"
LIVED = tuple(
    criterion(name, metric, target, unit, 10, scenario=scenario, direction=direction)
    for name, scenario, metric, direction, target, unit in (
        ("frames", "fixed-rate:rate=50", FIGURE.format("in_time_fraction"), "at_least", 75, "%"),
        ("retained", "sustained:minutes=20", FIGURE.format("retained_fraction"), "at_least", 85, "%"),
        ("rate", "server:latency=20ms,percentile=90", FIGURE.format("largest_rate_per_s"), "at_least", 90, "queries/s"),
        ("wake", "wake:idle=100ms,1s", FIGURE.format("wake_p50_ns"), "at_most", 10, "ms"),
        ("file", "end-to-end:pipeline=detection", "summary.latency_ns.p90", "at_most", 19, "ms"),
        ("network", "end-to-end:pipeline=detection", FIGURE.format("network_fraction"), "at_least", 30, "%"),
        ("energy", "single-stream", "summary.energy.joules_per_inference", "at_most", 60, "mJ"),
    )
)
"""Criteria of real use, which ``lived_runs`` decide."""
LIVED_MODELS = (SubmittedModel(id="fake", source="fake"), SubmittedModel(id="m", source="m"))
LIVED_TARGETS = (SubmittedTarget(id="null:cpu"),)

FORM = Submission(
    format=1,
    track="inspection-drone",
    rules=1,
    project=Project(
        name=Texts(ko="교량 점검 드론의 균열 탐지", en="Crack detection for a bridge inspection drone"),
        summary=Texts(ko="드론이 촬영한 영상에서 균열을 찾는다.", en="Finds cracks in what a drone films."),
        period="2026-03 – 2026-11",
    ),
    applicant=Party(organisation=Texts(ko="가나다 주식회사", en="Ganada Inc."), contact="ml@example.com"),
    demand_company=Party(organisation="Qualcomm"),
    device=SubmittedDevice(
        name=Texts(ko="점검 드론 시제품", en="Inspection drone prototype"), soc="QCS6490", room_celsius=23.0
    ),
    measuring=Measuring(),
    models=(
        SubmittedModel(
            id="mobilenet", source="mobilenet_v2", title=Texts(ko="분류 모델", en="Classifier"), licence="MIT"
        ),
        SubmittedModel(id="ultraface", source="ultraface"),
        SubmittedModel(id="llama", source="llama-15M"),
    ),
    targets=(
        SubmittedTarget(id="openvino:NPU"),
        SubmittedTarget(id="ort:cpu"),
        SubmittedTarget(id="ort:xnnpack"),
        SubmittedTarget(id="qnn:htp-emu", options={"soc_model": "60"}, stand_in=True),
    ),
    criteria=CRITERIA,
)


def runs() -> list[RecordedRun]:
    """A valid one and an earlier one of the same, a text, an emulated and an invalid one."""
    newest = judged(vision("v1"), lost=False)
    assert newest.record.quality is not None
    newest = replace(newest, record=replace(newest.record, quality=replace(newest.record.quality, samples={})))
    older = vision("v0")
    older = replace(older, record=replace(older.record, created_utc="2026-05-03T10:11:12Z"))
    found = [newest, older, text(), emulated(), invalid()]
    return [replace(run, record=replace(run.record, record_sha256=f"{n}b" * 32)) for n, run in enumerate(found)]


def lived_runs() -> list[RecordedRun]:
    """A run of each scenario of real use, by its name."""
    return [replace(made, record=replace(made.record, record_id=name)) for name, made in real_use_runs.made().items()]


def assessment(form: Submission = FORM, records: list[RecordedRun] | None = None) -> Assessment:
    return assessed(form, runs() if records is None else records)


def data(form: Submission = FORM, records: list[RecordedRun] | None = None, **fields: Any) -> DossierData:
    found = assessment(form, records)
    plain = {"track": track_named("inspection-drone"), "steps": ladder(found), "files": FILES}
    return DossierData(assessment=found, **{**plain, **fields})


FILES = tuple(
    ListedFile(name, 1234, digit * 64) for name, digit in (("records/v1/record.json", "a"), ("submission.toml", "b"))
)
