"""Per-sample results of a record, checked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.record.quality import Quality, QualityMetric
from bench.record.record import RecordedRun
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Results = Mapping[str, np.ndarray[Any, Any]]


TEXT_TASKS = ("perplexity", "multiple_choice")
MEASURE_AGAIN = sentence("record.measure_again")


def quality_results(run: RecordedRun, source: str = "") -> "Results":
    """Per-sample results by metric. Raises ``InputError`` naming ``source`` where the samples lack what the record
    names, or hold what no result can be; so of the reference's results too."""
    quality = run.record.quality
    if quality is None:
        return {}
    where = source or run.record.record_id
    if quality.dataset.task in TEXT_TASKS:
        found = _of_text(run, quality, where)
        _divergences_as_stated(quality, found, where)
    else:
        if quality.reference is not None:
            theirs = _tables(run, quality.reference.samples, quality.reference.metrics, where)
            _results(run, _without(quality.reference.samples, theirs), None, where)
        tables = _tables(run, quality.samples, quality.metrics, where)
        found = {**tables, **_results(run, _without(quality.samples, tables), quality.dataset.samples, where)}
    for metric, array in found.items():
        _as_stated(quality, metric, array, where)
    return found


def _of_text(run: RecordedRun, quality: Quality, where: str) -> "Results":
    """Of a language model: each metric has samples of its own, as many as it states, or tokens of them."""
    from bench.stats.samples.token_tails import TAILS

    found: dict[str, np.ndarray[Any, Any]] = {}
    _counted(quality, where)
    sides = [(quality.samples, quality.metrics)]
    if quality.reference is not None:
        sides.insert(0, (quality.reference.samples, quality.reference.metrics))
    for keys, metrics in sides:
        counts = {one.name: None if one.statistic in TAILS else one.n for one in metrics}
        found = {name: _results(run, {name: key}, counts.get(name), where)[name] for name, key in keys.items()}
    for name, array in found.items():
        tail = any(one.name == name and one.statistic in TAILS for one in quality.metrics)
        if tail and (array.ndim != 2 or array.shape[1] != 2 or not len(array)):
            held = {"dtype": str(array.dtype), "shape": str(list(array.shape))}
            raise InputError(
                sentence("quality.not_one_each", source=where, array=quality.samples[name], samples=len(array), **held)
            )
    return found


def _divergences_as_stated(quality: Quality, results: "Results", where: str) -> None:
    """Raise ``InputError`` where the first differences that a record states are not those that its figures are of."""
    told, error = quality.divergences, quality.logit_error_p99
    stated = {"equal_prefix": [one.token_prefix for one in told]}
    if error is not None:
        gaps = [one.logit_gap for one in told if one.logit_gap is not None]
        stated["divergences_explained"] = [gap <= error for gap in gaps]
    for name, expected in stated.items():
        if told and name in results and results[name].tolist() != expected:
            raise InputError(
                sentence("quality.divergences_differ", source=where, metric=name), sentence("quality.results_edited")
            )


def _counted(quality: Quality, where: str) -> None:
    """Raise ``InputError`` where the number of samples is not that of windows and questions together; of blocks, the
    windows that they come from are not known."""
    stated = {one.per: one.n for one in quality.metrics}
    windows, questions = stated.get("window", stated.get("block", 0)), stated.get("question", 0)
    samples = quality.dataset.samples
    if samples > windows + questions > 0 or ("window" in stated and samples != windows + questions):
        raise InputError(
            sentence("quality.samples_differ", source=where, samples=samples, windows=windows, questions=questions),
            MEASURE_AGAIN,
        )


def _tables(run: RecordedRun, keys: Mapping[str, str], metrics: Sequence[QualityMetric], where: str) -> "Results":
    """Of the metrics that are average precisions the table of each, checked."""
    from bench.stats.samples.average_precision import STATISTICS, is_table

    found = {}
    for metric in metrics:
        key = keys.get(metric.name)
        if metric.statistic not in STATISTICS or key is None:
            continue
        array = run.samples.get(key)
        if array is None:
            raise InputError(sentence("quality.results_missing", source=where, array=key), MEASURE_AGAIN)
        if not is_table(array, metric.n):
            held = {"dtype": str(array.dtype), "shape": str(list(array.shape))}
            raise InputError(sentence("quality.not_one_each", source=where, array=key, samples=metric.n, **held))
        found[metric.name] = array
    return found


def _without(keys: Mapping[str, str], told: "Results") -> Mapping[str, str]:
    return {metric: key for metric, key in keys.items() if metric not in told}


def _results(run: RecordedRun, keys: Mapping[str, str], count: int | None, where: str) -> "Results":
    """The arrays of those ``keys``, each of ``count`` results, or where that is ``None`` of the same number."""
    found = {}
    for metric, key in keys.items():
        array = run.samples.get(key)
        if array is None:
            raise InputError(sentence("quality.results_missing", source=where, array=key), MEASURE_AGAIN)
        count = len(array) if count is None and array.ndim else count
        if array.dtype.kind not in "iufb" or not array.ndim or len(array) != count:
            held = {"dtype": str(array.dtype), "shape": str(list(array.shape))}
            raise InputError(sentence("quality.not_one_each", source=where, array=key, samples=count, **held))
        if array.dtype.kind == "f" and not _finite(array):
            raise InputError(sentence("quality.not_finite", source=where, array=key), MEASURE_AGAIN)
        found[metric] = array
    return found


def _as_stated(quality: Quality, name: str, results: "np.ndarray[Any, Any]", where: str) -> None:
    """Raise ``InputError`` where the results of the samples are not those that the record's figure comes from."""
    from bench.stats.samples import average_precision, token_tails
    from bench.stats.samples.resampling import value

    metric = next((metric for metric in quality.metrics if metric.name == name), None)
    if metric is None or metric.statistic == "whole":
        return
    if metric.statistic in token_tails.TAILS:
        found = token_tails.value(metric.statistic, results)
    elif metric.statistic in average_precision.STATISTICS:
        found = average_precision.value(metric.statistic, results)
    else:
        found = value(metric.statistic, results)
    if abs(found - metric.value) > 1e-6 * max(1.0, abs(metric.value)):
        message = sentence("quality.results_differ", source=where, metric=name, found=found, stated=metric.value)
        raise InputError(message, sentence("quality.results_edited"))


def _finite(array: "np.ndarray[Any, Any]") -> bool:
    import numpy as np

    return bool(np.isfinite(array).all())
