"""What the arrays of samples.npz must be, wherever they come from: whole numbers, as many as the record says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.contracts import STAGES
from bench.errors import InputError
from bench.record.record import Record, Repeat
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MAY_BE_NEVER = ("token_ns", "tokenized_token_ns", "in_flight_token_ns")
MOMENTS = ("start_ns", "in_flight_start_ns")
"""Offline they count from when the window opened, and a query issued before that may end inside."""
IN_FLIGHT = ("in_flight_latency_ns", "in_flight_start_ns", "in_flight_token_ns")
STAGE_ROLES = tuple(f"stage_{name}_ns" for name in STAGES)
"""They add up to ``latency_ns``, query by query."""
STAGED_ROLES = (*STAGE_ROLES, "network_alone_ns", "overlapped_latency_ns", "overlapped_start_ns")
IDLE_ROLES = ("idle_ns", "idle_cpu_ns")
PER_QUERY = (
    *("latency_ns", "start_ns", "point", "due_ns"),
    *("prompt_tokens", "shared_tokens", "token_ns", "prefilled_tokens"),
    *IDLE_ROLES,
    *STAGE_ROLES,
)
OF_ATTEMPTS = ("attempt_latency_ns", "attempt_point")
ATTEMPTS = 32
"""A search has fewer attempts, each of about as many queries as the one that is kept."""
LONGEST_NS = 1 << 53  # a hundred days: longer values are not plausible times, and the sum of many would overflow
WRONG = sentence("record.written_wrong")
MOST_SAMPLE_BYTES = 1 << 28
"""Of all arrays of a record together, unpacked; the presets' longest runs are a hundredth of it."""
SPARE_BYTES = 1 << 20  # for what the record states no count of, such as a warm-up


def allowed_bytes(record: Record, source: str) -> dict[str, int]:
    """The arrays that ``record`` names, with the most bytes that each may have by the record's own counts. Raises
    ``InputError`` naming ``source`` where one array is named twice, or all of them are too large."""
    allowed: dict[str, int] = {}
    tokens = max(1, record.plan.scenario.generate_tokens or 1)
    named = [repeat.samples for repeat in record.every_repeat if repeat.samples is not None]
    every = [key for samples in named for key in samples.arrays.values()]
    judged = record.quality
    every += judged.arrays if judged is not None else ()
    if len({*every}) != len(every):
        raise InputError(sentence("record.array_named_twice", source=source), WRONG)
    for repeat in record.every_repeat:
        warmup = repeat.warmup.queries if repeat.warmup is not None else 0
        for role, key in repeat.samples.arrays.items() if repeat.samples is not None else ():
            count = warmup if role == "warmup_latency_ns" else repeat.samples.queries if repeat.samples else 0
            count *= ATTEMPTS if role in OF_ATTEMPTS else 1
            allowed[key] = 8 * (tokens if role in MAY_BE_NEVER else 1) * max(0, count) + SPARE_BYTES
    counted = sum(allowed.values()) - SPARE_BYTES * len(allowed)
    if judged is not None:
        each = min(8 * MOST_FEATURES * max(0, judged.dataset.samples) + SPARE_BYTES, MOST_SAMPLE_BYTES)
        allowed.update(dict.fromkeys(judged.arrays, each))
    if counted > MOST_SAMPLE_BYTES:
        raise InputError(sentence("record.arrays_too_large", source=source, most_bytes=MOST_SAMPLE_BYTES), WRONG)
    return allowed


MOST_FEATURES = 4_096  # of one sample's result, such as the intersections and unions of every class


def samples_of(repeat: Repeat, samples: "Mapping[str, Array]", role: str, source: str) -> "Array | None":
    """The array of that role; ``None`` where the record names none. Raises ``InputError`` naming ``source`` and the
    array that is missing, cannot be what its role says, or is of another length than the record says."""
    named = repeat.samples
    if named is None or role not in named.arrays:
        return None
    key = named.arrays[role]
    array, where = samples.get(key), {"source": source, "array": key}
    if array is None:
        raise InputError(sentence("record.array_missing", **where), sentence("record.measure_again"))
    if array.dtype.kind not in "iu":
        raise InputError(sentence("record.not_nanoseconds", dtype=str(array.dtype), **where), WRONG)
    least = NEVER if role in MAY_BE_NEVER else 0
    if role not in MOMENTS and array.size and array.min() < least:
        raise InputError(sentence("record.negative_times", **where), WRONG)
    if array.size and array.max() > LONGEST_NS:
        raise InputError(sentence("record.times_too_long", **where), WRONG)
    dimensions = 2 if role in MAY_BE_NEVER else 1
    if array.ndim != dimensions or (role in PER_QUERY and len(array) != named.queries):
        shape = str(list(array.shape))
        raise InputError(sentence("record.array_of_other_length", shape=shape, queries=named.queries, **where), WRONG)
    flying = samples.get(named.arrays.get(IN_FLIGHT[0], "")) if role in IN_FLIGHT else None
    if flying is not None and flying.shape[:1] != array.shape[:1]:
        shape = str(list(array.shape))
        raise InputError(sentence("record.in_flight_differ", shape=shape, queries=int(flying.size), **where), WRONG)
    return array


NEVER = -1
"""Stands in ``Timeline.token_ns`` for a token that the engine did not give."""
