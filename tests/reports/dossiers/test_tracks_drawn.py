"""Every track that asks for real use: its form is planned, each such criterion is decided by a record of a run that is
planned, and the dossier draws that record in both languages. The records are played on exact clocks, at the rates and
for the minutes that the track states."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from open_loops import Device as Lane
from open_loops import sound_run
from real_use_runs import pipeline
from sustained import Device, played, run_of, text_played

from bench.contracts import Device as Place
from bench.contracts import Scenario
from bench.plugins import PluginRef, discover
from bench.record.energy import ChannelReading
from bench.record.record import RecordedRun, Repeat
from bench.reports.dossiers.blocks import Drawings, Section, Targets
from bench.reports.dossiers.contents import contents
from bench.scenarios.idling import idle_ns
from bench.scenarios.kinds import scenario_name, scenario_text
from bench.store.derived import judged
from bench.submission.assessment import assessed
from bench.submission.criterion import Criterion
from bench.submission.dossier.data import DossierData
from bench.submission.dossier.ladder import ladder
from bench.submission.draft import DraftModel, Named, drafted
from bench.submission.form import Measuring, Submission, SubmittedModel
from bench.submission.measuring.suite import suite_of
from bench.submission.track import Track, track_named, track_names
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice, make_plan, settle_scenario
from bench.testing.records import fake_run
from bench.words import speaking

MS = 1_000_000
CATALOG = discover()
MODELS = (
    DraftModel(SubmittedModel(id="net", source="net.onnx", dataset="photos"), "tensor"),
    DraftModel(SubmittedModel(id="llm", source="llm"), "text_generation"),
)
REAL_USE = (
    *("in_time_fraction", "retained_fraction", "steady_rate_per_s", "steady_tokens_per_s"),
    *("wake_p50_ns", "largest_rate_per_s"),
)
METRICS = {f"summary.figures.{name}.value" for name in REAL_USE} | {"summary.energy.joules_per_inference"}


def of_real_use(criterion: Criterion) -> bool:
    """Frames in time, what is retained, waking, the largest rate, energy, and any time from file to answer."""
    return criterion.metric in METRICS or criterion.scenario.startswith("end-to-end")


TRACKS = [track for track in map(track_named, track_names()) if any(map(of_real_use, track.criteria))]


def form_of(track: Track) -> Submission:
    """As ``odb init`` writes it for a network with labelled photographs and a language model."""
    return drafted(track, Named(track=track.id, models=MODELS, measuring=Measuring(preset="standard"))).submission


def planned(form: Submission, folder: Path) -> tuple[PlannedRun, ...]:
    """What ``odb run DIR --dry-run`` lists on a machine that has the target preferred most."""
    (folder / "photos").mkdir()
    (folder / "llm").mkdir()
    (folder / "net.onnx").touch()
    suite = suite_of(form, folder, CATALOG, {one.model.id: one.task for one in MODELS}).suite
    plugin, _, device = form.targets[0].id.partition(":")
    target = TargetChoice(
        *(PluginRef("targets", plugin, "", ""), Place(device, True), {}),
        *(("onnx",), ("tensor", "text_generation")),
    )
    tasks = {Path(ask.source).name: ask for ask in suite.models}
    models = [
        ModelChoice(tasks[one.model.source], PluginRef("models", "file", "", ""), one.task, ("onnx",)) for one in MODELS
    ]
    return make_plan(suite, models, [target], CATALOG).runs


def stream(scenario: Scenario) -> RecordedRun:
    """A query takes 2 ms."""
    return fake_run("r", [np.full(1000, 2 * MS)] * 6)


def arriving(scenario: Scenario) -> RecordedRun:
    """A lane that takes 4 ms a query."""
    return sound_run(scenario_text(scenario), lambda: Lane([4 * MS]))


def lasting(scenario: Scenario) -> RecordedRun:
    """Queries of 12 ms; generations of half a second."""
    if scenario.generate_tokens is None:
        return run_of([played(Device(lambda minute, number: 12 * MS), scenario)], scenario)
    work = Device(lambda minute, number: 500 * MS)
    return run_of([text_played(work, scenario, scenario.generate_tokens)], scenario)


def waking(scenario: Scenario) -> RecordedRun:
    """2 ms warm, and 8 ms after the idle time."""
    wakes = int(scenario.number("wakes"))
    point = np.tile([*[0] * 10, 1], wakes)
    idle = point * (idle_ns(scenario) // wakes)
    arrays = {"point": point, "idle_ns": idle, "idle_cpu_ns": idle // 10}
    return fake_run("r", [np.choose(point, [2 * MS, 8 * MS])] * 6, arrays=[arrays] * 6, scenario=scenario)


PLAYED: Mapping[str, Callable[[Scenario], RecordedRun]] = {
    "single-stream": stream,
    "fixed-rate": arriving,
    "server": arriving,
    "sustained": lasting,
    "wake": waking,
    "end-to-end": lambda scenario: pipeline(),
}


def record_of(run: PlannedRun, name: str) -> RecordedRun:
    """What a device leaves of a planned run; its energy was read at its package."""
    scenario = settle_scenario(run.scenario, run.model.task, emulated=False)
    made = PLAYED[scenario.name](scenario)
    plan = made.record.plan
    plan = replace(
        plan,
        asked=None,
        scenario=replace(scenario, lanes=plan.scenario.lanes),
        model=replace(plan.model, id=Path(run.model.ask.source).stem, task=run.model.task),
        target=replace(plan.target, id=run.target.id),
    )
    repeats = tuple(map(with_energy, made.record.repeats))
    return judged(replace(made, record=replace(made.record, record_id=name, plan=plan, repeats=repeats)))


def with_energy(repeat: Repeat) -> Repeat:
    """10 mJ a query above idle."""
    joules = repeat.energy.queries * 0.01
    reading = ChannelReading("fake", "package", "package", joules + 1, 1e9 / repeat.energy.duration_ns, joules)
    return replace(repeat, energy=replace(repeat.energy, channels=(reading,)))


def records_of(form: Submission, folder: Path) -> Iterator[RecordedRun]:
    """Of the planned runs that criteria of real use are about; a network's, where both kinds of model are played."""
    wanted = {scenario_name(one.scenario): one.applies for one in form.criteria if of_real_use(one)}
    for number, run in enumerate(planned(form, folder)):
        if wanted.get(run.scenario.name) == run.model.task:
            yield record_of(run, f"record-{number}-")


