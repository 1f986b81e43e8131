"""The tensors a model is fed: seeded noise, arrays and photographs of the user's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.inputs.feeds import assigned, feeds_source, input_source, user_feeds
from bench.inputs.made_inputs import seeded_feeds
from bench.inputs.tensor_files import feeds_sha256, load_feeds, save_feeds

Array = np.ndarray[Any, Any]
X = TensorSpec("x", "float32", ("n", 3))
MASK = TensorSpec("mask", "int64", (1, 4))
SHAPES = {"x": (2, 3), "mask": (1, 4)}


def seeded(dtype: str, shape: tuple[int, ...] = (4096,), name: str = "x", seed: int = 0) -> Array:
    return seeded_feeds([TensorSpec(name, dtype, shape)], {name: shape}, seed)[name]


@pytest.fixture
def npy(tmp_path: Path) -> Callable[..., str]:
    """``npy(name, array)``: the ``--input`` that gives the array to ``name``."""

    def save(name: str, array: Array) -> str:
        np.save(tmp_path / "array.npy", array)
        return f"{name}={tmp_path / 'array.npy'}"

    return save


# ------------------------------------------------------------------------------------------------- seeded


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floating_point_is_uniform_below_one(dtype: str) -> None:
    """Values fill [0, 1) and never reach 1, also in float16."""
    array = seeded(dtype)
    assert dtype == str(array.dtype)
    assert 0 <= float(array.min()) < 0.01 < 0.99 < float(array.max()) < 1


@pytest.mark.parametrize(("dtype", "low", "high"), [("uint8", 0, 255), ("int8", -128, 127)])
def test_bytes_use_their_whole_range(dtype: str, low: int, high: int) -> None:
    """8-bit inputs are images or quantised activations: every value occurs."""
    array = seeded(dtype)
    assert (dtype, low, high) == (str(array.dtype), int(array.min()), int(array.max()))


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint16", "uint32", "uint64"])
def test_wide_integers_are_valid_indices(dtype: str) -> None:
    """0 and 1 both occur, and nothing else."""
    array = seeded(dtype)
    assert (dtype, [0, 1]) == (str(array.dtype), np.unique(array).tolist())


def test_booleans_are_both() -> None:
    """True and False both occur."""
    assert [False, True] == np.unique(seeded("bool")).tolist()


@pytest.mark.parametrize(("dtype", "steps"), [("bfloat16", 256), ("float8_e4m3fn", 8), ("float8_e5m2", 8)])
def test_narrow_floats_are_exact_fractions(dtype: str, steps: int) -> None:
    """Multiples of the type's step from 0 to below 1, so that nothing was rounded."""
    values = seeded(dtype).astype(np.float64) * steps
    assert dtype == seeded(dtype).dtype.name
    assert np.array_equal(values, np.rint(values))
    assert (0, steps - 1) == (values.min(), values.max())


@pytest.mark.parametrize(("dtype", "limits"), [("int4", (-8, 7)), ("uint4", (0, 15))])
def test_packed_integers_use_the_whole_range(dtype: str, limits: tuple[int, int]) -> None:
    """As int8 and uint8 do."""
    values = seeded(dtype).astype(np.int64)
    assert limits == (values.min(), values.max())


@pytest.mark.parametrize("dtype", ["string", "complex64", "undefined"])
def test_other_types_are_refused(dtype: str) -> None:
    """Input and type are named, and how to give values."""
    with pytest.raises(InputError, match=f"input x: no values can be made up for type {dtype}") as refused:
        seeded(dtype)
    assert "--input x=FILE.npy" in refused.value.remedy


