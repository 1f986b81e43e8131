"""Rules that every token session shares: what comes in, what goes out, and when the cache is full."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, DecoderSpec
from bench.errors import RunFailure

if TYPE_CHECKING:
    import numpy as np


def decoder_of(artifact: Artifact) -> DecoderSpec:
    """How the artifact's KV cache is laid out. Raises ``RunFailure`` (``bad_input``) when that is not known."""
    if artifact.decoder is None:
        raise RunFailure(
            "bad_input",
            f"{artifact.model_id}: not known how its KV cache is laid out",
            "Name past_key_values.N.key/.value and present.N.key/.value as transformers' exports do.",
            "read",
        )
    return artifact.decoder


def past_names(decoder: DecoderSpec) -> list[str]:
    """``past_key_values.N.key`` and ``.value``, layer by layer."""
    return [f"past_key_values.{n}.{part}" for n in range(decoder.layers) for part in ("key", "value")]


def present_names(decoder: DecoderSpec) -> list[str]:
    """``present.N.key`` and ``.value``, in the order of ``past_names``."""
    return [f"present.{n}.{part}" for n in range(decoder.layers) for part in ("key", "value")]


def cache_type(decoder: DecoderSpec) -> "np.dtype[Any]":
    """numpy's type of the KV cache. Raises ``RunFailure`` for one that numpy has not (bfloat16)."""
    import numpy as np

    try:
        return np.dtype(decoder.kv_dtype)
    except TypeError:
        raise RunFailure(
            "unsupported_precision",
            f"the model keeps its KV cache in {decoder.kv_dtype}, which cannot be handed over here",
            "Export it with a float32 or float16 cache, or run it on a GenAI engine.",
            "compile",
        ) from None


def growing_cache(decoder: DecoderSpec, runtime: str) -> None:
    """Raises ``RunFailure`` for a graph whose past and present share one buffer of fixed length."""
    if decoder.past_length is not None:
        raise RunFailure(
            "unsupported_format",
            f"the model's KV cache is one buffer of {decoder.past_length} tokens for past and present, "
            f"which {runtime} does not share",
            "Export it with past and present of their own lengths, or run it on ort:cpu or ort-genai:cpu.",
            "compile",
        )


def prompt(ids: "np.ndarray[Any, Any]", decoder: DecoderSpec) -> "np.ndarray[Any, Any]":
    """``ids`` as int64 [1, n]. Raises ``RunFailure`` for an empty prompt or an id outside the vocabulary."""
    import numpy as np

    flat = np.asarray(ids, dtype=np.int64).reshape(1, -1)
    if flat.size == 0:
        raise RunFailure("bad_input", "the prompt is empty", "Give at least one token.")
    if flat.min() < 0 or flat.max() >= decoder.vocab_size:
        raise RunFailure("bad_input", f"token ids run from 0 to {decoder.vocab_size - 1}; the prompt holds another")
    return flat


def room(length: int, limit: int) -> None:
    """Raises ``RunFailure`` when the cache would hold more than ``limit`` tokens."""
    if length > limit:
        raise RunFailure(
            "bad_input",
            f"the KV cache is full: {length} tokens, room for {limit}",
            "Ask for fewer tokens, or a shorter prompt.",
        )


def started(length: int) -> None:
    """Raises ``RunFailure`` when nothing has been put into the cache yet."""
    if length == 0:
        raise RunFailure("bad_input", "decode was called before prefill")


def greedy(logits: "np.ndarray[Any, Any]") -> int:
    """The index of the largest logit of the last position of [1, S, vocab]. Raises ``RunFailure`` for NaN, which
    ``argmax`` finds before any number."""
    last = logits[0, -1]
    token = int(last.argmax())
    if last[token] != last[token]:
        raise RunFailure(
            "runtime_error",
            "the logits hold NaN",
            "Run the model in float32; float16 may overflow in a model that was not made for it.",
        )
    return token


LOGITS_CHUNK = 32
"""Positions whose logits are asked for at once, in passes that keep them: of large vocabularies they take megabytes."""


def stepwise_logits(ids: "np.ndarray[Any, Any]", step: "Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]") -> Any:
    """Float32 [n, vocab] after each of ``ids``: ``step`` takes int64 [1, k] and returns the logits [1, k, vocab]."""
    import numpy as np

    flat = np.asarray(ids, np.int64).reshape(1, -1)
    parts = [flat[:, i : i + LOGITS_CHUNK] for i in range(0, flat.shape[1], LOGITS_CHUNK)]
    return np.concatenate([np.array(step(part)[0], np.float32) for part in parts])
