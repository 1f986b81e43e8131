"""What the arrays of samples.npz must be, wherever they come from: whole numbers, as many as the record says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.measure.loop import NEVER
from bench.record import Repeat

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MAY_BE_NEVER = ("token_ns", "tokenized_token_ns")
MOMENTS = ("start_ns", "in_flight_start_ns")
"""Offline they count from when the window opened, and a query issued before that may end inside."""
PER_QUERY = ("latency_ns", "start_ns", "prompt_tokens", "token_ns")
LONGEST_NS = 1 << 53  # a hundred days: what is longer is no time, and the sum of many would overflow
WRONG = "The file was written or edited wrong."


def samples_of(repeat: Repeat, samples: "Mapping[str, Array]", role: str, source: str) -> "Array | None":
    """The array of that role; ``None`` where the record names none. Raises ``InputError`` naming ``source`` and the
    array that is missing, cannot be what its role says, or is of another length than the record says."""
    named = repeat.samples
    if named is None or role not in named.arrays:
        return None
    key = named.arrays[role]
    array = samples.get(key)
    if array is None:
        raise InputError(f"{source}: samples.npz holds no {key}, which record.json names", "Measure the run again.")
    if array.dtype.kind not in "iu":
        raise InputError(f"{source}: {key} in samples.npz is {array.dtype}, not whole nanoseconds", WRONG)
    least = NEVER if role in MAY_BE_NEVER else 0
    if role not in MOMENTS and array.size and array.min() < least:
        raise InputError(f"{source}: {key} in samples.npz holds negative times", WRONG)
    if array.size and array.max() > LONGEST_NS:
        raise InputError(f"{source}: {key} in samples.npz holds times of over a hundred days", WRONG)
    dimensions = 2 if role in MAY_BE_NEVER else 1
    if array.ndim != dimensions or (role in PER_QUERY and len(array) != named.queries):
        held = f"{key} in samples.npz is an array of {list(array.shape)}"
        raise InputError(f"{source}: {held}, and record.json says {named.queries} queries", WRONG)
    return array
