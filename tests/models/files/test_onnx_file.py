"""The user's own ONNX files, good and bad."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bench.contracts import Artifact, ModelRequest
from bench.errors import InputError
from bench.models.files.onnx_file import OnnxFile
from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.decoder import write_decoder

Dense = Callable[..., Path]
TINY = DecoderConfig(dim=16, layers=2, heads=4, kv_heads=2, hidden=24, vocab=40, context=64)


def opened(path: Path, **fields: Any) -> Artifact:
    return OnnxFile().prepare(ModelRequest(str(path), **fields), path.parent / "cache")


def refusal(path: Path, **fields: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        opened(path, **fields)
    assert path.name in caught.value.message
    assert str(path.parent) not in str(caught.value)
    return caught.value


@pytest.fixture
def external(dense: Dense) -> Path:
    """A model whose weights are in ``weights.bin`` beside it."""
    path = dense()
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


@pytest.fixture
def decoder(tmp_path: Path) -> Path:
    """A tiny decoder of the layout every engine drives."""
    write_decoder(TINY, 0, tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


def relocated(path: Path, location: str) -> None:
    """Make the model at ``path`` refer to ``location`` for its weights."""
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())


def test_a_plain_file(dense: Dense) -> None:
    """Id, checksum and size are the file's; nothing is written anywhere."""
    path = dense()
    artifact = opened(path)
    assert ("dense", "tensor", "onnx", "float32") == (
        artifact.model_id,
        artifact.task,
        artifact.format,
        artifact.precision,
    )
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert ((path,), path.stat().st_size) == (artifact.files, artifact.size_bytes)
    assert ({"x": (1, 4)}, 12, 12) == (artifact.shapes, artifact.facts.macs, artifact.facts.parameters)
    assert [path] == list(path.parent.iterdir())


def test_dynamic_shapes(dense: Dense) -> None:
    """The facts are those of the shapes chosen; the file's own symbols stay visible."""
    artifact = opened(dense(("batch", "length", 4)), shapes={"x": (2, 5, 4)})
    assert (2 * 5 * 3 * 4, {"x": (2, 5, 4)}) == (artifact.facts.macs, artifact.shapes)
    assert ("batch", "length", 4) == artifact.facts.inputs[0].shape


def test_an_input_without_a_rank_takes_the_shape_that_is_given(dense: Dense) -> None:
    """Old exports leave the whole shape out; without one given, the remedy shows what to type."""
    path = dense()
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    artifact = opened(path, shapes={"x": (5, 4)})
    assert ({"x": (5, 4)}, 5 * 3 * 4) == (artifact.shapes, artifact.facts.macs)
    assert "--shape x=" in refusal(path).remedy


def test_the_standard_operators_under_their_long_name(dense: Dense) -> None:
    """The domain ai.onnx is the unnamed one: its operators are counted."""
    path = dense()
    model = onnx.load(path)
    for named in (*model.graph.node, *model.opset_import):
        named.domain = "ai.onnx"
    onnx.save(model, path)
    assert (12, 12) == ((facts := opened(path).facts).macs, facts.parameters)


def test_dynamic_shapes_left_open_are_refused(dense: Dense) -> None:
    """The remedy shows what to type."""
    assert "--shape x=1,128,4" in refusal(dense(("batch", "length", 4))).remedy


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>not found</html>", "is not an ONNX file"),
        (b"\x00" * 64, "is not an ONNX file"),
        (b"\x08\x08", "holds no complete ONNX graph"),
    ],
)
def test_other_contents_are_refused(content: bytes, part: str, tmp_path: Path) -> None:
    """Empty files, pointers, web pages, zeros and a model without a graph are named for what they are."""
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert part in refusal(path).message


def test_no_truncation_passes(dense: Dense) -> None:
    """A file cut anywhere is refused, never taken for a smaller model."""
    path = dense()
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        try:
            artifact = opened(path)
        except InputError:
            continue
        # Only what follows the graph (the operator sets) may be missing in part without harm.
        assert 12 == artifact.facts.parameters


@pytest.mark.long
def test_damage_never_escapes_as_another_error(decoder: Path) -> None:
    """Whatever bytes are changed, the file is read or refused."""
    whole, dice, refused = decoder.read_bytes(), random.Random(0), 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        decoder.write_bytes(data)
        try:
            opened(decoder)
        except InputError:
            refused += 1
    assert refused > 0


