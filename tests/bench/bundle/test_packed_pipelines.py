"""The files that went through a pipeline in a bundle: which are packed, what ``odb verify`` finds, and that a record is
measured again from them."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from forged_bundles import failed
from made_bundles import WEIGHTS, add_record, changed, dossier, files_of, submission, write_files, write_submission
from msgspec.structs import replace

from bench.bundle import open_bundle
from bench.bundle.packed_files import DataReader
from bench.bundle.packing import PackOptions, packing, write_bundle
from bench.bundle.verification import verify
from bench.cli.submission.rerun import Reviewer, suite_again
from bench.contracts import Scenario
from bench.errors import InputError
from bench.pipelines.again import piped_files, went_through
from bench.pipelines.asked import sha256_of_inputs
from bench.plugins import discover
from bench.quality.dataset_files import dataset_files, judged_on
from bench.record.asked import Asked, NamedFile
from bench.record.inputs import NotTaken, PipelineFacts
from bench.store.derived import judged
from bench.store.records import load, save
from bench.submission.form import SubmittedModel, read_submission

READER = DataReader(dataset_files, judged_on, piped_files, went_through)
MODELS = (
    SubmittedModel("net", "net.onnx", licence="MIT", pipeline_inputs="shots/photos"),
    SubmittedModel("other", "other.onnx", licence="MIT", pipeline_inputs="more/photos"),
)


def through(
    folder: Path, record_id: str, place: str, name: str, weights: bytes, inputs: int = 100, fed: str = "pipeline_inputs"
) -> None:
    """Adds a record whose pipeline took the photographs in ``place``, without one that was broken; ``fed``: what of it
    named them."""
    files = sorted((folder / place).glob("*.png"))
    taken = tuple(file for file in files if file.name != "broken.png")[:inputs]
    add_record(folder, record_id, 4_000_000, name)
    found = load(folder / "records" / record_id)
    plan = replace(
        found.record.plan,
        asked=Asked("file", NamedFile(name), **{fed: NamedFile("photos")}),
        model=replace(
            found.record.plan.model,
            id=name.partition(".")[0],
            sha256=sha256(weights).hexdigest(),
            size_bytes=len(weights),
        ),
        scenario=Scenario("end-to-end", parameters={"pipeline": "detection", "inputs": inputs}),
        pipeline=PipelineFacts(
            kind="detection",
            stages=(),
            inputs=len(taken),
            files=len(taken),
            sha256=sha256_of_inputs(taken),
            not_taken=(NotTaken("broken.png", "broken"),),
        ),
    )
    made = judged(replace(found, record=replace(found.record, plan=plan))).plain()
    shutil.rmtree(folder / "records" / record_id)
    save(folder / "records", made.record, made.samples)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models, each fed a folder ``photos`` with files of its own, beside which lies what no pipeline takes."""
    found = write_submission(tmp_path / "s", submission(models=MODELS))
    (found / "other.onnx").write_bytes(WEIGHTS + b"other")
    for place, names in (("shots/photos", ("a.png", "b.png", "broken.png")), ("more/photos", ("c.png", "d.png"))):
        (found / place).mkdir(parents=True)
        for name in names:
            (found / place / name).write_bytes(name.encode())
    (found / "shots/photos/notes.txt").write_text("not of the pipeline")
    through(found, "r3", "shots/photos", "net.onnx", WEIGHTS)
    through(found, "r4", "more/photos", "other.onnx", WEIGHTS + b"other", inputs=1)
    return found


def packed(folder: Path, file: Path, with_data: bool = True) -> Path:
    asked = PackOptions(with_data=with_data, despite_rejections=True)
    with packing(folder, asked, render=dossier, data=READER) as made:
        write_bundle(made, file)
    return file


def refused(bundle: Path, reader: DataReader | None = READER) -> list[str]:
    with open_bundle(bundle) as opened:
        return failed(verify(opened, render=dossier, data=reader))


def test_every_file_that_a_pipeline_may_take_is_packed(folder: Path, tmp_path: Path) -> None:
    """Also those that a pass left out, so that whoever measures again chooses the same."""
    bundle = packed(folder, tmp_path / "b.zip")
    names = {name.partition("/inputs/")[2] for name in files_of(bundle) if "/inputs/" in name}
    of_net = {f"net/photos/{name}" for name in ("a.png", "b.png", "broken.png")}
    assert names == of_net | {"other/photos/c.png", "other/photos/d.png"}
    assert refused(bundle) == []


def test_without_the_flag_hashes_stay(folder: Path, tmp_path: Path) -> None:
    """Those that the records state; a list with another hash is found."""
    bundle = packed(folder, tmp_path / "b.zip", with_data=False)
    assert not [name for name in files_of(bundle) if "/inputs/" in name]
    name = next(one for one in files_of(bundle) if one.endswith("data/inputs.json"))
    (of_net, of_other) = json.loads(files_of(bundle)[name])["inputs"]
    assert (of_net["pipeline_sha256"], of_other["field"]) == (
        [load(folder / "records/r3").record.plan.pipeline.sha256],
        "pipeline_inputs",
    )
    assert refused(bundle) == []
    other = "0" * 64
    stated = of_net["pipeline_sha256"][0]
    with changed(bundle, "data/inputs.json", lambda data: data.replace(stated.encode(), other.encode())) as files:
        assert "ODB-B-011" in refused(write_files(tmp_path / "c.zip", files))


