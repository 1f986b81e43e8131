"""The graph of a published language model: the values of its file, and what lies beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from made_checkpoint import block_tensor, made_checkpoint
from msgspec.structs import replace
from onnx import numpy_helper

from bench.contracts import Artifact, ModelRequest
from bench.digest import sha256_of
from bench.errors import InputError
from bench.models.checkpoints.checkpoint import Checkpoint
from bench.models.checkpoints.prepared import prepare_checkpoint
from bench.models.sllm.config import DecoderConfig

Array = np.ndarray[Any, Any]

TIED = DecoderConfig(dim=64, layers=2, heads=4, kv_heads=2, hidden=96, vocab=70, context=64)
UNTIED = replace(TIED, tied=False, qkv_bias=True)


def prepared(checkpoint: Checkpoint, cache: Path, precision: str | None = None) -> Artifact:
    request = ModelRequest(str(checkpoint.files[0]), precision=precision)
    return prepare_checkpoint(lambda: checkpoint, request, cache)


def logits_of(checkpoint: Checkpoint, ids: list[int]) -> Array:
    """A Llama in float64, without cache, from the weights as the file gives them: [len(ids), vocab]."""
    config = checkpoint.config
    length, width = len(ids), config.head_dim
    group = config.heads // config.kv_heads

    def weight(name: str) -> Array:
        tensor = checkpoint.tensors[name]
        return tensor.rows(0, tensor.shape[0]).astype(np.float64)

    def norm(x: Array, name: str) -> Array:
        scaled: Array = x / np.sqrt((x * x).mean(-1, keepdims=True) + config.epsilon) * weight(f"{name}.weight")
        return scaled

    def heads(h: Array, name: str, count: int) -> Array:
        """[count, length, width]"""
        projected = h @ weight(f"{name}.weight").T + (weight(f"{name}.bias") if config.qkv_bias else 0)
        return projected.reshape(length, count, width).swapaxes(0, 1)

    def rotated(x: Array) -> Array:
        angles = np.outer(np.arange(length), config.rope_theta ** (-np.arange(0, width, 2) / width))
        turn = np.exp(1j * angles)
        pairs = (x[..., : width // 2] + 1j * x[..., width // 2 :]) * turn
        return np.concatenate((pairs.real, pairs.imag), -1)

    x = weight("embedding.weight")[ids]
    for layer in range(config.layers):
        name = f"layers.{layer}"
        h = norm(x, f"{name}.attention_norm")
        query = rotated(heads(h, f"{name}.attention.query", config.heads))
        key = np.repeat(rotated(heads(h, f"{name}.attention.key", config.kv_heads)), group, 0)
        value = np.repeat(heads(h, f"{name}.attention.value", config.kv_heads), group, 0)
        scores = query @ key.swapaxes(1, 2) / np.sqrt(width) + np.triu(np.full((length, length), -np.inf), 1)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(length, -1)
        x = x + mixed @ weight(f"{name}.attention.output.weight").T
        h = norm(x, f"{name}.feed_forward_norm")
        gate, up = (h @ weight(f"{name}.feed_forward.{part}.weight").T for part in ("gate", "up"))
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weight(f"{name}.feed_forward.down.weight").T
    logits: Array = norm(x, "norm") @ weight("embedding.weight" if config.tied else "output.weight").T
    return logits


def feeds(artifact: Artifact, ids: list[int]) -> dict[str, Array]:
    spec = artifact.decoder
    assert spec is not None
    empty = np.zeros((1, spec.kv_heads, 0, spec.head_dim), spec.kv_dtype)
    cache = {f"past_key_values.{i}.{part}": empty for i in range(spec.layers) for part in ("key", "value")}
    mask, positions = np.ones((1, len(ids)), np.int64), np.arange(len(ids))[None]
    return {"input_ids": np.array([ids]), "attention_mask": mask, "position_ids": positions, **cache}


def onnxruntime_logits(artifact: Artifact, ids: list[int]) -> Array:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")  # activations stay float32
    session = ort.InferenceSession(artifact.path, options, providers=["CPUExecutionProvider"])
    logits: Array = session.run(["logits"], feeds(artifact, ids))[0][0]
    return logits


def openvino_logits(artifact: Artifact, ids: list[int]) -> Array:
    ov = pytest.importorskip("openvino")
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    compiled = ov.Core().compile_model(artifact.path, "CPU", options)
    logits: Array = np.array(compiled(feeds(artifact, ids))["logits"][0])
    return logits


@pytest.mark.real
@pytest.mark.parametrize("engine", [onnxruntime_logits, openvino_logits])
@pytest.mark.parametrize("config", [TIED, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize(
    ("stored_as", "precision"),
    [("F32", None), ("Q4_1", None), ("Q4_0", None), ("Q8_0", None), ("Q4_1", "int8"), ("Q4_1", "float32")],
)
def test_the_graph_computes_with_the_values_of_the_file(
    stored_as: str, precision: str | None, config: DecoderConfig, engine: Any, tmp_path: Path
) -> None:
    """Weights in blocks are kept exactly, offsets included, also by a precision with room for their codes."""
    checkpoint = made_checkpoint(config, tmp_path / "m.gguf", stored_as)
    artifact = prepared(checkpoint, tmp_path / "cache", precision)
    ids = np.random.default_rng(5).integers(0, config.vocab, 9).tolist()
    np.testing.assert_allclose(engine(artifact, ids), logits_of(checkpoint, ids), rtol=1e-3, atol=1e-4)


@pytest.mark.real
@pytest.mark.parametrize("engine", [onnxruntime_logits, openvino_logits])
@pytest.mark.parametrize("most_summed", [2048, 0], ids=["sums by a product", "sums by an operator"])
def test_one_value_meets_blocks_of_two_lengths(
    most_summed: int, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in files of Q2_K, whose query has offsets for every 16 inputs and whose value has them for every 32."""
    monkeypatch.setattr("bench.models.sllm.weights.MOST_SUMMED", most_summed)
    made = made_checkpoint(TIED, tmp_path / "m.gguf", "Q4_1")
    name = "layers.0.attention.query.weight"
    short = block_tensor(np.random.default_rng(3), TIED.tensors[name], 4, 16, offset=True)  # type: ignore[arg-type]
    checkpoint = replace(made, tensors={**made.tensors, name: short})
    ids = np.random.default_rng(5).integers(0, TIED.vocab, 9).tolist()
    logits = engine(prepared(checkpoint, tmp_path / "cache"), ids)
    np.testing.assert_allclose(logits, logits_of(checkpoint, ids), rtol=1e-3, atol=1e-4)