def test_an_operator_without_its_inputs_is_refused(onnx_model: Callable[..., onnx.ModelProto], tmp_path: Path) -> None:
    """A convolution without weights, and a name that is no text."""
    node = helper.make_node("Conv", [], ["y"])
    onnx.save(onnx_model([node], {"x": [1, 3, 4, 4]}, {"y": None}), tmp_path / "m.onnx")
    assert "is a damaged ONNX file" in refusal(tmp_path / "m.onnx").message
    (tmp_path / "m.onnx").write_bytes((tmp_path / "m.onnx").read_bytes().replace(b"Conv", b"C\xff\xfev"))
    assert "is a damaged ONNX file" in refusal(tmp_path / "m.onnx").message


@pytest.mark.parametrize("name", ["missing.onnx", "."])
def test_paths_that_are_no_file(name: str, tmp_path: Path) -> None:
    """A missing file and a folder."""
    with pytest.raises(InputError, match=r"no such file|is a folder"):
        opened(tmp_path / name)


@pytest.mark.parametrize(
    ("fields", "part"),
    [({"format": "tflite"}, "is onnx, but tflite was requested"), ({"precision": "int8"}, "weights are float32")],
)
def test_what_the_file_is_not_is_refused(dense: Dense, fields: dict[str, Any], part: str) -> None:
    """Format and precision are the file's; asking for another is an error, not a conversion."""
    assert part in refusal(dense(), **fields).message


def test_a_graph_without_nodes_has_nothing_to_measure(tmp_path: Path) -> None:
    """Its output is its input: the file is whole, and what is wrong is said."""
    both = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])]
    graph = helper.make_graph([], "g", both, both)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    found = refusal(tmp_path / "m.onnx")
    assert "the graph has no nodes, so there is nothing to measure" in found.message
    assert found.remedy == "Export the part of the model that computes something."


def test_a_node_without_its_input_is_refused(dense: Dense) -> None:
    """A graph that reads what nothing produces is only a part of one."""
    path = dense()
    model = onnx.load(path)
    del model.graph.initializer[:]
    onnx.save(model, path)
    assert "reads 'w', which nothing produces" in refusal(path).message


def test_a_weight_of_another_size_is_refused(dense: Dense) -> None:
    """Data that does not fill the stated shape is damage."""
    path = dense()
    model = onnx.load(path)
    model.graph.initializer[0].raw_data = b"\0" * 8
    onnx.save(model, path)
    assert "does not have the size it states" in refusal(path).message


def test_inputs_that_are_no_tensors_are_refused(dense: Dense) -> None:
    """A sequence input cannot be fed, nor an input of unknown rank shaped."""
    path = dense()
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None))
    onnx.save(model, path)
    assert "input list is not a tensor" in refusal(path).message
    model.graph.input.pop()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    assert "input x has no shape" in refusal(path).message


def test_old_files_list_weights_among_inputs(dense: Dense) -> None:
    """A weight that is also an input is not asked of the user."""
    path = dense()
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3]))
    onnx.save(model, path)
    assert ["x"] == [spec.name for spec in opened(path).facts.inputs]


def test_functions_are_counted_inside(onnx_model: Callable[..., onnx.ModelProto], tmp_path: Path) -> None:
    """A model-local function is looked into."""
    body = [helper.make_node("MatMul", ["a", "b"], ["c"])]
    function = helper.make_function("own", "Dense", ["a", "b"], ["c"], body, [helper.make_opsetid("", 17)])
    node = helper.make_node("Dense", ["x", "w"], ["y"], domain="own")
    model = onnx_model([node], {"x": [1, 4]}, {"y": [1, 3]}, {"w": np.ones((4, 3), np.float32)}, functions=[function])
    model.opset_import.append(helper.make_opsetid("own", 1))
    onnx.save(model, tmp_path / "m.onnx")
    assert (12, 12) == (opened(tmp_path / "m.onnx").facts.macs, opened(tmp_path / "m.onnx").facts.parameters)


def test_external_data_belongs_to_the_artifact(external: Path) -> None:
    """The weights file is listed, hashed and counted; facts need not load it."""
    weights = external.with_name("weights.bin")
    artifact = opened(external)
    assert ((external, weights), 12, 12) == (artifact.files, artifact.facts.macs, artifact.facts.parameters)
    assert hashlib.sha256(external.read_bytes() + weights.read_bytes()).hexdigest() == artifact.sha256
    assert external.stat().st_size + weights.stat().st_size == artifact.size_bytes


