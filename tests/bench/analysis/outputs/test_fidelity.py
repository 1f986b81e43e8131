"""Fidelity: what counts as the same output, by precision, and what cannot be compared."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.analysis.outputs.fidelity import compare_outputs
from bench.analysis.outputs.tolerance import THRESHOLDS
from bench.record.record import Fidelity

VECTORS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=4), elements=st.floats(-1e6, 1e6, width=32))


def one(expected: object, actual: object, precision: str = "float32") -> Fidelity:
    """Compare one output, called y, of one input."""
    return compare_outputs([{"y": np.asarray(expected)}], [{"y": np.asarray(actual)}], precision, "ort:cpu float32")


def at_cosine(cosine: float) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors of that cosine."""
    return np.array([1.0, 0.0]), np.array([cosine, math.sqrt(1 - cosine**2)])


class TestFigures:
    @settings(deadline=None)
    @given(VECTORS)
    def test_same_is_identical(self, array: np.ndarray) -> None:
        """An output equals itself: cosine 1, no error, no ratio to an error of zero; a constant shows nothing."""
        found = one(array, array.copy())
        constant = array.size > 1 and bool((array == array.flat[0]).all())
        assert found.ok is (None if constant else True)
        assert (found.cosine_min, found.sqnr_db_min) == (1.0 if array.any() else None, None)
        assert (found.outputs[0].max_abs_error, found.outputs[0].identical) == (0.0, True)

    @settings(deadline=None)
    @given(VECTORS, st.integers(0, 2**32 - 1))
    def test_figures_are_in_range(self, array: np.ndarray, seed: int) -> None:
        """Whatever the outputs, a cosine is from −1 to 1 and no figure is NaN."""
        found = one(array, array + np.random.default_rng(seed).normal(0, 1, array.shape).astype(np.float32))
        assert found.cosine_min is None or -1 <= found.cosine_min <= 1
        assert found.sqnr_db_min is None or math.isfinite(found.sqnr_db_min)

    def test_by_hand(self) -> None:
        """Against [3, 4], [3, 3] has cosine 21/(5 √18), an SQNR of 10 log10(25/1) dB and an error of 1."""
        output = one([3.0, 4.0], [3.0, 3.0]).outputs[0]
        assert output.cosine == pytest.approx(21 / (5 * math.sqrt(18)), abs=1e-12)
        assert output.sqnr_db == pytest.approx(10 * math.log10(25), abs=1e-9)
        assert output.max_abs_error == 1.0

    def test_worst_input_counts(self) -> None:
        """Of several inputs the lowest cosine and SQNR and the largest error are kept."""
        good, bad = {"y": np.array([1.0, 0.0])}, {"y": np.array([0.5, 0.5])}
        found = compare_outputs([good, good, good], [good, bad, good], "float32", "r")
        assert found.inputs == 3
        assert found.cosine_min == pytest.approx(math.sqrt(0.5))
        assert found.outputs[0].max_abs_error == 0.5
        assert not found.outputs[0].identical

    def test_huge_values_do_not_overflow(self) -> None:
        """Values near float64's largest have figures too."""
        found = one(np.array([1e300, 1e300]), np.array([1e300, 0.999e300]))
        assert found.cosine_min == pytest.approx(1, abs=1e-6)

    def test_error_too_small_to_square(self) -> None:
        """An error whose square vanishes beside the values leaves no ratio, and passes."""
        found = one(np.array([1e300, 1e-10]), np.array([1e300, 2e-10]))
        assert (found.ok, found.sqnr_db_min) == (True, None)

    def test_top1_of_scores(self) -> None:
        """Agreement is the share of rows and inputs whose best class is the same."""
        first = {"y": np.array([[0.1, 0.9], [0.8, 0.2]])}
        second = {"y": np.array([[0.2, 0.8], [0.4, 0.6]])}
        assert compare_outputs([first, first], [first, second], "int8", "r").top1_agreement == 0.75

    def test_top1_of_a_convolutional_head(self) -> None:
        """Scores of shape [1, N, 1, 1] are a classification."""
        scores = np.arange(10.0).reshape(1, 10, 1, 1)
        assert one(scores, scores).top1_agreement == 1.0
        assert one(scores, -scores).top1_agreement == 0.0

    def test_top1_tie(self) -> None:
        """Of classes that tie the first is the answer, as a decoder takes it; the other does not agree too."""
        tied = np.array([[1, 9, 9]], np.uint8)
        assert one(np.array([[1, 9, 8]], np.uint8), tied, "int8").top1_agreement == 1.0
        assert one(np.array([[1, 8, 9]], np.uint8), tied, "int8").top1_agreement == 0.0

    def test_top1_of_a_saturated_output(self) -> None:
        """All zero: agreement in 0 of 4, also where the best class is the first; saturated in one of four: 3 of 4."""
        rng = np.random.default_rng(0)
        scores = [{"y": rng.normal(size=(1, 20))} for _ in range(4)]
        scores[0]["y"][0, 0] = 9.0
        zero = [{"y": np.zeros((1, 20))}] * 4
        found = compare_outputs(scores, zero, "int8", "r")
        assert (found.top1_agreement, found.top5_agreement, found.ok) == (0.0, 0.0, False)
        clipped = [*scores[:3], {"y": np.clip(scores[3]["y"], -9, np.median(scores[3]["y"]))}]
        assert clipped[3]["y"].argmax() != scores[3]["y"].argmax()
        assert compare_outputs(scores, clipped, "int8", "r").top1_agreement == 0.75

    def test_top1_of_a_reference_without_a_best(self) -> None:
        """Rows in which the reference itself ties are left out."""
        tied = np.array([[1.0, 2.0, 2.0], [3.0, 1.0, 2.0]])
        assert one(tied, tied).top1_agreement == 1.0
        assert one(tied[:1], tied[:1]).top1_agreement is None

    @pytest.mark.parametrize("shape", [(1, 4, 8, 8), (1, 1), (1, 100, 2)])
    def test_no_top1_where_nothing_is_classified(self, shape: tuple[int, ...]) -> None:
        """Maps, single values and boxes have no best class."""
        assert one(np.ones(shape), np.ones(shape)).top1_agreement is None


