"""Figures along an axis: exact on made samples, wherever they are shown, and refused where they cannot be."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.curves.table import CURVES
from bench.comparison.along import thinned
from bench.comparison.comparison import Comparison, compare, compare_all
from bench.comparison.observe import observe
from bench.contracts import Axis, Parameter, Scenario, ScenarioKind
from bench.errors import InputError
from bench.frames.columns import rows
from bench.record.record import RecordedRun
from bench.record.summary import Curve
from bench.reports.comparisons.words import rows as comparison_rows
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.json import JsonReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.scenarios.axes import MOST_POINTS, points_of
from bench.stats.processes import ordered, ordered_interval
from bench.store.derived import believed, judged
from bench.store.records import load, save
from bench.testing.records import fake_run
from bench.words import speaking, units

MS = 1_000_000
IDLE = Axis(name="pause", unit="ms", parameter="pause_ms", zero=True)
FOUND = Axis(name="rate", unit="queries/s", of="found")
COUNTED = Axis(name="minute", unit="min", of="counted", parameter="minutes")


def scenario_of(axis: Axis, curves: Sequence[str] = ("latency_p50_ns",), **values: object) -> Scenario:
    """A plugin's scenario with that axis, whose parameters have ``values``."""
    listed = {name: isinstance(value, tuple) for name, value in values.items()}
    parameters = tuple(Parameter(name=n, unit="ms", about="", many=many, most=10**9) for n, many in listed.items())
    kind = ScenarioKind(name="by-points", summary="", parameters=parameters, axis=axis, curves=tuple(curves))
    return Scenario("by-points", parameters=dict(values), kind=kind)  # type: ignore[arg-type]


PAUSED = scenario_of(IDLE, pause_ms=(1000, 10_000))


def run_of(
    parts: Sequence[Sequence[Sequence[int]]], scenario: Scenario = PAUSED, name: str = "r", seed: int = 1
) -> RecordedRun:
    """``parts``: of each process, of each point, the latencies; the points take turns in random order."""
    rng, latency, arrays = np.random.default_rng(seed), [], []
    for points in parts:
        times = np.concatenate([np.array(one, np.int64) for one in points])
        point = np.repeat(np.arange(len(points)), [len(one) for one in points])
        order = rng.permutation(len(times))
        latency.append(times[order])
        arrays.append({"point": point[order]})
    return judged_without_energy(fake_run(name, latency, arrays=arrays, scenario=scenario))


def judged_without_energy(found: RecordedRun) -> RecordedRun:
    """Energy is that of the first queries of point 0, and these are in random order."""
    repeats = tuple(replace(repeat, energy=None) for repeat in found.record.repeats)
    found = replace(found, record=replace(found.record, repeats=repeats))
    return replace(found, record=judged(found).record)


def three(latencies: Sequence[int], seed: int = 0, processes: int = 3) -> list[list[list[int]]]:
    """Of each process, 20 queries around each of ``latencies``, with 1 % of noise."""
    rng = np.random.default_rng(seed)
    return [
        [(base * rng.normal(1, 0.01, 20)).astype(np.int64).tolist() for base in latencies] for _ in range(processes)
    ]


def curve_of(run: RecordedRun, name: str = "latency_p50_ns") -> Curve:
    return run.record.summary.curves[name]


def test_each_point_has_the_figure_of_its_own_queries() -> None:
    """The median of a typical process, and its interval between processes: that of the metric."""
    run = run_of(three([2 * MS, 3 * MS, 8 * MS]))
    found = curve_of(run)
    assert ("pause", "ms", (0.0, 1000.0, 10_000.0), "ns") == (found.axis, found.axis_unit, found.at, found.unit)
    assert [60, 60, 60] == [point.n for point in found.points]
    for index, point in enumerate(found.points):
        each = ((run.samples[f"latency_ns_{i}"], run.samples[f"point_{i}"]) for i in range(3))
        alone = [latency[point == index] for latency, point in each]
        assert point.value == pytest.approx(geometric_mean([float(np.median(part)) for part in alone]), abs=1)
        assert ordered_interval(ordered(alone, few=True), 50) == point.interval95


def test_a_point_with_too_few_queries_has_no_figure() -> None:
    """As the metric itself: ten queries in all do not give a median."""
    found = curve_of(run_of([[[MS] * 20, [MS] * 5, [MS]], [[MS] * 20, [MS] * 5, []]]))
    assert [(40, MS), (10, None), (1, None)] == [(point.n, point.value) for point in found.points]


