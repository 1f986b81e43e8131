"""A TFLite file with permuted weights, changed in place: the flatbuffer's layout stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.models.altered.permuting import is_altered, permuted, refuse_unaltered

DATA_FIELD = 4  # of a Buffer, in the schema's numbering of flatbuffer fields

Constants = Mapping[int, tuple[str, Sequence[int]]]
"""Number of the buffer -> type and shape of its tensor."""


def altered_tflite(path: Path, constants: Constants, folder: Path, seed: int) -> Path:
    """Write ``folder/NAME.tflite``. Raises ``InputError`` where there are no weights to permute."""
    import numpy as np
    import tflite

    generator = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    model = tflite.Model.GetRootAs(bytes(data), 0)
    changed = 0
    for number, (dtype, shape) in sorted(constants.items()):
        begin, size = _extent(model.Buffers(number))
        if size and is_altered(dtype, shape):
            data[begin : begin + size] = permuted(bytes(data[begin : begin + size]), dtype, generator)
            changed += 1
    refuse_unaltered(path, changed)
    written = folder / path.name
    written.write_bytes(data)
    return written


def _extent(buffer: Any) -> tuple[int, int]:
    """Where the buffer's bytes are in the file, and how many."""
    field = buffer._tab.Offset(DATA_FIELD)
    if not field:
        return 0, 0
    return int(buffer._tab.Vector(field)), int(buffer._tab.VectorLen(field))
