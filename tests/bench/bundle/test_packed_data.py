"""Datasets in a bundle: what of them is packed, what keeps them out, and what ``odb verify`` finds."""

import json
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from forged_bundles import failed
from made_bundles import WEIGHTS, add_record, changed, dossier, files_of, submission, write_files
from made_bundles import write_submission as written
from PIL import Image

from bench.bundle import open_bundle
from bench.bundle import packing as packing_module
from bench.bundle.packed_files import DataReader
from bench.bundle.packing import PackOptions, packing, write_bundle
from bench.bundle.verification import Verification, verify
from bench.errors import InputError
from bench.pipelines.again import piped_files, went_through
from bench.quality.dataset import dataset_sha256, entry_digest, read_listing
from bench.quality.dataset_files import dataset_files, judged_on
from bench.quality.text.limits import EMULATED
from bench.record.quality import DatasetFacts, LeftOut, Quality
from bench.submission.form import SubmittedModel
from bench.suite.dataset_options import DatasetAsk

READER = DataReader(dataset_files, judged_on, piped_files, went_through)
PLACE = "data/inputs/net/pictures"
MODEL = SubmittedModel("net", "net.onnx", licence="MIT", dataset="pictures")
ARTIST, GPS, DETAILS, SERIAL = 0x013B, 0x8825, 0x8769, 0xA431


def picture(colour: int, tags: dict[int, Any] | None = None) -> bytes:
    made, exif = BytesIO(), Image.Exif()
    for tag, value in (tags or {}).items():
        exif[tag] = value
    Image.new("RGB", (4, 4), (colour, 0, 0)).save(made, "JPEG", exif=exif)
    return made.getvalue()


def facts(folder: Path, left_out: Sequence[str] = ()) -> DatasetFacts:
    """Of a record that was judged on the pictures, without some of them."""
    listing = read_listing(DatasetAsk(folder), judged=False)
    digests = [entry_digest(listing, one) for one in listing.entries if one.file not in left_out]
    told = tuple(LeftOut(name, name, "cannot be read") for name in left_out)
    return DatasetFacts("pictures", "classification", dataset_sha256(digests), len(digests), told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission whose newest record has a quality, on three pictures of which one was left out. Beside them lies
    what is no part of the dataset."""
    found = written(tmp_path / "s", submission(models=(MODEL,)))
    pictures = found / "pictures"
    (pictures / "more").mkdir(parents=True)
    for name, colour in (("a.jpg", 10), ("b.jpg", 20), ("more/c.jpg", 30)):
        (pictures / name).write_bytes(picture(colour))
    (pictures / "labels.json").write_text(json.dumps({"a.jpg": 1, "b.jpg": 2, "more/c.jpg": 3}))
    (pictures / "unlabelled.jpg").write_bytes(picture(40))
    (pictures / "notes.txt").write_text("not of the dataset")
    (pictures / ".DS_Store").write_bytes(b"x")
    quality = Quality(facts(pictures, ["b.jpg"]), sha256(WEIGHTS).hexdigest(), "null:cpu")
    add_record(found, "r3", 4_000_000, quality=quality)
    return found


def packed(folder: Path, file: Path, **options: Any) -> Path:
    asked = PackOptions(**{"with_data": True, "despite_rejections": True, **options})
    with packing(folder, asked, render=dossier, data=READER) as made:
        write_bundle(made, file)
    return file


def verified(bundle: Path, reader: DataReader | None = READER) -> Verification:
    with open_bundle(bundle) as opened:
        return verify(opened, render=dossier, data=reader)


def state(found: Verification, rule: str) -> str:
    return next(result.state for result in found.results if result.rule == rule)


def test_the_files_of_the_dataset_are_packed_and_no_others(folder: Path, tmp_path: Path) -> None:
    """Samples that were judged or left out, and their labels; where the form says that they are."""
    bundle = packed(folder, tmp_path / "b.zip")
    names = {name.partition("/")[2] for name in files_of(bundle) if "/inputs/" in name}
    assert names == {f"{PLACE}/{name}" for name in ("a.jpg", "b.jpg", "more/c.jpg", "labels.json")}
    lists = next(data for name, data in files_of(bundle).items() if name.endswith("/data/inputs.json"))
    listed = json.loads(lists)["inputs"]
    assert [file["name"] for file in listed[0]["files"]] == sorted(name.removeprefix("data/") for name in names)
    found = verified(bundle)
    assert (failed(found), state(found, "ODB-B-011")) == ([], "ok")


def test_without_the_flag_no_dataset_is_packed(folder: Path, tmp_path: Path) -> None:
    bundle = packed(folder, tmp_path / "b.zip", with_data=False)
    assert not [name for name in files_of(bundle) if "/inputs/" in name]
    assert failed(verified(bundle)) == []


def test_the_same_data_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert packed(folder, tmp_path / "b.zip").read_bytes() == packed(folder, tmp_path / "c.zip").read_bytes()


def test_a_dataset_that_was_changed_is_not_packed(folder: Path, tmp_path: Path) -> None:
    """A label, a sample, or one more; not what was left out when it was judged."""
    (folder / "pictures/b.jpg").write_bytes(picture(99))
    packed(folder, tmp_path / "b.zip")
    (folder / "pictures/a.jpg").write_bytes(picture(99))
    with pytest.raises(InputError, match="pictures: the data are not those") as told:
        packed(folder, tmp_path / "c.zip")
    assert "r3" in told.value.message
    assert not (tmp_path / "c.zip").exists()


@pytest.mark.parametrize("name", ["a.jpg", "labels.json"])
def test_other_data_in_the_bundle_are_found(name: str, folder: Path, tmp_path: Path) -> None:
    """Also with all lists and manifests made anew: the record's hash is of other samples."""
    bundle = packed(folder, tmp_path / "b.zip")
    forged = picture(77) if name == "a.jpg" else json.dumps({"a.jpg": 9, "b.jpg": 2, "more/c.jpg": 3}).encode()
    with changed(bundle, f"{PLACE}/{name}", lambda data: forged) as files:
        assert "ODB-B-011" in failed(verified(write_files(tmp_path / "c.zip", files)))
        lists = next(one for one in files if one.endswith("data/inputs.json"))
        stated = json.loads(files[lists])
        for one in stated["inputs"][0]["files"]:
            if one["name"].endswith(name):
                one |= {"size_bytes": len(forged), "sha256": sha256(forged).hexdigest()}
        again = write_files(tmp_path / "d.zip", {**files, lists: json.dumps(stated).encode()})
    found = verified(again)
    told = [one for one in found.findings if one.rule == "ODB-B-011"]
    assert [one.where for one in told] == ["data/records/r3/record.json: quality.dataset.sha256"]


def test_a_file_too_many_has_no_place(folder: Path, tmp_path: Path) -> None:
    bundle = packed(folder, tmp_path / "b.zip")
    files = files_of(bundle)
    top = next(iter(files)).partition("/")[0]
    more = write_files(tmp_path / "c.zip", {**files, f"{top}/{PLACE}/secret.jpg": b"x"})
    assert "ODB-B-011" in failed(verified(more))


def test_who_cannot_read_datasets_says_so(folder: Path, tmp_path: Path) -> None:
    """The rule is not checked, and refuses nothing."""
    found = verified(packed(folder, tmp_path / "b.zip"), None)
    assert (failed(found), state(found, "ODB-B-011")) == ([], "skipped")


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({ARTIST: "Hong Gildong"}, "Artist"),
        ({GPS: {1: "N", 2: (37.0, 33.0, 58.0)}}, "GPSInfo"),
        ({DETAILS: {SERIAL: "123456"}}, "BodySerialNumber"),
    ],
)
def test_pictures_that_say_where_and_by_whom_are_refused(
    tags: dict[int, Any], word: str, tmp_path: Path, folder: Path
) -> None:
    """Unless that is allowed; nothing half written is left."""
    (folder / "pictures/b.jpg").write_bytes(picture(20, tags))
    with pytest.raises(InputError, match=word) as told:
        packed(folder, tmp_path / "b.zip")
    assert "inputs/net/pictures/b.jpg" in told.value.message
    assert not (tmp_path / "b.zip").exists()
    assert failed(verified(packed(folder, tmp_path / "b.zip", keep_names=True))) == []


