"""Generates the inputs that the user did not give, from the seed, each of the kind that the graph expects."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bench.contracts import InputRole, Shapes, TensorSpec
from bench.contracts.element_types import PACKED_BITS, STRING, numpy_type
from bench.errors import InputError
from bench.inputs.made_pictures import picture_layout, pictures
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LONE_INTEGERS = ("int16", "int32", "int64", "uint16", "uint32", "uint64")
EXACT_STEPS = {"bfloat16": 256} | dict.fromkeys(
    ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"), 8
)
REALS = ("float16", "float32", "float64", "bfloat16")
BYTES = ("int8", "uint8")
NO_ROLE = InputRole()


def seeded_feeds(
    specs: Sequence[TensorSpec], shapes: Shapes, seed: int, roles: Mapping[str, InputRole] = {}
) -> "dict[str, Array]":
    """One array for each input, the same for the same seed, name and shape, whatever the other inputs are.

    A tensor that may hold pictures (see ``picture_layout``) of a floating-point or 8-bit type holds some: from 0 to 1,
    or to 255 where its role says so; bytes over the type's range. Other floating point: uniform in [0, 1). ``int8`` and
    ``uint8``: uniform over the type's whole range. Integers that pick rows from a table: any of its rows. Other
    integers: 0 or 1, because they may be indices, and those are valid for nearly any table. ``bool``: either. float8
    as floating point, in steps that it holds exactly; int4 and uint4 as int8. Raises ``InputError`` for other types.
    """
    return {spec.name: _seeded(spec, shapes[spec.name], seed, roles.get(spec.name, NO_ROLE)) for spec in specs}


def values_in_words(spec: TensorSpec, shape: tuple[int, ...], role: InputRole = NO_ROLE) -> Sentence:
    """What ``seeded_feeds`` makes of an input."""
    if _is_picture(spec, shape):
        low, high = _picture_range(spec, role)
        return sentence("input.made_up_picture", low=_number(low), high=_number(high))
    if spec.dtype in BYTES:
        return sentence("input.random_signed_bytes" if spec.dtype == "int8" else "input.random_bytes")
    if spec.dtype == "bool":
        return sentence("input.random_true_false")
    if spec.dtype in LONE_INTEGERS:
        if role.rows:
            return sentence("input.random_rows", last=role.rows - 1)
        return sentence("input.random_whole_numbers")
    return sentence("input.every_pattern_bits") if spec.dtype in PACKED_BITS else sentence("input.random_fractions")


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _is_picture(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    return spec.dtype in (*REALS, *BYTES) and picture_layout(shape) is not None


def _picture_range(spec: TensorSpec, role: InputRole) -> tuple[float, float]:
    """What black and white are: of an integer input by what the file says that its steps mean, else its range."""
    match spec.dtype:
        case "uint8":
            return 0, 255
        case "int8":
            return -128, 127
    return 0, role.picture_top or 1.0


def _picture(random: "np.random.Generator", spec: TensorSpec, shape: tuple[int, ...], role: InputRole) -> "Array":
    import numpy as np

    low, high = _picture_range(spec, role)
    values = low + pictures(random, shape) * (high - low)
    return (np.rint(values) if spec.dtype in BYTES else values).astype(numpy_type(spec.dtype))


def _seeded(spec: TensorSpec, shape: tuple[int, ...], seed: int, role: InputRole) -> "Array":
    import numpy as np

    digest = sha256(f"{seed}:{spec.name}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest, "big"))
    if _is_picture(spec, shape):
        return _picture(random, spec, shape, role)
    match spec.dtype:
        case "float32":
            return random.random(shape, np.float32)
        case "float64":
            return random.random(shape)
        case "float16":  # multiples of 2^-11 are exact; rounding a float32 could give 1.0
            return (random.integers(0, 2048, shape) / 2048).astype(np.float16)
        case "int8" | "uint8":
            limits = np.iinfo(spec.dtype)
            return random.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)
        case "bool":
            return random.integers(0, 2, shape).astype(np.bool_)
        case dtype if dtype in LONE_INTEGERS:
            highest = np.iinfo(dtype).max
            return random.integers(0, min(role.rows or 2, highest), shape).astype(dtype)
        case dtype if dtype in EXACT_STEPS:
            steps = EXACT_STEPS[dtype]
            return (random.integers(0, steps, shape) / steps).astype(numpy_type(dtype))
        case dtype if dtype in PACKED_BITS:  # every pattern of bits
            patterns = random.integers(0, 1 << PACKED_BITS[dtype], shape, np.uint8)
            return np.asarray(patterns).view(numpy_type(dtype))
    raise InputError(
        sentence("input.type_not_made_up", spec_name=spec.name, dtype=spec.dtype),
        sentence("input.give_text_values" if spec.dtype == STRING else "input.give_values", name=spec.name),
    )
