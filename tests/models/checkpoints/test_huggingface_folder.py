"""The weights of a Hugging Face folder: which files, which tensors, and their exact values."""

import json
import struct
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import save_file

from bench.contracts import Artifact, ModelRequest
from bench.errors import InputError
from bench.inputs.chat import template_beside
from bench.models.checkpoints.huggingface.folder import open_folder
from bench.models.checkpoints.huggingface.plugin import WeightsFile
from bench.models.files.folder import ModelFolder
from tests.support.checkpoints.published_folders import (
    GEMMA3,
    LLAMA,
    PHI3,
    random_weights,
    rounded,
    write_folder,
    write_shards,
)

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]
WEIGHTS = random_weights(LLAMA)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 269060552\n"


def prepared(folder: Path, **asked: Any) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(folder), **asked), folder.parent / "cache")


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        open_folder(folder)
    assert error.value.remedy
    return error.value.message


def whole(folder: Path) -> dict[str, Array]:
    tensors = open_folder(folder).tensors
    return {name: tensor.rows(0, tensor.shape[0]) for name, tensor in tensors.items()}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_stored_numbers_become_float32_exactly(tmp_path: Path, dtype: str) -> None:
    """Half-precision numbers have a float32 of the same value; the type is named."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS, dtype)
    stored = rounded(WEIGHTS, dtype)
    found = whole(folder)
    assert len(found) == len(stored)
    query = "model.layers.2.self_attn.q_proj.weight"
    np.testing.assert_array_equal(found["layers.2.attention.query.weight"], stored[query].astype(np.float32))
    np.testing.assert_array_equal(found["output.weight"], stored["lm_head.weight"].astype(np.float32))
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    types = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
    assert (open_folder(folder).stored_as, open_folder(folder).precision) == (types[dtype], "float32")


def test_rows_are_read_alone(tmp_path: Path) -> None:
    """Of a fused matrix those of its part."""
    weights = random_weights(PHI3)
    tensors = open_folder(write_folder(tmp_path / "m", PHI3, weights)).tensors
    fused = weights["model.layers.1.self_attn.qkv_proj.weight"]  # 32 of queries, 16 of keys, 16 of values
    np.testing.assert_array_equal(tensors["layers.1.attention.key.weight"].rows(3, 9), fused[35:41])
    np.testing.assert_array_equal(tensors["layers.1.attention.value.weight"].rows(0, 16), fused[48:])
    np.testing.assert_array_equal(
        tensors["layers.1.feed_forward.up.weight"].rows(0, 48), weights["model.layers.1.mlp.gate_up_proj.weight"][48:]
    )


def test_norms_of_gemma_are_stored_as_the_difference_from_1(tmp_path: Path) -> None:
    """And multiply by what is stored plus 1."""
    weights = random_weights(GEMMA3)
    found = whole(write_folder(tmp_path / "m", GEMMA3, weights))
    stored = weights["model.layers.0.pre_feedforward_layernorm.weight"]
    np.testing.assert_array_equal(found["layers.0.feed_forward_norm.weight"], stored + np.float32(1))
    np.testing.assert_array_equal(found["embedding.weight"], weights["model.embed_tokens.weight"])


def test_shards_are_one_model(tmp_path: Path) -> None:
    """With their index, and without where no number is missing. All files are named, the configuration first."""
    one = whole(write_folder(tmp_path / "one", LLAMA, WEIGHTS))
    folder = write_shards(tmp_path / "three", LLAMA, WEIGHTS, 3)
    found = whole(folder)
    assert all(np.array_equal(found[name], one[name]) for name in one)
    names = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    listed = [file.name for file in open_folder(folder).files]
    assert listed == ["config.json", "model.safetensors.index.json", *names]
    (folder / "model.safetensors.index.json").unlink()
    assert whole(folder).keys() == one.keys()
    (folder / names[1]).unlink()
    assert refusal(folder) == "model-00002-of-00003.safetensors: is not in the folder"


def _without_file(folder: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").unlink()


def _pointer(folder: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").write_bytes(POINTER)


def _truncated(folder: Path) -> None:
    file = folder / "model-00002-of-00002.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def _indexed(change: Callable[[dict[str, str]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        index = folder / "model.safetensors.index.json"
        content = json.loads(index.read_text())
        changed = change(content["weight_map"])
        index.write_text(json.dumps(content if changed is None else changed))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            _without_file,
            "model-00002-of-00002.safetensors: is not in the folder, although model.safetensors.index.json",
        ),
        (_pointer, "model-00002-of-00002.safetensors: is a Git LFS pointer, not the model itself"),
        (_truncated, "model-00002-of-00002.safetensors: damaged, or not a safetensors file"),
        (_indexed(lambda names: names.update({"lm_head.weight": "../../etc/passwd"})), "names '../../etc/passwd'"),
        (_indexed(lambda names: names.update({"lm_head.weight": "/dev/zero"})), "names '/dev/zero'"),
        (_indexed(lambda names: names.update({"a.weight": names["lm_head.weight"]})), "the first one is a.weight"),
        (_indexed(lambda names: names.pop("lm_head.weight") and None), "the first one is lm_head.weight"),
        (_indexed(lambda names: {"weight_map": [1]}), "weight_map is missing or not a table of file names"),
    ],
)
def test_shards_that_are_not_whole_are_named(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    """The file that is missing, damaged, or not what the index says."""
    folder = write_shards(tmp_path / "m", LLAMA, WEIGHTS, 2)
    spoil(folder)
    assert message in refusal(folder)


def _resized(name: str, shape: tuple[int, ...]) -> Callable[[dict[str, Array]], None]:
    return lambda weights: weights.update({name: np.ones(shape, np.float32)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("lm_head.weight"), "1 tensor of the model missing: lm_head.weight"),
        (_resized("model.norm.weight", (31,)), "model.norm.weight has the shape [31], not [32]"),
        (_resized("model.norm.weight", ()), "model.norm.weight has the shape [], not [32]"),
        (
            _resized("model.layers.0.self_attn.q_proj.bias", (32,)),
            "1 tensor with no place in a LlamaForCausalLM model: model.layers.0.self_attn.q_proj.bias",
        ),
        (
            _resized("model.layers.4.mlp.up_proj.weight", (48, 32)),
            "1 tensor with no place in a LlamaForCausalLM model: model.layers.4.mlp.up_proj.weight",
        ),
        (
            lambda weights: weights.update({"model.norm.weight": np.ones(32, np.int8)}),
            "model.safetensors: model.norm.weight is stored as I8, which is not supported",
        ),
        (
            lambda weights: weights.update({"model.norm.weight": np.ones(32, np.float64)}),
            "model.safetensors: model.norm.weight is stored as F64, which is not supported",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[dict[str, Array]], object], message: str
) -> None:
    """Missing, left over, of another shape or of a type that is not read."""
    weights = dict(WEIGHTS)
    change(weights)
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS)
    save_file(weights, folder / "model.safetensors")
    assert message in refusal(folder)


def test_a_table_that_follows_from_the_configuration_is_not_read(tmp_path: Path) -> None:
    """Old files contain the frequencies of the rotation."""
    table = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32)}
    assert len(whole(write_folder(tmp_path / "m", LLAMA, {**WEIGHTS, **table}))) == len(WEIGHTS)


def test_a_tied_model_may_contain_its_embedding_twice(tmp_path: Path) -> None:
    """If the copy is one; otherwise it is not clear which is meant."""
    tied = {**LLAMA, "tie_word_embeddings": True}
    copy = {**WEIGHTS, "lm_head.weight": WEIGHTS["model.embed_tokens.weight"]}
    assert "output.weight" not in whole(write_folder(tmp_path / "copy", tied, copy))
    message = refusal(write_folder(tmp_path / "other", tied, WEIGHTS))
    assert message == ("model.safetensors: lm_head.weight is not the embedding, although tie_word_embeddings is true")


def header(entries: object, data: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


FOUR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        b"\xff" * 64,
        struct.pack("<Q", 1 << 40) + b"{}",
        header(b"{"),
        header(b'{"a":' + b"[" * 100_000),
        header({"a": FOUR}),
        header({"a": FOUR}, b"\0" * 8),
        header({"a": {**FOUR, "dtype": "F99"}}, b"\0" * 4),
        header({"a": {**FOUR, "shape": [1 << 62, 4]}}, b"\0" * 4),
        header({"a": {**FOUR, "shape": [-1]}}, b"\0" * 4),
        header({"a": {**FOUR, "data_offsets": [4, 0]}}, b"\0" * 4),
        header({"a": FOUR, "b": FOUR}, b"\0" * 4),
        header({"a": 3}, b"\0" * 4),
        header(b'{"\xff":{}}'),
    ],
)
def test_a_hostile_header_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing is allocated by what it says."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS)
    (folder / "model.safetensors").write_bytes(content)
    assert refusal(folder).startswith("model.safetensors: ")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_without_the_file_the_error_names_it(tmp_path: Path, name: str) -> None:
    """An index alone is not the weights, and weights alone are no model."""
    folder = write_shards(tmp_path / "m", LLAMA, WEIGHTS, 2)
    if name == "config.json":
        (folder / name).unlink()
    else:
        for file in folder.glob("*.safetensors"):
            file.unlink()
    with pytest.raises(InputError) as error:
        prepared(folder)
    expected = {
        "config.json": "m: config.json is missing beside the weights",
        "model.safetensors": "model-00001-of-00002.safetensors: is not in the folder, although "
        "model.safetensors.index.json names it",
    }
    assert error.value.message == expected[name]


def test_a_graph_beside_the_weights_is_a_question(tmp_path: Path) -> None:
    """The user names the one or the other file."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS)
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model_q4.onnx").write_bytes(b"x")
    with pytest.raises(InputError) as error:
        prepared(folder)
    graph = str(Path("onnx") / "model_q4.onnx")
    assert error.value.message == (f"m: the folder holds both a graph ({graph}) and weights (model.safetensors)")
    assert graph in error.value.remedy
    assert "model.safetensors" in error.value.remedy
    named = WeightsFile().prepare(ModelRequest(str(folder / "model.safetensors")), tmp_path / "cache")
    (folder / "onnx" / "model_q4.onnx").unlink()
    assert (named.sha256, named.model_id) == (prepared(folder).sha256, "m")


