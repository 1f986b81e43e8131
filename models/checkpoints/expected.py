"""Which tensors a decoder of given sizes has, and whether a file has exactly those."""

from collections.abc import Mapping

from bench.errors import InputError
from bench.models.sllm.config import DecoderConfig, Shape
from bench.words import sentence

MOST_LISTED = 6


def tensor_shapes(config: DecoderConfig) -> dict[str, Shape]:
    """The shapes of all tensors by the names of ``checkpoint``, in the order of use."""
    return config.tensors


def layer_shapes(config: DecoderConfig) -> dict[str, Shape]:
    """The shapes of one layer's tensors by their names behind ``layers.N.``."""
    return config.layer_tensors


def check_tensors(file: str, architecture: str, expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> None:
    """Compare shapes by the names that the file itself uses. Raises ``InputError`` naming ``file`` and the tensors that
    are missing, that have another shape, or that have no place in a model of this architecture."""
    download = sentence("checkpoint.download_again")
    missing = [name for name in expected if name not in found]
    if missing:
        raise InputError(
            sentence("checkpoint.tensors_missing", file=file, n_tensors=len(missing), listed=_listed(missing)), download
        )
    for name, shape in expected.items():
        if found[name] != shape:
            message = sentence(
                "checkpoint.tensor_of_other_shape",
                file=file,
                tensor=name,
                shape=str(list(found[name])),
                expected=str(list(shape)),
            )
            raise InputError(message, download)
    left = [name for name in found if name not in expected]
    if left:
        raise InputError(
            sentence(
                "checkpoint.tensors_left_over",
                file=file,
                n_tensors=len(left),
                architecture=architecture,
                listed=_listed(left),
            ),
            sentence("checkpoint.model_differs"),
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST_LISTED]) + (", …" if len(names) > MOST_LISTED else "")
