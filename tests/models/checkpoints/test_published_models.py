"""A Hugging Face folder becomes a graph that computes what the model's definition says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import openvino as ov
import pytest

from bench.contracts import Artifact, ModelRequest
from bench.models.checkpoints.gguf.opening import open_gguf
from bench.models.checkpoints.prepared import prepare_checkpoint
from bench.models.files.folder import ModelFolder
from tests.support.checkpoints.published_folders import MODELS, random_weights, rounded, write_folder
from tests.support.checkpoints.published_forward import logits
from tests.support.checkpoints.published_gguf import write_gguf

Array = np.ndarray[Any, Any]
Feed = Mapping[str, Array]
IDS = [int(token) for token in np.random.default_rng(7).integers(0, 64, 21)]
"""Longer than every window."""
PREFILL = 13


def prepared(folder: Path, precision: str | None = None) -> Artifact:
    request = ModelRequest(str(folder), precision=precision)
    return ModelFolder().prepare(request, folder.parent / "cache")


class Decoder:
    """The graph with its cache, on one of two runtimes."""

    def __init__(self, artifact: Artifact, runtime: str = "onnxruntime") -> None:
        assert artifact.decoder is not None
        self.spec = artifact.decoder
        if runtime == "onnxruntime":
            self._session = ort.InferenceSession(str(artifact.path), providers=["CPUExecutionProvider"])
            self._run = self._of_onnxruntime
        else:
            hints = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
            self._request = ov.Core().compile_model(str(artifact.path), "CPU", hints).create_infer_request()
            self._run = self._of_openvino
        self.forget()

    def forget(self) -> None:
        self.past = {
            f"{layer}.{part}": np.zeros((1, self.spec.kv_heads, 0, self.spec.head_dim), self.spec.kv_dtype)
            for layer in range(self.spec.layers)
            for part in ("key", "value")
        }

    def __call__(self, ids: Sequence[int]) -> Array:
        """The logits of further tokens, [len(ids), vocab]."""
        before = next(iter(self.past.values())).shape[2]
        feed = {f"past_key_values.{name}": values for name, values in self.past.items()}
        feed["input_ids"] = np.array([ids], np.int64)
        feed["attention_mask"] = np.ones((1, before + len(ids)), np.int64)
        feed["position_ids"] = np.arange(before, before + len(ids), dtype=np.int64)[None]
        found = self._run(feed)
        self.past = {name: found[f"present.{name}"] for name in self.past}
        scores: Array = found["logits"][0]
        return scores

    def _of_onnxruntime(self, feed: Feed) -> Feed:
        names = [one.name for one in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(feed)), strict=True))

    def _of_openvino(self, feed: Feed) -> Feed:
        found = self._request.infer(dict(feed), share_inputs=False)
        return {output.get_any_name(): np.array(values) for output, values in found.items()}


OF_EACH_FAMILY = [
    *("llama", "mistral, a head wider than its part, a window", "qwen2, a window from layer 2 on", "qwen3, untied"),
    *("gemma3, linear", "phi3, part of each head, longrope", "smollm3", "llama, biases"),
]


@pytest.mark.parametrize(
    ("name", "runtime"),
    [*((name, "onnxruntime") for name in MODELS), *((name, "openvino") for name in OF_EACH_FAMILY)],
)
def test_the_graph_has_the_logits_of_the_definition(name: str, runtime: str, tmp_path: Path) -> None:
    """All at once, and token by token behind a prompt; of every position."""
    config = MODELS[name]
    weights = random_weights(config)
    expected = logits(config, weights, IDS)
    decoder = Decoder(prepared(write_folder(tmp_path / "model", config, weights)), runtime)
    whole = decoder(IDS)
    decoder.forget()
    steps = np.concatenate([decoder(IDS[:PREFILL]), *(decoder([token]) for token in IDS[PREFILL:])])
    assert expected.std() > 0.5  # of logits that were alike, likeness would say nothing
    np.testing.assert_allclose(whole, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(steps, expected, atol=1e-4, rtol=0)


WHOLE = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "model_type": "gemma3",
    "eos_token_id": [2, 5],
    "text_config": {
        key: value for key, value in MODELS["gemma3"].items() if key not in ("architectures", "eos_token_id")
    },
    "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 8},
}


@pytest.mark.parametrize(
    ("text", "head", "pictures"),
    [("language_model.model.", "language_model.", ""), ("model.language_model.", "", "model.")],
)
@pytest.mark.parametrize("tied", [True, False])
def test_the_text_of_gemma3_with_pictures(text: str, head: str, pictures: str, tied: bool, tmp_path: Path) -> None:
    """As transformers names its tensors, first and since 4.52; those of the pictures are not read."""
    config = {**MODELS["gemma3"], "tie_word_embeddings": tied}
    weights = random_weights(config)
    expected = logits(config, weights, IDS)
    named = {
        text + name.removeprefix("model.") if name.startswith("model.") else head + name: values
        for name, values in weights.items()
    }
    for name in ("vision_tower.vision_model.head.weight", "multi_modal_projector.mm_soft_emb_norm.weight"):
        named[pictures + name] = np.ones((3, 5), np.float32)
    artifact = prepared(write_folder(tmp_path / "model", {**WHOLE, "tie_word_embeddings": tied}, named))
    np.testing.assert_allclose(Decoder(artifact)(IDS), expected, atol=1e-4, rtol=0)
    assert artifact.decoder is not None
    assert (2, 5) == artifact.decoder.eos_token_ids


AS_GGUF = {
    **{name: MODELS[name] for name in ("llama", "llama, llama3", "llama, linear", "llama, yarn", "qwen2")},
    **{name: MODELS[name] for name in ("llama, biases", "qwen3, biases of attention")},
    **{name: MODELS[name] for name in ("qwen3, untied", "phi3, longrope", "phi3, a window")},
    "mistral, a head wider than its part": {
        **MODELS["mistral, a head wider than its part, a window"],
        "sliding_window": None,
    },
    "gemma3": {
        **MODELS["gemma3, linear"],
        "num_hidden_layers": 7,
        "sliding_window_pattern": 6,
        "query_pre_attn_scalar": 16,
    },
    "smollm3": {**MODELS["smollm3"], "num_hidden_layers": 5, "no_rope_layers": None},
}
"""What the format can say: for Gemma 3 and SmolLM 3 the kinds of layers follow from the architecture alone."""


@pytest.mark.parametrize("name", AS_GGUF)
def test_a_gguf_of_the_same_weights_has_the_same_logits(name: str, tmp_path: Path) -> None:
    """Names, order of rows, norms and rotation of its converter are taken back exactly."""
    config = AS_GGUF[name]
    weights = random_weights(config)
    path = write_gguf(tmp_path / "model.gguf", config, weights)
    request = ModelRequest(str(path), precision="float32")
    artifact = prepare_checkpoint(lambda: open_gguf(path), request, tmp_path / "cache")
    np.testing.assert_allclose(Decoder(artifact)(IDS), logits(config, weights, IDS), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("precision", "most"), [("float16", 0.005), ("int8", 0.05), ("int4", 0.6)])
def test_other_precisions_are_near(precision: str, most: float, tmp_path: Path) -> None:
    """Root mean square of the logits' error, relative to theirs; in no precision as small as in the one above it."""
    config = {**MODELS["qwen3"], "hidden_size": 64, "intermediate_size": 128}
    weights = random_weights(config)
    folder = write_folder(tmp_path / "model", config, weights, "bfloat16")
    stored = {name: values.astype(np.float32) for name, values in rounded(weights, "bfloat16").items()}
    expected = logits(config, stored, IDS)
    artifact = prepared(folder, precision)
    error = np.sqrt(np.mean((Decoder(artifact)(IDS) - expected) ** 2)) / expected.std()
    assert artifact.precision == precision
    assert most / 20 < error < most
    exact = Decoder(prepared(folder))(IDS)
    np.testing.assert_allclose(exact, expected, atol=1e-4, rtol=0)
