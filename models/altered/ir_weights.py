"""An OpenVINO IR with permuted weights: the graph stays, the ``.bin`` is another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.models.altered.permuting import copy_siblings, is_altered, permuted, refuse_unaltered

Constants = Mapping[tuple[int, int], tuple[str, Sequence[int]]]
"""Offset and size in the ``.bin`` -> type and shape."""


def altered_ir(path: Path, constants: Constants, folder: Path, seed: int) -> Path:
    """Write ``folder/NAME.xml`` and its ``.bin``. Raises ``InputError`` where there are no weights to permute."""
    import numpy as np

    generator, changed = np.random.default_rng(seed), 0
    weights = bytearray(path.with_suffix(".bin").read_bytes())
    for (offset, size), (dtype, shape) in sorted(constants.items()):
        if is_altered(dtype, shape):
            weights[offset : offset + size] = permuted(bytes(weights[offset : offset + size]), dtype, generator)
            changed += 1
    refuse_unaltered(path, changed)
    copy_siblings(path, folder)
    written = folder / path.name
    written.write_bytes(path.read_bytes())
    written.with_suffix(".bin").write_bytes(weights)
    return written
