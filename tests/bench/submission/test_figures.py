"""Figures that a criterion names, where they are computed and not only read."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.errors import UnknownName
from bench.record.quality import DatasetFacts, Paired, Quality, QualityMetric, QualityReference
from bench.record.record import RecordedRun
from bench.record.summary import Curve, CurvePoint
from bench.submission.figures import Seen, figure_kind, figure_kinds
from bench.testing.records import fake_run


def judged_run(base: float, difference: float, interval: tuple[float, float] | None) -> RecordedRun:
    """A run whose top-1 differs from the float model's."""
    metric = QualityMetric(
        name="top1", value=base, interval95=None, n=100, higher_is_better=True, statistic="mean", unit="share"
    )
    pair = Paired(metric="top1", difference=difference, interval95=interval, p_value=0.5, test="t", word="same", n=100)
    quality = Quality(
        dataset=DatasetFacts(name="photos", task="classification", sha256="0" * 64, samples=100),
        artifact_sha256="0" * 64,
        target="null:cpu",
        metrics=(replace(metric, value=base + difference),),
        reference=QualityReference(name="float", metrics=(metric,)),
        paired=(pair,),
    )
    made = fake_run("r", [np.full(20, 1000, np.int64)])
    return replace(made, record=replace(made.record, quality=quality))


def test_the_ratio_is_that_to_the_float_model() -> None:
    """0.792 of 0.8 is 99 %, and the difference of 0.4 % to 1.6 % lies between 98 % and 99.5 %."""
    seen = figure_kind("quality.paired.top1.ratio").see(judged_run(0.8, -0.008, (-0.016, -0.004)))
    assert (seen.value, seen.low, seen.high) == (pytest.approx(0.99), pytest.approx(0.98), pytest.approx(0.995))
    assert (seen.interval, seen.n) == ("ci95", 100)


def test_a_ratio_without_an_interval_has_none() -> None:
    """It then decides nothing."""
    seen = figure_kind("quality.paired.top1.ratio").see(judged_run(0.8, -0.008, None))
    assert (seen.value, seen.low, seen.high, seen.interval) == (pytest.approx(0.99), None, None, "")


@pytest.mark.parametrize("name", ["top5", "top1"])
def test_there_is_no_ratio_to_nothing(name: str) -> None:
    """Another metric, or a float model that is never right."""
    seen = figure_kind(f"quality.paired.{name}.ratio").see(judged_run(0.0, 0.1, (0.0, 0.2)))
    assert seen.value is None
    assert name in str(seen.reason)


@pytest.mark.parametrize(
    ("path", "lower_is_better", "applies"),
    [
        ("summary.latency_ns.p99", True, "tensor"),
        ("summary.text_generation.tpot_ns", True, "text_generation"),
        ("summary.throughput_per_s", False, None),
        ("placement.macs.share", False, None),
        ("fidelity.cosine_min", False, "tensor"),
        ("plan.model.size_bytes", True, None),
        ("quality.paired.perplexity.ratio", True, "text_generation"),
        ("quality.paired.rmse.difference", True, None),
        ("quality.metrics.image_ap", False, None),
        ("quality.metrics.own_score", None, None),
    ],
)
def test_a_figure_says_which_way_is_better_and_for_what(
    path: str, lower_is_better: bool | None, applies: str | None
) -> None:
    """Where it is known."""
    kind = figure_kind(path)
    assert (kind.lower_is_better, kind.applies) == (lower_is_better, applies)


def with_curve(run: RecordedRun, *points: CurvePoint) -> RecordedRun:
    """``run`` with a curve of its median at 0 s and 10 s of idling."""
    curve = Curve(axis="idle", axis_unit="ms", at=(0.0, 10_000.0), unit="ns", points=points)
    summary = replace(run.record.summary, curves={"latency_p50_ns": curve})
    return replace(run, record=replace(run.record, summary=summary))


POINT = "summary.curves.latency_p50_ns.at.10000"


def test_a_point_of_a_curve_is_a_figure() -> None:
    """With the point's interval; its unit and direction are the metric's."""
    made = fake_run("r", [np.full(20, 1000, np.int64)])
    known = with_curve(made, CurvePoint(n=20, value=1000), CurvePoint(n=3, value=2500, interval95=(2400.0, 2600.0)))
    kind = figure_kind(POINT)
    seen = kind.see(known)
    assert (kind.unit, kind.lower_is_better, kind.of_device) == ("ns", True, True)
    assert (seen.value, seen.low, seen.high, seen.interval) == (2500, 2400.0, 2600.0, "ci95")
    assert figure_kind("summary.curves.latency_p50_ns.at.0").see(known) == Seen(value=1000, n=1)


@pytest.mark.parametrize(
    "path", [POINT, "summary.curves.latency_p50_ns.at.5000", "summary.curves.throughput_per_s.at.0"]
)
def test_a_point_that_is_not_there_has_no_figure(path: str) -> None:
    """Not measured, at another value, or of a curve that the scenario does not have."""
    made = with_curve(fake_run("r", [np.full(20, 1000, np.int64)]), CurvePoint(n=20, value=1000), CurvePoint(n=0))
    seen = figure_kind(path).see(made)
    assert seen.value is None
    assert path.rpartition(".")[2] in str(seen.reason)


@pytest.mark.parametrize("path", ["summary.curves.smell.at.1", "summary.curves.latency_p50_ns.at.x"])
def test_a_curve_that_no_version_has_is_an_error(path: str) -> None:
    """As every metric that does not exist."""
    with pytest.raises(UnknownName):
        figure_kind(path)


def test_energy_needs_something_that_measures_it() -> None:
    """Each figure in joules, watts or battery hours; CPU time is a proxy without a sensor."""
    needing = {path for path, kind in figure_kinds().items() if "energy_meter" in kind.needs}
    assert {"summary.energy.joules_per_inference", "summary.figures.battery_hours.value"} <= needing
    assert figure_kind("summary.energy.cpu_seconds_per_inference").needs == ()
    assert all(figure_kind(path).about == "energy" for path in needing)
