"""Whether outputs are right, compared with a reference run of the same model on the same inputs.

A fast wrong answer is not a result. The tolerance depends on the precision that the arithmetic ran in and on the
magnitude of the values; docs/agreement.md states the rules with their reasons. SQNR is used in addition to the cosine
because the cosine does not detect a wrong scale; a floor is used in addition to both because neither is meaningful if
both sides are zero to within rounding.

Correct quantised engines may differ, sometimes by much: one rounding can move an input near a decision boundary across
it. So the worst quarter of the inputs is disregarded (with fewer than four inputs, none), and the ranks of scores must
agree. On trained models (docs/quality.md), three quarters of the inputs of correct runs have a cosine of at least 0.985
and an SQNR of at least 15 dB; with swapped channels or a wrong zero point at most 0.94 and 8.5 dB, if the inputs show
the difference at all.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis.outputs.figures import Figures, figures, least, over_all_inputs, ratio, weakest_slice_db
from bench.analysis.outputs.labels import ALPHA, chance, differing, discrete, follow_scores, texts
from bench.analysis.outputs.special_values import Places, places
from bench.analysis.outputs.tolerance import EXACT, UNIT_FLOOR, Threshold, rule_told, threshold_of
from bench.contracts import Tensors
from bench.contracts.element_types import EXTENDED
from bench.record.record import Fidelity, OutputFidelity
from bench.words import Sentence, sentence

Array = NDArray[Any]

RESOLVED = 20
"""An output whose values reach this many floors is distinguished from zero."""
SLICE_LOSS_DB, SLICE_FLOOR = 15, 1e-4
"""In an exact precision a slice may be this much below the threshold, unless its error is less than this fraction of
the output's magnitude."""
RELATED_COSINE, RELATED_GAIN = 0.5, 2.0
"""Beyond these an output is not a less exact form of the reference, but another answer or another scale."""
STEPS = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    **dict.fromkeys(("float8_e4m3fn", "float8_e4m3fnuz", "uint4"), 2.0**-3),
    **dict.fromkeys(("float8_e5m2", "float8_e5m2fnuz", "int4"), 2.0**-2),
    "float4_e2m1fn": 2.0**-1,
}
"""One rounding step at 1 of the type that an output is stored in; of integers one unit, compared with half their
range."""
SAID = 5  # outputs whose reasons are stated


class _Pair(Struct, frozen=True):
    """One output over all inputs: its name in the reference, and both sides of each input."""

    name: str
    expected: tuple[Array, ...]
    actual: tuple[Array, ...]


class _Finding(Struct, frozen=True):
    """What one output shows. ``ok`` None: not decided, and ``reason`` says why. ``informative``: whether a wrong output
    would have shown. ``by_degree``: whether a mismatch is one of degree, which the inputs may bring about."""

    output: OutputFidelity
    ok: bool | None
    reason: Sentence | str = ""
    informative: bool = True
    by_degree: bool = False


class _Rule(Struct, frozen=True):
    """What all outputs are judged by. ``bounded``: names of outputs that come from a function bounded by 1.
    ``labels``: names of outputs that hold labels, of whatever type."""

    threshold: Threshold
    exact: bool
    half: bool
    bounded: Collection[str] = ()
    labels: Collection[str] = ()

    def equal_or_not(self, pair: _Pair) -> bool:
        """Whether the elements of ``pair`` are equal or not, and nothing in between."""
        first, other = pair.expected[0], pair.actual[0]
        return pair.name in self.labels or (discrete(first) and discrete(other))


def compare_outputs(
    reference: Sequence[Tensors],
    measured: Sequence[Tensors],
    executed_precision: str | None,
    reference_name: str,
    quantised: bool = False,
    bounded: Collection[str] = (),
    labels: Collection[str] = (),
) -> Fidelity:
    """Compare outputs, one mapping an input, by the threshold of ``executed_precision`` ("" or None: unknown) and of
    whether the model is ``quantised``. ``bounded``: outputs of a sigmoid, softmax or the like.
    ``labels``: outputs that hold labels, indices or flags, also where their type is one of numbers.

    Outputs are matched by name; where the names differ but their number and shapes agree, by position. Where that
    fails too, nothing is compared and ``ok`` is None. ``ok`` is False as soon as one output fails, and True only where
    every output was decided and one of them could have shown an error.
    """
    rule = _rule(executed_precision, quantised, bounded, labels)
    text = rule_told(executed_precision, rule.threshold, quantised)
    if not reference or len(reference) != len(measured):
        why = sentence("outputs.numbers_of_runs", reference=len(reference), measured=len(measured))
        return nothing_compared(reference_name, text, why)
    findings = _findings(reference, measured, rule)
    if not findings:
        expected, actual = (list(side[0]) or sentence("outputs.none") for side in (reference, measured))
        why = sentence("outputs.not_matched", reference=expected, measured=actual)
        return nothing_compared(reference_name, text, why)
    return _summed_up(findings, len(reference), reference_name, text)


