"""The built-in decoder against a plain numpy one, and on the engines that must drive it."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from bench.contracts import Artifact, DecoderSpec, ModelRequest
from bench.errors import InputError
from bench.models.sllm.config import DecoderConfig, RopeScaling
from bench.models.sllm.decoder import write_decoder
from bench.models.sllm.llama import Llama15M, prepare_decoder

Array = np.ndarray[Any, Any]
Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]

GROUPED = DecoderConfig(dim=32, layers=2, heads=4, kv_heads=2, hidden=48, vocab=61, context=64)
UNTIED = DecoderConfig(dim=24, layers=1, heads=2, kv_heads=2, hidden=40, vocab=37, context=64, tied=False)
BIASED = DecoderConfig(
    dim=32, layers=1, heads=4, kv_heads=2, hidden=40, vocab=37, context=64, qkv_bias=True,
    rope_scaling=RopeScaling(4.0, 1.0, 4.0, 32),
)  # fmt: skip
SINGLE = DecoderConfig(dim=24, layers=1, heads=3, kv_heads=1, hidden=40, vocab=37, context=64, rope_theta=500_000.0)
PROMPT = np.random.default_rng(1).integers(0, 32_000, 16)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The 15M model, written once."""
    return Llama15M().prepare(ModelRequest("llama-15M"), tmp_path_factory.mktemp("built"))


