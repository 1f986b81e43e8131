"""Check what a session is fed against what its graph takes, before the runtime does so in its own words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Tensors, TensorSpec
from bench.contracts.element_types import element_name
from bench.errors import RunFailure
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np


def owned(feeds: Tensors, inputs: Sequence[TensorSpec]) -> "Mapping[str, np.ndarray[Any, Any]]":
    """Contiguous, writable copies of ``feeds``, one for every input and in the inputs' order. Raises as
    ``refuse_unfit``."""
    import numpy as np

    refuse_unfit(feeds, inputs)
    return {spec.name: np.array(feeds[spec.name], order="C") for spec in inputs}


def refuse_unfit(feeds: Tensors, inputs: Sequence[TensorSpec]) -> None:
    """Raise ``RunFailure`` (``bad_input``) for a missing or unknown name, another dtype, or another shape."""
    names = [spec.name for spec in inputs]
    missing = [name for name in names if name not in feeds]
    unknown = [name for name in feeds if name not in names]
    if missing or unknown:
        raise RunFailure("bad_input", _names_differ(missing, unknown), sentence("target.graph_takes", names=names))
    for spec in inputs:
        _check(spec, feeds[spec.name])


def refuse_unlike(feeds: Tensors, held: Tensors, inputs: Sequence[TensorSpec]) -> None:
    """As ``refuse_unfit`` for ``feeds`` that go where the arrays ``held`` are, which fit; another size of a dimension
    that the graph leaves open is refused too. A pipeline asks for every query, in its time: what has their names, types
    and shapes is looked at no further."""
    alike = feeds.keys() == held.keys() and all(
        (array.dtype, array.shape) == (held[name].dtype, held[name].shape) for name, array in feeds.items()
    )
    if not alike:
        refuse_unfit(feeds, inputs)
        for spec in inputs:
            _check(replace(spec, shape=held[spec.name].shape), feeds[spec.name])


def _names_differ(missing: list[str], unknown: list[str]) -> Sentence:
    if not unknown:
        return sentence("target.inputs_missing", names=missing)
    if not missing:
        return sentence("target.inputs_unknown", names=unknown)
    return sentence("target.inputs_differ", missing=missing, unknown=unknown)


def _check(spec: TensorSpec, array: "np.ndarray[Any, Any]") -> None:
    if element_name(array) != spec.dtype:
        message = sentence("target.input_type_differs", spec_name=spec.name, dtype=spec.dtype, held=element_name(array))
        raise RunFailure("bad_input", message)
    fits = len(array.shape) == len(spec.shape) and all(
        not isinstance(want, int) or want == have for want, have in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise RunFailure(
            "bad_input",
            sentence(
                "target.input_shape_differs",
                spec_name=spec.name,
                expected=_written(spec.shape),
                held=_written(array.shape),
            ),
            sentence("target.give_fitting_shape", spec_name=spec.name),
        )


def _written(shape: Sequence[int | str | None]) -> str:
    return "[" + ",".join("?" if d is None else str(d) for d in shape) + "]"