def within_rounding(first: Tensors, again: Tensors, executed_precision: str | None) -> tuple[bool, Fidelity]:
    """Whether two runs of one input differ by no more than ``executed_precision`` explains, and the comparison."""
    rule = _rule(executed_precision, False)
    findings = _findings([first], [again], rule)
    fine = bool(findings) and all(one.ok or (one.ok is None and not one.informative) for one in findings)
    return fine, _summed_up(findings, 1, "the first run", rule_told(executed_precision, rule.threshold, False))


def _rule(
    executed_precision: str | None, quantised: bool, bounded: Collection[str] = (), labels: Collection[str] = ()
) -> _Rule:
    half = "float16" in (executed_precision or "").split("+")
    exact = executed_precision in EXACT and not quantised
    return _Rule(threshold_of(executed_precision, quantised), exact, half, bounded, labels)


def _findings(reference: Sequence[Tensors], measured: Sequence[Tensors], rule: _Rule) -> list[_Finding]:
    pairs = _match(reference, measured)
    found = [_judge(pair, rule) for pair in pairs]
    return [_with_scores(one, pair, pairs, found, rule) for one, pair in zip(found, pairs, strict=True)]


def _summed_up(findings: Sequence[_Finding], inputs: int, reference_name: str, rule: Sentence) -> Fidelity:
    outputs = tuple(finding.output for finding in findings)
    failed = [finding for finding in findings if finding.ok is False]
    return Fidelity(
        reference=reference_name,
        inputs=inputs,
        cosine_min=least(output.cosine for output in outputs),
        sqnr_db_min=least(output.sqnr_db for output in outputs),
        top1_agreement=least(output.top1_agreement for output in outputs),
        top5_agreement=least(output.top5_agreement for output in outputs),
        outputs=outputs,
        ok=_decided(findings),
        rule=rule,
        reason=_reasons(findings),
        by_degree=all(finding.by_degree for finding in failed) if failed else None,
    )


def _decided(findings: Sequence[_Finding]) -> bool | None:
    if any(finding.ok is False for finding in findings):
        return False
    telling = [finding for finding in findings if finding.informative]
    if not telling or any(finding.ok is None for finding in telling):
        return None
    return True


def _reasons(findings: Sequence[_Finding]) -> Sentence | str:
    """What is wrong first, then what is not decided, what shows nothing, and what agrees with a note."""
    order = {False: 0, None: 1, True: 3}
    told = sorted((f for f in findings if f.reason), key=lambda f: 2 if not f.informative and f.ok else order[f.ok])
    said = [of_output(f.output.name, f.reason) for f in told[:SAID]]
    if len(told) > SAID:
        said.append(sentence("outputs.more", count=len(told) - SAID))
    return sentence("text.clauses", parts=said) if len(said) > 1 else said[0] if said else ""


def of_output(name: str, finding: Sentence | str) -> Sentence:
    """What was found, with the name of the output."""
    return sentence("outputs.of_output", output=name, finding=finding)


def nothing_compared(reference: str, rule: Sentence, reason: Sentence) -> Fidelity:
    """Nothing was decided, and why."""
    return Fidelity(reference=reference, ok=None, rule=rule, reason=reason)


def _match(reference: Sequence[Tensors], measured: Sequence[Tensors]) -> list[_Pair]:
    """Outputs side by side, or nothing where they cannot be matched."""
    expected, actual = list(reference[0]), list(measured[0])
    if set(expected) == set(actual):
        names = [(name, name) for name in expected]
    elif len(expected) == len(actual) and all(
        np.shape(reference[0][e]) == np.shape(measured[0][a]) for e, a in zip(expected, actual, strict=True)
    ):
        names = list(zip(expected, actual, strict=True))
    else:
        return []
    return [
        _Pair(e, tuple(np.asarray(run[e]) for run in reference), tuple(np.asarray(run[a]) for run in measured))
        for e, a in names
    ]


def _judge(pair: _Pair, rule: _Rule) -> _Finding:
    """One output by its rule."""
    obstacles = [_obstacle(e, a) for e, a in zip(pair.expected, pair.actual, strict=True)]
    found = sorted((one for one in obstacles if one is not None), key=lambda one: one[0] is not False)
    if found:  # a wrong output first: what cannot be compared on another input hides it not
        ok, reason = found[0]
        return _Finding(OutputFidelity(name=pair.name), ok, reason, by_degree=not rule.exact and _one_side(pair))
    if not any(array.size for array in pair.expected):
        empty = sentence("outputs.no_elements")
        return _Finding(OutputFidelity(name=pair.name, identical=True), None, empty, informative=False)
    if rule.equal_or_not(pair):
        return _judge_labels(pair, rule)
    return _judge_numbers(pair, rule)