def test_weights_as_python_objects_are_not_read(tmp_path: Path) -> None:
    """Reading them would run what they say."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match=r"the weights \(pytorch_model\.bin\) are Python objects") as error:
        prepared(tmp_path)
    assert "safe_serialization" in error.value.remedy


def test_the_artifact_names_its_source_and_has_the_tokenizer_beside_it(tmp_path: Path) -> None:
    """Another tokenizer is another model."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS, "bfloat16")
    (folder / "tokenizer.json").write_text('{"model": {}}')
    artifact = prepared(folder)
    assert artifact.source is not None
    assert (artifact.source.format, artifact.source.stored_as, artifact.precision) == ("huggingface", "BF16", "float32")
    assert [file.name for file in artifact.source.files] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (artifact.path.parent / "tokenizer.json").read_text() == '{"model": {}}'
    assert artifact.path.parent / "tokenizer.json" in artifact.files
    (folder / "tokenizer.json").write_text('{"model": {"a": 1}}')
    assert prepared(folder).sha256 != artifact.sha256


def test_a_template_in_any_of_its_files_is_found(tmp_path: Path) -> None:
    """Models with pictures have it in a file of its own, which lies beside the graph, too."""
    for name in ("chat_template.jinja", "tokenizer_config.json", "chat_template.json"):
        folder = write_folder(tmp_path / name, LLAMA, WEIGHTS)
        template = "{{ messages }}"
        (folder / name).write_text(template if name.endswith("jinja") else json.dumps({"chat_template": template}))
        found = template_beside(prepared(folder).path)
        assert found is not None
        assert (name, template) == (found.file, found.source)


