"""Errors of known size, near zero and in every type: which are found, and which made-up inputs may bring about."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.analysis.outputs.fidelity import compare_outputs
from bench.analysis.outputs.tolerance import THRESHOLDS, UNIT_FLOOR
from bench.record.record import Fidelity


def one(expected: object, actual: object, precision: str = "float32") -> Fidelity:
    """Compare one output, called y, of one input."""
    return compare_outputs([{"y": np.asarray(expected)}], [{"y": np.asarray(actual)}], precision, "ort:cpu float32")


class TestNearZero:
    """Both sides are zero to within rounding: figures of a ratio mean nothing."""

    RNG = np.random.default_rng(3)
    TAILS = np.abs(RNG.normal(size=(1, 1, 40, 40))) * 2e-7  # a sigmoid where nothing was found
    OTHER = np.abs(RNG.normal(size=(1, 1, 40, 40))) * 2e-7

    @pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "int8", ""])
    def test_of_a_bounded_function(self, precision: str) -> None:
        """The text detector on a picture without text: right, and no cosine of rounding errors is stated."""
        found = compare_outputs([{"y": self.TAILS}], [{"y": self.OTHER}], precision, "r", bounded=["y"])
        assert (found.ok, found.cosine_min, found.sqnr_db_min) == (True, None, None)
        assert "which rounding at 1 explains" in str(found.reason)

    def test_what_float16_rounds_to_zero(self) -> None:
        """An engine without subnormal numbers answers 0 where a sigmoid gives 6e-6: not decided there, and the inputs
        with answers are compared. Of another function, and in float32, zeros are wrong."""
        small, zeros, large = self.TAILS * 60, self.TAILS * 0, np.linspace(0, 1, self.TAILS.size)
        large = large.reshape(self.TAILS.shape)

        def judged(reference: list[Any], measured: list[Any], precision: str = "float16", name: str = "y") -> Any:
            sides = ([{"y": values} for values in side] for side in (reference, measured))
            return compare_outputs(*sides, precision, "r", bounded=[name])

        alone = judged([small], [zeros])
        assert (alone.ok, "where float16 may round to 0: no number to compare" in str(alone.reason)) == (None, True)
        assert judged([small, large], [zeros, large * 1.001]).ok is True
        assert judged([small, large], [zeros, large * 2]).ok is False
        assert judged([large], [zeros]).ok is False
        assert judged([small], [zeros], precision="float32").ok is False
        assert judged([small], [zeros], name="another").ok is False

    def test_of_an_unknown_scale(self) -> None:
        """Where nothing says that values near 1 are computed, ten millionths may be all there is: not decided."""
        found = one(self.TAILS, self.OTHER)
        assert (found.ok, "too small to tell" in str(found.reason)) == (None, True)
        assert one(self.TAILS, self.TAILS * (1 + 1e-5)).ok is True

    def test_an_error_beyond_the_floor(self) -> None:
        """Near zero or not, a hundred steps are no rounding in float32."""
        found = compare_outputs([{"y": self.TAILS}], [{"y": self.OTHER + 1e-4}], "float32", "r", bounded=["y"])
        assert found.ok is False

    def test_beside_inputs_that_show_more(self) -> None:
        """One picture without text among three with some: the floor is that of the output's own magnitude."""
        loud = [{"y": self.RNG.random((1, 1, 40, 40))} for _ in range(3)]
        quiet, other = {"y": self.TAILS}, {"y": self.OTHER}
        assert compare_outputs([*loud, quiet], [*loud, other], "float32", "r").ok is True
        half = {"y": self.RNG.random((1, 1, 40, 40))}
        assert compare_outputs([*loud, quiet], [*loud, half], "bfloat16", "r").ok is False

    def test_a_flat_softmax_is_not_near_zero(self) -> None:
        """A thousand classes of a thousandth each, in another order: small, and wrong in every precision."""
        logits = self.RNG.normal(size=(4, 1000))
        soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for precision in ("float32", "bfloat16", "float16", "int8"):
            runs = [[{"y": row[np.newaxis]} for row in side] for side in (soft, soft[:, ::-1])]
            assert compare_outputs(*runs, precision, "r", bounded=["y"]).ok is False


