"""stories260K on ONNX Runtime's CPU provider."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.contracts import Artifact, DecoderSpec, LogitsSession, OpenRequest, Phase, TokenSession
from bench.errors import RunFailure
from bench.targets.ort.cpu import OnnxRuntimeCpu

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


def test_prefill_goes_on_from_what_the_cache_holds(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """A context and a prompt after it give what both at once give; after a reset nothing of them is left."""
    session = opened(stories, phase)
    session.prefill(np.array(golden[:30]))
    assert golden[50:53] == [session.prefill(np.array(golden[30:50])), session.decode(), session.decode()]
    session.reset()
    assert golden[20:22] == [session.prefill(np.array(golden[:20])), session.decode()]


def test_logits_are_those_of_a_plain_run(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """Chunk by chunk from an empty cache, whatever was in it before, equal to one run over all ids."""
    import onnxruntime

    session = opened(stories, phase)
    session.prefill(np.array(golden[60:90]))
    assert isinstance(session, LogitsSession)
    found = session.logits(np.array(golden[:70]))
    plain = onnxruntime.InferenceSession(stories.path, providers=["CPUExecutionProvider"])
    empty = np.zeros((1, 4, 0, 8), np.float32)
    feeds = {f"past_key_values.{i}.{part}": empty for i in range(5) for part in ("key", "value")}
    ids = np.array([golden[:70]], np.int64)
    feeds |= {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": np.arange(70)[None]}
    expected = plain.run(["logits"], feeds)[0][0]
    assert (expected.shape, np.float32) == (found.shape, found.dtype)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_nan_logits_are_said(stories: Artifact, golden: list[int], phase: Phase, tmp_path: Path) -> None:
    """A model whose weights hold NaN generates no token 0; it fails in plain words."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(stories.path)
    broken = next(t for t in model.graph.initializer if len(t.dims) == 2 and t.data_type == onnx.TensorProto.FLOAT)
    values = np.full(tuple(broken.dims), np.nan, np.float32)
    broken.CopyFrom(numpy_helper.from_array(values, broken.name))
    onnx.save(model, tmp_path / "nan.onnx")
    session = opened(msgspec.structs.replace(stories, path=tmp_path / "nan.onnx"), phase)
    with pytest.raises(RunFailure, match="the logits hold NaN"):
        session.prefill(np.array(golden[:5]))


def test_reset_empties_the_cache(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """After it there is no last token to go on from."""
    session = opened(stories, phase)
    session.prefill(np.array(golden[:3]))
    session.reset()
    with pytest.raises(RunFailure, match="before prefill"):
        session.decode()


def test_the_context_ends(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """A prompt longer than the context is refused, not cut."""
    small = msgspec.structs.replace(stories, decoder=DecoderSpec(5, 4, 8, 512, context_length=4))
    session = opened(small, phase)
    session.prefill(np.array(golden[:4]))
    with pytest.raises(RunFailure, match="5 tokens, room for 4"):
        session.decode()
