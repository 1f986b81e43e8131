"""Labels, outputs and heads that cannot fit are refused by the model's file, before anything is compiled."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, TensorSpec
from bench.errors import InputError
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.pictures import PicturePipeline
from bench.quality.dataset import Entry, Listing, sample_feeds
from bench.quality.unfit import OtherLabels, refuse_unfit
from bench.record.quality import DatasetTask
from bench.suite.dataset_options import parse_options
from bench.testing import fake_artifact
from tests.support.detectors.outputs import ENCODERS, NETWORKS, Outputs, priors

NETWORK = NETWORKS[0]
OPTIONS = {"yolov5-raw": ",anchors=yolov5", "ssd": ",anchors=anchors.json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With priors, which one head needs."""
    import json

    (tmp_path / "anchors.json").write_text(json.dumps(priors(NETWORK).tolist()), encoding="utf-8")
    return tmp_path


def model(folder: Path, outputs: Outputs, symbol: str | None = None) -> Artifact:
    """Its file states the shapes of ``outputs``; with ``symbol`` the first dimension is that."""
    file = folder / "net.onnx"
    file.write_bytes(b"net\n")
    specs = tuple(
        TensorSpec(name, "float32", (symbol, *array.shape[1:]) if symbol else array.shape)
        for name, array in outputs.items()
    )
    shape = (1, 3, NETWORK.height, NETWORK.width)
    artifact = fake_artifact(file)
    facts = replace(artifact.facts, inputs=(TensorSpec("x", "float32", shape),), outputs=specs)
    return replace(artifact, facts=facts, shapes={"x": shape})


def listing(folder: Path, options: str) -> Listing:
    return Listing(folder, "detection", parse_options(options), (), ())


@pytest.mark.parametrize("name", ENCODERS)
def test_the_right_head_passes_by_shapes_alone(folder: Path, name: str) -> None:
    """No value of an output is known yet."""
    options = f"head={name}{OPTIONS.get(name, '')}"
    refuse_unfit(listing(folder, options), model(folder, ENCODERS[name](NETWORK)), "")


def test_a_wrong_head_is_refused_with_those_that_would_fit(folder: Path) -> None:
    """As it is of real outputs."""
    with pytest.raises(InputError, match="head=yolov5 expects one output") as refused:
        refuse_unfit(listing(folder, "head=yolov5"), model(folder, ENCODERS["yolox"](NETWORK)), "")
    assert "yolox" in refused.value.remedy


@pytest.mark.parametrize("options", ["", "boxes=out,scores=out"])
def test_without_a_named_head_the_first_sample_decides(folder: Path, options: str) -> None:
    """Its values may be needed to tell."""
    refuse_unfit(listing(folder, options), model(folder, {"out": np.zeros((1, 3, 7))}), "")


def test_shapes_that_the_file_leaves_open_are_not_refused(folder: Path) -> None:
    """The first sample tells."""
    refuse_unfit(listing(folder, "head=yolov5"), model(folder, ENCODERS["yolox"](NETWORK), "batch"), "")


def test_an_output_without_dimensions_may_be_one_whose_shape_is_not_stated(folder: Path) -> None:
    """An ONNX file may leave the shape out: the first sample tells."""
    refuse_unfit(listing(folder, "head=yolox"), model(folder, {"out": np.zeros(())}), "")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_model_without_inputs_is_refused_in_words(folder: Path, name: str) -> None:
    """No image can be fed: by the shapes of the file, before a sample, and with no sample read."""
    artifact = model(folder, ENCODERS[name](NETWORK))
    bare = replace(artifact, facts=replace(artifact.facts, inputs=()), shapes={})
    asked = listing(folder, f"head={name}{OPTIONS.get(name, '')}")
    with pytest.raises(InputError, match="the model has no input"):
        refuse_unfit(asked, bare, "")
    with pytest.raises(InputError, match="the model has no input"):
        sample_feeds(asked, Entry("a.jpg", None, "a.jpg"), (), {}, "")
    with pytest.raises(InputError, match="needs a model with one input"):
        PicturePipeline(PipelineAsk(kind="detection", folder=folder), bare)


def labelled(folder: Path, options: str, task: DatasetTask = "classification") -> Listing:
    return Listing(folder, task, parse_options(options), (), ())


@pytest.mark.parametrize(("name", "options"), [("ultraface", ""), ("yolov8", ""), ("yolox", "output=output")])
def test_class_labels_of_a_detector_are_refused_with_its_head(folder: Path, name: str, options: str) -> None:
    """What the labels are, what the model gives, and how a detector is judged; of a named output, that it is none."""
    outputs = ENCODERS[name](NETWORK)
    found = options.replace("=output", f"={next(iter(outputs))}")
    with pytest.raises(OtherLabels) as refused:
        refuse_unfit(labelled(folder, found), model(folder, outputs), "")
    for output, array in outputs.items():
        assert f"{output} {list(array.shape)}" in refused.value.message
    assert "class ids" in refused.value.message
    assert "annotations.json" in refused.value.remedy
    assert (name in refused.value.remedy) == (not options)


def test_of_several_outputs_that_may_score_classes_one_is_to_be_named(folder: Path) -> None:
    """Those that can be are offered; a named one passes, and so does the only one, whatever ones its shape has."""
    outputs = {"probs": np.zeros((1, 10)), "logits": np.zeros((1, 10, 1, 1)), "features": np.zeros((1, 8, 7, 7))}
    several = model(folder, outputs)
    with pytest.raises(InputError, match=r"--dataset-options output: the labels in .* are class ids") as refused:
        refuse_unfit(labelled(folder, ""), several, "")
    assert not isinstance(refused.value, OtherLabels)
    assert "features [1, 8, 7, 7]" in refused.value.message
    assert "output=probs or logits" in refused.value.remedy
    refuse_unfit(labelled(folder, "output=logits"), several, "")
    with pytest.raises(OtherLabels):
        refuse_unfit(labelled(folder, "output=features"), several, "")
    for symbol in (None, "batch"):
        refuse_unfit(labelled(folder, ""), model(folder, {"y": np.zeros((1, 10))}, symbol), "")


def test_one_score_is_none_of_classes(folder: Path) -> None:
    with pytest.raises(OtherLabels, match=r"y \[1, 1\]"):
        refuse_unfit(labelled(folder, ""), model(folder, {"y": np.zeros((1, 1))}), "")


@pytest.mark.parametrize("task", ["regression", "segmentation"])
def test_expected_outputs_by_name_need_no_named_output(folder: Path, task: DatasetTask) -> None:
    """Pairs name the outputs themselves; one that an option names has to be there."""
    several = model(folder, {"a": np.zeros((1, 4)), "b": np.zeros((1, 2))})
    refuse_unfit(labelled(folder, "", task), several, "")
    with pytest.raises(InputError, match="the model has no output c"):
        refuse_unfit(labelled(folder, "output=c", task), several, "")