def test_types_that_numpy_lacks_are_read_back_as_they_were(tmp_path: Path) -> None:
    """bfloat16, int4 and text survive the file that inputs and outputs are kept in, and equal arrays hash alike."""
    import ml_dtypes

    feeds = {
        "bf16": np.array([[1.5, -3.0]], ml_dtypes.bfloat16),
        "packed": np.array([-8, 7, 0], ml_dtypes.int4),
        "none": np.zeros((0, 3), ml_dtypes.bfloat16),
        "text": np.array(["고양이", b"dog"], object),
    }
    save_feeds(tmp_path / "feeds.npz", feeds)
    back = load_feeds(tmp_path / "feeds.npz")
    for name in ("bf16", "packed", "none"):
        assert (feeds[name].dtype, feeds[name].shape, feeds[name].tobytes()) == (
            back[name].dtype,
            back[name].shape,
            back[name].tobytes(),
        )
    assert ["고양이", "dog"] == back["text"].tolist()
    assert feeds_sha256(feeds) != feeds_sha256(feeds | {"bf16": -feeds["bf16"]})


def test_a_bfloat16_input_is_read_from_files(tmp_path: Path) -> None:
    """As numpy writes such an array (bytes without a name), and from float32 where no value changes."""
    import ml_dtypes

    spec = TensorSpec("x", "bfloat16", (2,))
    np.save(tmp_path / "own.npy", np.array([1.5, 2.0], ml_dtypes.bfloat16))
    np.save(tmp_path / "wide.npy", np.array([1.5, 2.0], np.float32))
    np.save(tmp_path / "finer.npy", np.array([1.501, 2.0], np.float32))
    for name in ("own", "wide"):
        found = user_feeds([f"x={tmp_path / name}.npy"], [spec], {"x": (2,)})["x"]
        assert ("bfloat16", [1.5, 2.0]) == (found.dtype.name, found.tolist())
    with pytest.raises(InputError, match="holds float32, but the model takes bfloat16"):
        user_feeds([f"x={tmp_path / 'finer.npy'}"], [spec], {"x": (2,)})


def test_text_is_fed_from_a_file(tmp_path: Path) -> None:
    """An array of text of fixed width; numbers are no text."""
    spec = TensorSpec("x", "string", (2,))
    np.save(tmp_path / "words.npy", np.array(["개", "고양이"]))
    np.save(tmp_path / "numbers.npy", np.array([1, 2]))
    assert ["개", "고양이"] == user_feeds([f"x={tmp_path / 'words.npy'}"], [spec], {"x": (2,)})["x"].tolist()
    with pytest.raises(InputError, match="holds int64, but the model takes string"):
        user_feeds([f"x={tmp_path / 'numbers.npy'}"], [spec], {"x": (2,)})


def test_arrays_do_not_depend_on_their_neighbours() -> None:
    """Order and company of the inputs do not matter; name and seed do."""
    both = seeded_feeds([X, MASK], SHAPES, 3)
    swapped = seeded_feeds([MASK, X], SHAPES, 3)
    assert all(np.array_equal(both[name], swapped[name]) for name in SHAPES)
    assert np.array_equal(both["x"], seeded("float32", (2, 3), seed=3))
    assert not np.array_equal(both["x"], seeded("float32", (2, 3), seed=4))
    assert not np.array_equal(both["x"], seeded("float32", (2, 3), name="z", seed=3))


def test_scalars_and_empty_tensors() -> None:
    """An input without dimensions gets one value, one with a dimension of 0 none."""
    assert ((), (1, 0)) == (seeded("float32", ()).shape, seeded("int64", (1, 0)).shape)
    assert isinstance(seeded("float32", ()), np.ndarray)


# -------------------------------------------------------------------------------------------------- arrays


def test_arrays_by_name(npy: Callable[..., str]) -> None:
    """An .npy is passed through as it is, in C order."""
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    feeds = user_feeds([npy("x", array)], [X], SHAPES)
    assert np.array_equal(array, feeds["x"])
    assert feeds["x"].flags.c_contiguous


def test_an_npz_carries_the_names(tmp_path: Path) -> None:
    """All arrays in it are fed, and it may be completed by another file."""
    np.savez(tmp_path / "all.npz", x=np.ones((2, 3), np.float32), mask=np.ones((1, 4), np.int64))
    assert {"x", "mask"} == user_feeds([str(tmp_path / "all.npz")], [X, MASK], SHAPES).keys()
    np.savez(tmp_path / "part.npz", x=np.ones((2, 3), np.float32))
    with pytest.raises(InputError, match="no values for input mask"):
        user_feeds([str(tmp_path / "part.npz")], [X, MASK], SHAPES)


