"""What quantised tensors mean, and how the same sample is put into a float model's inputs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, Tensors, TensorSpec
from bench.errors import InputError
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def by_file_name(outputs: Tensors, specs: Sequence[TensorSpec]) -> "dict[str, Array]":
    """A session's outputs under the names in the model's file: by name, else by position where the counts agree."""
    names = [spec.name for spec in specs]
    if set(names) == set(outputs) or len(names) != len(outputs):
        return dict(outputs)
    return dict(zip(names, outputs.values(), strict=True))


def dequantised(tensors: Tensors, specs: Sequence[TensorSpec]) -> "dict[str, Array]":
    """``scale`` × (value − ``zero_point``), float32, of those that the file says are quantised; the rest as it is."""
    import numpy as np

    known = {spec.name: spec.quantisation for spec in specs}
    real = {}
    for name, array in tensors.items():
        meaning = known.get(name)
        if meaning is None or array.dtype.kind not in "iu":
            real[name] = array
        else:
            real[name] = ((array.astype(np.float64) - meaning.zero_point) * meaning.scale).astype(np.float32)
    return real


def feeds_for(feeds: Tensors, made_for: Artifact, other: Artifact) -> "dict[str, Array]":
    """Inputs of one model as another's of the same task: dequantised by the first's own quantisation, and matched by
    name, or by position where the counts agree. Raises ``InputError`` where they do not fit."""
    import numpy as np

    theirs = {spec.name: spec for spec in other.facts.inputs}
    real = dequantised(feeds, made_for.facts.inputs)
    order = [spec.name for spec in made_for.facts.inputs]
    names: Mapping[str, str] = dict(zip(order, theirs, strict=False))
    if set(order) == set(theirs):
        names = {name: name for name in order}
    if len(order) != len(theirs):
        raise InputError(
            sentence(
                "quality.reference_inputs",
                file=other.path.name,
                theirs=len(theirs),
                inputs=len(order),
            ),
            sentence("quality.name_model_of_same_inputs"),
        )
    fitting = {}
    for name, array in real.items():
        spec = theirs[names[name]]
        shape = other.shapes[spec.name]
        wanted = np.dtype(spec.dtype)
        if tuple(array.shape) != tuple(shape):
            raise InputError(
                sentence(
                    "quality.reference_shape",
                    file=other.path.name,
                    input=spec.name,
                    shape=str(list(shape)),
                    given=str(list(array.shape)),
                ),
                sentence("quality.name_model_of_same_shapes"),
            )
        if wanted.kind != "f" and array.dtype != wanted:
            raise InputError(
                sentence(
                    "quality.reference_type",
                    file=other.path.name,
                    input=spec.name,
                    dtype=wanted,
                    given=array.dtype,
                )
            )
        fitting[spec.name] = array.astype(wanted)
    return fitting
