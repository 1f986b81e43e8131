"""Fixing the shapes of a file's inputs."""

import pytest

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.models.shapes import resolve_shapes, symbol_of

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
    assert "m.onnx: an input has dynamic shapes: image [batch,3,height,width]" == caught.value.message
    assert "--shape image=1,3,224,224" in caught.value.remedy


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((1, 3, 224), "has 3 dimensions"),
        ((1, 3, 224, 225), "does not fit: the file fixes [batch,3,224,224]"),
        ((-1, 3, 224, 224), "must be 0 or more"),
        ((1, 0, 224, 224), "does not fit: the file fixes [batch,3,224,224]"),
    ],
)
def test_impossible_shapes_are_refused(shape: tuple[int, ...], part: str) -> None:
    """Wrong rank, a conflict with a fixed dimension, and sizes below 0."""
    with pytest.raises(InputError, match="image") as caught:
        resolve_shapes("m.onnx", [IMAGE], {"image": shape})
    assert part in caught.value.message


def test_an_open_dimension_may_be_empty() -> None:
    """The first cache of a decoder has a length of 0."""
    cache = TensorSpec("cache", "float32", (1, 4, "past", 16))
    assert {"cache": (1, 4, 0, 16)} == resolve_shapes("m.onnx", [cache], {"cache": (1, 4, 0, 16)})


def test_the_default_of_a_symbol_holds_in_every_input() -> None:
    """A batch that is 1 as the first dimension of one input is 1 in the state of another."""
    state = TensorSpec("state", "float32", (2, "batch", 64))
    assert {"ids": (1, 16), "state": (2, 1, 64)} == resolve_shapes("m.onnx", [IDS, state], {"ids": (1, 16)})
    one = TensorSpec("x", "float32", ("batch", 8))
    assert {"x": (1, 8), "state": (2, 1, 64)} == resolve_shapes("m.onnx", [one, state], {})


def test_all_open_inputs_are_told_at_once() -> None:
    """As a voice detector has them: the example has a batch of 1 in the state, and leaves out what is fixed."""
    inputs = [
        TensorSpec("input", "float32", (None, None)),
        TensorSpec("state", "float32", (2, None, 128)),
        TensorSpec("sr", "int64", ()),
    ]
    with pytest.raises(InputError) as caught:
        resolve_shapes("m.onnx", inputs, {})
    assert "m.onnx: inputs have dynamic shapes: input [?,?], state [2,?,128]" == caught.value.message
    assert caught.value.remedy.endswith("for example --shape input=1,128 --shape state=2,1,128")
    with pytest.raises(InputError, match=r"an input has dynamic shapes: state \[2,\?,128\]"):
        resolve_shapes("m.onnx", inputs, {"input": (1, 512)})


def test_the_example_takes_the_length_of_inputs_beside_it() -> None:
    """Without names, ids of one kind are of one length; an input of another kind is not."""
    specs = [TensorSpec(name, "int64", (None, None)) for name in ("ids", "types")]
    with pytest.raises(InputError) as caught:
        resolve_shapes("m.xml", [*specs, TensorSpec("x", "float32", (None, None))], {"ids": (1, 16)})
    assert caught.value.remedy.endswith("for example --shape types=1,16 --shape x=1,128")


def test_the_example_is_one_that_fits() -> None:
    """Of several guesses the first that the file does not contradict; without such the likeliest."""
    image = TensorSpec("x", "float32", (1, 3, None, None))
    for least, example in ((0, "1,3,224,224"), (600, "1,3,640,640"), (9999, "1,3,224,224")):
        with pytest.raises(InputError) as caught:
            resolve_shapes("m.onnx", [image], {}, lambda shapes, least=least: shapes["x"][2] >= least)
        assert caught.value.remedy.endswith(f"--shape x={example}")


