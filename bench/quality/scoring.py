"""Per-sample results of each task. A scorer sees one sample after another, and what it keeps is small.

Scores that tie go to the lower class id, as numpy's argmax has it: a quantised softmax ties often.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import Struct

from bench.contracts import Judge, Tensors
from bench.errors import InputError
from bench.quality.dataset import Entry
from bench.record.quality import Statistic
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

T = TypeVar("T")


class Scored(Struct, frozen=True):
    """One metric of all samples. ``results`` [n] or [n, features] for ``bench.stats.samples.resampling``; int8 where it
    is right or wrong; a table for ``bench.stats.samples.average_precision``."""

    name: str
    statistic: Statistic
    higher_is_better: bool
    unit: str
    results: Any


class Scorer(Protocol):
    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        """Judge one sample. Raises ``InputError`` when it cannot be judged; then it must not count."""
        ...

    def scored(self) -> Sequence[Scored]:
        """All metrics, the leading one first."""
        ...


class WrongOption(InputError):
    """An option of the dataset does not fit the model: no sample can be judged."""


def output_named(outputs: "Mapping[str, T]", name: str, key: str = "output") -> T:
    """The output of that name, or the only one. Raises ``InputError`` naming the option that is missing or wrong."""
    if not name and len(outputs) == 1:
        return next(iter(outputs.values()))
    if name not in outputs:
        problem = sentence("quality.no_output", name=name) if name else sentence("quality.several_outputs")
        raise WrongOption(
            sentence("quality.option_of", key=key, problem=problem),
            sentence("quality.say_output", key=key, outputs=outputs),
        )
    return outputs[name]


class Classification:
    """Right where the best class, or one of the five best, is acceptable."""

    def __init__(self, options: DatasetOptions) -> None:
        self._options = options
        self._top1: list[int] = []
        self._top5: list[int] = []
        self._classes = 0

    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        import numpy as np

        scores = np.asarray(output_named(outputs, self._options.output)).squeeze()
        if scores.ndim != 1 or len(scores) < 2:
            raise InputError(sentence("quality.no_scores", shape=str(list(scores.shape))))
        ids = [int(i) for i in np.ravel(next(iter(expected.values())) if isinstance(expected, Mapping) else expected)]
        wanted = [i + self._options.label_offset for i in ids]
        outside = [i for i, at in zip(ids, wanted, strict=True) if not 0 <= at < len(scores)]
        if outside:
            offset = self._options.label_offset
            code = "quality.class_with_offset_outside" if offset else "quality.class_outside"
            raise InputError(sentence(code, label=outside[0], offset=offset, classes=len(scores)))
        best = best_classes(scores)
        self._classes = len(scores)
        self._top1.append(int(bool(set(best[:1].tolist()) & set(wanted))))
        self._top5.append(int(bool(set(best.tolist()) & set(wanted))))

    def scored(self) -> Sequence[Scored]:
        import numpy as np

        found = [Scored("top1", "mean", True, "share", np.array(self._top1, np.int8))]
        if self._classes > 5:
            found.append(Scored("top5", "mean", True, "share", np.array(self._top5, np.int8)))
        return found


def best_classes(scores: "Array", count: int = 5) -> "Array":
    """The classes of the highest scores [classes], best first; of equal ones the lower id. None where a score is NaN,
    since then no class is the best."""
    import numpy as np

    exact = scores.astype(np.float64)
    best: Array = np.argsort(-exact, kind="stable")[: 0 if np.isnan(exact).any() else count]
    return best


class Regression:
    """Errors of real-valued outputs. Each sample counts alike."""

    def __init__(self, options: DatasetOptions) -> None:
        self._options = options
        self._rows: list[tuple[float, float, float]] = []

    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        import numpy as np

        pairs = [
            _same_shape(name, array, output_named(outputs, name if name in outputs else self._options.output))
            for name, array in arrays_of(expected).items()
        ]
        want = np.concatenate([w.astype(np.float64).ravel() for w, _ in pairs])
        have = np.concatenate([h.astype(np.float64).ravel() for _, h in pairs])
        if not (np.isfinite(want).all() and np.isfinite(have).all()):
            raise InputError(sentence("quality.left_out.not_finite"))
        error = have - want
        norms = float(np.linalg.norm(want) * np.linalg.norm(have))
        cosine = float(want @ have) / norms if norms else float(not error.any())
        self._rows.append((float(np.abs(error).mean()), float((error * error).mean()), cosine))

    def scored(self) -> Sequence[Scored]:
        import numpy as np

        mae, square, cosine = np.array(self._rows, np.float64).reshape(-1, 3).T
        return [
            Scored("mae", "mean", False, "", mae),
            Scored("rmse", "root_mean", False, "", square),
            Scored("cosine", "mean", True, "share", cosine),
        ]


class Segmentation:
    """Fraction of pixels of the right class; mean over classes of intersection over union."""

    def __init__(self, options: DatasetOptions) -> None:
        self._options = options
        self._accuracy: list[float] = []
        self._counts: list[Array] = []  # [2, classes]: intersections, unions

    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        import numpy as np

        arrays = arrays_of(expected)
        if len(arrays) != 1:
            raise InputError(sentence("quality.one_map_only", file=entry.expected_file, arrays=len(arrays)))
        (name, array), *_ = arrays.items()
        want = _map(np.asarray(array))
        if want.dtype.kind not in "iub":
            raise InputError(sentence("quality.not_class_ids", file=entry.expected_file, name=name, dtype=want.dtype))
        have, classes = _classes_of(output_named(outputs, name if name in outputs else self._options.output), want)
        wanted = want.astype(np.int64) + self._options.label_offset
        counted = np.ones(want.shape, bool) if self._options.ignore is None else want != self._options.ignore
        wanted, have = wanted[counted], have[counted]
        if not len(wanted) or wanted.min() < 0 or (classes and wanted.max() >= classes):
            raise InputError(
                sentence(
                    "quality.classes_outside",
                    file=entry.expected_file,
                    name=name,
                    classes=classes,
                )
            )
        size = classes or int(max(wanted.max(), have.max())) + 1
        right = np.bincount(wanted[wanted == have], minlength=size)
        union = np.bincount(wanted, minlength=size) + np.bincount(have, minlength=size) - right
        self._accuracy.append(float((wanted == have).mean()))
        self._counts.append(np.stack([right, union]))

    def scored(self) -> Sequence[Scored]:
        import numpy as np

        most = max((counts.shape[1] for counts in self._counts), default=1)
        rows = [np.pad(counts, ((0, 0), (0, most - counts.shape[1]))).ravel() for counts in self._counts]
        return [
            Scored("mean_iou", "mean_iou", True, "share", np.array(rows, np.int64).reshape(len(rows), -1)),
            Scored("pixel_accuracy", "mean", True, "share", np.array(self._accuracy, np.float64)),
        ]


class ByPlugin:
    """The scores that the model's plugin gives each sample."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._rows: list[dict[str, float]] = []

    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        import math

        found = {str(name): float(score) for name, score in self._judge.judge(outputs, expected).items()}
        if not found or not all(map(math.isfinite, found.values())):
            code = "quality.no_finite_score" if found else "quality.no_score"
            raise InputError(sentence(code, scores=str(found)))
        if self._rows and found.keys() != self._rows[0].keys():
            raise InputError(sentence("quality.scores_changed", scores=found, before=self._rows[0]))
        self._rows.append(found)

    def scored(self) -> Sequence[Scored]:
        import numpy as np

        lower = set(getattr(self._judge, "lower_is_better", ()))
        names = list(self._rows[0]) if self._rows else []
        columns = {name: np.array([row[name] for row in self._rows], np.float64) for name in names}
        return [Scored(name, "mean", name not in lower, "", columns[name]) for name in names]


