"""Adds to a language model's quality how it differs from its reference, token by token and text by text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.analysis.quality import summarise
from bench.quality.judged import Judged
from bench.quality.text.answers import load_answers
from bench.quality.text.limits import limits_for
from bench.quality.text.pairs import compared
from bench.quality.text.samples import load_samples
from bench.record.quality import Quality
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]


def beside_reference(quality: Quality, run: Judged, reference: Judged) -> "tuple[Quality, Arrays]":
    """``quality`` with the figures of ``run`` beside ``reference``, and their results by the keys that it names. The
    logits that the run has kept for it are removed."""
    if run.windows is None or run.answers is None or reference.answers is None:
        return quality, {}
    ours = load_answers(run.answers)
    pair = compared(load_samples(run.windows), load_answers(reference.answers), ours, (reference.texts, run.texts))
    if ours.logits is not None:
        ours.logits.unlink(missing_ok=True)
    keys = {metric.name: f"quality_{metric.name}" for metric in pair.metrics}
    whole = replace(
        quality,
        metrics=(*quality.metrics, *summarise(pair.metrics, pair.results, quality.dataset.samples)),
        samples=quality.samples | keys,
        divergences=pair.divergences,
        logit_error_p99=pair.logit_error_p99,
        dataset=replace(quality.dataset, limits=(*quality.dataset.limits, *pair.limits)),
    )
    return whole, {keys[name]: array for name, array in pair.results.items()}


def with_pace(quality: Quality, run: Judged, emulated: bool) -> Quality:
    """``quality``, saying how long an emulator takes for a window where not all windows were evaluated on it."""
    if run.answers is None or not emulated or not quality.dataset.limits:
        return quality
    pace = load_answers(run.answers).window_s
    if not pace > 0:
        return quality
    told = sentence("quality.limit.emulator", seconds=pace, tokens=limits_for(emulated).window)
    return replace(quality, dataset=replace(quality.dataset, limits=(*quality.dataset.limits, told)))