FLOATS = [("float64", np.float64), ("float32", np.float32), ("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)]


class TestPlantedErrors:
    """Errors of known size, in every type that an output has: found at twice the limit, not at half of it."""

    @settings(deadline=None, max_examples=30)
    @given(st.sampled_from(FLOATS), st.integers(0, 2**32 - 1), st.integers(-8, 8), st.integers(32, 400))
    def test_floats(self, kind: tuple[str, Any], seed: int, power: int, size: int) -> None:
        """Noise at half the SQNR's limit is right and at twice the limit wrong, whatever the output's magnitude where
        its type can hold it. An error below the absolute floor says nothing, and is left out."""
        precision, dtype = kind
        rng = np.random.default_rng(seed)
        scale = 4.0**power if dtype is not np.float16 else 2.0**power
        expected = rng.normal(size=(1, 1, size)) * scale
        noise = rng.normal(size=expected.shape)
        noise *= np.linalg.norm(expected) / np.linalg.norm(noise) * 10 ** (-THRESHOLDS[precision].sqnr_db / 20)
        assume(float(np.abs(2.0 * noise).max()) > 1.1 * UNIT_FLOOR)
        for part, ok in ((0.5, True), (2.0, False)):
            found = one(expected.astype(dtype), (expected + part * noise).astype(dtype), precision)
            assert found.ok is ok

    @settings(deadline=None, max_examples=30)
    @given(
        st.sampled_from(FLOATS), st.integers(0, 2**32 - 1), st.sampled_from(["scale", "sign", "roll", "nan", "zero"])
    )
    def test_faults(self, kind: tuple[str, Any], seed: int, fault: str) -> None:
        """A wrong scale, sign, order, a NaN and a dead output are found in every type."""
        precision, dtype = kind
        expected = np.random.default_rng(seed).normal(size=(1, 1, 200)).astype(dtype)
        actual = expected.copy()
        actual[0, 0, 3] = np.nan if fault == "nan" else actual[0, 0, 3]
        actual = {"scale": actual * 2, "sign": -actual, "roll": np.roll(actual, 1), "zero": actual * 0}.get(
            fault, actual
        )
        assert one(expected, actual, precision).ok is False

    @settings(deadline=None, max_examples=40)
    @given(
        st.sampled_from(["float32", "float16", "bfloat16", "int8"]),
        st.sampled_from([np.bool_, np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64]),
        st.integers(150, 5000),  # of fewer, four times that fraction may still be chance in float16
        st.integers(0, 2**32 - 1),
    )
    def test_labels(self, precision: str, dtype: Any, size: int, seed: int) -> None:
        """Labels changed at half the fraction that near ties explain are right; at four times it, wrong."""
        flips, rng = THRESHOLDS[precision].flips, np.random.default_rng(seed)
        expected = rng.integers(0, 2, size).astype(dtype)
        for count, ok in ((int(flips * size / 2), True), (max(5, int(4 * flips * size)), False)):
            actual = expected.copy()
            places = rng.choice(size, count, replace=False)
            actual[places] = 1 - actual[places].astype(np.int8)
            assert one(expected, actual, precision).ok is ok

    @settings(deadline=None, max_examples=30)
    @given(st.sampled_from([np.int8, np.uint8]), st.integers(0, 2**32 - 1))
    def test_quantised_bytes(self, dtype: Any, seed: int) -> None:
        """Bytes one step off are right; bytes in another order are not."""
        rng = np.random.default_rng(seed)
        expected = rng.integers(-120 if dtype is np.int8 else 5, 120, (1, 1, 300)).astype(dtype)
        near = (expected + rng.integers(-1, 2, expected.shape)).astype(dtype)
        assert one(expected, near, "int8").ok is True
        assert one(expected, rng.permuted(expected, axis=2), "int8").ok is False


class TestByDegree:
    """Which mismatches made-up inputs may bring about."""

    RNG = np.random.default_rng(5)
    RIGHT = RNG.normal(size=(1, 1, 500))
    NOISE = RNG.normal(size=(1, 1, 500))

    @pytest.mark.parametrize(
        ("actual", "precision", "by_degree"),
        [
            (RIGHT + 0.4 * NOISE, "bfloat16", True),  # cosine 0.93
            (RIGHT + 0.4 * NOISE, "", True),
            (RIGHT + 0.4 * NOISE, "float32", False),  # no input makes float32 round so
            (NOISE, "bfloat16", False),
            (-RIGHT, "bfloat16", False),
            (3 * RIGHT, "bfloat16", False),
            (0 * RIGHT, "bfloat16", False),
        ],
    )
    def test_numbers(self, actual: np.ndarray, precision: str, by_degree: bool) -> None:
        """Less exact, but of the same direction and scale."""
        found = one(self.RIGHT, actual, precision)
        assert (found.ok, found.by_degree) == (False, by_degree)

    def test_all_that_fail(self) -> None:
        """One output that is simply wrong beside one that is less exact: wrong."""
        near = self.RIGHT + 0.4 * self.NOISE
        found = compare_outputs([{"a": self.RIGHT, "b": self.RIGHT}], [{"a": near, "b": -near}], "bfloat16", "r")
        assert (found.ok, found.by_degree) == (False, False)

    @pytest.mark.parametrize(
        ("shape", "precision", "by_degree"), [((4, 6), "bfloat16", True), ((4, 6), "float32", False)]
    )
    def test_another_number_of_rows(self, shape: tuple[int, ...], precision: str, by_degree: bool) -> None:
        """In a lower precision another number of things is found; in float32 it is not."""
        found = one(np.ones((3, 6)), np.ones(shape), precision)
        assert (found.ok, found.by_degree) == (False, by_degree)


class TestSlices:
    def test_wrong_scores_beside_right_boxes(self) -> None:
        """Coordinates up to 640 and scores up to 1 in one tensor: the figures over all hide that scores are wrong."""
        rng = np.random.default_rng(0)
        right = np.concatenate([rng.uniform(0, 640, (1, 500, 4)), rng.uniform(0, 1, (1, 500, 2))], axis=2)
        wrong = right.copy()
        wrong[..., 4:] = rng.uniform(0, 1, (1, 500, 2))
        found = one(right, wrong)
        assert (found.ok, found.sqnr_db_min) == (False, pytest.approx(62, abs=1))
        assert "one class, channel or coordinate has an SQNR of" in str(found.reason)
        assert one(right, right + rng.normal(0, 1e-4, right.shape)).ok is True
