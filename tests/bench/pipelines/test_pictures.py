"""Pipelines of photographs: the code whose accuracy is judged, and errors that name the stage."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from bench.contracts import Artifact, Levels, Normaliser, Pipeline, Scenario, TensorSpec
from bench.errors import InputError
from bench.inputs.images import image_tensor
from bench.pipelines.again import fed_alike, refuse_other_inputs
from bench.pipelines.asked import PipelineAsk, PipelineOpening, files_of, sha256_of_inputs
from bench.pipelines.opening import open_staged, pipeline_of, tried
from bench.pipelines.pictures import PicturePipeline
from bench.plugins import PluginRef
from bench.quality.detection import Found
from bench.record.inputs import NotTaken, PipelineFacts
from bench.suite.preprocessing import parse_preprocessing
from bench.suite.suite import ModelAsk, Suite
from bench.testing import FakeTensorSession, fake_artifact
from bench.testing.records import fake_run

MODEL = PluginRef("models", "fake", "bench.testing.plugins:FakeModel", "tests")
PREPARED = "order=bgr,mean=10:20:30,scale=2"


def artifact_of(
    tmp_path: Path, shape: tuple[int, ...], outputs: dict[str, tuple[int, ...]], dtype: str = "float32"
) -> Artifact:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"fake\n")
    made = fake_artifact(path)
    specs = (TensorSpec("x", dtype, shape),)
    outs = tuple(TensorSpec(name, "float32", one) for name, one in outputs.items())
    return replace(made, facts=replace(made.facts, inputs=specs, outputs=outs), shapes={"x": shape})


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photographs of unlike sizes, a broken one, and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for name, size in (("a.png", (40, 30)), ("b.png", (16, 24))):
        Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(folder / name)
    (folder / "c.png").write_bytes(b"no picture")
    (folder / "labels.json").write_text(json.dumps({"a.png": 1}))
    return folder


def asked(folder: Path, kind: str, preprocessing: str = PREPARED, **more: Any) -> PipelineAsk:
    return PipelineAsk(kind=kind, folder=folder, preprocessing=preprocessing, **more)


def test_preprocess_is_what_an_input_and_a_dataset_get(photos: Path, tmp_path: Path) -> None:
    """To the last bit, of both layouts."""
    for shape in ((1, 3, 8, 12), (1, 8, 12, 3)):
        artifact = artifact_of(tmp_path, shape, {"y": (1, 5)})
        pipeline = PicturePipeline(asked(photos, "classification"), artifact)
        made = pipeline.preprocess(pipeline.decode(photos / "a.png"))["x"]
        spec = artifact.facts.inputs[0]
        np.testing.assert_array_equal(image_tensor(photos / "a.png", spec, shape, parse_preprocessing(PREPARED)), made)


def test_files_that_cannot_be_used_are_left_out_and_told(photos: Path, tmp_path: Path) -> None:
    """The broken one; what is no picture is not looked at."""
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)})
    found = tried(asked(photos, "classification"), MODEL, artifact, sets=1)
    assert ["a.png", "b.png"] == [file.name for file in found.files]
    assert ["c.png"] == [one.file for one in found.not_taken]
    assert [["x"]] == [list(feeds) for feeds in found.feeds]


def test_no_file_at_all_is_an_error(photos: Path, tmp_path: Path) -> None:
    """It names the folder and the first file with its fault, or the suffixes that are taken."""
    for name in ("a.png", "b.png"):
        (photos / name).unlink()
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)})
    with pytest.raises(InputError, match=r"photos.*c\.png"):
        tried(asked(photos, "classification"), MODEL, artifact, sets=1)
    with pytest.raises(InputError, match=r"photos.*keyword-spotting.*\.wav"):
        files_of(asked(photos, "keyword-spotting"))
    with pytest.raises(InputError, match="no such file or folder"):
        files_of(asked(photos / "nowhere", "classification"))


def test_the_best_five_classes(photos: Path, tmp_path: Path) -> None:
    """Of equal scores the lower class; any shape with one side of classes."""
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 7, 1, 1)})
    pipeline = PicturePipeline(asked(photos, "classification"), artifact)
    scores = np.array([0.1, 0.9, 0.2, 0.9, 0.0, 0.3, 0.05], np.float32).reshape(1, 7, 1, 1)
    picture = pipeline.decode(photos / "a.png")
    assert [1, 3, 5, 2, 0] == pipeline.postprocess({"y": scores}, picture).tolist()


def test_boxes_are_in_pixels_of_the_photograph(photos: Path, tmp_path: Path) -> None:
    """Declared boxes in pixels of the input, 12 wide and 8 high, of a photograph of 40 to 30."""
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"boxes": (2, 4), "scores": (2,)})
    pipeline = PicturePipeline(asked(photos, "detection"), artifact)
    outputs = {"boxes": np.array([[0, 0, 6, 4], [6, 4, 12, 8]], np.float32), "scores": np.array([0.3, 0.8], np.float32)}
    found = pipeline.postprocess(outputs, pipeline.decode(photos / "a.png"))
    assert isinstance(found, Found)
    np.testing.assert_allclose([[20, 15, 40, 30], [0, 0, 20, 15]], found.boxes)
    assert pytest.approx([0.8, 0.3]) == found.scores.tolist()


@pytest.mark.parametrize("layout", ["first", "last"])
def test_the_class_of_each_pixel(photos: Path, tmp_path: Path, layout: str) -> None:
    """Scores with the classes first or last."""
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 4, 8, 12)})
    pipeline = PicturePipeline(asked(photos, "segmentation"), artifact)
    scores = np.random.default_rng(1).random((1, 4, 8, 12)).astype(np.float32)
    given = scores if layout == "first" else scores.transpose(0, 2, 3, 1)
    found = pipeline.postprocess({"y": given}, pipeline.decode(photos / "a.png"))
    np.testing.assert_array_equal(scores[0].argmax(axis=0), found)


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [
        ({"y": (1, 9)}, "classification"),
        ({"y": (1, 4, 8, 12)}, "segmentation"),
        ({"boxes": (5, 4), "scores": (5,)}, "detection"),
    ],
)
def test_auto_is_decided_by_the_outputs(
    photos: Path, tmp_path: Path, outputs: dict[str, tuple[int, ...]], kind: str
) -> None:
    """Of the first answer."""
    pipeline = PicturePipeline(asked(photos, "auto"), artifact_of(tmp_path, (1, 3, 8, 12), outputs))
    zeros = {name: np.zeros(shape, np.float32) for name, shape in outputs.items()}
    pipeline.postprocess(zeros, pipeline.decode(photos / "a.png"))
    assert kind == pipeline.kind


@pytest.mark.parametrize(
    ("kind", "outputs", "told"),
    [
        ("classification", {"y": (1, 4, 8, 12)}, r"stage postprocess: wanted .*each class, found y \[1, 4, 8, 12\]"),
        ("segmentation", {"y": (1, 4)}, r"stage postprocess: wanted .*\[1, classes, 8, 12\], found y \[1, 4\]"),
        ("auto", {"y": (1, 4), "z": (1, 2)}, r"y \[1, 4\], z \[1, 2\]"),
    ],
)
def test_outputs_of_the_wrong_shape_name_the_stage(
    photos: Path, tmp_path: Path, kind: str, outputs: dict[str, tuple[int, ...]], told: str
) -> None:
    """What was wanted, and what was found."""
    pipeline = PicturePipeline(asked(photos, kind), artifact_of(tmp_path, (1, 3, 8, 12), outputs))
    with pytest.raises(InputError, match=told):
        pipeline.postprocess(
            {name: np.ones(shape, np.float32) for name, shape in outputs.items()}, pipeline.decode(photos / "a.png")
        )


class OwnModel:
    """A model whose plugin gives a pipeline."""

    def __init__(self, shape: tuple[int, ...] = (1, 4)) -> None:
        self.shape = shape

    def pipeline(self, artifact: Artifact) -> Pipeline:
        return Own(self.shape)


class Own:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def inputs(self, files: Any) -> Any:
        return files

    def decode(self, item: Path) -> int:
        return len(item.read_bytes())

    def preprocess(self, decoded: int) -> Any:
        return {"x": np.full(self.shape, decoded, np.float32)}

    def postprocess(self, outputs: Any, decoded: int) -> float:
        return float(outputs["x"].sum())


class Wide(OwnModel):
    def __init__(self) -> None:
        super().__init__((1, 5))


OWN = PluginRef("models", "own", f"{__name__}:OwnModel", "tests")
WIDE = PluginRef("models", "wide", f"{__name__}:Wide", "tests")


def opened(folder: Path, model: PluginRef, artifact: Artifact) -> Any:
    ask = asked(folder, "auto")
    found = tried(ask, model, artifact, sets=1)
    session = FakeTensorSession({}, inputs=artifact.facts.inputs, outputs=artifact.facts.outputs)
    opening = PipelineOpening(ask=ask, model=model, artifact=artifact, files=found.files)
    return open_staged(opening, session)


def test_a_model_gives_its_own_stages(photos: Path, tmp_path: Path) -> None:
    """They see the session's outputs, and inputs are taken in turn."""
    (tmp_path / "net.onnx").write_bytes(b"fake\n")
    staged = opened(photos, OWN, fake_artifact(tmp_path / "net.onnx"))
    assert "own" == staged.facts.kind
    sizes = [4 * len(path.read_bytes()) for path in files_of(asked(photos, "auto"))]
    answers = []
    for item in staged.items:
        value = item
        for step in staged.steps:
            value = step(value)
        answers.append(value)
    assert sizes == answers
    assert [(path.name, path.stat().st_size) for path in files_of(asked(photos, "auto"))] == [
        (one.name, one.bytes) for one in staged.facts.each
    ]


