"""Fixing the shapes of a file's inputs."""

import pytest

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.models.shapes import resolve_shapes

IMAGE = TensorSpec("image", "float32", ("batch", 3, 224, 224))
IDS = TensorSpec("ids", "int64", ("batch", "length"))
MASK = TensorSpec("mask", "int64", ("batch", "length"))


def test_static_shapes_stay() -> None:
    """A static input needs nothing and keeps its shape."""
    assert {"x": (2, 3)} == resolve_shapes("m.onnx", [TensorSpec("x", "float32", (2, 3))], {})


@pytest.mark.parametrize("first", ["batch", None])
def test_dynamic_first_dimension_becomes_one(first: str | None) -> None:
    """The stated default: a dynamic first dimension, named or not, is 1."""
    assert {"x": (1, 8)} == resolve_shapes("m.onnx", [TensorSpec("x", "float32", (first, 8))], {})


def test_a_symbol_holds_in_every_input() -> None:
    """A size given for a symbol in one input fixes it in the others, whichever comes first."""
    assert {"ids": (4, 16), "mask": (4, 16)} == resolve_shapes("m.onnx", [IDS, MASK], {"mask": (4, 16)})


def test_scalars_are_static() -> None:
    """An input without dimensions has the empty shape."""
    assert {"x": ()} == resolve_shapes("m.onnx", [TensorSpec("x", "float32", ())], {})


def test_other_dynamic_dimensions_must_be_given() -> None:
    """The message names file and input, the remedy shows the flag with a shape to copy."""
    spec = TensorSpec("image", "float32", ("batch", 3, "height", "width"))
    with pytest.raises(InputError) as caught:
        resolve_shapes("m.onnx", [spec], {})
    assert "m.onnx: input image has the dynamic shape [batch,3,height,width]" == caught.value.message
    assert "--shape image=1,3,224,224" in caught.value.remedy


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((1, 3, 224), "has 3 dimensions"),
        ((1, 3, 224, 225), "does not fit: the file fixes [batch,3,224,224]"),
        ((0, 3, 224, 224), "must be 1 or more"),
        ((-1, 3, 224, 224), "must be 1 or more"),
    ],
)
def test_impossible_shapes_are_refused(shape: tuple[int, ...], part: str) -> None:
    """Wrong rank, a conflict with a fixed dimension, and sizes below 1."""
    with pytest.raises(InputError, match="image") as caught:
        resolve_shapes("m.onnx", [IMAGE], {"image": shape})
    assert part in caught.value.message


def test_conflicting_symbols_are_refused() -> None:
    """Two inputs that share a symbol cannot have two sizes for it."""
    with pytest.raises(InputError, match="length is already 16"):
        resolve_shapes("m.onnx", [IDS, MASK], {"ids": (1, 16), "mask": (1, 17)})


def test_unknown_inputs_are_refused() -> None:
    """A shape for an input that does not exist suggests the nearest one."""
    with pytest.raises(InputError, match="imag") as caught:
        resolve_shapes("m.onnx", [IMAGE], {"imag": (1, 3, 224, 224)})
    assert "Did you mean image?" == caught.value.remedy
