"""Figures that a criterion names, where they are computed and not only read."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.record.quality import DatasetFacts, Paired, Quality, QualityMetric, QualityReference
from bench.record.record import RecordedRun
from bench.submission.figures import figure_kind
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
