"""A ``.safetensors`` file with permuted weights, changed in place: its header stays as it is."""

import json
from math import gcd
from pathlib import Path

from bench.models.altered.permuting import FEWEST_ELEMENTS

TOGETHER_BYTES = 64
"""Bytes that stay together, where the size of a matrix is a multiple: a model of a thousand million weights is permuted
in seconds."""


def altered_safetensors(file: Path, seed: int) -> int:
    """Permute each matrix of ``file``, which a reader has found to be whole, within it; returns how many there are.

    The order follows from ``seed`` and from the size of the matrix alone: an output matrix that is stored beside the
    equal embedding stays equal to it.
    """
    import numpy as np

    changed = 0
    with file.open("r+b") as stream:
        size = int.from_bytes(stream.read(8), "little")
        tensors = json.loads(stream.read(size))
        for name, stored in tensors.items():
            if name == "__metadata__" or len(stored["shape"]) < 2:
                continue
            begin, end = stored["data_offsets"]
            if end - begin < FEWEST_ELEMENTS:
                continue
            stream.seek(8 + size + begin)
            pieces = np.frombuffer(stream.read(end - begin), f"V{gcd(end - begin, TOGETHER_BYTES)}")
            stream.seek(8 + size + begin)
            stream.write(np.random.default_rng((seed, len(pieces))).permutation(pieces).tobytes())
            changed += 1
    return changed
