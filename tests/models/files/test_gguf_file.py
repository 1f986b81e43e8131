"""A GGUF file as a model: the decoder made of it, and what cannot be one."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_gguf import made_gguf

from bench.contracts import Artifact, ModelRequest
from bench.errors import InputError
from bench.models.checkpoints.gguf.header import read_header
from bench.models.checkpoints.gguf.opening import open_gguf
from bench.models.files.folder import ModelFolder
from bench.models.files.gguf_file import GgufFile


def prepared(path: Path, **fields: Any) -> Artifact:
    return GgufFile().prepare(ModelRequest(str(path), **fields), path.parent / "cache")


def test_the_artifact_is_a_decoder(tmp_path: Path) -> None:
    """In the file's own precision, with its limits and tokens, and under its name."""
    made = made_gguf(tmp_path, kind="Q4_1", name="tiny.Q4_1.gguf")
    artifact = prepared(made.path)
    assert ("tiny.Q4_1", "text_generation", "onnx", "int4") == (
        *(artifact.model_id, artifact.task, artifact.format, artifact.precision),
    )
    assert made.config.spec == artifact.decoder
    assert artifact.source is not None
    assert ("gguf", "Q4_1", (made.path,)) == (artifact.source.format, artifact.source.stored_as, artifact.source.files)
    assert "tokenizer.json" in [file.name for file in artifact.files]


def test_any_precision_can_be_asked_for(tmp_path: Path) -> None:
    """float32 is the reference of the others."""
    path = made_gguf(tmp_path, kind="Q8_0").path
    assert ["float32", "int8", "int8"] == [prepared(path, precision=p).precision for p in ("float32", "int8", None)]
    with pytest.raises(InputError, match="int2"):
        prepared(path, precision="int2")
    with pytest.raises(InputError, match="tflite"):
        prepared(path, format="tflite")


def test_a_folder_with_one_gguf_is_that_model(tmp_path: Path) -> None:
    """Under the folder's name; of two, none is guessed."""
    made_gguf(tmp_path, name="a.gguf")
    artifact = ModelFolder().prepare(ModelRequest(str(tmp_path)), tmp_path / "cache")
    assert (tmp_path.name, "text_generation") == (artifact.model_id, artifact.task)
    made_gguf(tmp_path, name="b.gguf")
    with pytest.raises(InputError, match=r"2 models.*a\.gguf, b\.gguf"):
        ModelFolder().prepare(ModelRequest(str(tmp_path)), tmp_path / "cache")


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error with what to install."""
    path = made_gguf(tmp_path).path
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="which is not installed") as error:
        open_gguf(path)
    assert "pip install 'ondevice-bench[text]'" == error.value.remedy


def test_the_altered_copy_has_the_same_blocks_in_another_order(tmp_path: Path) -> None:
    """Its matrices are permuted; norms and header stay."""
    made, folder = made_gguf(tmp_path, kind="Q4_1"), tmp_path / "altered"
    folder.mkdir()
    copy = GgufFile().altered(ModelRequest(str(made.path)), folder, 3)
    assert (made.path.name, made.path.stat().st_size) == (copy.name, copy.stat().st_size)
    before, after = open_gguf(made.path), open_gguf(copy)
    assert (before.config, read_header(copy).values) == (after.config, read_header(made.path).values)
    for name, tensor in before.tensors.items():
        rows = (one.rows(0, tensor.shape[0]) for one in (tensor, after.tensors[name]))
        old, new = rows
        np.testing.assert_array_equal(np.sort(old, axis=None), np.sort(new, axis=None))
        assert (old.ndim == 1) == np.array_equal(old, new), name
