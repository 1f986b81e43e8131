"""Metrics of a dataset from its per-sample results, and whether two runs of the same samples differ. Pure.

The word:

    same            shown to lie within one point of a share (of other figures: 1 % of the base), both sides tested, 5 %
    better, worse   shown to differ, corrected by Holm's method over all that is tested together
    cannot_tell     neither

Compared with a record's own reference, the metrics of the pair are tested together, and any significant difference is
reported. Between two records, all tests of the command are one family, and a difference must exceed the margin, as for
speed.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from bench.record.quality import JudgedMetric, Paired, QualityMetric
from bench.stats import proportions

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

ALPHA = 0.05  # of calling any metric different from its reference that is not
CONFIDENCE = 0.95
SAME_CONFIDENCE = 0.90  # a 90 % interval within the margin is two one-sided tests at 5 %
MARGIN = 0.01
MOST_SAMPLES = 1_000_000
WILSON, BOOTSTRAP = "Wilson", "bootstrap, percentile, 5,000 resamples"
TAIL_BOOTSTRAP = "bootstrap over samples, percentile, 2,000 resamples"
IMAGE_BOOTSTRAP = "bootstrap over images, bias-corrected, 1,000 resamples"
TESTED_OF_TEXT = frozenset(
    {"perplexity", "kl_divergence", "top1_agreement", "equal_prefix", "choice_accuracy", "choice_accuracy_per_byte"}
)
"""Of a language model's metrics those that are tested between two records; all others say the same in another way."""
MCNEMAR, RANDOMISATION = "exact McNemar", "paired randomisation"


def summarise(
    metrics: Sequence[JudgedMetric], results: "Mapping[str, Array]", samples: int
) -> tuple[QualityMetric, ...]:
    """Value and interval of each metric over so many samples."""
    return tuple(_metric(metric, results.get(metric.name), samples) for metric in metrics)


def _metric(metric: JudgedMetric, results: "Array | None", samples: int) -> QualityMetric:
    from bench.stats.samples import average_precision, token_tails
    from bench.stats.samples import resampling as paired

    if results is None:
        return _stated(metric, metric.whole or 0.0, None, samples, "")
    if metric.statistic in average_precision.STATISTICS:
        bounds, images = average_precision.interval(metric.statistic, results), average_precision.samples_in(results)
        overall = average_precision.value(metric.statistic, results)
        return _stated(metric, overall, bounds, images, IMAGE_BOOTSTRAP if bounds else "")
    if metric.statistic in token_tails.TAILS:
        tail, found = token_tails.value(metric.statistic, results), token_tails.interval(metric.statistic, results)
        return _stated(metric, tail, found, token_tails.samples_in(results), TAIL_BOOTSTRAP if found else "")
    value = paired.value(metric.statistic, results)
    if right_or_wrong(results):
        flags = proportions.wilson(int(results.sum()), len(results), CONFIDENCE)
        return _stated(metric, value, flags, len(results), WILSON)
    found = paired.interval(metric.statistic, results, CONFIDENCE)
    return _stated(metric, value, found, len(results), BOOTSTRAP if found is not None else "")


def _stated(
    metric: JudgedMetric, value: float, interval: tuple[float, float] | None, n: int, method: str
) -> QualityMetric:
    kind = metric.higher_is_better, metric.statistic, metric.unit
    return QualityMetric(metric.name, value, interval, n, *kind, method, metric.per)


def right_or_wrong(results: "Array") -> bool:
    """Whether each result is a flag: then fractions are reported, with McNemar's test."""
    return bool(results.dtype.kind in "b" or (results.dtype.itemsize == 1 and results.ndim == 1))