@pytest.mark.parametrize(
    ("shape", "dtype", "example"),
    [
        ((1, None, None, 3), "float32", "1,224,224,3"),
        ((None, None, None, None), "float32", "1,3,224,224"),
        ((1, 1, "h", "w"), "float32", "1,1,224,224"),
        ((1, 80, "frames"), "float32", "1,80,128"),
        (("batch", 4, "past", 64), "float32", "1,4,128,64"),
        ((1, "sequence", "batch_size"), "int64", "1,128,1"),
    ],
)
def test_guesses_go_by_name_and_place(shape: tuple[int | str | None, ...], dtype: str, example: str) -> None:
    """Sides of pictures, lengths, batches."""
    with pytest.raises(InputError) as caught:
        resolve_shapes("m.onnx", [TensorSpec("x", dtype, shape)], {})
    assert caught.value.remedy.endswith(f"--shape x={example}")


@pytest.mark.parametrize("text", ["", "?", "None", "none", "unk__615", "unk_3", "unknown", "-1", "*", "7", "dynamic"])
def test_what_is_no_name(text: str) -> None:
    """What exporters write where they know none."""
    assert symbol_of(text) is None


@pytest.mark.parametrize("text", ["N", "batch", "unk_word", "p2o.DynamicDimension.0", "none_left", "높이"])
def test_what_is_a_name(text: str) -> None:
    """Anything else, in any script."""
    assert text == symbol_of(text)


def test_conflicting_symbols_are_refused() -> None:
    """Two inputs that share a symbol cannot have two sizes for it."""
    with pytest.raises(InputError, match="length is already 16"):
        resolve_shapes("m.onnx", [IDS, MASK], {"ids": (1, 16), "mask": (1, 17)})


def test_unknown_inputs_are_refused() -> None:
    """A shape for an input that does not exist suggests the nearest one."""
    with pytest.raises(InputError, match="imag") as caught:
        resolve_shapes("m.onnx", [IMAGE], {"imag": (1, 3, 224, 224)})
    assert "Did you mean image?" == caught.value.remedy


def test_the_example_has_the_sizes_that_the_graph_demands() -> None:
    """Three channels, though the dimension has a name of its own; sides of a picture then, whatever their names."""
    image = TensorSpec("x", "float32", ("n", "c", "d2", "d3"))
    with pytest.raises(InputError) as caught:
        resolve_shapes("m.onnx", [image], {}, demanded=lambda: {"x": {1: 3}})
    assert caught.value.remedy.endswith("for example --shape x=1,3,224,224")


def test_the_example_has_the_batch_of_the_inputs_that_were_given() -> None:
    """Inputs of one query are of one batch, also where no name says so."""
    specs = [TensorSpec(name, "float32", (first, None)) for name, first in (("a", None), ("b", None), ("c", "m"))]
    with pytest.raises(InputError) as caught:
        resolve_shapes("m.onnx", specs, {"a": (4, 16)})
    assert caught.value.remedy.endswith("for example --shape b=4,16 --shape c=4,16")


@pytest.mark.parametrize(
    ("shape", "asked", "found"),
    [
        (("batch", 3, "height", "width"), {}, (1, 3, 320, 320)),
        ((None, None, None, 3), {}, (1, 320, 320, 3)),
        ((1, 3, None, None), {"x": (1, 3, 640, 480)}, (1, 3, 320, 320)),
        ((1, 3, 320, 320), {}, (1, 3, 320, 320)),
    ],
    ids=["named", "channels last", "over --shape", "as the file"],
)
def test_a_side_is_every_open_height_and_width(
    shape: tuple[int | str | None, ...], asked: dict[str, tuple[int, ...]], found: tuple[int, ...]
) -> None:
    assert {"x": found} == resolve_shapes("m.onnx", [TensorSpec("x", "float32", shape)], asked, side=320)


@pytest.mark.parametrize("shape", [(1, 3, 224, 224), ("batch", 8), ("batch", "length")])
def test_a_side_that_nothing_can_have_is_refused(shape: tuple[int | str, ...]) -> None:
    with pytest.raises(InputError, match="no input has a height and a width that can be 320: x"):
        resolve_shapes("m.onnx", [TensorSpec("x", "float32", shape)], {}, side=320)
