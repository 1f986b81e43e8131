"""A GGUF file with permuted weights, changed in place: the header and every block stay valid."""

import shutil
from pathlib import Path

from bench.models.altered.permuting import FEWEST_ELEMENTS, refuse_unaltered
from bench.models.checkpoints.gguf.header import read_header
from bench.models.checkpoints.gguf.stored import kind_of


def altered_gguf(path: Path, folder: Path, seed: int) -> Path:
    """Write ``folder/NAME.gguf``: the blocks of each matrix in another order within it. The file has been checked.
    Raises ``InputError`` where there are no weights to permute."""
    import numpy as np

    header, generator, changed = read_header(path), np.random.default_rng(seed), 0
    written = folder / path.name
    shutil.copyfile(path, written)
    with written.open("r+b") as file:
        for stored in header.tensors.values():
            kind, count = kind_of(header, stored), int(np.prod(stored.shape))
            if len(stored.shape) < 2 or count < FEWEST_ELEMENTS:
                continue
            file.seek(stored.offset)
            blocks = np.frombuffer(file.read(count // kind.numbers * kind.n_bytes), f"V{kind.n_bytes}")
            file.seek(stored.offset)
            file.write(generator.permutation(blocks).tobytes())
            changed += 1
    refuse_unaltered(path, changed)
    return written
