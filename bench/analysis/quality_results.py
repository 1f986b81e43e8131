"""Per-sample results of a record, checked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.record.quality import Quality
from bench.record.record import RecordedRun
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Results = Mapping[str, np.ndarray[Any, Any]]


MEASURE_AGAIN = sentence("record.measure_again")


def quality_results(run: RecordedRun, source: str = "") -> "Results":
    """Per-sample results by metric. Raises ``InputError`` naming ``source`` where the samples lack what the record
    names, or hold what no result can be; so of the reference's results too."""
    quality = run.record.quality
    if quality is None:
        return {}
    where = source or run.record.record_id
    if quality.reference is not None:
        _results(run, quality.reference.samples, None, where)
    found = _results(run, quality.samples, quality.dataset.samples, where)
    for metric, array in found.items():
        _as_stated(quality, metric, array, where)
    return found


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
    from bench.stats.resampling import value

    metric = next((metric for metric in quality.metrics if metric.name == name), None)
    if metric is None or metric.statistic == "whole":
        return
    found = value(metric.statistic, results)
    if abs(found - metric.value) > 1e-6 * max(1.0, abs(metric.value)):
        message = sentence("quality.results_differ", source=where, metric=name, found=found, stated=metric.value)
        raise InputError(message, sentence("quality.results_edited"))


def _finite(array: "np.ndarray[Any, Any]") -> bool:
    import numpy as np

    return bool(np.isfinite(array).all())
