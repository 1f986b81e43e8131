"""mAP in records: what it follows from is checked when the record is read."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.quality_contradictions import quality_contradictions
from bench.analysis.quality_recomputed import quality_again
from bench.analysis.quality_results import quality_results
from bench.errors import InputError
from bench.record.quality import DatasetFacts, Quality, QualityMetric
from bench.record.record import RecordedRun
from bench.testing.records import fake_run

EVERY = (1 << 10) - 1
TABLE = np.array(
    [r for at in range(12) for r in ((at, -1, -1, 0), (at, 0, -1, 1), (at, 0, 0.9, EVERY if at % 3 else 0b1))], float
)


def quality(statistic: str = "coco_ap", value: float | None = None) -> Quality:
    """Of twelve images; two of three are found exactly, the third at 0.5 alone."""
    found = quality_again(_stated(statistic, 0.0), {"quality_map": TABLE}, kept=True).metrics[0].value
    return _stated(statistic, found if value is None else value)


def _stated(statistic: str, value: float) -> Quality:
    metric = QualityMetric("map", value, None, 12, True, statistic, "share")  # type: ignore[arg-type]
    samples = {} if statistic == "whole" else {"map": "quality_map"}
    return Quality(DatasetFacts("photos", "detection", "0" * 64, 12), "0" * 64, "null", {}, (metric,), samples=samples)


def recorded(found: Quality, table: np.ndarray | None) -> RecordedRun:
    run = fake_run("detector", [np.full(9, 1_000)])
    samples = {**run.samples} if table is None else {**run.samples, "quality_map": table}
    return RecordedRun(replace(run.record, quality=found), samples)


def test_the_interval_is_computed_again() -> None:
    """From the matches, whatever the record states; with its method."""
    again = quality_again(quality(), {"quality_map": TABLE}, kept=True).metrics[0]
    assert again.interval95 is not None
    assert again.interval95[0] < again.value < again.interval95[1]
    assert "bootstrap over images, bias-corrected, 1,000 resamples" == again.interval_method
    assert [] == list(quality_contradictions(quality()))


def test_a_record_without_matches_is_still_read() -> None:
    """One from before 0.1.0 holds the figure alone."""
    old = quality("whole", 0.4)
    assert [] == list(quality_contradictions(old))
    again = quality_again(old, {}, kept=False).metrics[0]
    assert (0.4, None) == (again.value, again.interval95)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "quality_map"),
        (TABLE[1:], "quality_map"),
        (TABLE[:, :3], "quality_map"),
        (np.where(TABLE == EVERY, 1, TABLE), "map"),
    ],
)
def test_matches_that_were_edited(table: np.ndarray | None, message: str) -> None:
    """Missing, of other images, of another shape, or of another figure."""
    with pytest.raises(InputError, match=message):
        quality_results(recorded(quality(), table))


def test_matches_that_were_not_edited() -> None:
    """They are the metric's own."""
    assert np.array_equal(TABLE, quality_results(recorded(quality(), TABLE))["map"])
