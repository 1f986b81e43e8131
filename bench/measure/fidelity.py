"""Are the outputs right: against a reference run of the same model on the same inputs.

A fast wrong answer is not a result. How much may differ depends on the precision that the arithmetic ran in: the
thresholds below are loose enough for honest rounding through a deep network, and far tighter than a broken operator,
a swapped channel or a wrong layout leaves. SQNR stands beside the cosine because the cosine alone cannot see a wrong
scale.

Quantised arithmetic legitimately differs between engines, now and then by much: an input near a decision's border is
carried over it by one rounding. So a quarter of the inputs is disregarded, the worst (of fewer than four, none), and
the ranks of scores must agree. Seen on trained models (docs/quality.md): of honest runs three quarters of the inputs
have a cosine of 0.985 and an SQNR of 15 dB at least; with swapped channels or a wrong zero point 0.94 and 8.5 dB at
most, wherever the inputs can tell at all.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.contracts import Tensors
from bench.record import Fidelity, OutputFidelity

Array = NDArray[Any]


class Threshold(Struct, frozen=True):
    """Least cosine similarity, and least signal-to-quantisation-noise ratio in dB, of every output: on every input, or
    on three ``quarters`` of them. ``top5``: least share of inputs whose best class in the reference is among the five
    best measured, for scores."""

    cosine: float
    sqnr_db: float
    top5: float | None = None
    quarters: bool = False


THRESHOLDS: dict[str, Threshold] = {
    "float64": Threshold(0.9999, 35),
    "float32": Threshold(0.9999, 35),
    "float16": Threshold(0.99, 15),
    "bfloat16": Threshold(0.99, 15),
    "int8": Threshold(0.96, 10, 0.9, quarters=True),
    "uint8": Threshold(0.96, 10, 0.9, quarters=True),
}
LEAST_STRICT = Threshold(0.95, 8)  # of a precision that the runtime does not tell, or that is not in the table
EXACT = ("float32", "float64")
"""Precisions in which another engine must generate the same tokens and the same integers."""


class _Pair(Struct, frozen=True):
    """One output over all inputs: its name in the reference, and both sides of each input."""

    name: str
    expected: tuple[Array, ...]
    actual: tuple[Array, ...]


class _Finding(Struct, frozen=True):
    """What one output shows. ``ok`` None: it decides nothing, and ``reason`` says why."""

    output: OutputFidelity
    ok: bool | None
    reason: str = ""


def threshold_of(executed_precision: str | None, quantised: bool = False) -> Threshold:
    """The threshold of the least exact arithmetic in ``executed_precision`` (``int8+bfloat16``: of int8); that of int8
    for a ``quantised`` model whatever it ran in, because its integers round alike."""
    parts = ["int8"] if quantised else (executed_precision or "").split("+")
    known = [THRESHOLDS[part] for part in parts if part in THRESHOLDS]
    return min(known, key=lambda t: t.cosine) if len(known) == len(parts) else LEAST_STRICT


def compare_outputs(
    reference: Sequence[Tensors],
    measured: Sequence[Tensors],
    executed_precision: str | None,
    reference_name: str,
    quantised: bool = False,
) -> Fidelity:
    """Compare outputs, one mapping an input, by the threshold of ``executed_precision`` ("" or None: unknown) and of
    whether the model is ``quantised``.

    Outputs are matched by name; where the names differ but their number and shapes agree, by position. Where that
    fails too, nothing is compared and ``ok`` is None. ``ok`` is False as soon as one output fails.
    """
    threshold = threshold_of(executed_precision, quantised)
    rule = _rule_text(executed_precision, threshold, quantised)
    if not reference or len(reference) != len(measured):
        return _nothing(reference_name, rule, f"{len(reference)} reference runs against {len(measured)} measured")
    pairs = _match(reference, measured)
    if not pairs:
        expected, actual = ", ".join(reference[0]) or "none", ", ".join(measured[0]) or "none"
        return _nothing(reference_name, rule, f"outputs cannot be matched: reference {expected}; measured {actual}")
    findings = [_judge(pair, threshold, executed_precision in EXACT) for pair in pairs]
    verdicts = [finding.ok for finding in findings if finding.ok is not None]
    outputs = tuple(finding.output for finding in findings)
    return Fidelity(
        reference=reference_name,
        inputs=len(reference),
        cosine_min=_least(output.cosine for output in outputs),
        sqnr_db_min=_least(output.sqnr_db for output in outputs),
        top1_agreement=_least(output.top1_agreement for output in outputs),
        top5_agreement=_least(output.top5_agreement for output in outputs),
        outputs=outputs,
        ok=all(verdicts) if verdicts else None,
        rule=rule,
        reason="; ".join(f"{f.output.name}: {f.reason}" for f in findings if f.reason),
    )


def compare_tokens(
    reference_ids: Sequence[int],
    ids: Sequence[int],
    executed_precision: str | None,
    reference_name: str = "reference",
) -> Fidelity:
    """Compare greedily generated tokens. All equal is ok; a difference is not in float32, and undecided in a lower
    precision: two logits nearly equal may then honestly change places, and every later token follows the first."""
    compared = min(len(reference_ids), len(ids))
    same = [int(a) == int(b) for a, b in zip(reference_ids, ids, strict=False)]
    prefix = same.index(False) if False in same else compared
    exact = executed_precision in EXACT
    rule = (
        f"{executed_precision}: every token equal"
        if exact
        else f"{executed_precision or 'unknown precision'}: every token equal, else reported only"
    )
    if compared == 0:
        return _nothing(reference_name, rule, "no tokens to compare")
    ok: bool | None = prefix == len(reference_ids) == len(ids)
    reason = ""
    if prefix < compared and not exact:
        ok = None
        reason = "rounding may honestly swap two nearly equal logits, and all later tokens follow the first swap"
    elif prefix < compared:
        reason = f"token {prefix + 1} is {int(ids[prefix])}, and {int(reference_ids[prefix])} in the reference"
    elif not ok:
        reason = f"{len(ids)} tokens, and {len(reference_ids)} in the reference"
    return Fidelity(
        reference=reference_name,
        inputs=1,
        token_prefix=prefix,
        tokens_compared=compared,
        ok=ok,
        rule=rule,
        reason=reason,
    )


def _rule_text(precision: str | None, threshold: Threshold, quantised: bool) -> str:
    figures = f"cosine ≥ {threshold.cosine}, SQNR ≥ {threshold.sqnr_db:g} dB"
    if threshold.quarters:
        figures = f"on ¾ of the inputs {figures}; best class among the five best on {100 * (threshold.top5 or 0):g} %"
    if precision in EXACT and not quantised:
        return f"{precision}: {figures}, integer outputs equal"
    if quantised:
        return f"quantised model, ran in {precision or 'an unknown precision'}: {figures}"
    if threshold is LEAST_STRICT:
        return f"{precision or 'unknown precision'}: the least strict threshold, {figures}"
    return f"{precision}: {figures}"


def _nothing(reference: str, rule: str, reason: str) -> Fidelity:
    return Fidelity(reference=reference, ok=None, rule=rule, reason=reason)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


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


def _judge(pair: _Pair, threshold: Threshold, exact: bool) -> _Finding:
    """One output against its threshold."""
    found = (_obstacle(expected, actual) for expected, actual in zip(pair.expected, pair.actual, strict=True))
    obstacles = sorted((one for one in found if one is not None), key=lambda one: one[0] is not False)
    if obstacles:  # a wrong output first: what cannot be compared on another input hides it not
        ok, reason = obstacles[0]
        return _Finding(OutputFidelity(name=pair.name), ok, reason)
    output = _worst(pair.name, [_figures(e, a) for e, a in zip(pair.expected, pair.actual, strict=True)])
    if output.identical:
        return _Finding(output, True)
    if all(_exact_integers(array) for array in (*pair.expected, *pair.actual)):
        if exact:
            return _Finding(output, False, "integers differ from the reference")
        return _Finding(output, None, "integers differ from the reference, as a lower precision may cause")
    return _held(output, threshold)


def _held(output: OutputFidelity, threshold: Threshold) -> _Finding:
    """The figures of one output against its threshold."""
    cosine, sqnr, of = output.cosine, output.sqnr_db, ""
    if threshold.quarters:
        cosine, sqnr, of = output.cosine_quartile, output.sqnr_db_quartile, " on more than a quarter of the inputs"
    if cosine is not None and cosine < threshold.cosine:
        return _Finding(output, False, f"cosine {cosine:.6f} is below {threshold.cosine}{of}")
    if sqnr is not None and sqnr < threshold.sqnr_db:
        return _Finding(output, False, f"SQNR {sqnr:.1f} dB is below {threshold.sqnr_db:g} dB{of}")
    if threshold.top5 is not None and output.top5_agreement is not None and output.top5_agreement < threshold.top5:
        share = f"{100 * output.top5_agreement:.0f} %"
        return _Finding(output, False, f"the best class is among the five best on {share} of the inputs")
    return _Finding(output, True)


def _obstacle(expected: Array, actual: Array) -> tuple[bool | None, str] | None:
    """Why no figures can be had of one output, and whether that alone is a failure; ``None`` when they can."""
    if expected.shape != actual.shape:
        shapes = f"shape {list(actual.shape)}, and {list(expected.shape)} in the reference"
        if sorted(expected.shape) == sorted(actual.shape):
            return None, f"{shapes}: another layout, not compared"
        return False, shapes
    if not (_numeric(expected) and _numeric(actual)):
        return None, f"{actual.dtype} against {expected.dtype}: not numbers, not compared"
    if np.array_equal(expected, actual):  # infinities too, as of a mask; NaN equals nothing
        return None
    if not np.isfinite(actual.astype(np.float64)).all():
        return False, "NaN or infinity in the output"
    if not np.isfinite(expected.astype(np.float64)).all():
        return None, "NaN or infinity in the reference, not compared"
    return None


def _numeric(array: Array) -> bool:
    return array.dtype.kind in "fiub" or array.dtype.name == "bfloat16"


def _exact_integers(array: Array) -> bool:
    """Indices, counts and flags; 8-bit integers are quantised values, which are compared as numbers."""
    return array.dtype.kind == "b" or (array.dtype.kind in "iu" and array.dtype.itemsize > 1)


def _figures(expected: Array, actual: Array) -> OutputFidelity:
    """One output on one input. The cosine of two zero vectors is 1; of a zero vector and another, 0."""
    e, a = expected.astype(np.float64).ravel(), actual.astype(np.float64).ravel()
    if np.array_equal(e, a):
        return OutputFidelity(
            name="",
            cosine=1.0,
            max_abs_error=0.0,
            top1_agreement=_among_best(e, a, expected, 1),
            identical=True,
            top5_agreement=_among_best(e, a, expected, 5),
        )
    error = np.abs(a - e)
    scale = max(float(np.abs(e).max()), float(np.abs(a).max()))  # squares of float64's largest would overflow
    e, a, noise = e / scale, a / scale, error / scale
    norms = float(np.linalg.norm(e) * np.linalg.norm(a))
    signal, noise_power = float(e @ e), float(noise @ noise)
    return OutputFidelity(
        name="",
        cosine=float(np.clip(e @ a / norms, -1, 1)) if norms else 0.0,
        sqnr_db=10 * (math.log10(signal) - math.log10(noise_power)) if signal and noise_power else None,
        max_abs_error=float(error.max()),
        top1_agreement=_among_best(e, a, expected, 1),
        top5_agreement=_among_best(e, a, expected, 5),
    )


def _among_best(e: Array, a: Array, like: Array, k: int) -> float | None:
    """Share of rows whose best class is also among the ``k`` best measured (or ties with them), for scores [N] or
    [B, N] with more than ``k`` classes, ones at the end ([1, 1000, 1, 1]) left aside; ``None`` for any other output."""
    shape = list(like.shape)
    while shape and shape[-1] == 1:
        shape.pop()
    if len(shape) == 1 and len(like.shape) == 1:
        shape = [1, *shape]
    if len(shape) != 2 or shape[1] <= k or shape[0] == 0 or _exact_integers(like):
        return None
    expected, actual = e.reshape(shape), a.reshape(shape)
    best = np.take_along_axis(actual, expected.argmax(axis=1)[:, np.newaxis], axis=1)
    return float(((actual > best).sum(axis=1) < k).mean())


def _worst(name: str, figures: Sequence[OutputFidelity]) -> OutputFidelity:
    """One output over all inputs: its worst figures, those that three quarters of the inputs reach, and the means of
    the ranks' agreement."""
    cosines = sorted(f.cosine for f in figures if f.cosine is not None)
    ratios = sorted(math.inf if f.identical else -math.inf if f.sqnr_db is None else f.sqnr_db for f in figures)
    quartile = ratios[len(ratios) // 4]
    return OutputFidelity(
        name=name,
        cosine=_least(cosines),
        sqnr_db=_least(f.sqnr_db for f in figures),
        max_abs_error=max((f.max_abs_error for f in figures if f.max_abs_error is not None), default=None),
        top1_agreement=_mean(f.top1_agreement for f in figures),
        identical=all(f.identical for f in figures),
        cosine_quartile=cosines[len(cosines) // 4] if cosines else None,
        sqnr_db_quartile=quartile if math.isfinite(quartile) else None,
        top5_agreement=_mean(f.top5_agreement for f in figures),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