class TestThresholds:
    @pytest.mark.parametrize("precision", list(THRESHOLDS))
    def test_cosine_on_both_sides(self, precision: str) -> None:
        """Half as far off as the threshold allows passes; twice as far fails, and says by what."""
        off = 1 - THRESHOLDS[precision].cosine
        assert one(*at_cosine(1 - off / 2), precision).ok is True
        found = one(*at_cosine(1 - 2 * off), precision)
        assert found.ok is False
        assert str(found.reason).startswith("y: cosine")

    @pytest.mark.parametrize("precision", list(THRESHOLDS))
    def test_wrong_scale(self, precision: str) -> None:
        """An output twice as large has a perfect cosine and is still wrong."""
        found = one([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], precision)
        assert found.cosine_min == 1.0
        assert found.ok is False
        assert "SQNR 0.0 dB" in str(found.reason)

    def test_rule_is_stated(self) -> None:
        """The rule names the precision and both thresholds."""
        assert str(one([1.0], [1.0], "bfloat16").rule) == (
            "bfloat16: cosine ≥ 0.99, SQNR ≥ 15 dB; labels equal except for 5 %"
        )

    @pytest.mark.parametrize("precision", ["", None, "int4"])
    def test_unknown_precision_takes_the_least_strict(self, precision: str | None) -> None:
        """A precision not told or not known is held to the least strict threshold, and the rule says so."""
        expected, actual = at_cosine(0.96)
        found = compare_outputs([{"y": expected}], [{"y": actual}], precision, "r")
        assert found.ok is True
        assert "least strict" in str(found.rule)
        assert compare_outputs([{"y": expected}], [{"y": -actual}], precision, "r").ok is False

    def test_rounding_to_half_passes(self) -> None:
        """A thousand values rounded to float16 pass float16's threshold by far."""
        values = np.random.default_rng(0).normal(size=1000)
        assert one(values, values.astype(np.float16), "float16").ok is True

    def test_swapped_channels_fail_everywhere(self) -> None:
        """Two channels of an image swapped fail even the least strict threshold."""
        image = np.random.default_rng(0).normal(size=(1, 3, 16, 16))
        assert one(image, image[:, ::-1], "int8").ok is False