def test_every_metric_may_be_along_an_axis() -> None:
    """The queries a second of one point: the inverse of its mean latency, one process, and so without an interval."""
    scenario = scenario_of(IDLE, [*CURVES], pause_ms=(1000,))
    found = run_of([[[MS] * 20, [4 * MS] * 20]], scenario).record.summary.curves
    of_tensors = [(name, rule) for name, rule in CURVES.items() if rule.metric.applies != "text_generation"]
    assert [name for name, rule in of_tensors if not rule.where_read] == [*found]
    assert [1000, 250] == pytest.approx([point.value for point in found["throughput_per_s"].points])
    assert [None, None] == [point.interval95 for point in found["throughput_per_s"].points]


def test_counted_points_begin_at_one() -> None:
    scenario = scenario_of(COUNTED, minutes=3)
    assert (1.0, 2.0, 3.0) == points_of(scenario) == curve_of(run_of(three([MS, MS, MS]), scenario)).at


def test_values_that_processes_find_are_united() -> None:
    """Each process tried rates of its own, in its own order."""
    latency = [np.repeat([5 * MS, 2 * MS], 20), np.repeat([4 * MS, 2 * MS], 20)]
    axes = [np.array([300_500, 100_000]), np.array([200_000, 100_000])]
    arrays = [{"point": np.repeat([0, 1], 20), "axis_thousandths": axis} for axis in axes]
    found = curve_of(run_with(latency, arrays, scenario_of(FOUND)))
    assert (100.0, 200.0, 300.5) == found.at
    assert [(40, 2 * MS), (20, 4 * MS), (20, 5 * MS)] == [(point.n, point.value) for point in found.points]


def run_with(latency: Sequence[np.ndarray], arrays: Sequence[dict[str, np.ndarray]], scenario: Scenario) -> RecordedRun:
    found = fake_run("r", list(latency), arrays=list(arrays), scenario=scenario)
    return replace(found, record=judged(found).record)


def test_a_record_is_read_with_its_curves_recomputed(tmp_path: Path) -> None:
    """Whatever the file states: an edited point is named as a correction."""
    run = run_of(three([2 * MS, 3 * MS, 8 * MS]))
    saved = save(tmp_path, run.record, run.samples)
    assert run.record.summary.curves == load(tmp_path / saved.record_id).record.summary.curves
    curve = curve_of(run)
    points = (*curve.points[:2], replace(curve.points[2], value=MS))
    edited = replace(run.record.summary, curves={"latency_p50_ns": replace(curve, points=points)})
    again = believed(replace(run, record=replace(run.record, summary=edited)), "r")
    assert curve == again.record.summary.curves["latency_p50_ns"]
    assert ["summary.curves.latency_p50_ns.points[2].value"] == [
        one.field for one in again.corrections if "curves" in one.field
    ]