def test_of_many_files_a_pass_takes_some_evenly(photos: Path, tmp_path: Path) -> None:
    """By name and not by how fast they are, so that whoever measures again takes the same."""
    for number in range(10):
        (photos / f"{number}.png").write_bytes((photos / "a.png").read_bytes())
    ask = asked(photos, "classification", most=4)
    assert ["0.png", "3.png", "6.png", "9.png"] == [path.name for path in files_of(ask)]
    (tmp_path / "net.onnx").write_bytes(b"fake\n")
    artifact = artifact_of(tmp_path, (1, 4), {"x": (1, 4)})
    session = FakeTensorSession({}, inputs=artifact.facts.inputs, outputs=artifact.facts.outputs)
    opening = PipelineOpening(ask=replace(ask, kind="own"), model=OWN, artifact=artifact, files=files_of(ask))
    facts = open_staged(opening, session).facts
    assert (4, 14) == (facts.files, facts.files_found)


def test_preprocess_of_the_wrong_shape_names_the_stage(photos: Path, tmp_path: Path) -> None:
    """With the wanted and the found type and shape."""
    (tmp_path / "net.onnx").write_bytes(b"fake\n")
    with pytest.raises(InputError, match=r"stage preprocess: wanted x float32 \[1, 4\], found x float32 \[1, 5\]"):
        opened(photos, WIDE, fake_artifact(tmp_path / "net.onnx"))


