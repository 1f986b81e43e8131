"""A record's quality computed again from the results of its samples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.analysis.quality import compare, summarise
from bench.record.quality import JudgedMetric, Quality, QualityMetric

if TYPE_CHECKING:
    import numpy as np

    Samples = Mapping[str, np.ndarray[Any, Any]]


def quality_again(stated: Quality, samples: "Samples", kept: bool) -> Quality:
    """``stated`` with values, intervals and paired tests computed from the results in ``samples``. Metrics of the
    dataset as a whole stay as stated. ``kept``: the record is one of those that keep the reference's results, so that
    figures of the reference without any are left out; else they stay as stated."""
    mine = {name: samples[key] for name, key in stated.samples.items()}
    metrics = summarise(_asked(stated.metrics), mine, stated.dataset.samples)
    found, reference = replace(stated, metrics=metrics), stated.reference
    if reference is None or not (reference.samples or kept):
        return found
    theirs = {name: samples[key] for name, key in reference.samples.items()}
    count = max((len(array) for array in theirs.values()), default=0)
    shown = [one for one in reference.metrics if one.statistic == "whole" or one.name in theirs]
    count = count or max((one.n for one in shown), default=0)
    again = replace(reference, metrics=summarise(_asked(shown), theirs, count))
    return replace(found, reference=again, paired=() if reference.reason else compare(metrics, theirs, mine))


def _asked(metrics: Sequence[QualityMetric]) -> tuple[JudgedMetric, ...]:
    return tuple(
        JudgedMetric(one.name, one.statistic, one.higher_is_better, one.unit, one.value, one.per) for one in metrics
    )
