"""Which samples are found, how they are read, and how they are divided."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from bench.contracts import Artifact, GraphFacts, TensorSpec
from bench.errors import InputError
from bench.quantising.samples import (
    DataAsk,
    Read,
    Sample,
    calibration_sha256,
    divided,
    read_samples,
)

FACTS = GraphFacts((TensorSpec("x", "float32", (1, 3, 4, 4)),), ())
ARTIFACT = Artifact("m", "tensor", "onnx", "float32", Path("m.onnx"), (), "0" * 64, 1, FACTS, {"x": (1, 3, 4, 4)})


def read(data: Path, folder: Path, **asked: object) -> Read:
    folder.mkdir(exist_ok=True)
    return read_samples(DataAsk(path=data, **asked), ARTIFACT, folder)  # type: ignore[arg-type]


def photo(path: Path, colour: int) -> None:
    Image.new("RGB", (6, 6), (colour, 0, 0)).save(path)


def samples(count: int) -> tuple[Sample, ...]:
    return tuple(Sample(f"{n}.png", Path(f"{n}.npz"), f"{n:064x}", False) for n in range(count))


@pytest.mark.parametrize(
    ("count", "parts"),
    [
        (1, (1, 1, 1)),
        (3, (3, 3, 3)),
        (4, (2, 2, 2)),
        (14, (4, 4, 10)),
        (15, (5, 5, 10)),
        (16, (4, 2, 10)),
        (20, (7, 3, 10)),
        (28, (10, 4, 14)),
        (100, (34, 16, 50)),
    ],
)
def test_how_many_do_what(count: int, parts: tuple[int, int, int]) -> None:
    """Calibrating, choosing, judging. Those that judge take no part in the making, and are ten where that can be."""
    found = divided(samples(count))
    assert parts == tuple(map(len, (found.calibrating, found.choosing, found.judging)))
    assert found.held_back == (count >= 4)
    if found.held_back:
        assert not {*found.judging} & {*found.calibrating, *found.choosing}
        assert {*found.judging, *found.calibrating, *found.choosing} == {*samples(count)}


def test_a_folder_of_images(tmp_path: Path) -> None:
    """Two that decode to the same tensors are one sample; what is no sample is left alone, what does not fit, told."""
    data = tmp_path / "photos"
    data.mkdir()
    for name, colour in (("a.png", 1), ("b.png", 2), ("again.png", 1)):
        photo(data / name, colour)
    (data / "notes.txt").write_text("nothing")
    (data / "broken.png").write_bytes(b"no image")
    found = read(data, tmp_path / "out", preprocessing="mean=1,scale=2")
    assert (4, 1, 2) == (found.found, found.duplicates, len(found.samples))
    assert ["broken.png"] == [one.file for one in found.left_out]
    assert {"b.png"} < {one.name for one in found.samples}
    red = sorted(float(np.load(one.path)["x"][0, 0, 0, 0]) for one in found.samples)
    assert [0.0, 0.5] == red
    assert not any(one.labelled for one in found.samples)


def test_the_order_is_that_of_the_contents(tmp_path: Path) -> None:
    """Renamed files give the same calibration set, with the same hash."""
    hashes = []
    for folder, names in (("one", "abc"), ("two", "zxy")):
        data = tmp_path / folder
        data.mkdir()
        for name, colour in zip(names, (1, 2, 3), strict=True):
            photo(data / f"{name}.png", colour)
        found = read(data, tmp_path / f"{folder}-out")
        hashes.append((tuple(one.sha256 for one in found.samples), calibration_sha256(found.samples)))
    assert hashes[0] == hashes[1]


def test_labels_are_known(tmp_path: Path) -> None:
    """Samples without one calibrate as well."""
    for name, colour in (("a.png", 1), ("b.png", 2)):
        photo(tmp_path / name, colour)
    (tmp_path / "labels.json").write_text('{"a.png": 1}')
    found = read(tmp_path, tmp_path / "out")
    assert {"a.png": True, "b.png": False} == {one.name: one.labelled for one in found.samples}


@pytest.mark.parametrize("shape", [(5, 1, 3, 4, 4), (5, 3, 4, 4)])
def test_rows_of_one_file(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """With the input's own dimension of 1, and without."""
    np.savez(tmp_path / "rows.npz", x=np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    found = read(tmp_path / "rows.npz", tmp_path / "out")
    assert (5, 5) == (found.found, len(found.samples))
    assert {(1, 3, 4, 4)} == {np.load(one.path)["x"].shape for one in found.samples}


def test_values_that_no_range_contains(tmp_path: Path) -> None:
    """The sample is left out, and the input is named."""
    rows = np.random.default_rng(0).random((3, 3, 4, 4), np.float32)
    rows[0, 0, 0, 0], rows[1, 0, 0, 0] = np.nan, np.inf
    np.savez(tmp_path / "rows.npz", x=rows)
    found = read(tmp_path / "rows.npz", tmp_path / "out")
    assert 1 == len(found.samples)
    assert {("rows.npz[0]", "x"), ("rows.npz[1]", "x")} == {(one.file, one.field) for one in found.left_out}


def test_no_more_than_asked_for(tmp_path: Path) -> None:
    """The rest is not read."""
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).random((9, 3, 4, 4), np.float32))
    assert (9, 4) == ((found := read(tmp_path / "rows.npz", tmp_path / "out", most=4)).found, len(found.samples))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": (5, 3, 4, 4)}, "rows.npz has no array x; it has y"),
        ({"x": (5, 3, 8, 8)}, r"x has the shape \[5, 3, 8, 8\]; the model takes \[1, 3, 4, 4\]"),
    ],
)
def test_rows_that_do_not_fit(tmp_path: Path, arrays: dict[str, tuple[int, ...]], message: str) -> None:
    """Names and shapes are told."""
    np.savez(tmp_path / "rows.npz", **{name: np.zeros(shape, np.float32) for name, shape in arrays.items()})
    with pytest.raises(InputError, match=message):
        read(tmp_path / "rows.npz", tmp_path / "out")