class TestQuantised:
    GOOD = np.linspace(1.0, 2.0, 12)

    def judged(self, *actual: Any, precision: str = "int8", quantised: bool = False) -> Fidelity:
        """One output [12] over as many inputs as are given, each expected as ``GOOD``, a little larger every time."""
        runs = [{"y": np.asarray(values) * (1 + i / 100)} for i, values in enumerate(actual)]
        expected = [{"y": self.GOOD * (1 + i / 100)} for i in range(len(runs))]
        return compare_outputs(expected, runs, precision, "r", quantised)

    def test_a_quarter_of_the_inputs_may_be_far_off(self) -> None:
        """One input of four carried over a border is no defect; one of three is, and two of four are."""
        near, far = self.GOOD * 1.01, self.GOOD[::-1] - 0.99
        found = self.judged(near, far, near, near)
        assert (found.ok, found.top5_agreement) == (False, 0.75)  # ranks count by themselves
        assert found.outputs[0].cosine_quartile == pytest.approx(1)
        turned = np.concatenate([[self.GOOD[-1]], self.GOOD[:-1]]) * np.linspace(1, 0.2, 12)
        grown = [1 + i / 100 for i in range(5)]
        five = zip((near, turned, near, near, turned), grown, strict=True)
        maps = [{"y": a.reshape(1, 1, 3, 4) * g} for a, g in five]
        expected = [{"y": self.GOOD.reshape(1, 1, 3, 4) * g} for g in grown]
        assert compare_outputs(expected[:4], maps[:4], "int8", "r").ok is True
        assert compare_outputs(expected[:3], maps[:3], "int8", "r").ok is False
        assert compare_outputs(expected[1:], maps[1:], "int8", "r").ok is False
        assert compare_outputs(expected[:4], maps[:4], "float16", "r").ok is False

    def test_ranks_must_agree(self) -> None:
        """Scores nearly equal in value, whose best class is not among the five best, are a mismatch."""
        expected = [{"y": i + 0.001 * np.arange(12.0)} for i in range(1, 5)]
        runs = [{"y": i + 0.001 * np.arange(12.0)[::-1]} for i in range(1, 5)]
        found = compare_outputs(expected, runs, "int8", "r")
        assert (found.ok, found.top1_agreement, found.top5_agreement) == (False, 0.0, 0.0)
        assert str(found.reason) == "y: the best class is among the five best on 0 % of the inputs"
        assert compare_outputs(expected, runs, "float16", "r").ok is True

    def test_top5_counts_ties_as_agreement(self) -> None:
        """Five classes above the reference's best are too many; a tie with the fifth is none."""
        expected = np.array([9.0, 1, 1, 1, 1, 1, 1])
        assert one(expected, np.array([3.0, 4, 4, 4, 4, 3, 1])).top5_agreement == 1.0
        assert one(expected, np.array([3.0, 4, 4, 4, 4, 4, 1])).top5_agreement == 0.0
        assert one(expected[:5], expected[:5]).top5_agreement is None

    @pytest.mark.parametrize(
        ("precision", "quantised", "rule"),
        [
            ("int8+bfloat16", False, "int8+bfloat16: on ¾ of the inputs cosine ≥ 0.96, SQNR ≥ 10 dB"),
            ("float32+bfloat16", False, "float32+bfloat16: cosine ≥ 0.99, SQNR ≥ 15 dB"),
            ("float32", True, "quantised model, ran in float32: on ¾ of the inputs cosine ≥ 0.96"),
            ("", True, "quantised model, ran in an unknown precision: on ¾"),
        ],
    )
    def test_the_least_exact_arithmetic_decides(self, precision: str, quantised: bool, rule: str) -> None:
        """Of several precisions the coarsest; of a quantised model always that of int8."""
        assert str(self.judged(self.GOOD, precision=precision, quantised=quantised).rule).startswith(rule)