def test_own_of_a_model_without_one_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gives no pipeline"):
        pipeline_of(asked(photos, "own"), MODEL, artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)}))


def test_a_hop_of_photographs_is_refused_of_auto_too(photos: Path, tmp_path: Path) -> None:
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)})
    with pytest.raises(InputError, match="hop_ms"):
        pipeline_of(asked(photos, "auto", hop_ms=100.0), MODEL, artifact)


def test_a_labelled_dataset_gives_the_files_that_its_labels_name(photos: Path, tmp_path: Path) -> None:
    """One of two photographs that could be used; its queries are answered."""
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)})
    ask = asked(photos, "classification", labelled=True)
    assert [photos / "a.png"] == list(files_of(ask))
    found = tried(ask, MODEL, artifact, sets=4)
    assert ([photos / "a.png"], 1) == (list(found.files), len(found.feeds))


@pytest.mark.parametrize("fed", ["pipeline_inputs", "dataset"])
def test_measured_again_a_folder_of_the_name_must_hold_the_same_files(photos: Path, tmp_path: Path, fed: str) -> None:
    """A file that was left out may be there; another name or content is refused, a folder that nobody named is not."""
    files = (photos / "a.png", photos / "b.png")[: 2 if fed == "pipeline_inputs" else 1]
    facts = PipelineFacts(
        kind="classification",
        stages=(),
        inputs=len(files),
        files=len(files),
        sha256=sha256_of_inputs(files),
        not_taken=(NotTaken("c.png", "broken"),),
    )
    made = fake_run("r", [np.full(20, 1_000_000)]).record
    scenario = Scenario("end-to-end", parameters={"pipeline": "classification"})
    record = replace(made, plan=replace(made.plan, pipeline=facts, scenario=scenario))
    suite = Suite(models=(ModelAsk("net.onnx", **{fed: str(photos)}),))
    refuse_other_inputs(record, suite)
    assert fed_alike(record, suite.models[0])
    files[0].write_bytes(files[0].read_bytes() + b"more")
    assert not fed_alike(record, suite.models[0])
    with pytest.raises(InputError, match=f"photos does not hold the {len(files)} file"):
        refuse_other_inputs(record, suite)
    refuse_other_inputs(record, Suite(models=(ModelAsk("net.onnx"),)))


