"""What of a record's quality cannot be: metrics that are not those of the task, or that no results stand behind."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from bench.record.quality import DatasetTask, Quality, QualityMetric, Statistic
from bench.words import Sentence, sentence

_TEXT: Mapping[str, tuple[Statistic, bool, str]] = MappingProxyType(
    {
        "perplexity": ("perplexity", False, ""),
        "choice_accuracy": ("mean", True, "share"),
        "choice_accuracy_per_byte": ("mean", True, "share"),
        "kl_divergence": ("pooled_mean", False, "nats"),
        "kl_divergence_p99": ("token_p99", False, "nats"),
        "kl_divergence_max": ("token_max", False, "nats"),
        "top1_agreement": ("pooled_mean", True, "share"),
        "equal_prefix": ("mean", True, "tokens"),
        "prompts_equal": ("mean", True, "share"),
        "divergences_explained": ("mean", True, "share"),
        "fdt": ("mean", True, "tokens"),
        "fdt_norm": ("pooled_mean", True, "share"),
        "sdt": ("mean", False, "tokens"),
        "sdt_norm": ("mean", False, "share"),
    }
)
"""Of a language model: alone, and beside its reference."""

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
            "map": ("coco_ap", True, "share"),
            "map50": ("coco_ap50", True, "share"),
            "image_ap": ("mean", True, "share"),
        },
        "perplexity": _TEXT,
        "multiple_choice": _TEXT,
    }
)
"""Of each task its metrics: statistic, whether higher is better, unit. Those of ``judged`` are the plugin's own."""
OF_THE_WHOLE = ("map", "map50")
"""Metrics of detection that older records hold without what they follow from."""


def quality_contradictions(quality: Quality) -> Iterator[Sentence]:
    """Each in a few words. Records from before the reference's results were kept name none."""
    task, reference = quality.dataset.task, quality.reference
    yield from _metrics("quality.metrics", quality.metrics, quality.samples, task, kept=True)
    if reference is not None:
        kept = bool(reference.samples)
        yield from _metrics("quality.reference.metrics", reference.metrics, reference.samples, task, kept)
        if not reference.metrics and not reference.reason:
            yield sentence("quality.reference_says_nothing")
    if quality.paired and (reference is None or not reference.metrics):
        yield sentence("quality.paired_with_nothing")
    for picture in quality.pictures:
        if task != "detection" or not 0 <= picture.index < quality.dataset.samples:
            yield sentence("quality.picture_of_no_sample", file=picture.file)


def _metrics(
    where: str, metrics: Sequence[QualityMetric], samples: Mapping[str, str], task: DatasetTask, kept: bool
) -> Iterator[Sentence]:
    names = [metric.name for metric in metrics]
    if len({*names}) != len(names):
        yield sentence("quality.metric_twice", where=where)
    if unknown := set(samples) - set(names):
        yield sentence("quality.metrics_lacking", where=where, metrics=sorted(unknown))
    for metric in metrics:
        yield from _kind(where, metric, task)
        whole = metric.statistic == "whole"
        if whole and (metric.name in samples or metric.interval95 is not None):
            yield sentence("quality.whole_and_results", where=where, metric=metric.name)
        if kept and not whole and metric.name not in samples:
            yield sentence("quality.no_results_kept", where=where, metric=metric.name)


def _kind(where: str, metric: QualityMetric, task: DatasetTask) -> Iterator[Sentence]:
    stated = metric.statistic, metric.higher_is_better, metric.unit
    known = KINDS.get(task)
    wanted = known.get(metric.name) if known is not None else ("mean", metric.higher_is_better, "")
    if wanted is None:
        yield sentence("quality.no_metric_of_task", where=where, metric=metric.name, task=task)
    elif task == "detection" and metric.name in OF_THE_WHOLE and stated == ("whole", *wanted[1:]):
        return
    elif stated != wanted:
        yield sentence(
            "quality.metric_as",
            where=where,
            metric=metric.name,
            stated=str(stated),
            task=task,
            wanted=str(wanted),
        )