class TestObstacles:
    @pytest.mark.parametrize(
        ("bad", "said"),
        [
            (math.nan, "NaN at 1 of 2 places where the reference has a number"),
            (math.inf, "infinity at 1 of 2 places where the reference has another value"),
            (-math.inf, "infinity at 1 of 2 places where the reference has another value"),
        ],
    )
    def test_not_finite(self, bad: float, said: str) -> None:
        """NaN or infinity where the reference is finite fails in any precision, and leaves no NaN in the record."""
        for precision in ("float32", "float16", "int8", ""):
            found = one([1.0, 2.0], [1.0, bad], precision)
            assert (found.ok, str(found.reason), found.by_degree) == (False, f"y: {said}", False)
            assert found.cosine_min is None

    def test_not_finite_reference(self) -> None:
        """A reference that is NaN decides nothing there; one that is infinite is not met by a number."""
        assert one([1.0, math.nan], [1.0, 2.0]).ok is None
        found = one([1.0, -math.inf], [1.0, 2.0])
        assert (found.ok, "where the reference is infinite" in str(found.reason)) == (False, True)
        assert one([1.0, -math.inf], [1.0, math.inf]).ok is False

    @pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
    def test_the_same_in_the_same_places(self, value: float) -> None:
        """Suppressed logits: infinities of one sign, and NaN, in the same places agree; the rest is compared."""
        rng = np.random.default_rng(0)
        expected = rng.normal(size=(1, 512))
        expected[0, ::7] = value
        actual = expected * 1.001
        found = one(expected, actual, "bfloat16")
        assert (found.ok, found.sqnr_db_min) == (True, pytest.approx(60, abs=0.1))
        assert "at 74 of 512 places, as in the reference" in str(found.reason)
        assert one(expected, actual + 1, "bfloat16").ok is False
        moved = np.roll(actual, 1)
        assert one(expected, moved, "bfloat16").ok is False

    @pytest.mark.parametrize("largest", [65504.0, 65536.01, 3.3895313892515355e38, 3.4028234663852886e38])
    def test_the_largest_number_for_infinity(self, largest: float) -> None:
        """An engine without infinities writes the largest number it has: recognised, and said."""
        found = one([1.0, 2.0, -math.inf], [1.0, 2.0, -largest], "float16")
        assert (found.ok, found.cosine_min) == (True, 1.0)
        assert f"−{largest:.6g}, about the largest number of " in str(found.reason)
        assert one([1.0, 2.0, -math.inf], [1.0, 2.0, largest], "float16").ok is False
        assert one([1.0, 2.0, -math.inf], [1.0, 2.0, -60000.0], "float16").ok is False

    def test_a_mask_beyond_float16(self) -> None:
        """Where the reference holds a number that float16 has not, infinity is that number in float16 only."""
        expected, actual = [1.0, 2.0, -1e9], [1.0, 2.0, -math.inf]
        assert one(expected, actual, "float16").ok is True
        assert one(expected, actual, "bfloat16").ok is False

    @pytest.mark.parametrize("mask", [-1e9, -3.4028234663852886e38])
    def test_a_mask_that_float16_cuts_off(self, mask: float) -> None:
        """An engine that ends at −65504 writes that for a mask; a result that it cuts off is wrong."""
        found = one([1.0, 2.0, mask], [1.0, 2.0, -65536.01], "float16")
        assert (found.ok, found.cosine_min) == (True, 1.0)
        assert f"−65536, about the largest number of float16, stands for −{-mask:.6g} at 1 of 3 places" in str(
            found.reason
        )
        assert one([1.0, 2.0, mask], [1.0, 2.0, 65504.0], "float16").ok is False
        assert one([1.0, 2.0, mask], [1.0, 2.0, -65504.0], "float32").ok is False
        assert one([1.0, 2.0, -100_000.0], [1.0, 2.0, -65504.0], "float16").ok is False

    def test_nothing_but_nan(self) -> None:
        """NaN on both sides everywhere leaves nothing to compare."""
        found = one([math.nan] * 3, [math.nan] * 3)
        assert (found.ok, "no number to compare" in str(found.reason)) == (None, True)

    def test_what_cannot_be_compared_hides_no_failure(self) -> None:
        """The reference of the first input is NaN, and the output of the second is."""
        finite, broken = {"y": np.array([1.0, 2.0])}, {"y": np.array([1.0, math.nan])}
        found = compare_outputs([broken, finite], [finite, broken], "float32", "r")
        assert (False, True) == (found.ok, str(found.reason).startswith("y: NaN at 1 of 2 places where the reference"))

    def test_what_cannot_be_compared_is_not_right(self) -> None:
        """An output that was not decided beside one that agrees leaves the whole undecided."""
        reference = {"a": np.arange(3.0), "b": np.zeros((1, 3, 8, 9))}
        measured = {"a": np.arange(3.0), "b": np.zeros((1, 8, 9, 3))}
        found = compare_outputs([reference], [measured], "float32", "r")
        assert (found.ok, "another layout" in str(found.reason)) == (None, True)

    def test_other_shape(self) -> None:
        """Another number of elements is a failure that names both shapes."""
        found = one(np.zeros((1, 10)), np.zeros((1, 11)))
        assert (found.ok, str(found.reason)) == (False, "y: shape [1, 11], but [1, 10] in the reference")

    def test_other_layout(self) -> None:
        """The same dimensions in another order are not compared."""
        found = one(np.zeros((1, 3, 8, 9)), np.zeros((1, 8, 9, 3)))
        assert found.ok is None
        assert "layout" in str(found.reason)

    def test_one_failure_fails_all(self) -> None:
        """One bad output among good ones fails the comparison and is named."""
        good = {"a": np.array([1.0, 2.0]), "b": np.array([1.0, 2.0])}
        bad = {"a": np.array([1.0, 2.0]), "b": np.array([-1.0, 2.0])}
        found = compare_outputs([good], [bad], "float32", "r")
        assert found.ok is False
        assert str(found.reason).startswith("b: ")
        assert [output.name for output in found.outputs] == ["a", "b"]


