"""stories260K on ONNX Runtime's CPU provider."""

import numpy as np
import pytest

from bench.contracts import Artifact, DecoderSpec, OpenRequest, Phase
from bench.errors import RunFailure
from bench.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bench.text_contracts import TokenSession

pytestmark = pytest.mark.real


def opened(stories: Artifact, phase: Phase) -> TokenSession:
    pytest.importorskip("onnxruntime")
    session = OnnxRuntimeCpu().open(OpenRequest(stories, "cpu"), phase)
    assert isinstance(session, TokenSession)
    return session


def test_greedy_tokens_are_the_golden_ones(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """200 tokens from the prompt [1], one after the other."""
    session = opened(stories, phase)
    found = [session.prefill(np.array(golden[:1]))] + [session.decode() for _ in golden[2:]]
    assert golden[1:] == found


def test_a_longer_prompt_continues_the_same_story(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """Prefill of 50 tokens at once leaves the cache as 50 steps would."""
    session = opened(stories, phase)
    found = [session.prefill(np.array(golden[:50]))] + [session.decode() for _ in range(20)]
    assert golden[50:71] == found


def test_prefill_starts_over(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """What was generated before leaves no trace."""
    session = opened(stories, phase)
    first = [session.prefill(np.array(golden[:3])), session.decode(), session.decode()]
    assert first == [session.prefill(np.array(golden[:3])), session.decode(), session.decode()]


def test_reset_empties_the_cache(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """After it there is no last token to go on from."""
    session = opened(stories, phase)
    session.prefill(np.array(golden[:3]))
    session.reset()
    with pytest.raises(RunFailure, match="before prefill"):
        session.decode()


def test_the_context_ends(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """A prompt longer than the context is refused, not cut."""
    import msgspec

    small = msgspec.structs.replace(stories, decoder=DecoderSpec(5, 4, 8, 512, context_length=4))
    session = opened(small, phase)
    session.prefill(np.array(golden[:4]))
    with pytest.raises(RunFailure, match="5 tokens, room for 4"):
        session.decode()
