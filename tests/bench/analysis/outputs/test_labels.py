"""Labels, indices, flags and texts: right by the fraction that is equal. Outputs that show nothing."""

from typing import Any

import numpy as np
import pytest

from bench.analysis.outputs.fidelity import compare_outputs
from bench.record.record import Fidelity


def one(expected: object, actual: object, precision: str = "float32") -> Fidelity:
    """Compare one output, called y, of one input."""
    return compare_outputs([{"y": np.asarray(expected)}], [{"y": np.asarray(actual)}], precision, "ort:cpu float32")


class TestLabels:
    """Outputs that are equal or not, by the fraction that is."""

    def judged(self, wrong: int, total: int, precision: str, dtype: Any = np.int64) -> Fidelity:
        """``wrong`` of ``total`` labels are others."""
        expected = np.arange(total).astype(dtype)
        actual = expected.copy()
        actual[:wrong] = ~actual[:wrong] if dtype is np.bool_ else actual[:wrong] + 1
        return one(expected, actual, precision)

    @pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.int32, np.int64, np.uint16, np.uint64])
    def test_one_label_is_exact_in_float32(self, dtype: Any) -> None:
        """In float32 a single index or flag of a hundred that differs is a failure."""
        assert self.judged(0, 100, "float32", dtype).ok is True
        found = self.judged(1, 100, "float32", dtype)
        assert (found.ok, found.outputs[0].equal_fraction, found.by_degree) == (False, 0.99, False)

    def test_near_ties_of_a_million_pixels(self) -> None:
        """Rounding decides a few of a million labels in float32; a hundredth of them is an error."""
        assert self.judged(50, 1_000_000, "float32").ok is True
        assert self.judged(10_000, 1_000_000, "float32").ok is False

    @pytest.mark.parametrize(
        ("precision", "wrong", "ok"),
        [
            ("bfloat16", 84, False),
            ("bfloat16", 100, False),
            ("bfloat16", 12, False),
            ("bfloat16", 7, None),
            ("bfloat16", 5, True),
            ("float16", 5, False),
            ("float16", 1, True),
            ("int8", 25, False),
            ("int8", 10, True),
            ("", 84, False),
        ],
    )
    def test_of_a_hundred_labels(self, precision: str, wrong: int, ok: bool | None) -> None:
        """What near ties explain is right, what they cannot is wrong, and what may be either is not decided."""
        found = self.judged(wrong, 100, precision)
        assert found.ok is ok
        assert f"{wrong} % of 100 integers differ" in str(found.reason)

    def test_few_labels_are_not_decided(self) -> None:
        """One of two classes in bfloat16 may be a near tie; four of four are an error."""
        assert self.judged(1, 2, "bfloat16").ok is None
        assert self.judged(4, 4, "bfloat16").ok is False

    @pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16", "int8", ""])
    def test_flipped_flags(self, precision: str) -> None:
        """All flags turned are wrong in every precision."""
        found = one(np.arange(20) % 3 == 0, np.arange(20) % 3 != 0, precision)
        assert (found.ok, str(found.reason)) == (False, "y: 100 % of 20 flags differ from the reference")

    def test_a_wrong_integer_beside_a_right_float(self) -> None:
        """The float agrees; the labels decide."""
        scores = np.random.default_rng(0).normal(size=(50, 9))
        right = {"scores": scores, "label": scores.argmax(axis=1)}
        wrong = {"scores": scores, "label": scores.argmax(axis=1) + 1}
        found = compare_outputs([right], [wrong], "bfloat16", "r")
        assert (found.ok, found.by_degree) == (False, False)
        assert str(found.reason) == "label: 100 % of 50 integers differ from the reference"
        few = {"scores": scores[:2], "label": np.array([1, 2])}
        assert compare_outputs([few], [few | {"label": np.array([1, 3])}], "bfloat16", "r").ok is None

    def test_labels_of_scores_that_tie(self) -> None:
        """Labels that follow from their own scores, which agree, differ by near ties: wrong, but by degree."""
        rng = np.random.default_rng(0)
        expected = 8 + 1e-3 * rng.normal(size=(100, 90))
        actual = np.round(expected * 16) / 16  # what bfloat16 keeps near 8
        sides = [{"s": side, "label": side.argmax(axis=1)} for side in (expected, actual)]
        found = compare_outputs(sides[:1], sides[1:], "bfloat16", "r")
        assert (found.ok, found.by_degree) == (False, True)
        assert "near ties" in str(found.reason)

    def test_a_constant_output_explains_no_label(self) -> None:
        """Zeros beside wrong labels: every class ties there, which says nothing of the labels."""
        right = {"zeros": np.zeros((4, 20)), "label": np.array([3, 1, 4, 1])}
        wrong = right | {"label": right["label"] + 1}
        found = compare_outputs([right], [wrong], "bfloat16", "r")
        assert (found.ok, found.by_degree) == (False, False)

    def test_other_widths_are_the_same_integers(self) -> None:
        """An engine that keeps 64-bit indices in 32 bits gives the same ones."""
        assert one(np.array([7, 8]), np.array([7, 8], np.int32)).ok is True

    def test_quantised_values_are_numbers(self) -> None:
        """8-bit outputs are judged by the threshold, not by equality."""
        assert one(np.array([[10, 200, 30]], np.uint8), np.array([[11, 199, 30]], np.uint8), "int8").ok is True

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float32, np.float16, np.int64])
    def test_labels_stored_as_numbers(self, dtype: Any) -> None:
        """Outputs that the graph names as labels are equal or not, whatever their type: class 41 is not nearly 40."""
        expected = np.arange(100).reshape(1, 100).astype(dtype)
        found = [
            compare_outputs([{"y": expected}], [{"y": actual}], "bfloat16", "r", labels=("y",))
            for actual in (expected, expected + np.array(1, dtype))
        ]
        assert [(one.ok, one.outputs[0].equal_fraction) for one in found] == [(True, 1.0), (False, 0.0)]
        assert found[1].outputs[0].cosine is None

    def test_float_labels_of_scores_that_tie(self) -> None:
        """Labels stored as floats are compared with their scores as whole numbers are."""
        rng = np.random.default_rng(0)
        expected = 8 + 1e-3 * rng.normal(size=(100, 90))
        actual = np.round(expected * 16) / 16
        sides = [{"s": side, "label": side.argmax(axis=1).astype(np.float32)} for side in (expected, actual)]
        found = compare_outputs(sides[:1], sides[1:], "bfloat16", "r", labels=("label",))
        assert (found.ok, found.by_degree) == (False, True)

    @pytest.mark.parametrize("dtype", [object, str])
    def test_texts(self, dtype: Any) -> None:
        """Texts are equal or not; a text against a number is not compared."""
        cats = np.array(["cat", "dog", "cat"], dtype)
        assert one(cats, np.array(["cat", "dog", "cat"])).ok is True
        found = one(cats, np.array(["cat", "dog", "dog"]))
        assert (found.ok, str(found.reason)) == (False, "y: 33 % of 3 texts differ from the reference")
        assert one(cats, np.arange(3.0)).ok is None


