"""Does one run answer better than another: the same samples in both, pair by pair."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.analysis.quality import differences
from bench.comparison.rules import side_words
from bench.record.quality import Quality, QualityMetric, Word
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.analysis.quality import Difference

    Results = Mapping[str, np.ndarray[Any, Any]]


class QualityChange(Struct, frozen=True):
    """One metric of both. ``difference``: new minus base, over pairs of samples; see ``bench.record.quality.Paired``.
    ``samples_needed``: about how many samples would decide it."""

    metric: str
    unit: str
    word: Word
    base: float
    new: float
    difference: float
    interval95: tuple[float, float] | None
    p_value: float | None
    test: str
    n: int
    higher_is_better: bool
    better_samples: int | None = None
    worse_samples: int | None = None
    samples_needed: int | None = None


class QualityOmitted(Struct, frozen=True):
    """A metric that is not compared, and why."""

    metric: str
    reason: Sentence | str


class QualityComparison(Struct, frozen=True):
    """``omitted`` without ``changes``: the qualities may not be compared, or only one side has any."""

    dataset: str
    changes: tuple[QualityChange, ...] = ()
    omitted: tuple[QualityOmitted, ...] = ()

    @property
    def worse(self) -> bool:
        return any(change.word == "worse" for change in self.changes)


class QualityTests(Struct, frozen=True):
    """The metrics of both before they are judged, which waits for all that is tested together; and what is left out.
    ``before`` and ``after``: the metrics of base and new by name."""

    dataset: str
    omitted: tuple[QualityOmitted, ...]
    differences: "tuple[Difference, ...]" = ()
    before: dict[str, QualityMetric] = {}
    after: dict[str, QualityMetric] = {}

    def judged(self, corrected: Iterator[float], alpha: float) -> QualityComparison:
        """With a word for each, by the next ``corrected`` p-values."""
        changes = []
        for difference in self.differences:
            p_corrected = next(corrected)
            pair = difference.told(p_corrected, alpha, beyond=True)
            share = alpha * min(1.0, difference.p_value / p_corrected) if p_corrected else alpha
            metric = self.after[pair.metric]
            changes.append(
                QualityChange(
                    metric.name,
                    metric.unit,
                    pair.word,
                    self.before[metric.name].value,
                    metric.value,
                    pair.difference,
                    pair.interval95,
                    pair.p_value,
                    pair.test,
                    pair.n,
                    metric.higher_is_better,
                    pair.better_samples,
                    pair.worse_samples,
                    difference.samples_needed(share) if pair.word == "cannot_tell" else None,
                )
            )
        return QualityComparison(self.dataset, tuple(changes), self.omitted)


def examine_quality(
    base: Quality | None, new: Quality | None, results: "tuple[Results, Results]"
) -> QualityTests | None:
    """Every metric of both, to be judged, or left out with the reason; ``None`` where neither run was judged."""
    if base is None or new is None:
        side = side_words("base" if base is None else "new")
        only = new or base
        return None if only is None else not_compared(only, sentence("compare.quality.not_judged", side=side))
    if base.dataset.sha256 != new.dataset.sha256:
        sets = dict.fromkeys((q.dataset.name, q.dataset.samples) for q in (base, new))
        named = [sentence("compare.quality.dataset", name=name, samples=samples) for name, samples in sets]
        return not_compared(new, sentence("compare.quality.other_samples", datasets=named))
    if base.artifact_sha256 == new.artifact_sha256 and (differ := _read_otherwise(base, new)):
        return not_compared(new, sentence("compare.quality.read_otherwise", differing=differ))
    before, after = ({metric.name: metric for metric in side.metrics} for side in (base, new))
    unlike = _unlike(base, new, results)
    found = differences([metric for metric in new.metrics if metric.name not in unlike], *results)
    told = {one.paired.metric for one in found}
    left = tuple(_left(m, before, unlike.get(m.name)) for m in new.metrics if m.name not in told)
    return QualityTests(new.dataset.name, left, found, before, after)


def _unlike(base: Quality, new: Quality, results: "tuple[Results, Results]") -> dict[str, Sentence]:
    """The metrics whose samples are not the same in both, although the dataset is, and why: those of tokens, where the
    same text was cut into other tokens or windows, and those with other numbers of results."""
    found = {}
    other_tokens = _other_tokens(base, new, results)
    for metric in new.metrics:
        x, y = (_samples_in(metric, side) for side in results)
        if other_tokens and metric.per not in ("", "question"):
            found[metric.name] = sentence("compare.quality.other_tokens")
        elif x and y and x != y:
            found[metric.name] = sentence("compare.quality.other_numbers", base=x, new=y)
    return found


def _samples_in(metric: QualityMetric, results: "Results") -> int:
    from bench.stats.samples import average_precision

    found = results.get(metric.name)
    if found is None:
        return 0
    return average_precision.samples_in(found) if metric.statistic in average_precision.STATISTICS else len(found)


def _other_tokens(base: Quality, new: Quality, results: "tuple[Results, Results]") -> bool:
    """By the hashes of the token ids; where a record has none, by how many tokens each window has."""
    x, y = base.dataset.tokens_sha256, new.dataset.tokens_sha256
    if x is not None and y is not None:
        return x != y
    before, after = (side.get("perplexity") for side in results)
    if before is None or after is None:
        return False
    return bool(before[:, 1].tolist() != after[:, 1].tolist())


def _read_otherwise(base: Quality, new: Quality) -> list[Sentence]:
    """In which of the ways that labels, outputs and images are read the two differ."""
    x, y = ({**q.dataset.options, "preprocessing": q.dataset.preprocessing} for q in (base, new))
    names = sorted(name for name in {*x, *y} if x.get(name, "") != y.get(name, ""))
    default = sentence("compare.quality.default")
    return [
        sentence("compare.quality.option", name=name, base=x.get(name) or default, new=y.get(name) or default)
        for name in names
    ]


def not_compared(quality: Quality, reason: Sentence) -> QualityTests:
    """Every metric of ``quality`` left out for that reason."""
    return QualityTests(quality.dataset.name, tuple(QualityOmitted(m.name, reason) for m in quality.metrics))


def _left(metric: QualityMetric, before: Mapping[str, QualityMetric], unlike: Sentence | None) -> QualityOmitted:
    if metric.name not in before:
        return QualityOmitted(metric.name, sentence("compare.quality.no_such_metric"))
    if unlike is not None:
        return QualityOmitted(metric.name, unlike)
    told = sentence("compare.quality.of_the_whole", base=before[metric.name].value, new=metric.value)
    return QualityOmitted(metric.name, told)
