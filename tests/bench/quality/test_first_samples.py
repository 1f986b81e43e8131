"""The samples on which outputs are compared: those that the model's inputs take."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.plugins import PluginRef
from bench.quality.judging import first_samples
from bench.suite.dataset_options import DatasetAsk
from bench.testing import fake_artifact

FILES = PluginRef("models", ".onnx", "bench.models.files.onnx_file:OnnxFile", "ondevice-bench")


def test_where_no_picture_suits_the_input_the_remedy_is_of_the_picture(tmp_path: Path) -> None:
    """Of pixels outside the input's type: what to give in --preprocessing."""
    Image.fromarray(np.full((4, 4, 3), 200, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "labels.json").write_text(json.dumps({"a.png": 1}), encoding="utf-8")
    (tmp_path / "net.onnx").write_bytes(b"net\n")
    artifact = fake_artifact(tmp_path / "net.onnx")
    facts = replace(artifact.facts, inputs=(TensorSpec("x", "int8", (1, 3, 4, 4)),))
    artifact = replace(artifact, facts=facts, shapes={"x": (1, 3, 4, 4)})
    with pytest.raises(InputError, match="pixels reach from 200 to 200, outside int8") as refused:
        first_samples(DatasetAsk(tmp_path), FILES, artifact, 1, tmp_path)
    assert "mean=128" in refused.value.remedy
