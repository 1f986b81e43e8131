"""What of a record's quality cannot be: metrics that are not those of the task, or that no results stand behind."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from bench.record.quality import DatasetTask, Quality, QualityMetric, Statistic

KINDS: Mapping[DatasetTask, Mapping[str, tuple[Statistic, bool, str]]] = MappingProxyType(
    {
        "classification": {"top1": ("mean", True, "share"), "top5": ("mean", True, "share")},
        "regression": {
            "mae": ("mean", False, ""),
            "rmse": ("root_mean", False, ""),
            "cosine": ("mean", True, "share"),
        },
        "segmentation": {"mean_iou": ("mean_iou", True, "share"), "pixel_accuracy": ("mean", True, "share")},
        "detection": {
            "map": ("whole", True, "share"),
            "map50": ("whole", True, "share"),
            "image_ap": ("mean", True, "share"),
        },
        "perplexity": {"perplexity": ("perplexity", False, "")},
    }
)
"""Of each task its metrics: statistic, whether higher is better, unit. Those of ``judged`` are the plugin's own."""


def quality_contradictions(quality: Quality) -> Iterator[str]:
    """Each in a few words. Records from before the reference's results were kept name none."""
    task, reference = quality.dataset.task, quality.reference
    yield from _metrics("quality.metrics", quality.metrics, quality.samples, task, kept=True)
    if reference is not None:
        kept = bool(reference.samples)
        yield from _metrics("quality.reference.metrics", reference.metrics, reference.samples, task, kept)
        if not reference.metrics and not reference.reason:
            yield "quality.reference has neither metrics nor a reason"
    if quality.paired and (reference is None or not reference.metrics):
        yield "quality.paired compares with a reference, and quality.reference has no metrics"


def _metrics(
    where: str, metrics: Sequence[QualityMetric], samples: Mapping[str, str], task: DatasetTask, kept: bool
) -> Iterator[str]:
    names = [metric.name for metric in metrics]
    if len({*names}) != len(names):
        yield f"{where} states one metric twice"
    if unknown := set(samples) - set(names):
        yield f"{where} lacks {', '.join(sorted(unknown))}, of which results are kept"
    for metric in metrics:
        yield from _kind(where, metric, task)
        whole = metric.statistic == "whole"
        if whole and (metric.name in samples or metric.interval95 is not None):
            yield f"{where} states {metric.name} of the dataset as a whole, and results or an interval of it"
        if kept and not whole and metric.name not in samples:
            yield f"{where} states {metric.name}, and no results of it are kept"


def _kind(where: str, metric: QualityMetric, task: DatasetTask) -> Iterator[str]:
    stated = metric.statistic, metric.higher_is_better, metric.unit
    known = KINDS.get(task)
    wanted = known.get(metric.name) if known is not None else ("mean", metric.higher_is_better, "")
    if wanted is None:
        yield f"{where} states {metric.name}, which is no metric of {task}"
    elif stated != wanted:
        yield f"{where} states {metric.name} as {stated}, and of {task} it is {wanted}"