def _obstacle(expected: Array, actual: Array) -> tuple[bool | None, Sentence] | None:
    """Why two arrays cannot be compared, and whether that alone is a failure; ``None`` when they can."""
    if expected.shape != actual.shape:
        shapes = {"actual": str(list(actual.shape)), "expected": str(list(expected.shape))}
        if sorted(expected.shape) == sorted(actual.shape):
            return None, sentence("outputs.layout_differs", **shapes)
        return False, sentence("outputs.shape_differs", **shapes)
    if texts(expected) != texts(actual) or not (_comparable(expected) and _comparable(actual)):
        return None, sentence("outputs.types_differ", actual=str(actual.dtype), expected=str(expected.dtype))
    return None


def _one_side(pair: _Pair) -> bool:
    """Whether shapes that differ do so along one side only, as the number of things found does."""
    sides = [(e.shape, a.shape) for e, a in zip(pair.expected, pair.actual, strict=True)]
    return all(len(e) == len(a) and sum(x != y for x, y in zip(e, a, strict=True)) <= 1 for e, a in sides)


def _comparable(array: Array) -> bool:
    return array.dtype.kind in "fiub" or texts(array) or array.dtype.name in EXTENDED


def _judge_labels(pair: _Pair, rule: _Rule) -> _Finding:
    wrong, total = differing(pair.expected, pair.actual)
    output = OutputFidelity(name=pair.name, identical=not wrong, equal_fraction=1 - wrong / total)
    what = "texts" if texts(pair.expected[0]) else "flags" if pair.expected[0].dtype.kind == "b" else "integers"
    if not wrong:
        blind = _shows_nothing_compared(pair.expected)
        return _Finding(output, True, blind, informative=not blind)
    differ = sentence(f"outputs.differ.{what}", share=wrong / total, total=total)
    if wrong / total <= rule.threshold.flips:
        return _Finding(output, True, sentence("outputs.near_ties", differ=differ))
    if chance(wrong, total, rule.threshold.flips) < ALPHA:
        return _Finding(output, False, differ)
    return _Finding(output, None, sentence("outputs.too_few_labels", differ=differ))


def _shows_nothing_compared(values: Sequence[Array]) -> Sentence | str:
    """Why equal outputs would not show an error; empty where they would."""
    total = sum(array.size for array in values)
    first = next(array for array in values if array.size).flat[0]
    if total > 1 and all(bool((array == first).all()) for array in values):
        return sentence("outputs.constant", value=str(first))
    if len(values) > 1 and all(np.array_equal(array, values[0]) for array in values[1:]):
        return sentence("outputs.same_for_every_input")
    return ""


def _with_scores(
    found: _Finding, pair: _Pair, pairs: Sequence[_Pair], findings: Sequence[_Finding], rule: _Rule
) -> _Finding:
    """Labels that differ: whether both sides' are the best of scores which themselves agree. Then the scores are so
    nearly equal that rounding decides between them."""
    if found.ok is not False or found.output.equal_fraction is None or rule.exact:
        return found
    for other, judged in zip(pairs, findings, strict=True):
        if not (judged.ok and judged.informative) or rule.equal_or_not(other):
            continue
        slack = rule.threshold.step
        if follow_scores(pair.expected, other.expected, slack) and follow_scores(pair.actual, other.actual, slack):
            why = sentence("outputs.follow_scores", differ=found.reason, scores=other.name)
            return _Finding(found.output, False, why, by_degree=True)
    return found


class _Numbers(Struct, frozen=True):
    """One input's side of a numeric output: where it is not finite, and the figures of the rest."""

    places: Places
    figures: Figures


def _judge_numbers(pair: _Pair, rule: _Rule) -> _Finding:
    sides = [(e.astype(np.float64), a.astype(np.float64)) for e, a in zip(pair.expected, pair.actual, strict=True)]
    half = rule.half or any(array.dtype == np.float16 for array in pair.actual)
    found = [_numbers(e, a, half, pair.name in rule.bounded) for e, a in sides]
    for why, ok in ((_first(n.places.wrong for n in found), False), (_first(n.places.unknown for n in found), None)):
        if why:
            return _Finding(OutputFidelity(name=pair.name), ok, why)
    note = _first(n.places.note for n in found)
    kept = [e[n.places.keep] for (e, _), n in zip(sides, found, strict=True)]
    if not any(array.size for array in kept):
        none = sentence("outputs.no_number", note=note)
        return _Finding(OutputFidelity(name=pair.name), None, none, informative=False)
    judged = _by_floor_or_figures(pair.name, [n.figures for n in found], rule, _step(pair, rule))
    weak = _weak_slice(sides, found, rule) if judged.ok else ""
    if weak:
        return _Finding(judged.output, False, weak)
    blind = _shows_nothing_compared(kept)
    if judged.ok is not False and blind:  # constant to within rounding, too
        return _Finding(judged.output, judged.ok, blind, informative=False)
    return _Finding(judged.output, judged.ok, judged.reason or note, by_degree=judged.by_degree)