def test_a_folder_that_is_no_dataset_is_an_error(folder: Path, tmp_path: Path) -> None:
    """With what a dataset is; a missing one, too."""
    (folder / "pictures/labels.json").unlink()
    (folder / "pictures/notes.txt").unlink()
    with pytest.raises(InputError, match="pictures"):
        packed(folder, tmp_path / "b.zip")
    built_in = written(tmp_path / "t", submission(models=(SubmittedModel("net", "net.onnx", dataset="choices-small"),)))
    assert not [name for name in files_of(packed(built_in, tmp_path / "d.zip")) if "/inputs/" in name]


def test_what_verify_would_not_read_is_not_packed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said before anything is written, with the figures."""
    monkeypatch.setattr(packing_module, "MOST_FILES", 4)
    with pytest.raises(InputError, match="would have 5 files") as told:
        packed(folder, tmp_path / "b.zip")
    assert "--with-data" in told.value.remedy
    packed(folder, tmp_path / "b.zip", with_data=False)


def test_texts_are_known_by_their_bytes_and_limits(tmp_path: Path) -> None:
    """Without limits exactly; with limits of another version it cannot be told."""
    (tmp_path / "b.txt").write_text("two")
    (tmp_path / "a.jsonl").write_text('{"prompt": "one"}\n')
    (tmp_path / "picture.jpg").write_bytes(picture(1))
    assert [file.name for file in dataset_files(tmp_path)] == ["a.jsonl", "b.txt"]
    files = [file.name.encode() + b"\0" + file.read_bytes() for file in dataset_files(tmp_path)]
    digests = [sha256(one).digest() for one in files]
    plain = DatasetFacts("d", "perplexity", dataset_sha256(digests), 2)
    limited = DatasetFacts(
        "d", "perplexity", dataset_sha256([*digests, repr(EMULATED).encode()]), 2, limits=("a part",)
    )
    other = DatasetFacts("d", "perplexity", "0" * 64, 2, limits=("a part",))
    without = DatasetFacts("d", "perplexity", dataset_sha256(digests[1:]), 1, (LeftOut("a.jsonl", "a.jsonl", "bad"),))
    assert [judged_on(tmp_path, one) for one in (plain, limited, other, without)] == [True, True, None, True]
    assert judged_on(tmp_path, DatasetFacts("d", "perplexity", "0" * 64, 2)) is False
