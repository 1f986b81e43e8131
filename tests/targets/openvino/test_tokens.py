"""stories260K on OpenVINO with its KV cache as state."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.contracts import Artifact, DecoderSpec, LogitsSession, OpenRequest, Phase, TokenSession
from bench.errors import RunFailure
from bench.targets.openvino.target import OpenVino
from bench.targets.ort.cpu import OnnxRuntimeCpu

pytestmark = pytest.mark.real
F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] = F32) -> TokenSession:
    pytest.importorskip("openvino")
    session = OpenVino().open(OpenRequest(artifact, "CPU", options), phase)
    assert isinstance(session, TokenSession)
    return session


def test_greedy_tokens_are_the_golden_ones(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """200 tokens in float32, from the prompt [1]."""
    session = opened(stories, phase)
    found = [session.prefill(np.array(golden[:1]))] + [session.decode() for _ in golden[2:]]
    assert (golden[1:], "float32") == (found, session.facts().executed_precision)


def test_prefill_goes_on_and_reset_starts_over(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """A prompt follows what the cache holds; after reset there is nothing to go on from, and nothing left."""
    session = opened(stories, phase)
    session.prefill(np.array(golden[:30]))
    assert golden[50:52] == [session.prefill(np.array(golden[30:50])), session.decode()]
    session.reset()
    found = [session.prefill(np.array(golden[:20])), session.decode(), session.decode()]
    session.reset()
    with pytest.raises(RunFailure, match="before prefill"):
        session.decode()
    assert golden[20:23] == found


def test_logits_are_onnx_runtimes(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """Both engines give the same distributions, and decoding goes on as before afterwards."""
    session = opened(stories, phase)
    other = OnnxRuntimeCpu().open(OpenRequest(stories, "cpu"), phase)
    assert isinstance(session, LogitsSession)
    assert isinstance(other, LogitsSession)
    ids = np.array(golden[:70])
    np.testing.assert_allclose(session.logits(ids), other.logits(ids), atol=1e-3)
    session.reset()
    assert golden[20:22] == [session.prefill(np.array(golden[:20])), session.decode()]


def test_a_graph_without_a_cache_is_refused(
    float_net: Path, artifact_of: Callable[..., Artifact], phase: Phase
) -> None:
    """A convolution is no decoder, whatever its artifact says."""
    decoder = DecoderSpec(layers=1, kv_heads=1, head_dim=4, vocab_size=10, context_length=16)
    with pytest.raises(RunFailure, match=r"past_key_values\.0\.key") as caught:
        opened(artifact_of(float_net, task="text_generation", decoder=decoder), phase)
    assert "unsupported_format" == caught.value.kind
