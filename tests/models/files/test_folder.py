"""Folders of GenAI runtimes as models."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, ModelRequest
from bench.errors import InputError
from bench.models.files.folder import ModelFolder
from bench.models.files.onnx_file import OnnxFile

STORIES = DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=512, context_length=512)


def prepared(folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(folder)), folder)


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """``copied(folder)``: a copy to spoil."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.real
def test_a_genai_config_names_its_graph(ort_genai_folder: Path) -> None:
    """The graph first, then configuration and tokenizer; the id is the folder's name."""
    artifact = prepared(ort_genai_folder)
    names = ["decoder.onnx", "genai_config.json", "tokenizer.json", "tokenizer_config.json"]
    assert names == [file.name for file in artifact.files]
    assert (ort_genai_folder.name, "onnx", "text_generation") == (artifact.model_id, artifact.format, artifact.task)
    assert replace(STORIES, bos_token_id=1, eos_token_ids=(2,)) == artifact.decoder
    assert sum(file.stat().st_size for file in artifact.files) == artifact.size_bytes


@pytest.mark.real
def test_the_checksum_covers_the_tokenizer(ort_genai_folder: Path, copied: Callable[[Path], Path]) -> None:
    """Another tokenizer is another model."""
    folder = copied(ort_genai_folder)
    assert prepared(ort_genai_folder).sha256 == prepared(folder).sha256
    (folder / "tokenizer.json").write_text("{}")
    assert prepared(ort_genai_folder).sha256 != prepared(folder).sha256


@pytest.mark.real
def test_an_openvino_folder_is_a_stateful_decoder(openvino_genai_folder: Path) -> None:
    """Its layout is read from the XML, its context from config.json."""
    artifact = prepared(openvino_genai_folder)
    expected = DecoderSpec(5, 4, 8, 512, 512, "float32", True, stateful=True, bos_token_id=1, eos_token_ids=(2,))
    assert expected == artifact.decoder
    names = ["openvino_model.xml", "openvino_model.bin", "config.json", "generation_config.json"]
    names += [f"openvino_{part}tokenizer{kind}" for part in ("", "de") for kind in (".xml", ".bin")]
    assert names == [file.name for file in artifact.files]
    assert ("openvino_ir", {}) == (artifact.format, artifact.shapes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "genai_config.json: not JSON: Expecting property name"),
        ("[]", "genai_config.json: is not a JSON object"),
        ("{}", "genai_config.json: has no model.decoder"),
        ('{"model": {"decoder": {}}}', "model.decoder.filename is missing"),
        ('{"model": {"decoder": {"filename": "no.onnx"}}}', "filename names no.onnx, which is not in the folder"),
        ('{"model": {"decoder": {"filename": "../up.onnx"}}}', "filename leads out of the folder: '../up.onnx'"),
        ('{"model": {"decoder": {"filename": "C:\\\\\\\\up.onnx"}}}', "filename leads out of the folder"),
        ('{"model": {"type": "decoder-pipeline", "decoder": {}}}', "model.decoder.pipeline is missing"),
    ],
)
def test_a_genai_config_that_is_wrong_is_named(tmp_path: Path, content: str, message: str) -> None:
    """File and field are in the message."""
    (tmp_path / "genai_config.json").write_text(content)
    with pytest.raises(InputError) as caught:
        prepared(tmp_path)
    assert message in caught.value.message