class TestMatching:
    def test_by_name(self) -> None:
        """Outputs in another order are matched by name."""
        reference = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}
        assert compare_outputs([reference], [dict(reversed(reference.items()))], "float32", "r").ok is True

    def test_by_position(self) -> None:
        """Outputs of other names, but of the same number and shapes, are matched by position."""
        found = compare_outputs([{"a": np.arange(3)}], [{"a/sink_port_0": np.arange(3)}], "float32", "r")
        assert found.ok is True
        assert found.outputs[0].name == "a"

    @pytest.mark.parametrize("measured", [{"b": np.ones(4)}, {"b": np.ones(3), "c": np.ones(3)}, {}])
    def test_cannot_be_matched(self, measured: dict[str, np.ndarray]) -> None:
        """Other names with other shapes or another number are not compared, and both sides are named."""
        found = compare_outputs([{"a": np.ones(3)}], [measured], "float32", "r")
        assert found.ok is None
        assert "reference a; measured" in str(found.reason)

    def test_other_number_of_inputs(self) -> None:
        """Another number of runs is not compared."""
        assert compare_outputs([{"a": np.ones(3)}], [], "float32", "r").ok is None
        assert compare_outputs([], [], "float32", "r").ok is None


def real_model(name: str) -> Path:
    """A real model beside the project; skips where it is absent."""
    beside = Path(__file__).resolve().parents[5] / "shared" / "realdata"
    path = Path(os.environ.get("ODB_REALDATA", beside)) / "models" / name
    if not path.is_file():
        pytest.skip(f"{name} is not there: set ODB_REALDATA to the folder of real models")
    return path


@pytest.mark.real
@pytest.mark.parametrize(("hint", "precision"), [("f32", "float32"), ("bf16", "bfloat16")])
@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("squeezenet_fp16.onnx", (1, 3, 224, 224), np.float16),
        ("mlperf_tiny_resnet.onnx", (1, 3, 32, 32), np.float32),
        ("ultraface_rfb_320.onnx", (1, 3, 240, 320), np.float32),
    ],
)
def test_two_engines_agree(name: str, shape: tuple[int, ...], dtype: type, hint: str, precision: str) -> None:
    """ONNX Runtime without optimisation and OpenVINO agree on real models in float32 and in bfloat16; and negated
    outputs, at the least strict threshold, do not."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    openvino = pytest.importorskip("openvino", reason="needs openvino")
    path, rng = real_model(name), np.random.default_rng(0)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    reference, measured = [], []
    for _ in range(2):
        image = rng.random(shape).astype(dtype)
        values = session.run(None, {session.get_inputs()[0].name: image})
        reference.append({o.name: v for o, v in zip(session.get_outputs(), values, strict=True)})
        measured.append({port.get_any_name(): value.copy() for port, value in compiled(image).items()})
    found = compare_outputs(reference, measured, precision, "ort:cpu float32")
    assert (found.ok, str(found.reason)) == (True, "")
    negated = [{key: -value for key, value in run.items()} for run in measured]
    assert compare_outputs(reference, negated, "int8", "ort:cpu float32").ok is False


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"])
def test_outputs_of_types_that_numpy_lacks(name: str) -> None:
    """Compared as the numbers they are: the same, one unit or step off at a few places, and another order."""
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, name))
    values = np.random.default_rng(0).integers(0, 7, 256).astype(np.float64)
    moved = values.copy()
    moved[::64] += 1 if "int" in name else values[::64] * 2.0**-8
    expected, near = values.astype(dtype), np.minimum(moved, 7).astype(dtype)
    assert (True, True) == (one(expected, expected).ok, one(expected, near, "bfloat16").ok)
    assert one(expected, np.roll(expected, 1)).ok is False