@pytest.mark.parametrize(
    ("scenario", "arrays", "said"),
    [
        (PAUSED, {"point": np.array([0, 3] * 10)}, "a query of point 3, but the axis has 3"),
        (PAUSED, {"point": np.array([0, -1] * 10)}, "negative"),
        (PAUSED, {"point": np.array([0.0, np.nan] * 10)}, "point_0"),
        (PAUSED, {"point": np.array([0] * 19)}, "point_0"),
        (PAUSED, {}, "does not say to which point"),
        (PAUSED, {"point": np.zeros(20, np.int64), "axis_thousandths": np.array([5])}, "disagree"),
        (scenario_of(FOUND), {"point": np.zeros(20, np.int64)}, "disagree"),
        (
            scenario_of(FOUND),
            {"point": np.zeros(20, np.int64), "axis_thousandths": np.arange(MOST_POINTS + 1)},
            f"an axis of {MOST_POINTS + 1} points",
        ),
        (scenario_of(COUNTED, minutes=10**9), {"point": np.zeros(20, np.int64)}, "minutes 1e+09"),
        (Scenario(), {"point": np.zeros(20, np.int64)}, "no axis"),
    ],
)
def test_a_record_whose_points_cannot_be_is_refused(
    scenario: Scenario, arrays: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    run = fake_run("r", [np.full(20, MS)], arrays=[arrays], scenario=scenario)
    run = replace(run, record=replace(run.record, repeats=(replace(run.record.repeats[0], energy=None),)))
    saved = save(tmp_path, run.record, run.samples)
    with pytest.raises(InputError, match=said.replace("+", r"\+")):
        load(tmp_path / saved.record_id)


# ------------------------------------------------------------------------------------------------------ comparison


def changed(found: Comparison) -> dict[float, str]:
    return {change.at: change.word for change in found.changes if change.at is not None}


def test_two_curves_are_compared_point_by_point() -> None:
    """The new side is a third slower after a pause of 10 s alone."""
    base = run_of(three([2 * MS, 3 * MS, 8 * MS], 1, 6), name="base")
    new = run_of(three([2 * MS, 3 * MS, 11 * MS], 2, 6), name="new")
    found = compare(base, new)
    assert {0.0: "same", 1000.0: "same", 10_000.0: "slower"} == changed(found)
    assert found.worse
    assert "latency_p50_ns@10000" in {change.metric for change in found.changes}
    assert "latency p50, pause 10,000 ms" in {row.cells[0] for row in comparison_rows(found)}


def test_points_have_their_own_part_of_the_error_rate() -> None:
    """More points make each point's p-value larger, and leave those of whole runs as they are."""
    few = compare(*(run_of(three([MS, MS, MS], seed, 6), name=str(seed)) for seed in (1, 2)))
    long = scenario_of(IDLE, pause_ms=tuple(range(1, 31)))
    many = compare(*(run_of(three([MS] * 31, seed, 6), long, str(seed)) for seed in (1, 2)))
    assert 3 + len([c for c in few.changes if c.at is None]) == few.tests
    assert 31 + len([c for c in many.changes if c.at is None]) == many.tests
    assert 64 == len(thinned(list(range(1440))))
    assert [0, 1439] == thinned(list(range(1440)))[::63]


def test_hardly_any_of_many_equal_curves_differ() -> None:
    """60 comparisons of equal systems at 8 points each, as one command: the rate of any claim stays below 2 %."""
    scenario = scenario_of(IDLE, pause_ms=tuple(range(1, 8)))
    pairs = []
    for seed in range(60):
        sides = (run_of(three([MS] * 8, 2 * seed + side, 6), scenario, f"{seed}-{side}") for side in (0, 1))
        pairs.append(tuple(observe(side) for side in sides))
    found = compare_all(pairs, 0.001)  # type: ignore[arg-type]
    assert not [change for one in found for change in one.changes if change.word in ("faster", "slower")]


# --------------------------------------------------------------------------------------------------------- reports


def test_every_writer_shows_the_points() -> None:
    run = run_of(three([2 * MS, 3 * MS, 8 * MS]))
    for writer in (TerminalReport(), MarkdownReport(), HtmlReport()):
        shown = writer.render([run]).decode().replace(units.NO_BREAK, " ")
        assert "Pause 10,000 ms" in shown, writer
        assert "8.0" in shown, writer
    page = HtmlReport().render([run]).decode()
    assert "Latency p50 by pause" in page
    assert "r1-1-curve" in page
    stated = json.loads(JsonReport().render([run]))["records"][0]["summary"]["curves"]["latency_p50_ns"]
    assert [0, 1000, 10_000] == stated["at"]
    with speaking("ko"):
        assert "pause별" in HtmlReport().render([run]).decode()


def test_points_are_rows_for_scripts() -> None:
    run = run_of(three([2 * MS, 3 * MS, 8 * MS]))
    found = rows([run], "points")
    assert [("latency_p50_ns", 0.0, 60), ("latency_p50_ns", 1000.0, 60), ("latency_p50_ns", 10_000.0, 60)] == [
        (row["curve"], row["at"], row["n"]) for row in found
    ]
    assert [point.value for point in curve_of(run).points] == [row["value"] for row in found]


def test_a_long_curve_is_shown_in_part() -> None:
    """A day of minutes: forty rows, sixteen at a terminal, the first and the last among them, and the note says so."""
    run = run_of([[[MS + minute] * 11 for minute in range(1440)]], scenario_of(COUNTED, minutes=1440))
    shown = MarkdownReport().render([run]).decode()
    assert "40 of 1440 points are shown" in shown
    assert "Minute 1 |" in shown
    assert "Minute 1440 |" in shown
    assert len(HtmlReport().render([run])) < 300_000
    terminal = TerminalReport().at_terminal(120, color=False).render([run]).decode()
    assert "16 of 1440 points are shown" in terminal
    assert "Minute 1440 " in terminal