class Difference(Struct, frozen=True):
    """A pair before its word: that waits until all that is tested with it is known."""

    paired: Paired
    inner: tuple[float, float] | None
    margin: float
    higher_is_better: bool

    @property
    def p_value(self) -> float:
        return 1.0 if self.paired.p_value is None else self.paired.p_value

    def samples_needed(self, alpha: float) -> int | None:
        """About how many samples would decide it, to two digits, if fractions and spreads stay the same: to place a
        difference within the margin, or to show one beyond it at ``alpha``, the level of this test. ``None``: over a
        million, or without an interval."""
        n, inner, times = self.paired.n, self.inner, 2
        if inner is None:
            return None
        while n * times <= MOST_SAMPLES:
            if self._would_tell(times, inner, alpha):
                return round(n * times, 1 - math.floor(math.log10(n * times)))
            times += max(1, times // 50)
        return None

    def _would_tell(self, times: int, inner: tuple[float, float], alpha: float) -> bool:
        """Whether this multiple of the samples would decide it: flags are counted again, and intervals of scores narrow
        by the square root."""
        pair = self.paired
        beyond = abs(pair.difference) > self.margin
        if pair.test == MCNEMAR:
            gained, lost = pair.better_samples or 0, pair.worse_samples or 0
            pairs = proportions.Discordant(times * gained, times * lost, times * pair.n)
            if beyond:
                return proportions.mcnemar(pairs) < alpha
            low, high = proportions.difference_interval(pairs, SAME_CONFIDENCE)
            return -self.margin <= low and high <= self.margin
        half = (inner[1] - inner[0]) / 2 / math.sqrt(times)
        if not beyond:
            return half < self.margin - abs(pair.difference)
        wider = NormalDist().inv_cdf(1 - alpha / 2) / NormalDist().inv_cdf((1 + SAME_CONFIDENCE) / 2)
        return half * wider < abs(pair.difference)

    def told(self, p_corrected: float, alpha: float, beyond: bool = False) -> Paired:
        """With its word. ``beyond``: a difference is reported only if it exceeds the margin."""
        if self.inner is not None and -self.margin <= self.inner[0] and self.inner[1] <= self.margin:
            return replace(self.paired, word="same")
        if p_corrected >= alpha or (beyond and abs(self.paired.difference) <= self.margin):
            return replace(self.paired, word="cannot_tell")
        gain = (self.paired.difference > 0) == self.higher_is_better
        return replace(self.paired, word="better" if gain else "worse")


def differences(
    metrics: Sequence[QualityMetric], base: "Mapping[str, Array]", new: "Mapping[str, Array]"
) -> tuple[Difference, ...]:
    """Every metric that both hold per sample; ``new`` less ``base``. Supposes that the samples are the same, in order.
    Raises ``ValueError`` where their numbers differ."""
    return tuple(
        _difference(m, base[m.name], new[m.name])
        for m in metrics
        if m.name in base and m.name in new and (not m.per or m.name in TESTED_OF_TEXT)
    )


def compare(
    metrics: Sequence[QualityMetric], base: "Mapping[str, Array]", new: "Mapping[str, Array]"
) -> tuple[Paired, ...]:
    """Each of ``differences`` with its word, tested together at ``ALPHA``."""
    from bench.stats.ratio import holm

    found = differences(metrics, base, new)
    corrected = holm([one.p_value for one in found])
    return tuple(one.told(p, ALPHA) for one, p in zip(found, corrected, strict=True))


def _difference(metric: QualityMetric, base: "Array", new: "Array") -> Difference:
    from bench.stats.samples import average_precision
    from bench.stats.samples import resampling as paired

    if metric.statistic in average_precision.STATISTICS:
        return _difference_of_images(metric, base, new)
    if len(base) != len(new):
        raise ValueError(f"{len(base)} against {len(new)} samples of {metric.name}")
    before, after = paired.value(metric.statistic, base), paired.value(metric.statistic, new)
    margin = MARGIN if metric.unit == "share" else MARGIN * abs(before)
    if right_or_wrong(base) and right_or_wrong(new):
        pairs = proportions.Discordant(
            int(((new != 0) & (base == 0)).sum()), int(((new == 0) & (base != 0)).sum()), len(new)
        )
        outer, inner = (proportions.difference_interval(pairs, c) for c in (CONFIDENCE, SAME_CONFIDENCE))
        counts, p, test = (pairs.gained, pairs.lost), proportions.mcnemar(pairs), MCNEMAR
        said = Paired(metric.name, after - before, outer, p, test, "cannot_tell", len(new), *counts)
        return Difference(said, inner, margin, metric.higher_is_better)
    bounds = paired.difference_intervals(metric.statistic, base, new, (CONFIDENCE, SAME_CONFIDENCE)) or (None, None)
    better, worse = _moved(metric, base, new)
    p = paired.p_different(metric.statistic, base, new)
    said = Paired(metric.name, after - before, bounds[0], p, RANDOMISATION, "cannot_tell", len(new), better, worse)
    if metric.statistic == "perplexity" and before > 0:
        said = replace(said, ratio=after / before, ratio_interval95=paired.ratio_interval("perplexity", base, new))
    return Difference(said, bounds[1], margin, metric.higher_is_better)


def _difference_of_images(metric: QualityMetric, base: "Array", new: "Array") -> Difference:
    """Of an average precision, over the images that both are of."""
    from bench.stats.samples import average_precision

    statistic, images = metric.statistic, average_precision.samples_in(new)
    before, after = (average_precision.value(statistic, table) for table in (base, new))
    levels = (CONFIDENCE, SAME_CONFIDENCE)
    bounds = average_precision.difference_intervals(statistic, base, new, levels) or (None, None)
    p = average_precision.p_different(statistic, base, new)
    said = Paired(metric.name, after - before, bounds[0], p, RANDOMISATION, "cannot_tell", images)
    return Difference(said, bounds[1], MARGIN, metric.higher_is_better)


def _moved(metric: QualityMetric, base: "Array", new: "Array") -> tuple[int | None, int | None]:
    """How many samples became better and worse; unknown where a sample has several features."""
    if base.ndim != 1:
        return None, None
    sign = 1 if metric.higher_is_better else -1
    return int((sign * (new - base) > 0).sum()), int((sign * (new - base) < 0).sum())