class OwnWay(FakeTensorSession):
    """Whose runtime makes tensors of levels, right or wrong by ``off``."""

    off: float = 0.0

    def normaliser(self, levels: Levels) -> Normaliser:
        def run(pixels: Any) -> Any:
            values = (pixels.astype(np.float32) - np.float32(levels.mean)) / np.float32(levels.scale)
            return np.ascontiguousarray(values.transpose(2, 0, 1).reshape(levels.shape)) + np.float32(self.off)

        return Normaliser(run, {"a runtime": "7"})


@pytest.mark.parametrize(("off", "taken"), [(0.0, True), (1e-3, False)])
def test_a_runtimes_own_way_is_taken_where_it_gives_the_same_values(
    photos: Path, tmp_path: Path, off: float, taken: bool
) -> None:
    """And the record names it. Tried on every level of 8 bits, before anything is timed."""
    made = pipeline_of(asked(photos, "classification"), MODEL, artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)}))
    assert isinstance(made, PicturePipeline)
    plain = made.preprocess(made.decode(photos / "a.png"))["x"]
    made.prepare_by(OwnWay({}, off=off))
    assert np.abs(made.preprocess(made.decode(photos / "a.png"))["x"] - plain).max() <= 1e-6
    assert taken == ("a runtime" in made.stages().preprocess[1])


def test_small_values_are_compared_by_the_largest_of_them(photos: Path, tmp_path: Path) -> None:
    """A millionth of the largest value, which may be far below 1."""
    ask = asked(photos, "classification", "scale=255000")
    made = pipeline_of(ask, MODEL, artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)}))
    assert isinstance(made, PicturePipeline)
    made.prepare_by(OwnWay({}, off=5e-7))
    assert "a runtime" not in made.stages().preprocess[1]


def test_a_padding_that_is_no_level_is_prepared_by_numpy(photos: Path, tmp_path: Path) -> None:
    """Half a level cannot be given to a runtime as 8 bits."""
    artifact = artifact_of(tmp_path, (1, 3, 8, 12), {"y": (1, 5)})
    for pad, by_runtime in (("114", True), ("114.5", False)):
        ask = asked(photos, "classification", f"scale=2,letterbox={pad}")
        made = pipeline_of(ask, MODEL, artifact)
        assert isinstance(made, PicturePipeline)
        picture = made.decode(photos / "a.png")
        assert by_runtime == (made._input.levels(picture).dtype == np.uint8)
        assert float(pad) / 2 in made.preprocess(picture)["x"]


@pytest.mark.parametrize(
    ("preprocessing", "told"),
    [
        ("mean=127,scale=128", False),
        ("order=rgb,mean=127:127:127,scale=128,resize=plain", False),
        ("mean=127,scale=128,layout=nchw", False),
        ("", True),
        ("mean=127,scale=128,letterbox=0", True),
        ("mean=127.5,scale=128", True),
        ("order=bgr,mean=127,scale=128", True),
    ],
)
def test_pictures_that_are_prepared_otherwise_than_the_heads_are_told(
    preprocessing: str, told: bool, photos: Path, tmp_path: Path
) -> None:
    """UltraFace was published with a mean of 127 and a scale of 128."""
    shapes = {"scores": (1, 4420, 2), "boxes": (1, 4420, 4)}
    made = PicturePipeline(asked(photos, "detection", preprocessing), artifact_of(tmp_path, (1, 3, 240, 320), shapes))
    outputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    made.postprocess(outputs, made.decode(photos / "a.png"))
    does, _ = made.stages().preprocess
    assert told == ("The head was published with mean=127,scale=128" in str(does))
    assert str(parse_preprocessing(preprocessing)) in str(does)
    one, three = (parse_preprocessing(f"letterbox={pad}") for pad in ("114", "114:114:114"))
    assert one.prepares_as(three)
    assert not one.prepares_as(parse_preprocessing("letterbox=0"))
    assert "boxes of the head ultraface" in str(made.stages().postprocess[0])