def _first(reasons: Iterable[Sentence | str]) -> Sentence | str:
    return next((reason for reason in reasons if reason), "")


def _numbers(e: Array, a: Array, half: bool, bounded: bool) -> _Numbers:
    found = places(e, a, half, bounded)
    if not found.keep.all():
        return _Numbers(found, figures(e[found.keep], a[found.keep], ()))
    return _Numbers(found, figures(e.ravel(), a.ravel(), e.shape))


def _weak_slice(sides: Sequence[tuple[Array, Array]], found: Sequence[_Numbers], rule: _Rule) -> Sentence | str:
    """Which slice is wrong although the whole output is right; only in an exact precision, where normal errors are
    small in comparison."""
    if not rule.exact:
        return ""
    floor = max(UNIT_FLOOR, SLICE_FLOOR * max(one.figures.largest for one in found))
    whole = [side for side, one in zip(sides, found, strict=True) if one.places.keep.all()]
    weakest, limit = least(weakest_slice_db(e, a, floor) for e, a in whole), rule.threshold.sqnr_db - SLICE_LOSS_DB
    if weakest is None or weakest >= limit:
        return ""
    return sentence("outputs.weak_slice", sqnr_db=weakest, limit_db=limit)


def _step(pair: _Pair, rule: _Rule) -> float:
    """One rounding step at 1: of the arithmetic, or of the type that the output is stored in."""
    return max(rule.threshold.step, *(STEPS.get(side[0].dtype.name, 0.0) for side in (pair.expected, pair.actual)))


def _by_floor_or_figures(name: str, found: Sequence[Figures], rule: _Rule, step: float) -> _Finding:
    """By the figures; where they fail, by whether the error is less than rounding leaves at the output's magnitude."""
    threshold = rule.threshold
    largest = max(one.largest for one in found)
    relative, unit = step * largest, min(step, UNIT_FLOOR) if rule.exact else UNIT_FLOOR
    floor = max(relative, unit)
    settled = [not _passes(one, threshold) and one.max_abs_error <= floor for one in found]
    output = over_all_inputs(name, found, settled)
    held = _held(output, found, settled, threshold)
    if held is not None:
        return _Finding(output, False, held, by_degree=not rule.exact and _related(found, settled))
    if not any(settled):
        return _Finding(output, True)
    error = max(one.max_abs_error for one, by_floor in zip(found, settled, strict=True) if by_floor)
    if error <= relative or name in rule.bounded or largest >= RESOLVED * unit:
        code = "outputs.near_zero.at_its_magnitude" if error <= relative else "outputs.near_zero.at_one"
        return _Finding(output, True, sentence(code, error=error))
    return _Finding(output, None, sentence("outputs.near_zero.too_small", error=error, largest=largest))


def _passes(one: Figures, threshold: Threshold) -> bool:
    return (one.cosine is None or one.cosine >= threshold.cosine) and ratio(one, False) >= threshold.sqnr_db


def _related(found: Sequence[Figures], settled: Sequence[bool]) -> bool:
    """Whether the outputs that fail are less exact forms of the reference's: of its direction and its scale."""
    rest = [one for one, by_floor in zip(found, settled, strict=True) if not by_floor and not one.identical]
    return all(
        (one.cosine or 0.0) >= RELATED_COSINE and 1 / RELATED_GAIN <= (one.gain or 0.0) <= RELATED_GAIN for one in rest
    )


def _held(
    output: OutputFidelity, found: Sequence[Figures], settled: Sequence[bool], threshold: Threshold
) -> Sentence | None:
    """What of one output's figures is below its threshold."""
    cosine, of = output.cosine, "any_input"
    ratios = sorted(ratio(one, by_floor) for one, by_floor in zip(found, settled, strict=True))
    sqnr = ratios[0]
    if threshold.quarters:
        cosine, sqnr, of = output.cosine_quartile, ratios[len(ratios) // 4], "quarter"
    if cosine is not None and cosine < threshold.cosine:
        return sentence(f"outputs.cosine_below.{of}", cosine=cosine, limit=threshold.cosine)
    if sqnr < threshold.sqnr_db:
        if sqnr == float("-inf"):
            return sentence(f"outputs.not_zero.{of}", error=output.max_abs_error or 0)
        return sentence(f"outputs.sqnr_below.{of}", sqnr_db=sqnr, limit_db=threshold.sqnr_db)
    if threshold.top5 is not None and output.top5_agreement is not None and output.top5_agreement < threshold.top5:
        return sentence("outputs.top5_below", share=output.top5_agreement)
    return None