def test_missing_external_data_is_named(external: Path) -> None:
    """The file that is missing appears in message and remedy."""
    external.with_name("weights.bin").unlink()
    error = refusal(external)
    assert "weights.bin is missing" in error.message
    assert "weights.bin" in error.remedy


def test_short_external_data_is_refused(external: Path) -> None:
    """A weights file cut short is noticed before a runtime reads past its end."""
    weights = external.with_name("weights.bin")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "lies outside weights.bin, which has 47 bytes" in refusal(external).message


@pytest.mark.parametrize(
    "location",
    ["../weights.bin", "a/../../weights.bin", "/etc/hostname", "C:\\weights.bin", "\\\\host\\w", "..\\w", ""],
)
def test_weights_outside_the_folder_are_refused(external: Path, location: str) -> None:
    """A graph cannot make the engine read a file elsewhere, in either system's spelling."""
    relocated(external, location)
    assert "outside its own folder" in refusal(external).message


def test_links_out_of_the_folder_are_refused(external: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nor by a symbolic link."""
    weights = external.with_name("weights.bin")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret"
    weights.rename(elsewhere)
    weights.symlink_to(elsewhere)
    assert "outside its own folder" in refusal(external).message


def test_linked_downloads_are_read(external: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A download cache keeps model and weights in one place and links both: that is one folder, too."""
    snapshot = tmp_path_factory.mktemp("snapshot")
    for file in (external, external.with_name("weights.bin")):
        (snapshot / file.name).symlink_to(file)
    assert 2 == len(opened(snapshot / external.name).files)


def test_a_decoder_is_recognised(decoder: Path) -> None:
    """Its sizes are read from the graph; context is the stated default; lengths stay open."""
    artifact = opened(decoder)
    assert artifact.decoder is not None
    assert ("text_generation", {}, 2048) == (artifact.task, artifact.shapes, artifact.decoder.context_length)
    sizes = (artifact.decoder.layers, artifact.decoder.kv_heads, artifact.decoder.head_dim, artifact.decoder.vocab_size)
    assert (2, 2, 4, 40) == sizes
    matrices = 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 24) + 40 * 16
    assert matrices + 2 * 2 * 16 == artifact.facts.macs


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"max_position_embeddings": 131072}),
        ("genai_config.json", {"model": {"context_length": 131072}}),
    ],
)
def test_context_length_from_the_configuration(decoder: Path, name: str, content: dict[str, Any]) -> None:
    """Where a configuration lies beside the model, it says how long the context is."""
    (decoder.parent / name).write_text(json.dumps(content))
    spec = opened(decoder).decoder
    assert spec is not None
    assert 131072 == spec.context_length


def test_a_broken_configuration_is_named(decoder: Path) -> None:
    """Broken JSON beside the model is not passed over."""
    (decoder.parent / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json"):
        opened(decoder)


def test_shapes_of_a_decoder_are_refused(decoder: Path) -> None:
    """They are the scenario's."""
    assert "does not apply to a decoder" in refusal(decoder, shapes={"input_ids": (1, 8)}).message


def test_another_cache_layout_is_named(decoder: Path) -> None:
    """A decoder with an output more than the layout has is refused by that output's name."""
    model = onnx.load(decoder)
    model.graph.output.append(helper.make_tensor_value_info("norm", TensorProto.FLOAT, ["batch", "sequence", 16]))
    onnx.save(model, decoder)
    error = refusal(decoder)
    assert "it also returns norm [batch,sequence,16]" in error.message
    assert "a cache of past… inputs, each with a present… output" in error.remedy


@pytest.mark.real
def test_the_trained_decoder(realdata: Path) -> None:
    """stories260K: 5 layers of 4 KV heads; MACs of one token are the published matrices' and attention's."""
    artifact = opened(realdata / "llm" / "stories260K" / "model.onnx")
    assert artifact.decoder is not None
    assert (5, 4, 8, 512, "float32") == (
        artifact.decoder.layers,
        artifact.decoder.kv_heads,
        artifact.decoder.head_dim,
        artifact.decoder.vocab_size,
        artifact.decoder.kv_dtype,
    )
    matrices = 5 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 172) + 64 * 512
    assert matrices + 5 * 2 * 64 == artifact.facts.macs
