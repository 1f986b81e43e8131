"""Element types that numpy has not, in memory and on disk."""

import io

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contracts.element_types import (
    EXTENDED,
    PACKED_BITS,
    element_name,
    from_packed_bytes,
    numpy_type,
    packed_bytes,
    restored,
    storable,
)

SHAPES = st.lists(st.integers(0, 5), max_size=3).map(tuple)


@pytest.mark.parametrize("name", sorted(EXTENDED))
@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_every_type_survives_packing_and_storing(name: str, shape: tuple[int, ...], seed: int) -> None:
    """Any pattern of bits comes back as it was, of any shape, from a runtime's bytes and from a plain file."""
    if not hasattr(ml_dtypes, name):
        pytest.skip(f"this ml_dtypes has no {name}")
    wanted = numpy_type(name)
    most = 1 << PACKED_BITS.get(name, 8)
    patterns = np.random.default_rng(seed).integers(0, most, (*shape, wanted.itemsize), np.uint8)
    array = np.ascontiguousarray(patterns.reshape(-1)).view(wanted).reshape(shape)
    plain = from_packed_bytes(packed_bytes(array), name, shape)
    assert (wanted, shape) == (plain.dtype, plain.shape)
    assert array.tobytes() == plain.tobytes()
    file = io.BytesIO()
    np.lib.format.write_array(file, storable(array), allow_pickle=False)
    file.seek(0)
    back = restored(np.load(file, allow_pickle=False))
    assert (array.dtype, array.shape, array.tobytes()) == (back.dtype, back.shape, back.tobytes())


def test_four_bit_integers_are_packed_from_the_low_half() -> None:
    """As ONNX stores them: the first of two elements in the lower bits; an odd one leaves half a byte."""
    array = np.array([-6, 7, 0], ml_dtypes.int4)
    assert [0x7A, 0x00] == packed_bytes(array).tolist()
    assert [-6, 7, 0] == from_packed_bytes(np.array([0x7A, 0x30], np.uint8), "int4", (3,)).tolist()


def test_names_are_those_of_specs() -> None:
    """Text is string whatever numpy calls it, and the types of ml_dtypes go by their own names."""
    arrays = (np.array(["가"]), np.array(["가"], object), np.array([b"a"]), np.ones(1, ml_dtypes.bfloat16), np.ones(1))
    assert ["string", "string", "string", "bfloat16", "float64"] == [element_name(array) for array in arrays]


def test_unknown_names_are_refused() -> None:
    """No type is guessed."""
    with pytest.raises(TypeError):
        numpy_type("undefined")
