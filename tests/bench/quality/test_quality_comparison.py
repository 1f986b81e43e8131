"""Per-sample results of a record: found, believed, or refused with the file and the array."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.fake_records import fake_run
from bench.quality.comparison import compare_quality, quality_results
from bench.quality.record import DatasetFacts, Quality, QualityMetric
from bench.record import RecordedRun


def judged(results: dict[str, np.ndarray], samples: int = 4) -> RecordedRun:
    run = fake_run("r", [np.full(20, 1_000_000)])
    metric = QualityMetric("top1", 0.5, None, samples, True, "mean", "share")
    facts = DatasetFacts("photos", "classification", "d" * 64, samples)
    quality = Quality(facts, "f" * 64, "null:cpu", metrics=(metric,), samples={"top1": "quality_top1"})
    return replace(run, record=replace(run.record, quality=quality), samples={**run.samples, **results})


def test_results_are_found() -> None:
    """By metric; of a run without a dataset there are none."""
    flags = np.array([1, 0, 1, 0], np.int8)
    assert [1, 0, 1, 0] == quality_results(judged({"quality_top1": flags}))["top1"].tolist()
    assert {} == quality_results(fake_run("r", [np.full(20, 1_000_000)]))


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, "out/r: samples.npz holds no quality_top1, which record.json names"),
        ({"quality_top1": np.zeros(3, np.int8)}, r"quality_top1 is int8 \[3\], not a result for each of 4 samples"),
        ({"quality_top1": np.array(list("abcd"))}, r"quality_top1 is <U1 \[4\], not a result"),
    ],
)
def test_results_that_cannot_be(results: dict[str, np.ndarray], message: str) -> None:
    """The file and the array are named."""
    with pytest.raises(InputError, match=message):
        quality_results(judged(results), "out/r")


def test_a_metric_of_the_whole_is_told_but_not_tested() -> None:
    """Both values are stated, without a word on the difference."""
    quality = judged({}).record.quality
    assert quality is not None
    found = compare_quality(quality, quality, ({}, {}), 0.02)
    assert found is not None
    assert (False, ()) == (found.worse, found.changes)
    assert found.omitted[0].reason == "0.5 in base, 0.5 in new: it is of the dataset as a whole, so no test can be made"
    assert compare_quality(None, None, ({}, {}), 0.02) is None