class TestShowsNothing:
    """Outputs that would be the same had the engine ignored its input."""

    @pytest.mark.parametrize("shape", [(0, 6), (0,), (1, 0)])
    def test_empty(self, shape: tuple[int, ...]) -> None:
        """No detections on either side: nothing was compared, and there is no cosine."""
        found = one(np.empty(shape), np.empty(shape))
        assert (found.ok, found.cosine_min, str(found.reason)) == (None, None, "y: no elements")

    @pytest.mark.parametrize("value", [0.0, 3.5, True, 7])
    def test_constant(self, value: Any) -> None:
        """The same value everywhere, also where the output is equal to it but for rounding."""
        found = one(np.full((1, 20), value), np.full((1, 20), value))
        assert (found.ok, "everywhere, which shows nothing" in str(found.reason)) == (None, True)

    def test_constant_and_another(self) -> None:
        """Zeros against a billionth show nothing; against a thousandth they are wrong."""
        assert one(np.zeros(20), np.full(20, 1e-9)).ok is None
        found = one(np.zeros(20), np.full(20, 1e-3))
        assert (found.ok, str(found.reason)) == (False, "y: values up to 0.001 where the reference is zero")

    def test_the_same_for_every_input(self) -> None:
        """A reference that does not depend on the input."""
        found = compare_outputs([{"y": np.arange(3.0)}] * 4, [{"y": np.arange(3.0)}] * 4, "float32", "r")
        assert (found.ok, str(found.reason)) == (
            None,
            "y: the reference is the same for every input, which shows nothing",
        )
        wrong = [{"y": np.arange(3.0) + 1}] * 4
        assert compare_outputs([{"y": np.arange(3.0)}] * 4, wrong, "float32", "r").ok is False

    def test_beside_one_that_tells(self) -> None:
        """A constant beside an output that tells is said, and does not undo it."""
        both = {"y": np.arange(3.0), "anchors": np.ones((4, 2)), "none": np.empty((0, 4))}
        found = compare_outputs([both], [both], "float32", "r")
        assert found.ok is True
        assert "anchors: the reference is 1.0 everywhere" in str(found.reason)
        rounded = both | {"anchors": np.ones((4, 2)) + 1e-9, "zeros": np.full((1, 8), 1e-9)}
        both = both | {"zeros": np.zeros((1, 8))}
        assert compare_outputs([both], [rounded], "float32", "r").ok is True
        assert compare_outputs([both], [rounded | {"zeros": np.full((1, 8), 1e-3)}], "float32", "r").ok is False