def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an error of the user's installation."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(InputError, match="safetensors") as error:
        open_folder(folder)
    assert "ondevice-bench[text]" in error.value.remedy


def test_rows_that_are_no_whole_blocks_are_refused_in_int4(tmp_path: Path) -> None:
    """With the tensor and its width; other precisions have no blocks."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS)
    with pytest.raises(InputError) as error:
        prepared(folder, precision="int4")
    assert (
        error.value.message
        == "m: layers.0.feed_forward.down.weight has rows of 48 weights, not of whole int4 blocks of 32"
    )
    assert prepared(folder, precision="int8").precision == "int8"


def _constants(artifact: Artifact) -> dict[str, Array]:
    graph = onnx.load(artifact.path).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def test_weights_reach_the_graph_exactly(tmp_path: Path) -> None:
    """BF16 as float32 bit by bit; the transposed matrix of a product holds the same numbers."""
    folder = write_folder(tmp_path / "m", LLAMA, WEIGHTS, "bfloat16")
    stored = np.sort(rounded(WEIGHTS, "bfloat16")["model.layers.3.mlp.down_proj.weight"].astype(np.float32), None)
    found = [np.sort(one, None) for one in _constants(prepared(folder)).values() if one.size == stored.size]
    assert any(np.array_equal(one, stored) for one in found)


@pytest.mark.parametrize("large", ["vocab_size", "intermediate_size"])
def test_reading_takes_little_memory(tmp_path: Path, large: str) -> None:
    """While a graph is made, at most 1.5 times the largest tensor is held: a table, and a matrix that is transposed."""
    config = {**LLAMA, large: 32_768, "hidden_size": 256, "num_hidden_layers": 1}
    folder = write_folder(tmp_path / "m", config, random_weights(config), "bfloat16")
    largest = 32_768 * 256 * 4
    prepared(write_folder(tmp_path / "warm", LLAMA, WEIGHTS))  # imports are not what is asked about
    tracemalloc.start()
    try:
        prepared(folder)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * largest
    finally:
        tracemalloc.stop()
