"""COCO's average precision over a dataset, its interval, and whether two runs over the same images differ. Pure.

AP is no mean over images: detections of all images are ranked together. So each resample of the images is rated anew. A
dataset in which an image occurs ``k`` times has ``k`` copies of its objects and of its detections, next to each other
in the ranking, so that AP follows from weights: no detection is matched again, since matching stays within an image.

Results are a table [rows, 4] of float64, ``IMAGE, CLASS, SCORE, HITS``:

    an image        image, -1, -1, 0
    objects         image, class, -1, their number, without those that are ignored
    a detection     image, class, score, bits: 0 to 9 where it is right at the thresholds 0.50 to 0.95, 10 to 19 where
                    it is ignored

    value         mean over classes with objects, and over thresholds, of the precision at 101 recalls (Lin et al. 2014,
                  ``pycocotools.cocoeval``)
    interval      bias-corrected bootstrap over images (BC, Efron 1987, J. American Statistical Association 82); 1,000
                  resamples, seed 0. The best precision at a recall and above grows where images are drawn twice, so
                  that the percentile bootstrap lies too high: simulated, it held the limit of many images in 85 % of
                  datasets, this one in 93 %
    difference    the same; both runs of an image are drawn together
    test          paired randomisation over images, Noreen 1989: whose detections an image contributes to which run is
                  drawn by a coin; exact up to 2**12 assignments, else 1,000 draws
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stats.samples.resampling import EXACT_SAMPLES, LEAST_SAMPLES

Array = NDArray[Any]

THRESHOLDS = 10  # IoU 0.50, 0.55 … 0.95
STATISTICS: Mapping[str, tuple[int, ...]] = MappingProxyType({"coco_ap": tuple(range(THRESHOLDS)), "coco_ap50": (0,)})
"""Statistic -> the thresholds that it is the mean of, by their index."""
RESAMPLES = 1_000
IMAGE, CLASS, SCORE, HITS = range(4)
RECALLS = np.linspace(0.0, 1.0, 101)
_CHUNK = 1 << 22  # weights that are held at once


class _Ranked:
    """The detections and objects of one class, best first, as arrays that weights of images apply to.

    ``right[t]``: places in the ranking where a detection is right; ``ignored[t]``: where it does not count.
    """

    def __init__(self, images: Array, hits: Array, objects: Array, thresholds: Sequence[int]) -> None:
        self.images, self.objects = images, objects
        self.right = [np.flatnonzero(hits >> t & 1) for t in thresholds]
        self.ignored = [np.flatnonzero(hits >> (THRESHOLDS + t) & 1) for t in thresholds]

    def precision(self, weights: Array, truth: Array) -> Array:
        """AP [resamples], the mean over thresholds; NaN where no object was drawn. ``weights``: how often each image's
        detections are drawn [images, resamples]; ``truth``: the same of its objects."""
        with_objects = np.flatnonzero(self.objects)
        objects = self.objects[with_objects] @ truth[with_objects]
        last = max((int(places[-1]) + 1 for places in self.right if len(places)), default=0)
        drawn = weights[self.images[:last]]
        above = np.cumsum(drawn, axis=0)
        found = np.zeros(weights.shape[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            for right, ignored in zip(self.right, self.ignored, strict=True):
                if len(right):
                    found += _at_recalls(drawn, above, right, ignored[ignored < last], objects)
            return np.where(objects > 0, found / len(self.right), np.nan)


def _at_recalls(drawn: Array, above: Array, right: Array, ignored: Array, objects: Array) -> Array:
    """The mean over 101 recalls of the best precision at that recall or above [resamples]."""
    hits = np.cumsum(drawn[right], axis=0)
    ranked = above[right]
    if len(ignored):
        before = np.searchsorted(ignored, right)
        passed = np.concatenate([np.zeros((1, drawn.shape[1])), np.cumsum(drawn[ignored], axis=0)])
        ranked = ranked - passed[before]
    precision = np.divide(hits, ranked, out=np.zeros_like(hits), where=ranked > 0)
    best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    steps = np.diff(_recalls_reached(hits / objects), axis=0, prepend=0)
    return np.asarray((steps * best).sum(axis=0) / len(RECALLS))


def _recalls_reached(recall: Array) -> Array:
    """How many of ``RECALLS`` are not above each: as ``searchsorted`` from the right, but without a search."""
    near = np.nan_to_num(np.floor(recall * (len(RECALLS) - 1))).astype(np.int64)
    near -= RECALLS[near] > recall
    return np.asarray(
        near + 1 + (RECALLS[np.minimum(near + 1, len(RECALLS) - 1)] <= recall) * (near + 1 < len(RECALLS))
    )


class _Dataset:
    """All classes of one table, or of the tables of two runs side by side: then the images of the second are counted
    on from those of the first, in the weights of detections."""

    def __init__(self, tables: Sequence[Array], thresholds: Sequence[int]) -> None:
        self.images = samples_in(tables[0])
        first = tables[0]
        counted = first[(first[:, SCORE] < 0) & (first[:, CLASS] >= 0)]
        shown = [table[table[:, SCORE] >= 0] for table in tables]
        images = np.concatenate([d[:, IMAGE].astype(np.int64) + self.images * i for i, d in enumerate(shown)])
        rows = np.concatenate(shown)
        order = np.argsort(-rows[:, SCORE], kind="stable")
        images, rows = images[order], rows[order]
        hits = rows[:, HITS].astype(np.int64)
        self.classes: list[_Ranked] = []
        self.most = self.images
        for kind in np.unique(counted[:, CLASS]):
            objects = np.zeros(self.images)
            of_kind = counted[counted[:, CLASS] == kind]
            np.add.at(objects, of_kind[:, IMAGE].astype(np.int64), of_kind[:, HITS])
            mine = rows[:, CLASS] == kind
            self.most = max(self.most, int(mine.sum()))
            if objects.any():
                self.classes.append(_Ranked(images[mine], hits[mine], objects, thresholds))

    def rated(self, weights: Array, truth: Array) -> Array:
        """The mean over the classes whose objects were drawn [resamples]; 0 where none was."""
        if not self.classes:
            return np.zeros(weights.shape[1])
        each = np.stack([kind.precision(weights, truth) for kind in self.classes])
        known = ~np.isnan(each)
        return np.asarray(np.where(known, each, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))

    def chunks(self, total: int) -> Iterator[int]:
        """``total`` resamples in parts whose weights fit into memory."""
        step = max(64, _CHUNK // max(self.most, 1))
        yield from (min(step, total - done) for done in range(0, total, step))


def samples_in(results: Array) -> int:
    """How many images the table is of."""
    return int(results[:, IMAGE].max()) + 1 if len(results) else 0


def is_table(results: Array, images: int) -> bool:
    """Whether this can be the table of so many images: each is named once, and every row is one of the three kinds."""
    if results.dtype != np.float64 or results.ndim != 2 or results.shape[1] != 4 or not np.isfinite(results).all():
        return False
    image, kind, score, hits = results.T
    whole = all((column == np.rint(column)).all() for column in (image, kind, hits))
    named = (kind == -1) & (score == -1) & (hits == 0)
    counted = (kind >= 0) & (score == -1) & (hits >= 1)
    shown = (kind >= 0) & (score >= 0) & (hits >= 0) & (hits < 1 << 2 * THRESHOLDS)
    each = np.array_equal(np.sort(image[named]), np.arange(images))
    once = len(np.unique(results[counted][:, :2], axis=0)) == int(counted.sum())
    inside = bool(((image >= 0) & (image < images)).all())
    return bool(whole and each and once and inside and (named | counted | shown).all())


def value(statistic: str, results: Array) -> float:
    """AP of all images. Raises ``ValueError`` without images."""
    if not len(results):
        raise ValueError("no images")
    every = np.ones((samples_in(results), 1))
    return float(_Dataset([results], STATISTICS[statistic]).rated(every, every)[0])


def of_each_image(statistic: str, results: Array) -> Array:
    """AP of each image over its own objects [images]; of one without objects 1 where nothing was found, else 0."""
    count = samples_in(results)
    dataset = _Dataset([results], STATISTICS[statistic])
    found = np.concatenate(
        [dataset.rated(one, one) for one in (np.eye(count)[:, i : i + 256] for i in range(0, count, 256))]
    )
    with_objects = np.zeros(count, bool)
    with_objects[results[(results[:, CLASS] >= 0) & (results[:, SCORE] < 0), IMAGE].astype(np.int64)] = True
    detected = np.zeros(count, bool)
    detected[results[results[:, SCORE] >= 0, IMAGE].astype(np.int64)] = True
    return np.where(with_objects, found, ~detected)


def interval(statistic: str, results: Array, confidence: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap bounds of ``value``; ``None`` below ten images."""
    dataset = _Dataset([results], STATISTICS[statistic])
    if dataset.images < LEAST_SAMPLES:
        return None
    found = np.concatenate([dataset.rated(w, w) for w in _draws(dataset)])
    return _bounds(found, value(statistic, results), confidence)