@pytest.mark.parametrize(
    ("given", "wanted"), [("float16", "float32"), ("uint8", "float32"), ("int32", "int64"), ("bool", "int64")]
)
def test_widening_is_silent(given: str, wanted: str, npy: Callable[..., str]) -> None:
    """A type that holds every value of the given one takes it."""
    array = np.array([[0, 1, 1]]).astype(given)
    feeds = user_feeds([npy("x", array)], [TensorSpec("x", wanted, (1, 3))], {"x": (1, 3)})
    assert (wanted, [[0, 1, 1]]) == (str(feeds["x"].dtype), feeds["x"].astype(int).tolist())


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (np.zeros((1, 3)), "float32"),
        (np.zeros((1, 3), np.int64), "int32"),
        (np.zeros((1, 3), np.float32), "uint8"),
        (np.full((1, 3), 2**53 + 1), "float64"),
    ],
)
def test_narrowing_is_refused(array: Array, wanted: str, npy: Callable[..., str]) -> None:
    """What might lose a value names the type that is needed, and numpy's two where double would round an integer."""
    with pytest.raises(InputError, match=f"holds {array.dtype}, but the model takes {wanted}"):
        user_feeds([npy("x", array)], [TensorSpec("x", wanted, (1, 3))], {"x": (1, 3)})


def test_big_endian_files_are_read(npy: Callable[..., str]) -> None:
    """The byte order of a file is not the model's concern."""
    feeds = user_feeds([npy("x", np.ones((2, 3), ">f4"))], [X], SHAPES)
    assert (np.dtype("float32"), 6.0) == (feeds["x"].dtype, feeds["x"].sum())


def test_a_wrong_shape_is_refused(npy: Callable[..., str]) -> None:
    """Both shapes are shown."""
    with pytest.raises(InputError, match=r"x: has the shape \[3, 2\], but the model takes \[2, 3\]"):
        user_feeds([npy("x", np.ones((3, 2), np.float32))], [X], SHAPES)


def test_unknown_inputs_are_refused(npy: Callable[..., str], tmp_path: Path) -> None:
    """By name and inside an .npz, with the nearest name that exists."""
    with pytest.raises(InputError, match="unknown input of the model: maks") as caught:
        user_feeds([npy("maks", np.ones(1))], [X, MASK], SHAPES)
    assert "Did you mean mask?" == caught.value.remedy
    np.savez(tmp_path / "other.npz", y=np.ones(1))
    with pytest.raises(InputError, match=r"in other\.npz: y"):
        user_feeds([str(tmp_path / "other.npz")], [X, MASK], SHAPES)


def test_an_input_given_twice_is_refused(npy: Callable[..., str]) -> None:
    """Neither of the two wins silently."""
    once = npy("x", np.ones((2, 3), np.float32))
    with pytest.raises(InputError, match="given twice"):
        user_feeds([once, once], [X], SHAPES)


@pytest.mark.parametrize("assignment", ["photo.jpg", "=photo.jpg", "x=", ""])
def test_malformed_assignments_are_refused(assignment: str) -> None:
    """Anything but NAME=FILE or an .npz."""
    with pytest.raises(InputError, match="is not NAME=FILE"):
        user_feeds([assignment], [X], SHAPES)


