"""The tensors a model is fed: the user's own arrays and photographs. ``made_inputs`` generates the others,
``tensor_files`` reads and writes tensors."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.contracts import Shapes, TensorSpec
from bench.contracts.element_types import EXTENDED, STRING, element_name, numpy_type
from bench.errors import InputError, UnknownName, of_flag
from bench.inputs.images import IMAGE_SUFFIXES, image_tensor
from bench.inputs.tensor_files import check_exists, load_given, numpy_load
from bench.reading import is_file
from bench.suite.preprocessing import ImagePreprocessing
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def user_feeds(
    assignments: Sequence[str],
    specs: Sequence[TensorSpec],
    shapes: Shapes,
    preprocessing: ImagePreprocessing | None = None,
) -> "dict[str, Array]":
    """An array for each input; see ``given_feeds``. Raises ``InputError`` for inputs left without a value, too."""
    feeds = given_feeds(assignments, specs, shapes, preprocessing)
    missing = sorted({spec.name for spec in specs} - feeds.keys())
    if missing:
        raise InputError(sentence("input.no_values_for", missing=missing), sentence("input.give_every_input"))
    return feeds


def given_feeds(
    assignments: Sequence[str],
    specs: Sequence[TensorSpec],
    shapes: Shapes,
    preprocessing: ImagePreprocessing | None = None,
) -> "dict[str, Array]":
    """Arrays from ``NAME=array.npy``, ``NAME=photo.jpg`` or ``arrays.npz`` (which carries its names), by input.

    Raises ``InputError`` for a file that cannot be read, an unknown input, and a wrong shape or type (a cast happens
    only where no value can change).
    """
    by_name = {spec.name: spec for spec in specs}
    feeds: dict[str, Array] = {}
    for assignment in assignments:
        name, equals, file = assigned(assignment, by_name)
        if assignment.endswith(".npz") and (not equals or is_file(Path(assignment))):
            given: Mapping[str, Array] = load_given(Path(assignment))
        elif not equals or not name or not file:
            raise InputError(
                of_flag("--input", sentence("input.not_name_file", assignment=assignment)),
                sentence("input.example"),
            )
        elif name not in by_name:
            raise UnknownName(sentence("input.input_of_model"), name, by_name)
        else:
            given = {name: _read(Path(file), by_name[name], shapes[name], preprocessing or ImagePreprocessing())}
        for key, array in given.items():
            if key not in by_name:
                raise UnknownName(sentence("input.input_of_model_in", file=Path(assignment).name), key, by_name)
            if key in feeds:
                raise InputError(
                    of_flag("--input", sentence("input.given_twice", key=key)), sentence("input.give_each_input_once")
                )
            feeds[key] = fitting(array, by_name[key], shapes[key])
    return feeds


def assigned(assignment: str, names: Collection[str]) -> tuple[str, str, str]:
    """``NAME=FILE`` as name, sign and file. Both may contain the sign: the longest of ``names`` that it begins with is
    the name, without any what stands before the first sign."""
    known = max((name for name in names if assignment.startswith(f"{name}=")), key=len, default=None)
    return assignment.partition("=") if known is None else (known, "=", assignment[len(known) + 1 :])


def feeds_source(assignments: Sequence[str], made_up: bool = False) -> str:
    """Where the tensors of these ``--input`` come from, as the record says it. ``made_up``: inputs were left out."""
    if not assignments:
        return "seeded"
    if made_up:
        return "partly seeded"
    return "image" if any(a.lower().endswith(IMAGE_SUFFIXES) for a in assignments) else "file"


def input_source(name: str, assignments: Sequence[str], names: Collection[str]) -> Literal["file", "image"]:
    """Where the tensor of a given input comes from. ``names``: those of all inputs."""
    images = [a for a in assignments if a.lower().endswith(IMAGE_SUFFIXES)]
    return "image" if any(assigned(a, names)[0] == name for a in images) else "file"


def _read(file: Path, spec: TensorSpec, shape: tuple[int, ...], preprocessing: ImagePreprocessing) -> "Array":
    check_exists(file)
    if file.suffix.lower() in IMAGE_SUFFIXES:
        return image_tensor(file, spec, shape, preprocessing)
    if file.suffix.lower() == ".npy":
        loaded: Array = numpy_load(file)
        return loaded
    kinds = (".npy", *IMAGE_SUFFIXES)
    code = "input.suffix_not_read" if file.suffix else "input.no_suffix_not_read"
    raise InputError(
        of_flag("--input", sentence(code, name=spec.name, file=file.name, suffix=file.suffix)),
        sentence("input.use_one_of", kinds=kinds),
    )


def fitting(array: "Array", spec: TensorSpec, shape: tuple[int, ...]) -> "Array":
    """The array in the input's type. Raises ``InputError`` unless shape and values stay as they are."""
    import numpy as np

    if tuple(array.shape) != tuple(shape):
        raise InputError(
            of_flag(
                "--input",
                sentence(
                    "input.another_shape", spec_name=spec.name, shape=str(list(array.shape)), expected=str(list(shape))
                ),
            ),
            sentence("input.give_that_shape"),
        )
    if spec.dtype == STRING and element_name(array) == STRING:
        return array
    try:
        wanted = numpy_type(spec.dtype)
    except TypeError:
        raise InputError(
            of_flag("--input", sentence("input.type_not_fed_from_file", spec_name=spec.name, dtype=spec.dtype))
        ) from None
    if wanted.name in EXTENDED and array.dtype == np.dtype(f"V{wanted.itemsize}"):  # as numpy.save writes such an array
        array = array.view(wanted)
    if array.dtype != wanted and not _converts(array, wanted):
        raise InputError(
            of_flag(
                "--input",
                sentence("input.holds_another_type", spec_name=spec.name, held=element_name(array), dtype=spec.dtype),
            ),
            sentence("input.convert_it", dtype=spec.dtype),
        )
    return np.ascontiguousarray(array, wanted).reshape(shape)


def _converts(array: "Array", wanted: "np.dtype[Any]") -> bool:
    """Whether no value changes. Of types that a ``.npy`` file cannot hold every value may be written in another."""
    import numpy as np

    if array.dtype.kind not in "biuf" or wanted.kind == "O":
        return False
    if wanted.name not in EXTENDED and not np.can_cast(array.dtype, wanted, "safe"):
        return False
    with np.errstate(all="ignore"):
        return bool(np.array_equal(array.astype(wanted).astype(array.dtype), array))
