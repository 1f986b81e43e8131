"""An ONNX file with permuted weights, its external data inside it or beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.models.altered.permuting import copy_siblings, is_altered, permuted, refuse_unaltered
from bench.models.onnx.constants import constants_of
from bench.models.onnx.values import dtype_name

if TYPE_CHECKING:
    import numpy as np
    import onnx

MOST_INLINE_BYTES = 1 << 30  # protobuf's own limit is 2 GiB


def altered_onnx(path: Path, folder: Path, seed: int) -> Path:
    """Write ``folder/NAME.onnx``. Raises ``InputError`` where there are no weights to permute."""
    import numpy as np
    import onnx

    model, generator = onnx.load_model(path), np.random.default_rng(seed)
    changed = sum(_permute(constant.tensor, generator) for constant in constants_of(model.graph))
    refuse_unaltered(path, changed)
    copy_siblings(path, folder)
    written = folder / path.name
    outside = model.ByteSize() > MOST_INLINE_BYTES
    onnx.save_model(model, written, save_as_external_data=outside, location=f"{path.name}.data" if outside else None)
    return written


def _permute(tensor: "onnx.TensorProto", generator: "np.random.Generator") -> bool:
    """Permute the tensor in place, wherever its values are kept; whether it was one to permute."""
    dtype = dtype_name(tensor.data_type)
    if not is_altered(dtype, tensor.dims):
        return False
    if tensor.raw_data:
        tensor.raw_data = permuted(tensor.raw_data, dtype, generator)
        return True
    for field in (tensor.float_data, tensor.double_data, tensor.int32_data):
        if len(field):
            field[:] = generator.permutation(field).tolist()
            return True
    return False
