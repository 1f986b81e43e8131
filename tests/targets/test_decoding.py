"""Rules every token session shares."""

from pathlib import Path

import numpy as np
import pytest

from bench.contracts import Artifact, DecoderSpec, GraphFacts
from bench.errors import RunFailure
from bench.targets.decoding import decoder_of, greedy, past_names, present_names, prompt, room, started

DECODER = DecoderSpec(layers=2, kv_heads=1, head_dim=4, vocab_size=10, context_length=16)


def test_cache_names_pair_up() -> None:
    """The n-th past belongs to the n-th present."""
    expected = [
        ("past_key_values.0.key", "present.0.key"),
        ("past_key_values.0.value", "present.0.value"),
        ("past_key_values.1.key", "present.1.key"),
        ("past_key_values.1.value", "present.1.value"),
    ]
    assert expected == list(zip(past_names(DECODER), present_names(DECODER), strict=True))


def test_a_prompt_becomes_one_row_of_int64() -> None:
    """Any integer array of ids will do."""
    row = prompt(np.array([3, 1], np.int32), DECODER)
    assert ("int64", [[3, 1]]) == (str(row.dtype), row.tolist())


@pytest.mark.parametrize("ids", [[], [10], [-1]])
def test_a_prompt_outside_the_vocabulary_is_refused(ids: list[int]) -> None:
    """An empty prompt and ids that do not exist would read memory at random."""
    with pytest.raises(RunFailure):
        prompt(np.array(ids, np.int64), DECODER)


def test_the_cache_has_an_end() -> None:
    """Exactly full is fine; one more is not."""
    room(16, 16)
    with pytest.raises(RunFailure, match="17 tokens, room for 16"):
        room(17, 16)


def test_decoding_needs_a_prompt() -> None:
    """An empty cache has no last token."""
    with pytest.raises(RunFailure, match="before prefill"):
        started(0)


def test_greedy_takes_the_last_position() -> None:
    """Logits of earlier positions do not count."""
    logits = np.array([[[9, 0, 0], [0, 1, 5]]], np.float32)
    assert 2 == greedy(logits)


def test_a_decoder_without_a_layout_is_refused() -> None:
    """Without a DecoderSpec nobody knows which tensors are the cache."""
    path = Path("model.onnx")
    artifact = Artifact("m", "text_generation", "onnx", "float32", path, (path,), "", 0, GraphFacts((), ()), {})
    with pytest.raises(RunFailure, match="the layout of its KV cache is not known"):
        decoder_of(artifact)
