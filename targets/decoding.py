"""Rules that all token sessions share: inputs, outputs, and when the cache is full."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Artifact, CacheTensor, DecoderSpec
from bench.contracts.element_types import numpy_type
from bench.errors import RunFailure
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np


def decoder_of(artifact: Artifact) -> DecoderSpec:
    """How the artifact's KV cache is laid out. Raises ``RunFailure`` (``bad_input``) when that is not known."""
    if artifact.decoder is None:
        raise RunFailure(
            "bad_input",
            sentence("target.cache_layout_unknown", model_id=artifact.model_id),
            sentence("target.name_cache_inputs"),
            "read",
        )
    return artifact.decoder


def past_names(decoder: DecoderSpec) -> list[str]:
    """The inputs of the cache, layer by layer."""
    return [tensor.past for tensor in decoder.cache_tensors()]


def present_names(decoder: DecoderSpec) -> list[str]:
    """The outputs of the cache, in the order of ``past_names``."""
    return [tensor.present for tensor in decoder.cache_tensors()]


def empty_cache(tensor: CacheTensor) -> "np.ndarray[Any, Any]":
    """What ``tensor`` holds before the first token, at batch 1."""
    import numpy as np

    return np.zeros(tensor.shape, numpy_type(tensor.dtype))


def fixed_arrays(decoder: DecoderSpec, holds_tokens: bool) -> "dict[str, np.ndarray[Any, Any]]":
    """The inputs that steer the graph. ``holds_tokens``: whether the cache does."""
    import numpy as np

    return {
        spec.name: np.full(spec.shape, holds_tokens if spec.value is None else spec.value, np.dtype(spec.dtype))
        for spec in decoder.fixed_inputs
    }


def positions_in_cache(decoder: DecoderSpec, begin: int, tokens: int) -> "dict[str, np.ndarray[Any, Any]]":
    """What ``cache_position`` is fed for so many ``tokens`` whose first goes to place ``begin`` of the cache; nothing
    where the graph takes no such input."""
    import numpy as np

    spec = decoder.cache_position
    if spec is None:
        return {}
    places = np.arange(begin, begin + (tokens if spec.every_token else 1), dtype=np.dtype(spec.dtype))
    return {spec.name: places.reshape(spec.fed(tokens))}


def plain_cache(decoder: DecoderSpec, runtime: str) -> None:
    """Raises ``RunFailure`` for a cache that is not one key and one value a layer, all [1, heads, length, width] of one
    size and type. Their names are free."""
    if not decoder.cache:
        return
    first = decoder.cache[0]
    even = all(replace(tensor, past=first.past, present=first.present) == first for tensor in decoder.cache)
    laid_out = len(first.shape) == 4 and (first.batch_axis, first.length_axis) == (0, 2)
    if not (even and laid_out and len(decoder.cache) % 2 == 0):
        raise RunFailure(
            "unsupported_format",
            sentence(
                "target.cache_not_plain",
                runtime=runtime,
                past=first.past,
                shape=str(list(first.shape)),
                more=" …" if len(decoder.cache) > 1 else "",
            ),
            sentence("target.run_on_ort_or_genai"),
            "compile",
        )


def growing_cache(decoder: DecoderSpec, runtime: str) -> None:
    """Raises ``RunFailure`` for a graph whose past and present share one buffer of fixed length."""
    if decoder.past_length is not None:
        raise RunFailure(
            "unsupported_format",
            sentence("target.cache_is_one_buffer", past_length=decoder.past_length, runtime=runtime),
            sentence("target.export_growing_cache"),
            "compile",
        )


def rows_of_logits(decoder: DecoderSpec, runtime: str) -> None:
    """Raises ``RunFailure`` for a graph whose logits lack a dimension for positions."""
    if decoder.flat_logits:
        raise RunFailure(
            "unsupported_format",
            sentence("target.logits_without_positions", vocab_size=decoder.vocab_size, runtime=runtime),
            sentence("target.export_with_positions"),
            "compile",
        )


def prompt(ids: "np.ndarray[Any, Any]", decoder: DecoderSpec) -> "np.ndarray[Any, Any]":
    """``ids`` as int64 [1, n]. Raises ``RunFailure`` for an empty prompt or an id outside the vocabulary."""
    import numpy as np

    flat = np.asarray(ids, dtype=np.int64).reshape(1, -1)
    if flat.size == 0:
        raise RunFailure("bad_input", sentence("target.prompt_empty"), sentence("target.give_one_token"))
    if flat.min() < 0 or flat.max() >= decoder.vocab_size:
        raise RunFailure("bad_input", sentence("target.token_id_outside", last=decoder.vocab_size - 1))
    return flat


def room(length: int, limit: int) -> None:
    """Raises ``RunFailure`` when the cache would hold more than ``limit`` tokens."""
    if length > limit:
        raise RunFailure(
            "bad_input",
            sentence("target.cache_is_full", length=length, limit=limit),
            sentence("target.ask_for_fewer_tokens"),
        )


def started(length: int) -> None:
    """Raises ``RunFailure`` when nothing has been put into the cache yet."""
    if length == 0:
        raise RunFailure("bad_input", sentence("target.decode_called_before_prefill"))


def greedy(logits: "np.ndarray[Any, Any]") -> int:
    """The index of the largest logit of the last position of [1, S, vocab]. Raises ``RunFailure`` for NaN, which
    ``argmax`` finds before any number."""
    last = logits[0, -1]
    token = int(last.argmax())
    if last[token] != last[token]:
        raise RunFailure(
            "runtime_error",
            sentence("target.logits_hold_nan"),
            sentence("target.run_in_float32"),
        )
    return token


def last_row(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Float32 [vocab]: a copy of the last position of [1, S, vocab]."""
    import numpy as np

    return np.array(logits[0, -1], np.float32)


LOGITS_CHUNK = 32
"""Positions whose logits are asked for at once, in passes that keep them: of large vocabularies they take megabytes."""


def stepwise_logits(
    ids: "np.ndarray[Any, Any]",
    step: "Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]",
    at_once: int = LOGITS_CHUNK,
) -> Any:
    """Float32 [n, vocab] after each of ``ids``: ``step`` takes int64 [1, k] and returns the logits [1, k, vocab].

    ``at_once``: the maximum k; 1 for a graph that returns the last position's logits only.
    """
    import numpy as np

    flat = np.asarray(ids, np.int64).reshape(1, -1)
    parts = [flat[:, i : i + at_once] for i in range(0, flat.shape[1], at_once)]
    return np.concatenate([np.array(step(part)[0], np.float32) for part in parts])
