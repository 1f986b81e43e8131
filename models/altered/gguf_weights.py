"""A GGUF file with permuted weights, changed in place: the header and every block stay valid."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.models.altered.permuting import refuse_unaltered


class StoredMatrix(NamedTuple):
    """Where a matrix lies: blocks of ``block_bytes`` from ``offset`` on."""

    offset: int
    blocks: int
    block_bytes: int


def altered_gguf(path: Path, matrices: Iterable[StoredMatrix], folder: Path, seed: int) -> Path:
    """Write ``folder/NAME.gguf``: the blocks of each matrix in another order within it. Raises ``InputError`` where
    there are no weights to permute."""
    import numpy as np

    generator, changed = np.random.default_rng(seed), 0
    written = folder / path.name
    shutil.copyfile(path, written)
    with written.open("r+b") as file:
        for offset, count, size in matrices:
            file.seek(offset)
            blocks = np.frombuffer(file.read(count * size), f"V{size}")
            file.seek(offset)
            file.write(generator.permutation(blocks).tobytes())
            changed += 1
    refuse_unaltered(path, changed)
    return written
