"""A trained model from its GGUF file, on every engine: with float32 products and a float32 KV cache each generates the
tokens of the exact weights, which were computed in numpy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import Artifact, OpenRequest
from bench.measure.text_driver import OpenedText, open_text
from bench.plugins import discover, load
from bench.testing import no_phase

pytestmark = [pytest.mark.real, pytest.mark.long]

OPENVINO = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
}
ORT = {"session.qdq_matmulnbits_accuracy_level": "1"}
"""In which no activation is rounded to 8 bits."""
ENGINES = {
    "ort:cpu": ("onnxruntime", ORT),
    "openvino:CPU": ("openvino", OPENVINO),
    "ort-genai:cpu": ("onnxruntime_genai", ORT),
    "openvino-genai:CPU": ("openvino_genai", OPENVINO),
}
NOTHING = np.zeros(0, np.int64)
PARIS = 7042


def opened(target: str, artifact: Artifact, folder: Path) -> OpenedText:
    package, options = ENGINES[target]
    pytest.importorskip(package)
    name, _, device = target.partition(":")
    plugin: Any = load(discover().find("targets", name))
    made = plugin.convert(artifact, folder, device, options)
    return open_text(plugin, OpenRequest(made, device, options, prompt_tokens=5, decode_context=32), no_phase)


@pytest.mark.parametrize("target", ENGINES)
def test_four_bit_weights_in_float32_give_the_tokens_of_the_exact_weights(
    target: str, smollm2: Callable[[str], Artifact], smollm2_golden: dict[str, Any], tmp_path: Path
) -> None:
    """All 24, " Paris" first, although two of them are decided by less than 0.15 logits; where the engine shows its
    logits, the margins are those of the exact weights."""
    exact, prompt = smollm2_golden["exact_float32"], np.array(smollm2_golden["prompt_ids"])
    session = opened(target, smollm2("int4"), tmp_path)
    ids = session.greedy(NOTHING, prompt, 24)
    assert (PARIS, tuple(exact["greedy_ids"])) == (ids[0], ids)
    assert ids[:5] == tuple(smollm2_golden["llama_cpp_0.3.36"]["greedy_ids"][:5])
    if session.logits is not None:
        rows = np.sort(session.logits(np.concatenate([prompt, ids[:-1]]))[len(prompt) - 1 :], axis=1)
        np.testing.assert_allclose(exact["logit_margin"], rows[:, -1] - rows[:, -2], atol=0.005)
