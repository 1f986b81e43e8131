"""Results of each sample of a language model, from what it gave: perplexity, and accuracy at questions with choices."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bench.quality.text.answers import TextAnswers
from bench.quality.text.samples import Item, TextSamples
from bench.record.quality import JudgedMetric

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

FEWEST_WINDOWS = 10
"""Below, the bootstrap over windows gives no interval."""
BLOCK = 32
"""Tokens of a block: what is resampled where there are too few windows for an interval."""
PERPLEXITY = JudgedMetric("perplexity", "perplexity", False, "")
ACCURACY = JudgedMetric("choice_accuracy", "mean", True, "share", per="question")
PER_BYTE = JudgedMetric("choice_accuracy_per_byte", "mean", True, "share", per="question")


def own_results(samples: TextSamples, answers: TextAnswers) -> "tuple[tuple[JudgedMetric, ...], dict[str, Array]]":
    """The metrics of the model alone, and of each its results by sample."""
    import numpy as np
    from msgspec.structs import replace

    metrics: list[JudgedMetric] = []
    results: dict[str, Array] = {}
    if len(answers.surprise):
        per, cuts = parts_of([len(window) - 1 for window in samples.windows])
        metrics.append(replace(PERPLEXITY, per=per))
        results["perplexity"] = pooled(answers.surprise, cuts)
    if len(answers.scores):
        begins = np.cumsum([0, *(len(item.choices) for item in samples.items)])
        each = [answers.scores[a:b] for a, b in pairwise(begins)]
        asked = list(zip(each, samples.items, strict=True))
        right = [_right(item, scores) for scores, item in asked]
        by_size = [_right(item, scores / np.array(item.sizes)) for scores, item in asked]
        metrics += [ACCURACY, PER_BYTE]
        results |= {"choice_accuracy": np.array(right), "choice_accuracy_per_byte": np.array(by_size)}
    return tuple(metrics), results


def _right(item: Item, scores: "Array") -> bool:
    """Whether the most likely choice is the right one, or says the same."""
    import numpy as np

    return bool(np.array_equal(item.choices[int(scores.argmax())], item.choices[item.answer]))


def parts_of(lengths: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """What is one sample of tokens that come in pieces of these ``lengths``, and from where to where each goes: a
    window, or, of fewer than ten windows, a block of 32 tokens of one."""
    small = len(lengths) < FEWEST_WINDOWS
    cuts: list[tuple[int, int]] = []
    begin = 0
    for length in lengths:
        size = BLOCK if small else length
        cuts += [(begin + i, begin + min(i + size, length)) for i in range(0, length, size)]
        begin += length
    return "block" if small else "window", cuts


def pooled(values: "Array", cuts: Sequence[tuple[int, int]]) -> "Array":
    """Features of a mean over tokens: of each part its sum and its number of tokens [parts, 2]."""
    import numpy as np

    return np.array([(values[a:b].sum(), b - a) for a, b in cuts], np.float64)