def test_nothing_to_read(tmp_path: Path) -> None:
    """An empty folder, no folder, a file of another kind, and a folder of which nothing fits."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.npz").write_bytes(b"no arrays")
    (tmp_path / "one.png").touch()
    for name, message in (
        ("empty", "holds no samples"),
        ("gone", "there is no "),
        ("one.png", "is not a .npz file"),
        ("photos", "no sample in photos fits the model's inputs; the first: a.npz"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name, tmp_path / "out")


def test_labels_of_another_task_calibrate_without_them(tmp_path: Path) -> None:
    """Class ids beside a detector: all images are samples, none counts as labelled, and why is kept; unless options say
    that they are meant."""
    (tmp_path / "inside").mkdir()
    for name, colour in (("a.png", 1), ("inside/b.png", 2)):
        photo(tmp_path / name, colour)
    (tmp_path / "labels.json").write_text('{"a.png": 1, "inside/b.png": 2}')
    outputs = (TensorSpec("scores", "float32", (1, 20, 2)), TensorSpec("boxes", "float32", (1, 20, 4)))
    detector = replace(ARTIFACT, facts=replace(FACTS, outputs=outputs))
    found = read_samples(DataAsk(path=tmp_path), detector, tmp_path)
    assert {"a.png": False, "inside/b.png": False} == {one.name: one.labelled for one in found.samples}
    assert "class ids" in str(found.unlabelled)
    assert "scores [1, 20, 2], boxes [1, 20, 4]" in str(found.unlabelled)
    assert "annotations.json" in str(found.unlabelled)
    for options in ("task=classification", "output=scores"):
        with pytest.raises(InputError, match="class ids"):
            read_samples(DataAsk(path=tmp_path, options=options), detector, tmp_path)


def test_labels_that_a_plugin_judges_by_are_labels(tmp_path: Path) -> None:
    """Of any kind, whatever the model's outputs: only its plugin knows what they mean."""
    photo(tmp_path / "a.png", 1)
    (tmp_path / "labels.json").write_text('{"a.png": {"left": 3}}')
    outputs = (TensorSpec("scores", "float32", (1, 20, 2)),)
    detector = replace(ARTIFACT, facts=replace(FACTS, outputs=outputs))
    found = read_samples(DataAsk(path=tmp_path), detector, tmp_path, judged=True)
    assert ([True], "") == ([one.labelled for one in found.samples], found.unlabelled)


def test_of_equal_samples_the_label_is_kept(tmp_path: Path) -> None:
    """Whichever of them is read first."""
    for name in ("a.png", "b.png", "c.png"):
        photo(tmp_path / name, 1)
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / "labels.json").write_text(f'{{"{name}": 1}}')
        found = read(tmp_path, tmp_path / "out")
        assert ([(name, True)], 2) == ([(one.name, one.labelled) for one in found.samples], found.duplicates)


def test_progress_never_exceeds_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where samples do not count, and more are read for them."""
    for number in range(6):
        photo(tmp_path / f"{number}.png", 10 * (number // 3))
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("bench.quantising.samples.done", lambda part, whole: told.append((part, whole)))
    assert 2 == len(read(tmp_path, tmp_path / "out", most=2).samples)
    assert all(part <= whole <= 6 for part, whole in told)
    assert (len(told), len(told)) == told[-1]


def test_a_model_without_inputs(tmp_path: Path) -> None:
    """Is said at once, for rows and for files."""
    photo(tmp_path / "a.png", 1)
    np.savez(tmp_path / "rows.npz", x=np.zeros((2, 3), np.float32))
    bare = replace(ARTIFACT, facts=GraphFacts((), ()), shapes={})
    for data in (tmp_path, tmp_path / "rows.npz"):
        with pytest.raises(InputError, match="the model has no input"):
            read_samples(DataAsk(path=data), bare, tmp_path)