def difference_intervals(
    statistic: str, base: Array, new: Array, confidences: Sequence[float] = (0.95,)
) -> tuple[tuple[float, float], ...] | None:
    """Bootstrap bounds of the value of ``new`` less that of ``base`` at each confidence, both runs of an image drawn
    together; ``None`` below ten images. Raises ``ValueError`` where the images are not the same."""
    count = _same_images(base, new)
    if count < LEAST_SAMPLES:
        return None
    before, after = (_Dataset([table], STATISTICS[statistic]) for table in (base, new))
    found = np.concatenate([after.rated(w, w) - before.rated(w, w) for w in _draws(before)])
    seen = value(statistic, new) - value(statistic, base)
    return tuple(_bounds(found, seen, confidence) for confidence in confidences)


def p_different(statistic: str, base: Array, new: Array) -> float:
    """Two-sided p-value of "it does not matter which of the two runs gave which detections of an image"."""
    count = _same_images(base, new)
    both = _Dataset([base, new], STATISTICS[statistic])
    seen = abs(value(statistic, new) - value(statistic, base))
    limit = seen - 1e-12  # the same sums in another order
    reached, drawn, squares = 0, 0, 0.0
    for coins in _coins(both):
        every = np.ones_like(coins)
        sizes = np.abs(
            both.rated(np.concatenate([coins, 1 - coins]), every)
            - both.rated(np.concatenate([1 - coins, coins]), every)
        )
        reached += int((sizes >= limit).sum())
        squares += float((sizes**2).sum())
        drawn += coins.shape[1]
    if count <= EXACT_SAMPLES:
        return reached / drawn
    rarest = 2 * math.exp(-(seen**2) * drawn / squares / 2) if squares and not reached else 1.0
    return min((reached + 1) / (drawn + 1), rarest)


