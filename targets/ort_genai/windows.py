"""Prompts of a pipeline whose graphs take a fixed number of tokens at a time.

onnxruntime-genai pads each prompt to whole windows with the padding token, puts the padding into its sequence, and
takes the first padding token that it sees for the end of the prompt. So a prompt must not have that token in it, and
another prompt can follow only where the first one filled its windows.
"""

from typing import TYPE_CHECKING, Any

from bench.contracts import DecoderSpec
from bench.errors import RunFailure
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np


def padded(tokens: int, decoder: DecoderSpec) -> int:
    """How many tokens a prompt of ``tokens`` takes of the sequence."""
    return -(-tokens // decoder.window) * decoder.window if decoder.window else tokens


def room_for(tokens: int | None, decoder: DecoderSpec, limit: int | None = None) -> int:
    """The longest sequence to open for ``tokens``, at most ``limit``, else the context. With windows all of it: how
    much padding there will be is not known."""
    most = limit or decoder.context_length
    return most if decoder.window or not tokens else min(tokens, most)


def refuse_prompt(ids: "np.ndarray[Any, Any]", decoder: DecoderSpec, *, follows: bool, whole: bool) -> None:
    """Raise ``RunFailure`` for a prompt that the runtime would take for another one. ``follows``: the cache contains
    something; ``whole``: that is prompts of whole windows."""
    if not decoder.window:
        return
    padding = decoder.padding
    if padding in ids:
        raise RunFailure(
            "bad_input",
            sentence("ort.genai.padding_in_prompt", padding=padding, window=decoder.window),
            sentence("input.give_prompt_without_padding", padding=padding),
        )
    if follows and not whole:
        raise _behind_padding(decoder)


def refuse_depth(depth_tokens: int, decoder: DecoderSpec) -> None:
    """Raise ``RunFailure`` for a depth that is not whole windows: every prompt would follow padding."""
    if decoder.window and depth_tokens % decoder.window:
        raise _behind_padding(decoder, "plan")


def _behind_padding(decoder: DecoderSpec, phase: str = "") -> RunFailure:
    return RunFailure(
        "unsupported_scenario",
        sentence("ort.genai.prompt_behind_padding", window=decoder.window),
        sentence("ort.genai.measure_at_whole_windows", window=decoder.window),
        phase,
    )


def slides_cache(decoder: DecoderSpec) -> bool:
    """Whether the runtime moves the cache along with the window: its tensors are then [heads, batch, …]."""
    return any(tensor.batch_axis == 1 for tensor in decoder.cache)
