"""Are the outputs right: against a reference run of the same model on the same inputs.

A fast wrong answer is not a result. How much may differ depends on the precision that the arithmetic ran in: the
thresholds below are loose enough for honest rounding through a deep network, and far tighter than a broken operator,
a swapped channel or a wrong layout leaves. SQNR stands beside the cosine because the cosine alone cannot see a wrong
scale.
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
    """Least cosine similarity, and least signal-to-quantisation-noise ratio in dB, of every output on every input."""

    cosine: float
    sqnr_db: float


THRESHOLDS: dict[str, Threshold] = {
    "float64": Threshold(0.9999, 35),
    "float32": Threshold(0.9999, 35),
    "float16": Threshold(0.99, 15),
    "bfloat16": Threshold(0.99, 15),
    "int8": Threshold(0.95, 8),
    "uint8": Threshold(0.95, 8),
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


def compare_outputs(
    reference: Sequence[Tensors], measured: Sequence[Tensors], executed_precision: str | None, reference_name: str
) -> Fidelity:
    """Compare outputs, one mapping an input, by the threshold of ``executed_precision`` ("" or None: unknown).

    Outputs are matched by name; where the names differ but their number and shapes agree, by position. Where that
    fails too, nothing is compared and ``ok`` is None. ``ok`` is False as soon as one output fails.
    """
    threshold = THRESHOLDS.get(executed_precision or "", LEAST_STRICT)
    rule = _rule_text(executed_precision, threshold)
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


def _rule_text(precision: str | None, threshold: Threshold) -> str:
    figures = f"cosine ≥ {threshold.cosine}, SQNR ≥ {threshold.sqnr_db:g} dB"
    if precision in EXACT:
        return f"{precision}: {figures}, integer outputs equal"
    if precision in THRESHOLDS:
        return f"{precision}: {figures}"
    return f"{precision or 'unknown precision'}: the least strict threshold, {figures}"


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
    for expected, actual in zip(pair.expected, pair.actual, strict=True):
        obstacle = _obstacle(expected, actual)
        if obstacle is not None:
            ok, reason = obstacle
            return _Finding(OutputFidelity(name=pair.name), ok, reason)
    output = _worst(pair.name, [_figures(e, a) for e, a in zip(pair.expected, pair.actual, strict=True)])
    if output.identical:
        return _Finding(output, True)
    if all(_exact_integers(array) for array in (*pair.expected, *pair.actual)):
        if exact:
            return _Finding(output, False, "integers differ from the reference")
        return _Finding(output, None, "integers differ from the reference, as a lower precision may cause")
    if output.cosine is not None and output.cosine < threshold.cosine:
        return _Finding(output, False, f"cosine {output.cosine:.6f} is below {threshold.cosine}")
    if output.sqnr_db is not None and output.sqnr_db < threshold.sqnr_db:
        return _Finding(output, False, f"SQNR {output.sqnr_db:.1f} dB is below {threshold.sqnr_db:g} dB")
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
    error = np.abs(a - e)
    if not error.any():
        return OutputFidelity(
            name="", cosine=1.0, max_abs_error=0.0, top1_agreement=_top1(e, a, expected), identical=True
        )
    scale = max(float(np.abs(e).max()), float(np.abs(a).max()))  # squares of float64's largest would overflow
    e, a, noise = e / scale, a / scale, error / scale
    norms = float(np.linalg.norm(e) * np.linalg.norm(a))
    signal, noise_power = float(e @ e), float(noise @ noise)
    return OutputFidelity(
        name="",
        cosine=float(np.clip(e @ a / norms, -1, 1)) if norms else 0.0,
        sqnr_db=10 * (math.log10(signal) - math.log10(noise_power)) if signal and noise_power else None,
        max_abs_error=float(error.max()),
        top1_agreement=_top1(e, a, expected),
    )


def _top1(e: Array, a: Array, like: Array) -> float | None:
    """Share of rows whose best class is also the measured best (or ties with it), for scores [N] or [B, N] with at
    least two classes, ones at the end ([1, 1000, 1, 1]) left aside; ``None`` for any other output."""
    shape = list(like.shape)
    while shape and shape[-1] == 1:
        shape.pop()
    if len(shape) == 1 and len(like.shape) == 1:
        shape = [1, *shape]
    if len(shape) != 2 or shape[1] < 2 or shape[0] == 0 or _exact_integers(like):
        return None
    expected, actual = e.reshape(shape), a.reshape(shape)
    best = np.take_along_axis(actual, expected.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    return float((best == actual.max(axis=1)).mean())


def _worst(name: str, figures: Sequence[OutputFidelity]) -> OutputFidelity:
    """One output over all inputs: its worst figures, and the mean of top-1."""
    top1 = [f.top1_agreement for f in figures if f.top1_agreement is not None]
    return OutputFidelity(
        name=name,
        cosine=_least(f.cosine for f in figures),
        sqnr_db=_least(f.sqnr_db for f in figures),
        max_abs_error=max((f.max_abs_error for f in figures if f.max_abs_error is not None), default=None),
        top1_agreement=sum(top1) / len(top1) if top1 else None,
        identical=all(f.identical for f in figures),
    )