def softmax(scores: Array) -> Array:
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def plain_logits(config: DecoderConfig, path: Path, ids: Sequence[int]) -> Array:
    """The decoder as the papers write it, in float64: no cache, one head at a time. [len(ids), vocab]."""
    weights = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in onnx.load(path).graph.initializer}
    length, width = len(ids), config.head_dim

    def norm(x: Array, name: str) -> Array:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config.epsilon) * weights[f"{name}.weight"]

    def frequency(pair: int) -> float:
        """Radians a position; as Llama 3.1 publishes its stretch of long wavelengths."""
        plain: float = config.rope_theta ** (-2 * pair / width)
        scaling = config.rope_scaling
        if scaling is None:
            return plain
        wavelength = 2 * math.pi / plain
        if wavelength < scaling.original_context / scaling.high_freq_factor:
            return plain
        if wavelength > scaling.original_context / scaling.low_freq_factor:
            return plain / scaling.factor
        smooth = (scaling.original_context / wavelength - scaling.low_freq_factor) / (
            scaling.high_freq_factor - scaling.low_freq_factor
        )
        return (1 - smooth) * plain / scaling.factor + smooth * plain

    def projected(h: Array, name: str) -> Array:
        out: Array = h @ weights[f"{name}.weight"] + weights.get(f"{name}.bias", 0)
        return out

    def rotated(x: Array) -> Array:
        out = np.empty_like(x)
        for position in range(length):
            for pair in range(width // 2):
                angle = position * frequency(pair)
                a, b = x[position, pair], x[position, pair + width // 2]
                out[position, pair] = a * math.cos(angle) - b * math.sin(angle)
                out[position, pair + width // 2] = b * math.cos(angle) + a * math.sin(angle)
        return out

    x = weights["embedding.weight"][list(ids)]
    future = np.triu(np.full((length, length), -np.inf), 1)
    for layer in range(config.layers):
        name = f"layers.{layer}"
        h = norm(x, f"{name}.attention_norm")
        q, k, v = (projected(h, f"{name}.attention.{part}") for part in ("query", "key", "value"))
        mixed = np.empty_like(q)
        for head in range(config.heads):
            shared = head // (config.heads // config.kv_heads)
            own, kv = slice(head * width, (head + 1) * width), slice(shared * width, (shared + 1) * width)
            scores = rotated(q[:, own]) @ rotated(k[:, kv]).T / math.sqrt(width)
            mixed[:, own] = softmax(scores + future) @ v[:, kv]
        x = x + mixed @ weights[f"{name}.attention.output.weight"]
        h = norm(x, f"{name}.feed_forward_norm")
        gate, up = (h @ weights[f"{name}.feed_forward.{part}.weight"] for part in ("gate", "up"))
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{name}.feed_forward.down.weight"]
    out = weights["embedding.weight" if config.tied else "output.weight"]
    logits: Array = norm(x, "norm") @ out.T
    return logits


def empty_cache(spec: DecoderSpec, length: int = 0, fill: float = 0.0) -> dict[str, Array]:
    shape = (1, spec.kv_heads, length, spec.head_dim)
    names = [f"past_key_values.{i}.{part}" for i in range(spec.layers) for part in ("key", "value")]
    return {name: np.full(shape, fill, np.float32) for name in names}


def grown(cache: Mapping[str, Array], outputs: Mapping[str, Array], keep: int | None = None) -> dict[str, Array]:
    """The cache for the next call: what the graph returned, or its last ``keep`` slots."""
    start = 0 if keep is None else -keep
    return {name: outputs[name.replace("past_key_values", "present")][:, :, start:] for name in cache}


def greedy(run: Run, spec: DecoderSpec, prompt: Array, count: int) -> list[int]:
    """Greedy tokens with a growing cache: the prompt in one call, then a token a call."""
    cache, ids, past = empty_cache(spec), prompt[None], 0
    tokens: list[int] = []
    while len(tokens) < count:
        total = past + ids.shape[1]
        feeds = {
            "input_ids": ids,
            "attention_mask": np.ones((1, total), np.int64),
            "position_ids": np.arange(past, total)[None],
        }
        outputs = run({**feeds, **cache})
        cache, past = grown(cache, outputs), total
        tokens.append(int(outputs["logits"][0, -1].argmax()))
        ids = np.array([tokens[-1:]])
    return tokens


def onnxruntime_run(path: Path) -> Run:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(None, dict(feeds)), strict=True))


def test_published_size(llama: Artifact) -> None:
    """15,191,712 parameters, each stored once; the facts count every one."""
    assert 15_191_712 == llama.facts.parameters
    stored = {
        i.name: math.prod(i.dims)
        for i in onnx.load(llama.path).graph.initializer
        if i.name.endswith((".weight", ".bias"))
    }
    assert 15_191_712 == sum(stored.values())


def test_macs_of_one_token(llama: Artifact) -> None:
    """On an empty cache: every matrix weight once, and one score and one mix a head dimension in each layer."""
    matrices = 6 * (4 * 288 * 288 + 3 * 288 * 768) + 288 * 32_000
    assert matrices + 6 * 2 * 288 == llama.facts.macs


def test_artifact_is_a_decoder(llama: Artifact) -> None:
    """Layout and names are those of the contract; shapes stay the engine's to choose."""
    expected = DecoderSpec(
        layers=6, kv_heads=6, head_dim=48, vocab_size=32_000, context_length=2048, bos_token_id=1, eos_token_ids=(2,)
    )
    assert (expected, "text_generation", {}) == (llama.decoder, llama.task, llama.shapes)
    inputs = {spec.name: spec.shape for spec in llama.facts.inputs}
    assert ("batch", "sequence") == inputs["input_ids"] == inputs["position_ids"]
    assert ("batch", "total") == inputs["attention_mask"]
    assert ("batch", 6, "past", 48) == inputs["past_key_values.5.value"]
    assert 3 + 12 == len(inputs)
    outputs = {spec.name: spec.shape for spec in llama.facts.outputs}
    assert ("batch", "sequence", 32_000) == outputs["logits"]
    assert ("batch", 6, "total", 48) == outputs["present.0.key"]
    onnx.checker.check_model(llama.path, full_check=True)


@pytest.mark.parametrize("config", [GROUPED, UNTIED, SINGLE, BIASED])
def test_config_counts_its_parameters(config: DecoderConfig, tmp_path: Path) -> None:
    """The formula equals what is stored, tied or not, grouped or not."""
    write_decoder(config, 0, tmp_path / "m.onnx")
    stored = [i for i in onnx.load(tmp_path / "m.onnx").graph.initializer if i.name.endswith((".weight", ".bias"))]
    assert config.parameters == sum(math.prod(i.dims) for i in stored)


def test_shapes_cannot_be_chosen(tmp_path: Path) -> None:
    """A shape for a decoder is refused with the reason."""
    with pytest.raises(InputError, match="does not apply to a decoder"):
        prepare_decoder("tiny", GROUPED, ModelRequest("tiny", shapes={"input_ids": (1, 8)}), tmp_path)


@pytest.mark.real
@pytest.mark.parametrize("config", [GROUPED, UNTIED, SINGLE, BIASED])
def test_logits_are_those_of_a_plain_implementation(config: DecoderConfig, tmp_path: Path) -> None:
    """Prompt in one call, in two, or token by token with the cache: the same logits as without any cache."""
    write_decoder(config, 3, tmp_path / "m.onnx")
    run = onnxruntime_run(tmp_path / "m.onnx")
    ids = np.random.default_rng(0).integers(0, config.vocab, 11)
    expected = plain_logits(config, tmp_path / "m.onnx", ids.tolist())
    for step in (11, 7, 1):
        cache, actual = empty_cache(config.spec), []
        for past in range(0, 11, step):
            part = ids[past : past + step]
            total = past + len(part)
            mask, positions = np.ones((1, total), np.int64), np.arange(past, total)[None]
            feeds = {"input_ids": part[None], "attention_mask": mask, "position_ids": positions}
            outputs = run({**feeds, **cache})
            cache = grown(cache, outputs)
            actual.append(outputs["logits"][0])
        np.testing.assert_allclose(np.concatenate(actual), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.real
def test_left_padding_has_no_influence(tmp_path: Path) -> None:
    """A cache of fixed length gives the plain logits, whatever its masked slots hold."""
    write_decoder(GROUPED, 3, tmp_path / "m.onnx")
    run = onnxruntime_run(tmp_path / "m.onnx")
    ids = np.random.default_rng(0).integers(0, GROUPED.vocab, 9).tolist()
    expected = plain_logits(GROUPED, tmp_path / "m.onnx", ids)
    cache, mask = empty_cache(GROUPED.spec, length=15, fill=7.0), np.zeros((1, 16), np.int64)
    actual = []
    for position, token in enumerate(ids):
        mask[0, -1 - position :] = 1
        feeds = {"input_ids": np.array([[token]]), "attention_mask": mask, "position_ids": np.array([[position]])}
        outputs = run({**feeds, **cache})
        cache = grown(cache, outputs, keep=15)
        actual.append(outputs["logits"][0, 0])
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.real
def test_rows_of_a_batch_are_independent(tmp_path: Path) -> None:
    """Two prompts in one batch, the shorter one padded on the left, give each its own logits."""
    write_decoder(GROUPED, 3, tmp_path / "m.onnx")
    run = onnxruntime_run(tmp_path / "m.onnx")
    long, short = [5, 9, 60, 1, 7], [22, 3, 48]
    feeds = {
        "input_ids": np.array([long, [0, 0, *short]]),
        "attention_mask": np.array([[1] * 5, [0, 0, 1, 1, 1]]),
        "position_ids": np.array([range(5), [0, 0, 0, 1, 2]]),
    }
    cache = {name: np.repeat(array, 2, axis=0) for name, array in empty_cache(GROUPED.spec).items()}
    logits = run({**feeds, **cache})["logits"]
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits[0], plain_logits(GROUPED, tmp_path / "m.onnx", long), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(logits[1, 2:], plain_logits(GROUPED, tmp_path / "m.onnx", short), rtol=1e-3, atol=1e-4)


@pytest.mark.real
def test_text_varies_and_both_runtimes_write_it(llama: Artifact) -> None:
    """32 greedy tokens after 16: nearly all different, and the same from ONNX Runtime and OpenVINO."""
    ov = pytest.importorskip("openvino")
    assert llama.decoder is not None
    expected = greedy(onnxruntime_run(llama.path), llama.decoder, PROMPT, 32)
    assert len(set(expected)) > 24
    compiled = ov.Core().compile_model(llama.path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [output.any_name for output in compiled.outputs]

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        results = compiled(dict(feeds))
        return {name: np.array(results[name]) for name in names}

    assert expected == greedy(run, llama.decoder, PROMPT, 32)


@pytest.mark.real
def test_openvino_can_keep_the_cache(llama: Artifact) -> None:
    """Made stateful, the graph writes the same text without the cache passing through the caller."""
    ov = pytest.importorskip("openvino")
    transformations = pytest.importorskip("openvino._offline_transformations")
    spec = llama.decoder
    assert spec is not None
    model = ov.Core().read_model(llama.path)
    model.reshape({i.any_name: ov.PartialShape([1, *list(i.partial_shape)[1:]]) for i in model.inputs})
    pairs = {name: name.replace("past_key_values", "present") for name in empty_cache(spec)}
    transformations.apply_make_stateful_transformation(model, pairs)
    request = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        tokens = {name: array for name, array in feeds.items() if name not in pairs}
        logits = np.array(request.infer(tokens)["logits"])
        total = feeds["attention_mask"].shape[1]
        return {"logits": logits, **{name: empty_cache(spec, total)[past] for past, name in pairs.items()}}

    assert greedy(onnxruntime_run(llama.path), spec, PROMPT, 12) == greedy(run, spec, PROMPT, 12)


@pytest.mark.real
def test_trained_decoder_reads_the_same_layout(realdata: Path) -> None:
    """The loop above reproduces the golden text of a trained model, so it drives such graphs as their authors meant."""
    folder = realdata / "llm" / "stories260K"
    golden = json.loads((folder / "golden.json").read_text())
    spec = DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=512, context_length=512)
    prompt, count = np.array(golden["prompt_ids"]), 48
    actual = greedy(onnxruntime_run(folder / "model.onnx"), spec, prompt, count)
    assert golden["greedy_ids"][len(prompt) : len(prompt) + count] == actual