@pytest.mark.real
@pytest.mark.parametrize("context", [0, "long"])
def test_a_context_length_that_is_none_is_named(
    ort_genai_folder: Path, copied: Callable[[Path], Path], context: object
) -> None:
    """The runtime itself goes by the field."""
    folder = copied(ort_genai_folder)
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"]["context_length"] = context
    (folder / "genai_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"context_length is .*, not a whole number of 1 or more"):
        prepared(folder)


def test_what_folders_are_understood_is_said(tmp_path: Path) -> None:
    """No model, or two configurations."""
    with pytest.raises(InputError, match="the folder holds no model") as caught:
        prepared(tmp_path)
    assert "onnxruntime-genai" in caught.value.remedy
    for name in ("genai_config.json", "openvino_model.xml"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="holds both"):
        prepared(tmp_path)


@pytest.mark.parametrize("below", ["", "onnx"])
def test_the_only_model_of_a_folder_is_taken(below: str, tmp_path: Path, dense: Callable[..., Path]) -> None:
    """As if it had been named, with what lies beside it; the id is the folder's name."""
    folder = tmp_path / "얼굴 검출"
    (folder / below).mkdir(parents=True)
    file = dense((1, 4)).rename(folder / below / "detector.onnx")
    (folder / "config.json").write_text("{}")
    (folder / "labels.xml").write_text("<labels/>")
    (folder / below / "._detector.onnx").write_bytes(b"what macOS keeps beside a copied file")
    found, named = prepared(folder), OnnxFile().prepare(ModelRequest(str(file)), tmp_path)
    assert replace(named, model_id="얼굴 검출") == found


def test_of_several_models_none_is_guessed(tmp_path: Path, dense: Callable[..., Path]) -> None:
    """All are listed."""
    for name in ("decoder_model.onnx", "decoder_with_past_model.onnx"):
        dense((1, 4), name)
    with pytest.raises(InputError) as caught:
        prepared(tmp_path)
    assert "2 models: decoder_model.onnx, decoder_with_past_model.onnx" in caught.value.message
    assert "If it holds several, name the file" in caught.value.remedy


@pytest.mark.real
@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("openvino_model.bin", "its weights file openvino_model.bin is missing"),
        ("openvino_detokenizer.xml", "openvino_tokenizer.xml is there, but openvino_detokenizer.xml is missing"),
        ("openvino_tokenizer.xml", "openvino_detokenizer.xml is there, but openvino_tokenizer.xml is missing"),
    ],
)
def test_a_folder_that_misses_a_file_says_which(
    openvino_genai_folder: Path, copied: Callable[[Path], Path], missing: str, message: str
) -> None:
    """The weights, or half a tokenizer."""
    folder = copied(openvino_genai_folder)
    (folder / missing).unlink()
    with pytest.raises(InputError, match=message):
        prepared(folder)


@pytest.mark.real
def test_an_encoder_needs_no_detokenizer(tmp_path: Path, dense: Callable[..., Path]) -> None:
    """Exports of embeddings and classifiers have a tokenizer alone; their folder is a model of tensors."""
    openvino = pytest.importorskip("openvino", reason="needs openvino")
    folder = tmp_path / "encoder"
    folder.mkdir()
    openvino.save_model(openvino.convert_model(dense((1, 4))), folder / "openvino_model.xml")
    for suffix in ("xml", "bin"):
        (folder / f"openvino_tokenizer.{suffix}").write_bytes(b"")
    artifact = prepared(folder)
    assert ("encoder", "tensor", None) == (artifact.model_id, artifact.task, artifact.decoder)


@pytest.mark.real
def test_missing_external_data_is_named(ort_genai_folder: Path, copied: Callable[[Path], Path]) -> None:
    """The graph is there, its weights are not."""
    import onnx

    folder = copied(ort_genai_folder)
    model = onnx.load(folder / "decoder.onnx")
    onnx.save(model, str(folder / "decoder.onnx"), save_as_external_data=True, location="weights.data")
    assert "weights.data" in [file.name for file in prepared(folder).files]
    (folder / "weights.data").unlink()
    with pytest.raises(InputError, match=r"its weights file weights\.data is missing"):
        prepared(folder)


def test_a_graph_that_is_no_decoder_is_refused(tmp_path: Path, dense: Callable[..., Path]) -> None:
    """What its inputs are, and what its own runtime would need to run it."""
    dense(name="net.onnx")
    (tmp_path / "genai_config.json").write_text(json.dumps({"model": {"decoder": {"filename": "net.onnx"}}}))
    with pytest.raises(
        InputError, match=r"net.onnx is not laid out as a supported decoder; its inputs are x"
    ) as caught:
        prepared(tmp_path)
    assert "for onnxruntime-genai to run it, genai_config.json must state model.vocab_size" in caught.value.message
    assert "Add model.vocab_size to genai_config.json" in caught.value.remedy
