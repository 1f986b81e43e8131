"""Does the same input give the same output again? Evidence from the untimed check."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.analysis.outputs.fidelity import within_rounding
from bench.contracts import Tensors
from bench.contracts.element_types import storable
from bench.record.evidence import Determinism


def compare_tensors(first: Tensors, again: Tensors, executed_precision: str | None) -> Determinism:
    """Two runs of one input, output by output and bit for bit; NaN equals NaN. What differs is weighed as a reference
    run would be, by the threshold of the executed precision."""
    differing = tuple(name for name in first if not _same(first[name], again[name]))
    if not differing:
        return Determinism(2, True)
    rounding, weighed = within_rounding(first, again, executed_precision)
    errors = [out.max_abs_error for out in weighed.outputs if out.max_abs_error is not None]
    return Determinism(
        2,
        False,
        differing,
        max_abs_difference=max(errors, default=None),
        cosine_min=weighed.cosine_min,
        within_rounding=rounding,
    )


def _same(a: NDArray[np.generic], b: object) -> bool:
    a, other = storable(a), storable(np.asarray(b))
    return a.dtype == other.dtype and a.shape == other.shape and a.tobytes() == other.tobytes()


def compare_token_runs(first: Sequence[int], again: Sequence[int]) -> Determinism:
    """Two greedy generations from one prompt. Any difference counts, because greedy decoding is deterministic."""
    if tuple(first) == tuple(again):
        return Determinism(2, True)
    pairs = zip(first, again, strict=False)
    position = next((i for i, (a, b) in enumerate(pairs, start=1) if a != b), min(len(first), len(again)) + 1)
    return Determinism(2, False, ("tokens",), within_rounding=False, first_difference=position)
