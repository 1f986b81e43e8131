"""Scores of one sample after another, by hand."""

from typing import Any

import numpy as np
import pytest

from bench.errors import InputError
from bench.quality.dataset import Entry
from bench.quality.scorers import scorer_for
from bench.quality.scoring import Scorer
from bench.suite.dataset_options import DatasetOptions, parse_options

ENTRY = Entry("a.npz", None, "a.expected.npz", "a.expected.npz")


def scorer(task: Any, options: str = "") -> Scorer:
    return scorer_for(task, parse_options(options), None, lambda entry: pytest.fail("no size is asked for"))


def results(found: Scorer) -> dict[str, list[Any]]:
    return {one.name: np.asarray(one.results).tolist() for one in found.scored()}


class TestClassification:
    def test_best_and_five_best(self) -> None:
        """Right where the best class is acceptable; nearly right where one of the five best is."""
        found = scorer("classification")
        row = np.array([[0.0, 5, 4, 3, 2, 1, 0.5]])
        for ids in ((1,), (3, 1), (5,), (6, 0)):
            found.add(ENTRY, {"y": row}, ids)
        assert {"top1": [1, 1, 0, 0], "top5": [1, 1, 1, 0]} == results(found)

    def test_background_and_shapes(self) -> None:
        """label_offset shifts labels; ones in the shape do not matter; of five classes no top-5 is told."""
        found = scorer("classification", "label_offset=1")
        found.add(ENTRY, {"y": np.array([0, 9, 1, 1, 1]).reshape(1, 5, 1, 1)}, (0,))
        assert {"top1": [1]} == results(found)

    def test_ties_go_to_the_lower_class(self) -> None:
        """A quantised softmax ties; the answer is the same in every runtime."""
        found = scorer("classification")
        row = np.array([[7, 7, 0, 0, 0, 0, 0]], np.uint8)
        found.add(ENTRY, {"y": row}, (0,))
        found.add(ENTRY, {"y": row}, (1,))
        found.add(ENTRY, {"y": row}, (4,))
        found.add(ENTRY, {"y": row}, (5,))
        assert {"top1": [1, 0, 0, 0], "top5": [1, 1, 1, 0]} == results(found)

    def test_scores_that_are_no_numbers_are_wrong(self) -> None:
        """A network that gives NaN has no best class, not the first one."""
        found = scorer("classification")
        for row in ([np.nan] * 7, [0, np.nan, 1, 0, 0, 0, 0]):
            found.add(ENTRY, {"y": np.array([row])}, (0, 1, 2))
        assert {"top1": [0, 0], "top5": [0, 0]} == results(found)

    @pytest.mark.parametrize(
        ("outputs", "options", "message"),
        [
            ({"y": np.zeros((1, 8))}, "", "class id 8 is outside of the model's 8 classes"),
            ({"y": np.zeros((1, 8))}, "label_offset=-9", "class id 8 with label_offset -9 is outside"),
            ({"y": np.zeros((1, 8, 2))}, "", r"output of shape \[8, 2\] holds no score for each class"),
            ({"y": np.zeros((1, 9)), "z": np.zeros(1)}, "", "--dataset-options output: the model has several outputs"),
            ({"y": np.zeros((1, 9))}, "output=z", "the model has no output z"),
        ],
    )
    def test_what_cannot_be_judged(self, outputs: Any, options: str, message: str) -> None:
        """The class, the shape or the option is named, and nothing is counted."""
        found = scorer("classification", options)
        with pytest.raises(InputError, match=message):
            found.add(ENTRY, outputs, (8,))
        assert [] == results(found)["top1"]


class TestSegmentation:
    WANT = np.array([[0, 0, 1, 1], [0, 2, 1, 1]])

    def test_scores_that_are_no_numbers(self) -> None:
        """No class is the best there either; the sample is left out, with the reason."""
        with pytest.raises(InputError, match="holds NaN"):
            scorer("segmentation").add(ENTRY, {"y": np.full((1, 3, 2, 4), np.nan)}, {"y": self.WANT})

    def test_scores_of_classes_first_and_last(self) -> None:
        """[1, C, H, W] and [1, H, W, C] are the same map; counted are intersections, then unions, by class."""
        have = np.array([[0, 0, 1, 1], [0, 1, 1, 0]])
        planes = np.eye(4)[have]
        for output in (np.moveaxis(planes, -1, 0)[None], planes[None], have[None].astype(np.int64)):
            found = scorer("segmentation")
            found.add(ENTRY, {"y": output}, {"y": self.WANT})
            told = results(found)
            assert [6 / 8] == told["pixel_accuracy"]
            classes = len(told["mean_iou"][0]) // 2
            assert ([3, 3, 0], [4, 5, 1]) == (told["mean_iou"][0][:3], told["mean_iou"][0][classes : classes + 3])

    def test_ignored_pixels(self) -> None:
        """A class that does not count is left aside in both."""
        found = scorer("segmentation", "ignore=255")
        want = np.where(self.WANT == 2, 255, self.WANT)
        found.add(ENTRY, {"y": np.eye(3)[self.WANT][None]}, {"y": want})
        assert [1.0] == results(found)["pixel_accuracy"]

    @pytest.mark.parametrize(
        ("output", "want", "message"),
        [
            (np.zeros((1, 3, 5, 5)), WANT, r"a map of \[2, 4\] is expected, but the output is \[1, 3, 5, 5\]"),
            (np.zeros((1, 2, 2, 4)), WANT, "class ids of y are outside of the model's 2 classes"),
            (np.zeros((1, 3, 2, 4)), WANT.astype(float), "y is float64, not class ids"),
        ],
    )
    def test_what_cannot_be_judged(self, output: Any, want: Any, message: str) -> None:
        """Another size, another number of classes, no ids: each is named."""
        with pytest.raises(InputError, match=message):
            scorer("segmentation").add(ENTRY, {"y": output}, {"y": want})


class TestRegression:
    def test_errors_by_hand(self) -> None:
        """Mean absolute and square errors of each sample, over all its outputs, and the cosine."""
        found = scorer("regression")
        found.add(
            ENTRY, {"a": np.array([1.0, 2.0]), "b": np.array([3.0])}, {"a": np.array([1.0, 0.0]), "b": np.array([4.0])}
        )
        told = results(found)
        assert ([1.0], [pytest.approx(5 / 3)]) == (told["mae"], told["rmse"])
        assert [pytest.approx(13 / (14 * 17) ** 0.5)] == told["cosine"]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_not_finite(self, bad: float) -> None:
        """NaN is no error that could be averaged."""
        with pytest.raises(InputError, match="NaN or infinity"):
            scorer("regression").add(ENTRY, {"y": np.array([bad])}, {"y": np.array([1.0])})

    def test_another_shape(self) -> None:
        """The dataset's shape and the model's are both told."""
        with pytest.raises(InputError, match=r"y is expected as \[3\], but the output is \[1, 2\]"):
            scorer("regression").add(ENTRY, {"y": np.zeros((1, 2))}, {"y": np.zeros(3)})


def test_a_task_without_a_judge() -> None:
    """A plugin's judge is asked for, and there is none."""
    with pytest.raises(InputError, match="nothing here evaluates the task judged"):
        scorer_for("judged", DatasetOptions(), None, lambda entry: pytest.fail("no size"))