def arrays_of(expected: Any) -> "Mapping[str, Array]":
    if not isinstance(expected, Mapping):
        raise InputError(sentence("quality.label_is_no_array"))
    return expected


def _same_shape(name: str, want: "Array", have: "Array") -> "tuple[Array, Array]":
    if want.squeeze().shape != have.squeeze().shape:
        raise InputError(
            sentence("quality.expected_shape", name=name, expected=str(list(want.shape)), shape=str(list(have.shape)))
        )
    return want, have


def _map(array: "Array") -> "Array":
    return array[0] if array.ndim == 3 and len(array) == 1 else array


def best_of_each(scores: "Array", axis: int) -> "Array":
    """The best class of each pixel. Raises ``InputError`` where a score is NaN."""
    import numpy as np

    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise InputError(sentence("quality.output_nan"))
    best: Array = scores.argmax(axis=axis)
    return best


def class_map(output: "Array", size: tuple[int, int]) -> "Array | None":
    """The class of each pixel, of scores [1, classes, h, w] or [1, h, w, classes] or of a map of integers; ``None`` for
    another output. ``size``: height and width of the model's input, which tells the layouts apart where it can."""
    found = output[0] if output.ndim > 2 and len(output) == 1 else output
    if found.ndim == 2:
        return found if found.dtype.kind in "iu" else None
    if found.ndim != 3:
        return None
    last = found.shape[:2] == size or (found.shape[1:] != size and found.shape[2] < found.shape[0])
    return best_of_each(found, -1 if last else 0)


def _classes_of(output: "Array", want: "Array") -> "tuple[Array, int | None]":
    """The class of each pixel, and how many classes there are (``None`` where the output is a map already)."""
    import numpy as np

    found = output[0] if len(output) == 1 and output.ndim > want.ndim else output
    if found.shape == want.shape and found.dtype.kind in "iu":
        return found, None
    for axis in (0, -1):
        if found.ndim == want.ndim + 1 and np.delete(found.shape, axis).tolist() == list(want.shape):
            return best_of_each(found, axis), found.shape[axis]
    raise InputError(sentence("quality.map_expected", expected=str(list(want.shape)), shape=str(list(output.shape))))