def test_other_files_are_not_packed_and_are_found(folder: Path, tmp_path: Path) -> None:
    """By the hash in the record. The broken file is no part of it."""
    bundle = packed(folder, tmp_path / "b.zip")
    with changed(bundle, "data/inputs/net/photos/a.png", lambda data: b"another") as files:
        assert "ODB-B-011" in refused(write_files(tmp_path / "c.zip", files))
    (folder / "shots/photos/broken.png").write_bytes(b"still broken")
    packed(folder, tmp_path / "d.zip")
    (folder / "shots/photos/a.png").write_bytes(b"another")
    with pytest.raises(InputError, match="photos: the data are not those that r3 was measured on"):
        packed(folder, tmp_path / "e.zip")


def test_each_record_is_measured_again_with_the_files_of_its_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the bundle alone, though both models name their folders alike; from the submission's folder, too."""
    monkeypatch.chdir(tmp_path)
    catalog = discover([Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"])
    with open_bundle(packed(folder, tmp_path / "b.zip")) as opened:
        for data, places in (
            (opened.data, ("inputs/net/photos", "inputs/other/photos")),
            (folder, ("shots/photos", "more/photos")),
        ):
            models = read_submission(data).models
            for name, place in zip(("r3", "r4"), places, strict=True):
                suite = suite_again(load(data / "records" / name), data, catalog, Reviewer(), models)
                assert str(data / place) == suite.models[0].pipeline_inputs


def test_one_file_is_packed_as_it_is_named(tmp_path: Path) -> None:
    """``pipeline_inputs`` may be a file."""
    model = replace(MODELS[0], pipeline_inputs="photos/a.png")
    found = write_submission(tmp_path / "s", submission(models=(model,)))
    (found / "photos").mkdir()
    (found / "photos/a.png").write_bytes(b"a")
    through(found, "r3", "photos", "net.onnx", WEIGHTS)
    bundle = packed(found, tmp_path / "b.zip")
    names = [name.partition("/inputs/")[2] for name in files_of(bundle) if "/inputs/" in name]
    assert (names, refused(bundle)) == (["net/a.png"], [])


@pytest.fixture
def of_dataset(tmp_path: Path) -> Path:
    """A submission whose record's pipeline was fed by a dataset: three labelled pictures, one of them broken."""
    model = replace(MODELS[0], pipeline_inputs="", dataset="data/photos")
    found = write_submission(tmp_path / "s", submission(models=(model,)))
    (found / "data/photos").mkdir(parents=True)
    for name in ("a.png", "b.png", "broken.png", "unlabelled.png"):
        (found / "data/photos" / name).write_bytes(name.encode())
    (found / "data/photos/labels.json").write_text(json.dumps({"a.png": 1, "b.png": 2, "broken.png": 3}))
    (found / "data/photos/unlabelled.png").rename(tmp_path / "aside.png")
    through(found, "r3", "data/photos", "net.onnx", WEIGHTS, fed="dataset")
    (tmp_path / "aside.png").rename(found / "data/photos/unlabelled.png")
    return found


def test_a_dataset_that_fed_a_pipeline_is_packed_with_its_labels(of_dataset: Path, tmp_path: Path) -> None:
    """And no picture without one; verified, and found where one is another."""
    bundle = packed(of_dataset, tmp_path / "b.zip")
    names = {name.partition("/inputs/")[2] for name in files_of(bundle) if "/inputs/" in name}
    assert names == {f"net/photos/{name}" for name in ("a.png", "b.png", "broken.png", "labels.json")}
    assert refused(bundle) == []
    with changed(bundle, "data/inputs/net/photos/a.png", lambda data: b"another") as files:
        assert "ODB-B-011" in refused(write_files(tmp_path / "c.zip", files))
    (of_dataset / "data/photos/b.png").write_bytes(b"another")
    with pytest.raises(InputError, match="photos: the data are not those that r3 was measured on"):
        packed(of_dataset, tmp_path / "d.zip")


def test_a_pipeline_is_measured_again_from_the_dataset_in_the_bundle(
    of_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from another of that name, which is refused where it is all that there is."""
    monkeypatch.chdir(tmp_path)
    catalog = discover([Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"])
    with open_bundle(packed(of_dataset, tmp_path / "b.zip")) as opened:
        models = read_submission(opened.data).models
        suite = suite_again(load(opened.data / "records/r3"), opened.data, catalog, Reviewer(), models)
        assert (str(opened.data / "inputs/net/photos"), "") == (
            suite.models[0].dataset,
            suite.models[0].pipeline_inputs,
        )
        (opened.data / "inputs/net/photos/b.png").write_bytes(b"another")
        with pytest.raises(InputError, match="photos does not hold the 2 file"):
            suite_again(load(opened.data / "records/r3"), opened.data, catalog, Reviewer(), models)
