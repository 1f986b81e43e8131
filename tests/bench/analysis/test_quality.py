"""Metrics from per-sample results, and the word on a pair of runs."""

import numpy as np
import pytest

from bench.analysis.quality import compare, summarise
from bench.record.quality import JudgedMetric, QualityMetric, Word

TOP1 = JudgedMetric("top1", "mean", True, "share")
MAE = JudgedMetric("mae", "mean", False, "")


def metric(of: JudgedMetric, results: np.ndarray) -> QualityMetric:
    (found,) = summarise([of], {of.name: results}, len(results))
    return found


def flags(n: int, wrong: range) -> np.ndarray:
    found = np.ones(n, np.int8)
    found[list(wrong)] = 0
    return found


def test_flags_have_wilsons_interval_and_scores_the_bootstraps() -> None:
    """Right or wrong is a share; anything else is resampled, from ten samples on."""
    share, error = metric(TOP1, flags(40, range(4))), metric(MAE, np.arange(20.0))
    assert ("Wilson", 0.9, 40) == (share.interval_method, share.value, share.n)
    assert (9.5, True) == (error.value, error.interval_method.startswith("bootstrap"))
    assert (None, "") == (metric(MAE, np.arange(9.0)).interval95, metric(MAE, np.arange(9.0)).interval_method)


def test_a_metric_of_the_dataset_as_a_whole() -> None:
    """It has a value and the number of samples, and no interval."""
    (found,) = summarise([JudgedMetric("map", "whole", True, "share", 0.25)], {}, 7)
    assert (0.25, None, 7) == (found.value, found.interval95, found.n)


@pytest.mark.parametrize(
    ("n", "lost", "gained", "word"),
    [
        (500, 25, 4, "worse"),
        (500, 4, 25, "better"),
        (500, 4, 2, "cannot_tell"),
        (50, 0, 0, "cannot_tell"),
        (5000, 6, 5, "same"),
        (50_000, 60, 5, "same"),  # surely a loss, and surely of a tenth of a point
    ],
)
def test_the_word_on_shares(n: int, lost: int, gained: int, word: Word) -> None:
    """Worse and better are shown; the same is shown, too; the rest cannot be told."""
    base, new = flags(n, range(gained)), flags(n, range(gained, gained + lost))
    (found,) = compare([metric(TOP1, new)], {"top1": base}, {"top1": new})
    assert (word, gained, lost) == (found.word, found.better_samples, found.worse_samples)
    assert (gained - lost) / n == pytest.approx(found.difference)


@pytest.mark.parametrize(("shift", "word"), [(0.3, "worse"), (-0.3, "better"), (0.001, "same"), (0.0, "same")])
def test_the_word_on_errors(shift: float, word: Word) -> None:
    """Of an error lower is better; the same is within 1 % of the base."""
    random = np.random.default_rng(0)
    base = random.uniform(0.5, 1.5, 60)
    new = base + shift + (random.normal(0, 0.001, 60) if shift else 0)
    (found,) = compare([metric(MAE, new)], {"mae": base}, {"mae": new})
    assert (word, "paired randomisation") == (found.word, found.test)


def test_two_metrics_are_corrected_for_being_two() -> None:
    """p = 0.03 alone is worse; beside a metric without a difference it cannot be told."""
    base, new = flags(100, range(0)), flags(100, range(6))
    alone = compare([metric(TOP1, new)], {"top1": base}, {"top1": new})
    assert ("worse", 0.03125) == (alone[0].word, alone[0].p_value)
    top5 = JudgedMetric("top5", "mean", True, "share")
    both = compare([metric(TOP1, new), metric(top5, base)], {"top1": base, "top5": base}, {"top1": new, "top5": base})
    assert ["cannot_tell", "cannot_tell"] == [pair.word for pair in both]


def test_other_samples_are_no_pairs() -> None:
    """Results of another number of samples are refused."""
    with pytest.raises(ValueError, match="3 against 4 samples of top1"):
        compare([metric(TOP1, flags(4, range(1)))], {"top1": flags(3, range(0))}, {"top1": flags(4, range(1))})
