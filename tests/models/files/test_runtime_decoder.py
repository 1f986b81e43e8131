"""Folders of onnxruntime-genai whose decoder only that runtime can drive, as models."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hybrid_decoders import VOCABULARY, WIDTH, write_config, write_folder, write_pipeline, write_renamed, write_seeing

from bench.contracts import Artifact, DecoderSpec, ModelRequest
from bench.errors import InputError
from bench.models.files.folder import ModelFolder
from bench.words import Sentence

pytest.importorskip("onnx")
Writer = Callable[[Path], Path]


def prepared(folder: Path, **asked: object) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(folder), **asked), folder)  # type: ignore[arg-type]


def decoder_of(artifact: Artifact) -> DecoderSpec:
    assert artifact.decoder is not None
    return artifact.decoder


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (write_renamed, "decoder.onnx is not laid out as a supported decoder; its inputs are tokens, mask, places, "),
        (write_seeing, "layers.onnx is not laid out as a supported decoder; its inputs are inputs_embeds, "),
    ],
)
def test_what_must_be_known_comes_from_the_configuration(write: Writer, why: str, tmp_path: Path) -> None:
    """Vocabulary, context and special tokens; the cache is unknown, and it is said why."""
    artifact = prepared(write(tmp_path))
    decoder = decoder_of(artifact)
    assert ("onnxruntime-genai", 64, 128, 1, (5,)) == (
        decoder.runtime,
        decoder.vocab_size,
        decoder.context_length,
        decoder.bos_token_id,
        decoder.eos_token_ids,
    )
    assert isinstance(decoder.unknown, Sentence)
    assert why in str(decoder.unknown)
    assert (None, "", ()) == (decoder.kv_cache_bytes_per_token, decoder.kv_cache_precision, decoder.cache_tensors())
    assert ("onnx", "text_generation", "float32") == (artifact.format, artifact.task, artifact.precision)


@pytest.mark.parametrize(
    ("write", "graphs"),
    [
        (write_renamed, ["decoder.onnx"]),
        (write_pipeline, ["embedding.onnx", "layers.onnx"]),
        (write_seeing, ["layers.onnx", "embedding.onnx", "vision.onnx"]),
    ],
)
def test_all_graphs_belong_to_the_model(write: Writer, graphs: list[str], tmp_path: Path) -> None:
    """The configuration is what is opened; graphs and tokenizer are in the checksum and the size."""
    folder = write(tmp_path)
    before = prepared(folder)
    (folder / "tokenizer.json").write_text("{}")
    artifact = prepared(folder)
    assert ["genai_config.json", *graphs, "tokenizer.json"] == [file.name for file in artifact.files]
    assert folder / "genai_config.json" == artifact.path
    assert (sum(file.stat().st_size for file in artifact.files), folder.name) == (
        artifact.size_bytes,
        artifact.model_id,
    )
    assert before.sha256 != artifact.sha256


def test_the_facts_of_a_pipeline_are_those_of_its_graphs_together(tmp_path: Path) -> None:
    """What leads from one to the other is neither input nor output; weights add up."""
    facts = prepared(write_pipeline(tmp_path)).facts
    pasts = [f"past_key_values.{layer}.{part}" for layer in (0, 1) for part in ("key", "value")]
    assert {"input_ids", "position_ids", "attention_mask", *pasts} == {spec.name for spec in facts.inputs}
    presents = [name.replace("past_key_values", "present") for name in pasts]
    assert {"logits", *presents} == {spec.name for spec in facts.outputs}
    assert (2, 2) == (facts.operators["Softmax"], facts.operators["Gather"] - 4)  # of shapes, two a layer
    matrices = VOCABULARY * WIDTH + 128 * WIDTH + 2 * 4 * WIDTH * WIDTH + WIDTH * VOCABULARY
    assert matrices == facts.parameters
    assert facts.weight_bytes is not None
    assert matrices * 4 < facts.weight_bytes < matrices * 4 + 1000


@pytest.mark.parametrize("kind", ["packed", "convolution", "recurrent"])
def test_a_layout_that_is_understood_stays_with_every_engine(kind: str, tmp_path: Path) -> None:
    """The graph is what is opened, and its cache is known: keys and values of the layers of attention."""
    artifact = prepared(write_folder(kind, tmp_path))  # type: ignore[arg-type]
    decoder = decoder_of(artifact)
    layers = 2 if kind == "packed" else 1
    assert ("", "", layers * 2 * WIDTH * 4) == (decoder.runtime, decoder.unknown, decoder.kv_cache_bytes_per_token)
    assert "decoder.onnx" == artifact.path.name


@pytest.mark.parametrize("field", ["vocab_size", "context_length"])
def test_a_configuration_without_a_size_is_refused(field: str, tmp_path: Path) -> None:
    """The runtime goes by them, and nothing else states them."""
    folder = write_renamed(tmp_path)
    config = json.loads((folder / "genai_config.json").read_text())
    del config["model"][field]
    write_config(folder, config)
    with pytest.raises(InputError, match=rf"to run it, genai_config\.json must state model\.{field}") as caught:
        prepared(folder)
    assert f"Add model.{field}" in caught.value.remedy


@pytest.mark.parametrize("section", ["encoder", "joiner", "vad"])
def test_a_model_that_hears_or_translates_is_refused(section: str, tmp_path: Path) -> None:
    """It does not continue a prompt."""
    folder = write_renamed(tmp_path)
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"][section] = {"filename": "decoder.onnx"}
    write_config(folder, config)
    with pytest.raises(InputError, match=f"model.{section} belongs to a model that does not continue a prompt"):
        prepared(folder)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../up.onnx", "leads out of the folder"),
        ("no.onnx", "names no.onnx, which is not in the folder"),
        (7, "is missing"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(name: object, why: str, tmp_path: Path) -> None:
    """Of a stage, and of a graph beside the decoder."""
    folder = write_pipeline(tmp_path)
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"]["decoder"]["pipeline"][0]["layers"]["filename"] = name
    write_config(folder, config)
    with pytest.raises(InputError, match=rf"model\.decoder\.pipeline\[0\]\.layers\.filename {why}"):
        prepared(folder)
    folder = write_seeing(tmp_path)
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"]["vision"]["filename"] = name
    write_config(folder, config)
    with pytest.raises(InputError, match=rf"model\.vision\.filename {why}"):
        prepared(folder)


def test_what_was_asked_of_it_is_checked(tmp_path: Path) -> None:
    """Its precision is its own, and lengths are the scenario's."""
    folder = write_renamed(tmp_path)
    with pytest.raises(InputError, match="float32"):
        prepared(folder, precision="int4")
    with pytest.raises(InputError, match="does not apply to a decoder"):
        prepared(folder, shapes={"tokens": (1, 8)})


def test_a_damaged_graph_beside_the_decoder_is_named(tmp_path: Path) -> None:
    """As any damaged file."""
    folder = write_seeing(tmp_path)
    (folder / "vision.onnx").write_bytes(b"\x08")
    with pytest.raises(InputError, match=r"vision\.onnx"):
        prepared(folder)
