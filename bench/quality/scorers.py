"""Which scorer judges a task."""

from bench.contracts import Judge
from bench.errors import InputError
from bench.quality.detection import Detection, Samples
from bench.quality.scoring import ByPlugin, Classification, Regression, Scorer, Segmentation
from bench.record.quality import DatasetTask
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence


def scorer_for(task: DatasetTask, options: DatasetOptions, judge: Judge | None, samples: Samples) -> Scorer:
    """``samples``: of images with boxes. Raises ``InputError`` for a task that nothing here judges."""
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
            return Detection(options, samples)
    raise InputError(sentence("quality.no_scorer", task=task), sentence("quality.see_tasks"))
