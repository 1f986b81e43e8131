"""Values are those of the library gguf, as numbers and as blocks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_gguf import made_gguf

from bench.models.checkpoints.gguf.opening import open_gguf
from bench.models.checkpoints.gguf.stored import AFFINE, FLOATS, OTHERS
from bench.models.sllm.config import DecoderConfig

gguf = pytest.importorskip("gguf")

WIDE = DecoderConfig(dim=512, layers=1, heads=4, kv_heads=2, hidden=256, vocab=40, context=64, bos=1, eos=(2,))
KINDS = [kind for kind in (*FLOATS, *AFFINE, *OTHERS) if hasattr(gguf.GGMLQuantizationType, kind)]


def _bytes(kind: str, rows: int, inputs: int) -> "np.ndarray[Any, Any]":
    """Random blocks, no number among them too large for float16 or NaN."""
    numbers, n_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    rng = np.random.default_rng(3)
    if kind in FLOATS:
        floats = rng.normal(size=(rows, inputs)).astype(np.float32)
        return gguf.quantize(floats, gguf.GGMLQuantizationType[kind]).view(np.uint8).reshape(rows, -1)
    while True:
        data = rng.integers(0, 256, (8 * rows * inputs // numbers, n_bytes), dtype=np.uint8)
        with np.errstate(all="ignore"):
            values = gguf.dequantize(data, gguf.GGMLQuantizationType[kind])
        whole = data[(np.abs(values) < 1e4).all(1)]
        if len(whole) * numbers >= rows * inputs:
            return whole[: rows * inputs // numbers].reshape(rows, -1)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_every_type(tmp_path: Path, kind: str) -> None:
    """Bit for bit, in any rows; those of query heads in their order."""
    data = {"blk.0.ffn_down.weight": _bytes(kind, 512, 256), "blk.0.attn_q.weight": _bytes(kind, 512, 512)}
    path = made_gguf(tmp_path, config=WIDE, kind=kind, tensors=data if kind != "F32" else {}).path
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    checkpoint = open_gguf(path)
    down, query = tensors["blk.0.ffn_down.weight"], tensors["blk.0.attn_q.weight"]
    found = checkpoint.tensors["layers.0.feed_forward.down.weight"]
    assert kind == found.stored_as
    np.testing.assert_array_equal(found.rows(3, 77), gguf.dequantize(down.data, down.tensor_type)[3:77])
    expected = gguf.dequantize(query.data, query.tensor_type).reshape(4, 64, 2, 512).swapaxes(1, 2).reshape(512, 512)
    np.testing.assert_array_equal(checkpoint.tensors["layers.0.attention.query.weight"].rows(0, 512), expected)


@pytest.mark.parametrize("kind", AFFINE)
def test_blocks_of_every_affine_type(tmp_path: Path, kind: str) -> None:
    """scale × code + offset is the library's value: bit for bit, or to one unit in the last place of its parts where
    codes are moved to -8…7."""
    data = {"blk.0.attn_q.weight": _bytes(kind, 512, 512)}
    tensor = open_gguf(made_gguf(tmp_path, config=WIDE, kind=kind, tensors=data).path).tensors[
        "layers.0.attention.query.weight"
    ]
    expected, blocks = tensor.rows(5, 300), tensor.blocks(5, 300)
    assert (np.int8, np.float32) == (blocks.codes.dtype, blocks.scale.dtype)
    assert (295, 512 // tensor.block) == blocks.scale.shape
    if tensor.bits == 4:
        assert -8 <= blocks.codes.min()
        assert blocks.codes.max() <= 7
    scale = np.repeat(blocks.scale, tensor.block, axis=1)
    offset = np.zeros_like(scale) if blocks.offset is None else np.repeat(blocks.offset, tensor.block, axis=1)
    found = scale * blocks.codes + offset
    if kind in ("Q4_1", "Q4_K"):
        largest = np.maximum(np.maximum(np.abs(scale * 8), np.abs(offset)), np.abs(expected))
        assert (np.abs(found - expected) <= np.spacing(largest)).all()
        assert (found == expected).mean() > 0.8
    else:
        np.testing.assert_array_equal(found, expected)