CHARTS = {
    "in_time_fraction": ("Frames over time", "시간에 따른 프레임"),
    "largest_rate_per_s": ("In time by rate tried", "시도한 속도별 제때 나온 비율"),
    "retained_fraction": ("Rate by minute", "분당 처리 속도 추이"),
    "steady_rate_per_s": ("Rate by minute", "분당 처리 속도 추이"),
    "steady_tokens_per_s": ("Rate by minute", "분당 처리 속도 추이"),
    "wake_p50_ns": ("Latency p50 by idle time", "유휴 시간별 지연시간 p50"),
    "p90": ("Time by stage", "단계별 시간"),
}
"""The chart of each figure, in both languages; energy is a table."""


@pytest.mark.parametrize("track", TRACKS, ids=lambda track: track.id)
def test_what_a_track_asks_of_real_use_is_planned_measured_and_drawn(track: Track, tmp_path: Path) -> None:
    """By the scenarios of its own form, in both languages."""
    form = form_of(track)
    criteria = [one for one in form.criteria if of_real_use(one)]
    found = assessed(form, list(records_of(form, tmp_path)))
    rows = {row.criterion.id: row for row in found.rows}
    assert [] == [one.id for one in criteria if not rows[one.id].record_id or rows[one.id].seen.value is None]
    dossier = DossierData(assessment=found, track=track, steps=ladder(found), files=())
    for index, language in enumerate(("en", "ko")):
        with speaking(language):
            sections = contents(dossier).sections
        (told,) = (block for block in sections[0].blocks if isinstance(block, Targets))
        measured = {row.title: row.measured for row in told.rows}
        for one in criteria:
            assert float(measured[getattr(one.title, language)]) > 0, one.id
            chart = CHARTS.get(one.metric.removesuffix(".value").rpartition(".")[2])
            assert chart is None or chart[index] in drawn_of(rows[one.id].record_id, sections), one.id


def drawn_of(record_id: str, sections: Sequence[Section]) -> list[str]:
    """The titles of the charts in the part of a record, which names it first."""
    (part,) = (one for one in sections if one.id.startswith("result-") and record_id in str(one.blocks[0]))
    return [figure.title for block in part.blocks if isinstance(block, Drawings) for figure in block.figures]
