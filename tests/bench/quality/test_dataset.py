"""Which samples a folder holds, and what is left out and why."""

from pathlib import Path

import numpy as np
import pytest
from judged_runs import in_words
from PIL import Image

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.quality.dataset import (
    Listing,
    dataset_sha256,
    entry_digest,
    expected_of,
    left_out,
    read_listing,
    sample_feeds,
)
from bench.record.quality import LeftOut
from bench.suite.dataset_options import DatasetAsk

SPEC = TensorSpec("image", "float32", (1, 3, 4, 4))


def photo(path: Path, colour: int = 0) -> None:
    Image.new("RGB", (6, 6), (colour, 0, 0)).save(path)


def listing(folder: Path, options: str = "", judged: bool = False) -> Listing:
    return read_listing(DatasetAsk(folder, options), judged)


def test_labelled_images(tmp_path: Path) -> None:
    """Samples come by name; what is missing, unlabelled, outside or of another kind is left out and told."""
    for name in ("b.png", "a.png", "extra.png"):
        photo(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "labels.json").write_text(
        '{"b.png": 1, "a.png": 0, "gone.png": 1, "../up.png": 1, "C:up.png": 1, "notes.txt": 1}'
    )
    found = listing(tmp_path)
    assert ("classification", ["a.png", "b.png"]) == (found.task, [entry.file for entry in found.entries])
    assert set(in_words(found.left_out)) == {
        LeftOut("gone.png", "labels.json: gone.png", "no such file"),
        LeftOut("../up.png", "labels.json: ../up.png", "leads out of the folder"),
        LeftOut("C:up.png", "labels.json: C:up.png", "leads out of the folder"),
        LeftOut("notes.txt", "labels.json: notes.txt", "files that end in .txt are not read"),
        LeftOut("extra.png", "labels.json", "has no label"),
    }


def test_a_plugins_judge_takes_any_label(tmp_path: Path) -> None:
    """Where a plugin judges, a label is any JSON value, unless the options name a task."""
    photo(tmp_path / "a.png")
    (tmp_path / "labels.json").write_text('{"a.png": {"angle": 1.5}}')
    found = listing(tmp_path, judged=True)
    assert ("judged", {"angle": 1.5}) == (found.task, found.entries[0].expected)
    with pytest.raises(InputError, match=r"a.png \(labels.json: a.png\): \{\"angle\": 1.5\} is neither a class id"):
        listing(tmp_path, "task=classification", judged=True)


@pytest.mark.parametrize(
    ("array", "task"),
    [
        (np.zeros((1, 3), np.float32), "regression"),
        (np.array([2]), "classification"),
        (np.zeros((8, 8), np.uint8), "segmentation"),
    ],
)
def test_pairs_tell_their_task_by_type(tmp_path: Path, array: np.ndarray, task: str) -> None:
    """Real numbers are regressed, one id is a class, a map of ids a segmentation; a partner that is missing is told."""
    for name in ("a", "b", "lonely"):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros(3))
    for name in ("a", "b", "orphan"):
        np.savez(tmp_path / f"{name}.expected.npz", y=array)
    found = listing(tmp_path)
    assert (task, ["a.npz", "b.npz"]) == (found.task, [entry.file for entry in found.entries])
    assert array.tolist() == expected_of(found, found.entries[0])["y"].tolist()
    assert [("lonely.npz", "no such file"), ("orphan.expected.npz", "its inputs are missing")] == [
        (left.file, left.reason) for left in in_words(found.left_out)
    ]


def test_a_first_pair_that_cannot_be_read_does_not_hide_the_task(tmp_path: Path) -> None:
    """The task is that of the first that can be read; the other is told when it is judged."""
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros(3))
        np.savez(tmp_path / f"{name}.expected.npz", y=np.array([2]))
    (tmp_path / "a.expected.npz").write_bytes(b"PK")
    assert ("classification", 2) == (listing(tmp_path).task, len(listing(tmp_path).entries))


def test_files_without_a_label_are_told_in_subfolders_too(tmp_path: Path) -> None:
    """Wherever labels lead, what lies beside the labelled is looked at."""
    (tmp_path / "s").mkdir()
    for name in ("s/car.png", "s/daisy.png", "top.png"):
        photo(tmp_path / name)
    (tmp_path / "labels.json").write_text('{"s/car.png": 1}')
    found = listing(tmp_path)
    assert ["s/car.png"] == [entry.file for entry in found.entries]
    assert [("s/daisy.png", "has no label"), ("top.png", "has no label")] == sorted(
        (left.file, left.reason) for left in in_words(found.left_out)
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds nothing to evaluate"),
        ({"a.png": ""}, "holds no labels"),
        ({"labels.json": "{}"}, "holds no sample that can be used"),
        ({"labels.json": '{"a.png": 1}'}, "can be used: a.png (labels.json: a.png): no such file"),
        ({"labels.json": "{}", "labels.csv": ""}, "holds labels.json and labels.csv"),
    ],
)
def test_a_folder_that_cannot_be_used(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """Empty, unlabelled, ambiguous: the folder is named and the remedy says what belongs into it."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        listing(tmp_path)
    assert caught.value.message.startswith(f"--dataset {tmp_path.name}: ")
    assert message in caught.value.message
    with pytest.raises(InputError, match="no such folder"):
        listing(tmp_path / "elsewhere")


def test_the_hash_covers_names_contents_and_labels(tmp_path: Path) -> None:
    """Another name, another picture or another label is another dataset; the folder's name is not part of it."""

    def digest(folder: str, name: str = "a.png", colour: int = 0, label: str = "1") -> str:
        (tmp_path / folder).mkdir()
        photo(tmp_path / folder / name, colour)
        (tmp_path / folder / "labels.json").write_text(f'{{"{name}": {label}}}')
        found = listing(tmp_path / folder)
        return dataset_sha256(entry_digest(found, entry) for entry in found.entries)

    first = digest("1")
    assert first == digest("2") == digest("3", label="[1]")
    assert 4 == len({first, digest("4", name="b.png"), digest("5", colour=9), digest("6", label="[1, 2]")})


def test_samples_become_inputs(tmp_path: Path) -> None:
    """Images by the stated preprocessing, arrays by their names; a file that is no image names itself."""
    photo(tmp_path / "a.png", 255)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and no more")
    np.savez(tmp_path / "c.npz", image=np.ones((1, 3, 4, 4), np.float32))
    np.savez(tmp_path / "d.npz", image=np.ones((1, 3, 5, 5), np.float32))
    (tmp_path / "labels.json").write_text('{"a.png": 0, "broken.png": 0, "c.npz": 0, "d.npz": 0}')
    found = listing(tmp_path)
    shapes = {"image": (1, 3, 4, 4)}
    a, broken, c, d = found.entries
    image = sample_feeds(found, a, (SPEC,), shapes, "scale=255,order=bgr")["image"]
    assert (0.0, 1.0) == (image[0, 0].max(), image[0, 2].min())
    assert 1.0 == sample_feeds(found, c, (SPEC,), shapes, "")["image"].min()
    reasons = []
    for entry in (broken, d):
        with pytest.raises(InputError) as caught:
            sample_feeds(found, entry, (SPEC,), shapes, "")
        reasons.append(left_out(entry, caught.value))
    assert LeftOut("broken.png", "broken.png", "image=broken.png: is not a whole image") == in_words(reasons)[0]
    assert "image: has the shape [1, 3, 5, 5], but the model takes [1, 3, 4, 4]" == str(reasons[1].reason)
