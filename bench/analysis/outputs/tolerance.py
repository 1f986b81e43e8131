"""By how much outputs may differ: thresholds and floors by the precision that the arithmetic ran in.

docs/agreement.md gives the reasons.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from bench.contracts import TensorSpec
from bench.words import Sentence, sentence

STEPS = 8
"""Rounding steps that sums in another order may differ by, at the magnitude of the output."""
FLOAT32_STEP = 2.0**-23
UNIT_FLOOR = STEPS * FLOAT32_STEP
"""Difference that says nothing where values near 1 are computed on the way, as in a sigmoid or a softmax."""


class Threshold(Struct, frozen=True):
    """Minimum cosine similarity and minimum signal-to-quantisation-noise ratio in dB of every output: on every input,
    or on three ``quarters`` of them. ``top5``: minimum fraction of inputs whose best class in the reference is among
    the five best measured, for scores.

    ``step``: one rounding step at 1. ``flips``: fraction of labels, indices and flags that near ties may change.
    """

    cosine: float
    sqnr_db: float
    step: float
    flips: float
    top5: float | None = None
    quarters: bool = False


THRESHOLDS: dict[str, Threshold] = {
    "float64": Threshold(0.9999, 35, STEPS * 2.0**-52, 1e-4),
    "float32": Threshold(0.9999, 35, UNIT_FLOOR, 1e-4),
    "tf32": Threshold(0.999, 25, 2.0**-10, 0.01),
    "float16": Threshold(0.99, 15, 2.0**-10, 0.01),
    "bfloat16": Threshold(0.99, 15, 2.0**-7, 0.05),
    "int16": Threshold(0.99, 15, 2.0**-10, 0.01),
    "int8": Threshold(0.96, 10, 1 / 127, 0.1, 0.9, quarters=True),
    "uint8": Threshold(0.96, 10, 1 / 127, 0.1, 0.9, quarters=True),
}
LEAST_STRICT = Threshold(0.95, 8, 1 / 127, 0.1)  # for a precision that is unknown or not in the table
EXACT = ("float32", "float64")
"""Precisions in which another engine must generate the same tokens and the same integers."""
ACTIVATIONS = re.compile(r"w\d+a(\d+)")
"""Weights and activations apart, as ``w8a16``: what rounds is what is computed, so the activations decide."""


def threshold_of(executed_precision: str | None, quantised: bool = False) -> Threshold:
    """The threshold of the least exact arithmetic in ``executed_precision`` (``int8+bfloat16``: of int8); that of int8
    for a ``quantised`` model whatever it ran in, because its integers round in the same way."""
    parts = ["int8"] if quantised else [_arithmetic(part) for part in (executed_precision or "").split("+")]
    known = [THRESHOLDS[part] for part in parts if part in THRESHOLDS]
    return min(known, key=lambda t: t.cosine) if len(known) == len(parts) else LEAST_STRICT


def rounds_as_int8(specs: Iterable[TensorSpec], precision: str | None, float_reference: bool | None) -> bool:
    """Whether the threshold of int8 applies, whatever the arithmetic ran in: if the file states that an input or output
    (``specs``) is quantised, and if a model of int8 ``precision`` is compared with a float one. ``float_reference``
    null: it may be one."""
    said = any(spec.quantisation is not None for spec in specs)
    return said or (float_reference is not False and "int8" in (precision or ""))


def _arithmetic(part: str) -> str:
    apart = ACTIVATIONS.fullmatch(part)
    return f"int{apart[1]}" if apart else part


def rule_told(precision: str | None, threshold: Threshold, quantised: bool) -> Sentence:
    """The thresholds as a sentence, as the record states them."""
    thresholds = sentence(
        "outputs.thresholds.quarters" if threshold.quarters else "outputs.thresholds",
        cosine=threshold.cosine,
        sqnr_db=threshold.sqnr_db,
        flips=threshold.flips,
        top5=threshold.top5,
    )
    code = "quantised" if quantised else "least_strict" if threshold is LEAST_STRICT else "known"
    if not precision:
        return sentence(f"outputs.rule.{code}.unknown_precision", thresholds=thresholds)
    return sentence(f"outputs.rule.{code}", precision=precision, thresholds=thresholds)
