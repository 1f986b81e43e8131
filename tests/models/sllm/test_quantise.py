"""Symmetric quantisation, by hand and by its properties."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.models.onnx.weights import packed
from bench.models.sllm.quantise import quantised, quantised_blocks


def test_by_hand() -> None:
    """The largest magnitude becomes 7 or -7, the rest go to the nearest step; zeros stay zeros."""
    stored, scale = quantised(np.array([[0.5, -3.5, 1.2], [0, 0, 0]], np.float32), 4)
    assert [[1, -7, 2], [0, 0, 0]] == stored.tolist()
    assert [0.5, 1] == scale.tolist()
    assert ("int8", "float32") == (stored.dtype, scale.dtype)


@pytest.mark.parametrize(("bits", "block"), [(4, 32), (8, 96), (8, 16)])
def test_no_weight_moves_by_more_than_half_a_step(bits: int, block: int) -> None:
    """Every block of a row has its own scale, and nothing is clipped."""
    weight = np.random.default_rng(0).standard_normal((5, 96)).astype(np.float32)
    stored, scale = quantised_blocks(weight, bits, block)
    assert (5, 96 // block) == scale.shape
    steps = np.repeat(scale, block, axis=1)
    assert (np.abs(stored * steps - weight) <= 0.5001 * steps).all()
    assert 2 ** (bits - 1) - 1 == np.abs(stored).max()


def test_four_bits_are_packed_as_onnx_reads_them() -> None:
    """Two a byte, the first in the low half, also negative ones."""
    values = np.array([[1, -7, 3], [-1, 0, 7]], np.int8)
    tensor = helper.make_tensor("w", TensorProto.INT4, (2, 3), packed(values, TensorProto.INT4), raw=True)
    assert values.tolist() == numpy_helper.to_array(tensor).astype(np.int8).tolist()
    assert b"\x91\xf3\x70" == packed(values, TensorProto.INT4)