def _same_images(base: Array, new: Array) -> int:
    """How many. Raises ``ValueError`` where the two are not of the same number of images with the same objects."""
    sides = [table[(table[:, SCORE] < 0)] for table in (base, new)]
    ordered = [side[np.lexsort(side.T)] for side in sides]
    if ordered[0].shape != ordered[1].shape or (ordered[0] != ordered[1]).any():
        raise ValueError("not the same images and objects")
    return samples_in(base)


def _draws(dataset: _Dataset) -> Iterator[Array]:
    """How often each image is drawn [n, resamples], in chunks; the same for the same n."""
    random, n = np.random.default_rng(0), dataset.images
    for size in dataset.chunks(RESAMPLES):
        picks = random.integers(0, n, (size, n)) + n * np.arange(size)[:, np.newaxis]
        counts = np.bincount(picks.ravel(), minlength=size * n).reshape(size, n)
        yield np.ascontiguousarray(counts.T, np.float64)


def _coins(dataset: _Dataset) -> Iterator[Array]:
    """Whether each image is swapped [n, draws], 0 or 1."""
    n = dataset.images
    if n <= EXACT_SAMPLES:
        which = np.arange(1 << n)
        yield ((which >> np.arange(n)[:, np.newaxis]) & 1).astype(np.float64)
        return
    random = np.random.default_rng(0)
    for size in dataset.chunks(RESAMPLES):
        yield random.integers(0, 2, (n, size)).astype(np.float64)


def _bounds(found: Array, seen: float, confidence: float) -> tuple[float, float]:
    """The quantiles of the resamples, moved by twice the bias: how far the median of ``found`` is from ``seen``."""
    normal = NormalDist()
    close = np.isclose(found, seen, rtol=0, atol=1e-12)  # the same sums in another order
    below = ((found < seen) & ~close).mean() + close.mean() / 2
    bias = normal.inv_cdf(float(np.clip(below, 1 / len(found), 1 - 1 / len(found))))
    ends = [normal.cdf(2 * bias + normal.inv_cdf((1 + sign * confidence) / 2)) for sign in (-1, 1)]
    low, high = np.quantile(found, ends)
    return float(low), float(high)
