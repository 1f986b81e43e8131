"""A model converted to GGUF computes what its definition says."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from bench.contracts import ModelRequest
from bench.models.files.gguf_file import GgufFile
from tests.support.checkpoints.converted_gguf import converted_gguf
from tests.support.checkpoints.published_folders import GEMMA3, MODELS, random_weights
from tests.support.checkpoints.published_forward import logits

IDS = [int(token) for token in np.random.default_rng(7).integers(0, 64, 15)]
"""Longer than every window."""
CASES: dict[str, dict[str, Any]] = {
    **{
        name: MODELS[name]
        for name in (
            *("llama", "llama, llama3", "llama, linear", "mistral, a head wider than its part, a window", "qwen2"),
            *("qwen3, untied", "phi3, a window", "phi3, longrope", "phi3, part of each head, longrope"),
        )
    },
    "gemma3, linear": {**MODELS["gemma3, linear"], "query_pre_attn_scalar": GEMMA3["head_dim"]},
    "smollm3": {**MODELS["smollm3"], "no_rope_layers": [1, 1, 1, 0]},
}


@pytest.mark.parametrize("name", CASES)
def test_the_graph_has_the_logits_of_the_definition(name: str, tmp_path: Path) -> None:
    """From the weights by their names in transformers, through llama.cpp's names and order of rows, to logits."""
    config = CASES[name]
    weights = random_weights(config)
    expected = logits(config, weights, IDS)
    path = converted_gguf(tmp_path / "tiny.gguf", config, weights)
    artifact = GgufFile().prepare(ModelRequest(str(path)), tmp_path / "cache")
    assert artifact.decoder is not None
    session = ort.InferenceSession(str(artifact.path), providers=["CPUExecutionProvider"])
    empty = np.zeros((1, artifact.decoder.kv_heads, 0, artifact.decoder.head_dim), np.float32)
    feed = {one.name: empty for one in session.get_inputs() if one.name.startswith("past")}
    length = len(IDS)
    feed |= {"input_ids": np.array([IDS]), "attention_mask": np.ones((1, length), np.int64)}
    (found,) = session.run(["logits"], {**feed, "position_ids": np.arange(length)[None]})
    assert expected.std() > 0.5
    np.testing.assert_allclose(found[0], expected, atol=1e-4, rtol=0)
