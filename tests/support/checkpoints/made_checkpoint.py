"""A small language model of random numbers, in the form in which published ones are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from bench.models.checkpoints.checkpoint import Blocks, Checkpoint
from bench.models.sllm.config import DecoderConfig

Array = np.ndarray[Any, Any]


class FloatTensor(Struct, frozen=True):
    """Stored as float32."""

    values: Array
    stored_as: str = "F32"
    bits: int | None = None
    block: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def rows(self, start: int, stop: int) -> Array:
        return self.values[start:stop]

    def blocks(self, start: int, stop: int) -> Blocks:
        raise AssertionError("not stored in blocks")


class BlockTensor(Struct, frozen=True):
    """Stored in blocks, with or without offsets."""

    codes: Array
    scale: Array
    offset: Array | None
    bits: int
    block: int
    stored_as: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    def rows(self, start: int, stop: int) -> Array:
        codes, scale, offset = self.blocks(start, stop)
        values: Array = codes * np.repeat(scale, self.block, 1)
        return values if offset is None else values + np.repeat(offset, self.block, 1)

    def blocks(self, start: int, stop: int) -> Blocks:
        span = slice(start, stop)
        return Blocks(self.codes[span], self.scale[span], None if self.offset is None else self.offset[span])


def block_tensor(
    random: np.random.Generator, shape: tuple[int, int], bits: int, block: int, offset: bool
) -> BlockTensor:
    """Random codes of all values; scales and offsets such that the weights keep the spread of a trained matrix."""
    rows, inside = shape
    top = 1 << (bits - 1)
    size = (rows, inside // block)
    return BlockTensor(
        random.integers(-top, top, shape).astype(np.int8),
        (random.uniform(0.5, 1.5, size) / top / np.sqrt(inside)).astype(np.float32),
        (random.normal(0, 0.3, size) / np.sqrt(inside)).astype(np.float32) if offset else None,
        bits,
        block,
        f"Q{bits}_{int(offset)}",
    )


def made_checkpoint(
    config: DecoderConfig, file: Path, stored_as: str = "F32", seed: int = 0, companions: Mapping[str, bytes] = {}
) -> Checkpoint:
    """Stored as ``F32``; or as ``Q4_1`` or ``Q4_0`` with an embedding of ``Q8_0``, as GGUF files are, or as ``Q8_0``
    throughout, with float32 vectors. ``file`` is written: it stands for what a reader would have read."""
    random = np.random.default_rng(seed)

    def tensor(name: str, shape: tuple[int, ...]) -> FloatTensor | BlockTensor:
        if len(shape) == 1:
            return FloatTensor(random.normal("norm" in name, 0.1, shape).astype(np.float32))
        rows, inside = shape
        if stored_as == "F32":
            return FloatTensor((random.normal(0, 1, shape) / np.sqrt(inside)).astype(np.float32))
        table = name in ("embedding.weight", "output.weight")
        bits = 8 if table else int(stored_as[1])
        return block_tensor(random, (rows, inside), bits, 32, stored_as.endswith("_1") and not table)

    tensors = {name: tensor(name, shape) for name, shape in config.tensors.items()}
    file.write_bytes(f"{stored_as} {seed}".encode())
    precision = {"4": "int4", "8": "int8"}.get(stored_as[1], "float32")
    texts = {name: (lambda text=text: text) for name, text in companions.items()}
    return Checkpoint("llama", config, tensors, precision, stored_as, (file,), texts)