@pytest.mark.real
@pytest.mark.parametrize(
    ("stored_as", "precision", "lost"),
    [("F32", "float16", 0.01), ("F32", "int8", 0.15), ("F32", "int4", 1.0), ("Q8_0", "int4", 1.0)],
)
def test_fewer_bits_than_the_file_has_are_a_rounding(
    stored_as: str, precision: str, lost: float, tmp_path: Path
) -> None:
    """Another precision differs from the file, and by no more than its step."""
    checkpoint = made_checkpoint(TIED, tmp_path / "m.gguf", stored_as)
    ids = [3, 1, 4, 1, 5]
    exact = logits_of(checkpoint, ids)
    apart = np.abs(onnxruntime_logits(prepared(checkpoint, tmp_path / "cache", precision), ids) - exact).max()
    assert 0 < apart / exact.std() < lost


def test_codes_lie_in_the_graph_as_in_the_file(tmp_path: Path) -> None:
    """A matrix is transposed, a table is not; the offsets of four bits are beside their scales."""
    checkpoint = made_checkpoint(TIED, tmp_path / "m.gguf", "Q4_1")
    artifact = prepared(checkpoint, tmp_path / "cache")
    stored = {i.name: i for i in onnx.load(artifact.path).graph.initializer}
    for name, tensor in checkpoint.tensors.items():
        if tensor.bits is None:
            continue
        table = name == "embedding.weight"
        codes, scale, offset = tensor.blocks(0, tensor.shape[0])
        assert onnx.TensorProto.INT8 if table else onnx.TensorProto.INT4 == stored[name].data_type
        for suffix, expected in (("", codes), (".scale", scale), (".offset", offset)):
            if expected is not None:
                actual = numpy_helper.to_array(stored[f"{name}{suffix}"]).astype(expected.dtype)
                np.testing.assert_array_equal(expected.T, actual)
    onnx.checker.check_model(artifact.path, full_check=True)


def test_the_artifact_names_its_source(tmp_path: Path) -> None:
    """Its own precision unless another is asked for; the file's name, checksum and types; companions are its files."""
    file = tmp_path / "Some-1B.Q4_1.gguf"
    checkpoint = made_checkpoint(TIED, file, "Q4_1", companions={"tokenizer.json": b"{}", "config.json": b"[]"})
    artifact = prepared(checkpoint, tmp_path / "cache")
    assert ("Some-1B.Q4_1", "int4", "text_generation") == (artifact.model_id, artifact.precision, artifact.task)
    source = artifact.source
    assert source is not None
    assert ("gguf", file, (file,), "Q4_1") == (source.format, source.path, source.files, source.stored_as)
    assert (sha256_of((file,)), file.stat().st_size) == (source.sha256, source.size_bytes)
    names = [path.name for path in artifact.files]
    assert ["model.onnx", "model.onnx.data", "tokenizer.json", "config.json"][-2:] == names[-2:]
    assert "model.onnx" == names[0]
    assert b"{}" == artifact.path.with_name("tokenizer.json").read_bytes()
    assert (sha256_of(artifact.files), artifact.decoder) == (artifact.sha256, TIED.spec)
    assert TIED.parameters == artifact.facts.parameters


def test_it_is_built_once_for_the_contents_of_the_file(tmp_path: Path) -> None:
    """The same contents under another name share nothing but their bytes; other contents or precisions are built."""
    checkpoint = made_checkpoint(TIED, tmp_path / "m.gguf")
    first = prepared(checkpoint, tmp_path / "cache")
    written = first.path.stat().st_mtime_ns
    assert (first.path, written) == (
        (again := prepared(checkpoint, tmp_path / "cache")).path,
        again.path.stat().st_mtime_ns,
    )
    assert first.path != prepared(checkpoint, tmp_path / "cache", "int8").path
    assert first.path != prepared(made_checkpoint(TIED, tmp_path / "m.gguf", seed=1), tmp_path / "cache").path


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    """A shape or precision that the builder does not have is refused before the file is opened."""

    def opened() -> Checkpoint:
        raise AssertionError

    request = ModelRequest(str(tmp_path / "m.gguf"), precision="int3")
    with pytest.raises(InputError, match="not available in int3"):
        prepare_checkpoint(opened, request, tmp_path)
    with pytest.raises(InputError, match="does not apply to a decoder"):
        prepare_checkpoint(opened, replace(request, precision=None, shapes={"input_ids": (1, 4)}), tmp_path)
