"""Which scorer judges a task."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.contracts import Judge
from bench.errors import InputError
from bench.quality.dataset import Entry
from bench.quality.detection import Detection
from bench.quality.scoring import ByPlugin, Classification, Regression, Scorer, Segmentation
from bench.record.quality import DatasetTask
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    from bench.quality.detection import Sizes


def scorer_for(
    task: DatasetTask, options: DatasetOptions, judge: Judge | None, sizes: "Callable[[Entry], Sizes]"
) -> Scorer:
    """``sizes``: of an image, for boxes. Raises ``InputError`` for a task that nothing here judges."""
    match task:
        case "classification":
            return Classification(options)
        case "regression":
            return Regression(options)
        case "segmentation":
            return Segmentation(options)
        case "judged" if judge is not None:
            return ByPlugin(judge)
        case "detection":
            return Detection(options, sizes)
    raise InputError(sentence("quality.no_scorer", task=task), sentence("quality.see_tasks"))
