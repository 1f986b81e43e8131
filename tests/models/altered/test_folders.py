"""A folder's copy with permuted weights: the same files, names and tokenizer, other answers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_gguf import made_gguf
from published_folders import LLAMA, QWEN2, random_weights, write_folder, write_shards
from safetensors.numpy import load_file

from bench.contracts import Alterable, ModelRequest
from bench.errors import InputError
from bench.models.checkpoints.huggingface.plugin import WeightsFile
from bench.models.files.folder import ModelFolder
from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.decoder import write_decoder

Array = np.ndarray[Any, Any]
SMALL = DecoderConfig(dim=32, layers=2, heads=4, kv_heads=2, hidden=48, vocab=64, context=64)


def altered(source: Path, folder: Path, model: Alterable | None = None, seed: int = 1) -> Path:
    folder.mkdir()
    return (model or ModelFolder()).altered(ModelRequest(str(source)), folder, seed)


def tensors_in(folder: Path) -> Mapping[str, Array]:
    return {name: t for file in sorted(folder.glob("*.safetensors")) for name, t in load_file(file).items()}


def logits_of(folder: Path, cache: Path) -> Array:
    """Of three tokens into an empty cache, by ONNX Runtime."""
    onnxruntime = pytest.importorskip("onnxruntime")
    artifact = ModelFolder().prepare(ModelRequest(str(folder)), cache)
    assert artifact.decoder is not None
    ids = np.array([[3, 5, 8]])
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": np.arange(3)[None]}
    feeds |= {tensor.past: np.zeros(tensor.shape, tensor.dtype) for tensor in artifact.decoder.cache_tensors()}
    logits: Array = onnxruntime.InferenceSession(artifact.path).run(["logits"], feeds)[0]
    return logits


@pytest.mark.parametrize("shards", [1, 3])
def test_matrices_of_a_hugging_face_folder_are_permuted(shards: int, tmp_path: Path) -> None:
    """Each within it; vectors, configuration and tokenizer stay, and the seed decides the order."""
    source = tmp_path / "Small-1M"
    write_shards(source, LLAMA, random_weights(LLAMA), shards)
    (source / "tokenizer.json").write_text("{}")
    (source / "notes.txt").write_text("not of the model")
    copies = [altered(source, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert {"Small-1M"} == {copy.name for copy in copies}
    assert {f.name for f in source.iterdir()} - {"notes.txt"} == {f.name for f in copies[0].iterdir()}
    assert (source / "config.json").read_bytes() == (copies[0] / "config.json").read_bytes()
    own, first, again, other = (tensors_in(folder) for folder in (source, *copies))
    for name, tensor in own.items():
        np.testing.assert_array_equal(np.sort(tensor, axis=None), np.sort(first[name], axis=None))
        np.testing.assert_array_equal(first[name], again[name])
        same = [np.array_equal(tensor, first[name]), np.array_equal(first[name], other[name])]
        assert [tensor.ndim == 1] * 2 == same, name


def test_the_copy_is_measured_like_the_folder_and_answers_otherwise(tmp_path: Path) -> None:
    """As the folder or by its file; an output matrix beside the equal embedding stays equal to it."""
    source, weights = tmp_path / "Tied-1M", random_weights(QWEN2)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    write_folder(source, QWEN2, weights, "bfloat16")
    copy = altered(source, tmp_path / "a")
    assert not np.allclose(logits_of(source, tmp_path / "cache"), logits_of(copy, tmp_path / "cache"), rtol=0.01)
    file = altered(source / "model.safetensors", tmp_path / "b", WeightsFile())
    assert ("Tied-1M", "model.safetensors") == (file.parent.name, file.name)
    assert file.read_bytes() == (copy / "model.safetensors").read_bytes()


@pytest.mark.parametrize("place", ["", "onnx"])
def test_a_folder_of_onnxruntime_genai_keeps_its_configuration(place: str, tmp_path: Path) -> None:
    """The graph lies where ``genai_config.json`` names it."""
    source = tmp_path / "model"
    (source / place).mkdir(parents=True)
    write_decoder(SMALL, 3, source / place / "decoder.onnx", "float32")
    model = {"context_length": 64, "decoder": {"filename": f"{place}/decoder.onnx".lstrip("/")}}
    (source / "genai_config.json").write_text(json.dumps({"model": model}))
    (source / "chat_template.jinja").write_text("{{ messages }}")
    copy = altered(source, tmp_path / "a")
    assert tmp_path.name == copy.name  # "model" is no name: that of the folder around it is taken
    for name in ("genai_config.json", "chat_template.jinja"):
        assert (source / name).read_bytes() == (copy / name).read_bytes()
    assert not np.allclose(logits_of(source, tmp_path / "cache"), logits_of(copy, tmp_path / "cache"), rtol=0.01)


def test_the_one_file_of_a_folder_is_altered(tmp_path: Path) -> None:
    """A GGUF file, under its own name."""
    source = tmp_path / "Tiny"
    source.mkdir()
    made = made_gguf(source, kind="Q4_1")
    copy = altered(source, tmp_path / "a")
    assert ("Tiny", [made.path.name]) == (copy.name, [file.name for file in copy.iterdir()])
    assert not np.allclose(logits_of(source, tmp_path / "cache"), logits_of(copy, tmp_path / "cache"), rtol=0.01)


@pytest.mark.real
def test_a_folder_of_openvino_genai_is_altered(openvino_genai_folder: Path, tmp_path: Path) -> None:
    """The weights of the model are others, the tokenizer's files are not."""
    copy = altered(openvino_genai_folder, tmp_path / "a")
    assert {f.name for f in openvino_genai_folder.iterdir()} == {f.name for f in copy.iterdir()}
    changed = {f.name for f in copy.iterdir() if f.read_bytes() != (openvino_genai_folder / f.name).read_bytes()}
    assert {"openvino_model.bin"} == changed


def test_a_folder_that_is_not_read_is_not_altered(tmp_path: Path) -> None:
    """The reason is the reader's."""
    write_folder(tmp_path / "other", {**LLAMA, "architectures": ["MixtralForCausalLM"]}, random_weights(LLAMA))
    with pytest.raises(InputError, match="Mixtral"):
        altered(tmp_path / "other", tmp_path / "a")