@pytest.mark.parametrize("name", ["x=no.npy", "x=no.jpg", "no.npz"])
def test_missing_files_are_named(name: str, tmp_path: Path) -> None:
    """Whatever their kind, without the folder they were looked for in."""
    prefix, _, file = name.rpartition("=")
    with pytest.raises(InputError, match=r"no\.\w+: no such file") as caught:
        user_feeds([f"{prefix}={tmp_path / file}" if prefix else str(tmp_path / file)], [X], SHAPES)
    assert str(tmp_path) not in str(caught.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """Text, half a file, an archive under the wrong suffix, pickled objects, and a kind that is not read."""
    np.save(tmp_path / "whole.npy", np.ones((2, 3), np.float32))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "real.npz", x=np.ones((2, 3), np.float32))
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "half.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-8])
    (tmp_path / "archive.npy").write_bytes((tmp_path / "real.npz").read_bytes())
    (tmp_path / "empty.npy").touch()
    for name in ("text", "half", "archive", "empty", "objects"):
        with pytest.raises(InputError, match=rf"{name}\.npy: is not a whole \.npy"):
            user_feeds([f"x={tmp_path / name}.npy"], [X], SHAPES)
    (tmp_path / "single.npz").write_bytes((tmp_path / "whole.npy").read_bytes())
    (tmp_path / "half.npz").write_bytes((tmp_path / "real.npz").read_bytes()[:-30])
    for name in ("single", "half"):
        with pytest.raises(InputError, match=rf"{name}\.npz: is not a whole \.npz"):
            user_feeds([str(tmp_path / f"{name}.npz")], [X], SHAPES)
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(InputError, match=r"files that end in \.csv are not read"):
        user_feeds([f"x={tmp_path / 'a.csv'}"], [X], SHAPES)


@pytest.mark.parametrize(
    ("assignments", "source"), [([], "seeded"), (["x=a.npy"], "file"), (["all.npz"], "file"), (["x=a.JPG"], "image")]
)
def test_source_of_the_tensors(assignments: list[str], source: str) -> None:
    """As the record says it."""
    assert source == feeds_source(assignments)


# ----------------------------------------------------------------------------------------- saved and summed


def test_saved_feeds_read_back(tmp_path: Path) -> None:
    """Any name, type and shape; equal feeds give equal files."""
    feeds = {
        "serving/x:0": np.ones((2, 3), np.float16),
        "file": np.array(True),
        "allow_pickle": np.zeros((0, 2), np.int64),
    }
    save_feeds(tmp_path / "a.npz", feeds)
    read = load_feeds(tmp_path / "a.npz")
    assert {n: (a.dtype, a.tolist()) for n, a in feeds.items()} == {n: (a.dtype, a.tolist()) for n, a in read.items()}
    save_feeds(tmp_path / "b.npz", dict(reversed(feeds.items())))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_checksum_sees_everything_but_the_order() -> None:
    """Name, type, shape and values change it; the order of inputs, of bytes and of memory does not."""
    base: dict[str, Array] = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(1, np.int64)}
    same: list[dict[str, Array]] = [
        dict(reversed(base.items())),
        {**base, "a": base["a"].astype(">f4")},
        {**base, "a": np.asfortranarray(base["a"])},
    ]
    other: list[dict[str, Array]] = [
        {"a": base["a"], "c": base["b"]},
        {**base, "a": base["a"].reshape(3, 2)},
        {**base, "a": base["a"].view(np.int32)},
        {**base, "a": base["a"] + 1},
        {**base, "b": np.array(0)},
        {"a": base["a"]},
    ]
    assert {feeds_sha256(base)} == {feeds_sha256(feeds) for feeds in same}
    assert 1 + len(other) == len({feeds_sha256(feeds) for feeds in (base, *other)})


def test_a_name_with_an_equals_sign_is_one_of_the_models(npy: Callable[..., str]) -> None:
    """The longest name of an input that the text begins with; a file may hold the sign, too."""
    values = np.ones((2, 3), np.float32)
    specs, shapes = [TensorSpec("x=y", "float32", (2, 3))], {"x=y": (2, 3)}
    assert ["x=y"] == list(user_feeds([npy("x=y", values)], specs, shapes))
    assert ("x=y", "=", "z=1.npy") == assigned("x=y=z=1.npy", ("x", "x=y"))
    assert ("x", "=", "y=z=1.npy") == assigned("x=y=z=1.npy", ("x", "z"))
    assert ("a", "=", "b=c.npy") == assigned("a=b=c.npy", ("x",))
    given = ["x=y=photo.jpg", "x=y.npy"]
    assert ["image", "file"] == [input_source(name, given, ("x=y", "x")) for name in ("x=y", "x")]
