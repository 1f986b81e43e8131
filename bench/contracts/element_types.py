"""Element types of tensors by name, as ``TensorSpec.dtype`` gives them, and numpy's types for them.

numpy lacks bfloat16, float8 and types below 8 bits; ``ml_dtypes`` provides them. Runtimes exchange such tensors as
bytes: 16 or 8 bits per element, smaller types packed with the first element in the lowest bits of a byte.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

STRING = "string"
PACKED_BITS = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4_e2m1fn": 4}
EXTENDED = frozenset(
    (
        *("bfloat16", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz"),
        *("float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", *PACKED_BITS),
    )
)
"""Names of types that ``ml_dtypes`` adds to numpy. An array of a packed type holds one element a byte."""


def numpy_type(name: str) -> "np.dtype[Any]":
    """numpy's type of that name; of ``string`` the one for Python objects. Raises ``TypeError`` for an unknown name."""
    import numpy as np

    if name == STRING:
        return np.dtype(object)
    if name in EXTENDED:
        import ml_dtypes

        added: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return added
    return np.dtype(name)


def element_name(array: "Array") -> str:
    """The name of the array's element type; ``string`` for text of any kind."""
    return STRING if array.dtype.kind in "OSU" else array.dtype.name


def packed_bytes(array: "Array") -> "Array":
    """The array's elements as a runtime takes them: uint8, flat, contiguous; types below 8 bits packed."""
    import numpy as np

    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    bits = PACKED_BITS.get(array.dtype.name)
    if bits is None:
        return flat
    each = 8 // bits
    lanes = np.zeros((-(-flat.size // each), each), np.uint8)
    lanes.reshape(-1)[: flat.size] = flat & ((1 << bits) - 1)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    packed: Array = np.bitwise_or.reduce(lanes << shifts, axis=1).astype(np.uint8)
    return packed


def from_packed_bytes(data: "Array", name: str, shape: tuple[int, ...]) -> "Array":
    """A copy of ``data`` (uint8, flat) as an array of the type ``name`` (one of ``EXTENDED``) and ``shape``."""
    import math

    import numpy as np

    wanted = numpy_type(name)
    bits = PACKED_BITS.get(name)
    if bits is None:
        return data.copy().view(wanted).reshape(shape)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    elements = ((data[:, np.newaxis] >> shifts) & ((1 << bits) - 1)).reshape(-1)[: math.prod(shape)]
    return np.ascontiguousarray(elements).view(wanted).reshape(shape)


def storable(array: "Array") -> "Array":
    """The array as ``numpy.save`` can write it without Python objects: text as fixed width, a type of ``EXTENDED`` as
    its bytes in a record of one field that bears its name. ``restored`` undoes the second."""
    import numpy as np

    if array.dtype.kind in "OS":
        return np.array([_text(item) for item in array.reshape(-1)], dtype=np.str_).reshape(array.shape)
    if array.dtype.name not in EXTENDED:
        return array
    plain = np.ascontiguousarray(array).view(f"<u{array.dtype.itemsize}").reshape(array.shape)
    return plain.view([(array.dtype.name, plain.dtype)])


def restored(array: "Array") -> "Array":
    """The array that was passed to ``storable``, except text, which keeps its fixed width."""
    fields = array.dtype.names
    if fields is None or len(fields) != 1 or fields[0] not in EXTENDED:
        return array
    plain: Array = array[fields[0]].copy()
    return plain.view(numpy_type(fields[0]))


def _text(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
