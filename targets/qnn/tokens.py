"""Text generation where every shape is fixed: two sessions of one graph, and a cache that slides.

With a cache of C tokens (``decode_context``) and a prompt of n (``prompt_tokens``, n < C):

    prefill   n tokens,  past C - n (all masked),   present C
    decode    1 token,   past C - 1,                present C

Real tokens stand at the right end of the cache; what is left of them is padding, masked with 0. Positions are the
tokens' own (0, 1, 2 …), so that padding changes nothing; ``cache_position`` is the place in the cache. Before each
run the cache moves to the left by the tokens that come in, ``past = present[:, :, k:]``, which drops as many padding
places and costs one copy of the cache on the CPU. The cache is full when all padding is used.

What is left of a text behind whole prompts of n tokens is padded on the right with any token and computed at once: in a
causal model a token changes nothing before it, so that its logits and its places in the cache are simply dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, OpenRequest, SessionFacts
from bench.contracts.element_types import numpy_type
from bench.errors import RunFailure
from bench.targets.decoding import (
    fixed_arrays,
    greedy,
    growing_cache,
    last_row,
    past_names,
    plain_cache,
    positions_in_cache,
    present_names,
    prompt,
    room,
    started,
)
from bench.targets.ort.queries import array_of, ort_value
from bench.targets.ort.session import Opened, OrtFacts
from bench.words import sentence

if TYPE_CHECKING:
    import numpy.typing as npt


PADDED_SHARE = 16
"""Tokens are computed in one padded run of the prompt graph where they are one in so many of its own, or more; fewer go
one by one. A few dozen tokens take about as long as one, for which all weights are read too, and more take longer."""


class Step(Struct, frozen=True):
    """The shape of one session: ``tokens`` in, ``past`` places of cache before them."""

    tokens: int
    past: int


class Layout(Struct, frozen=True):
    """``context`` is C of the module's description."""

    context: int
    prefill: Step
    decode: Step


def layout(request: OpenRequest) -> Layout:
    """The two shapes a request needs. Raises ``RunFailure`` when prompt and cache do not fit."""
    tokens, context = request.prompt_tokens, request.decode_context
    decoder = request.artifact.decoder
    limit = decoder.context_length if decoder else context
    if decoder is not None:
        growing_cache(decoder, "QNN")
        plain_cache(decoder, "QNN")
    if not 0 < tokens < context <= limit:
        raise RunFailure(
            "bad_input",
            sentence("qnn.prompt_does_not_fit", tokens=tokens, context=context, limit=limit),
            sentence("target.ask_for_fewer_tokens"),
            "compile",
        )
    return Layout(context, Step(tokens, context - tokens), Step(1, context - 1))


def pads(count: int, held: int, layout: Layout) -> bool:
    """Whether ``count`` tokens, fewer than the prompt graph takes, go through it padded; ``held``: those before them in
    the cache, which must have room for the padding too."""
    at_once = layout.prefill.tokens
    return count > 1 and at_once <= PADDED_SHARE * count and held + at_once <= layout.context


def dimensions(artifact: Artifact, decoder: DecoderSpec, step: Step) -> dict[str, int]:
    """Every symbolic dimension of the decoder's inputs with its size in ``step``. Raises ``RunFailure``."""
    past = (1, decoder.kv_heads, step.past, decoder.head_dim)
    wanted: dict[str, tuple[int, ...]] = {
        "input_ids": (1, step.tokens),
        "attention_mask": (1, step.past + step.tokens),
        "position_ids": (1, step.tokens),
        **dict.fromkeys(past_names(decoder), past),
        **{spec.name: spec.shape for spec in decoder.fixed_inputs},
        **{name: places.shape for name, places in positions_in_cache(decoder, step.past, step.tokens).items()},
    }
    sizes: dict[str, int] = {}
    for spec in artifact.facts.inputs:
        for dimension, size in zip(spec.shape, wanted.get(spec.name, ()), strict=False):
            fits = dimension == size if isinstance(dimension, int) else sizes.get(str(dimension), size) == size
            if dimension is None or not fits:
                raise RunFailure(
                    "bad_input",
                    sentence(
                        "qnn.shape_not_fixed",
                        name=spec.name,
                        shape=str(list(spec.shape)),
                        wanted=str(list(wanted[spec.name])),
                    ),
                    sentence("qnn.export_with_named_dimensions"),
                    "compile",
                )
            if isinstance(dimension, str):
                sizes[dimension] = size
    return sizes


class FixedShapeTokenSession(OrtFacts):
    """``sessions`` are decode and prefill, in this order; the facts of the session are those of decode."""

    def __init__(self, sessions: Sequence[Any], decoder: DecoderSpec, layout: Layout, opened: Opened) -> None:
        super().__init__(sessions, opened)
        self._decoder = decoder
        self._layout = layout
        self._decode, self._prefill = (
            Runner(session, decoder, step)
            for session, step in zip(self._sessions, (layout.decode, layout.prefill), strict=True)
        )
        self._last: Runner | None = None
        self._padding = 0  # places at the right end of what the last run left that hold no token of the text
        self._length = 0
        self._token = 0

    def facts(self) -> SessionFacts:
        return replace(super().facts(), kv_cache_precision=self._decoder.kv_cache_precision)

    def prefill(self, ids: "npt.NDArray[Any]") -> int:
        """As many tokens at once as the prefill graph takes; what is left of them padded, or one by one."""
        for logits in self._each(prompt(ids, self._decoder)):
            last = logits
        self._token = greedy(last)
        return self._token

    def decode(self) -> int:
        started(self._length)
        self._token = greedy(self._take(self._decode, np.array([[self._token]])))
        return self._token

    def logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        self.reset()
        tokens = prompt(ids, self._decoder)
        each = [tokens[:, i : i + 1] for i in range(tokens.shape[1])] if self._decoder.last_logits else [tokens]
        return np.concatenate([logits[0].astype(np.float32) for piece in each for logits in self._each(piece)])

    def prefill_tokens(self) -> int:
        return self._layout.prefill.tokens

    def shows_next(self) -> bool:
        return True

    def next_logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        for logits in self._each(prompt(ids, self._decoder)):
            last = logits
        return last_row(last)

    def reset(self) -> None:
        self._last = None
        self._padding = 0
        self._length = 0

    def _each(self, tokens: "npt.NDArray[np.int64]") -> "Iterator[npt.NDArray[Any]]":
        """The logits of each run that takes in ``tokens`` [1, n], without those of padding."""
        at_once, begin = self._layout.prefill.tokens, 0
        while begin < tokens.shape[1]:
            rest = tokens[:, begin : begin + at_once]
            shows_all = not self._decoder.last_logits
            whole = rest.shape[1] == at_once or (shows_all and pads(rest.shape[1], self._length, self._layout))
            count = rest.shape[1] if whole else 1
            yield self._take(self._prefill if whole else self._decode, rest[:, :count])
            begin += count

    def _take(self, runner: "Runner", tokens: "npt.NDArray[np.int64]") -> "npt.NDArray[Any]":
        """The logits of ``tokens`` [1, k], of which ``runner`` takes as many or more."""
        count, taken = tokens.shape[1], runner.step.tokens
        room(self._length + taken, self._layout.context)
        runner.load(self._last.presents if self._last is not None else None, self._padding)
        positions = np.arange(self._length, self._length + taken)
        logits = runner.run(tokens, positions, self._length + taken)
        self._length += count
        self._last, self._padding = runner, taken - count
        return logits[:, :count] if self._padding else logits


class Runner:
    """One session with every input and output bound once to separate memory."""

    def __init__(self, session: Any, decoder: DecoderSpec, step: Step) -> None:
        self._session = session
        self.step = step
        self._binding = session.io_binding()
        total, kind = step.past + step.tokens, numpy_type(decoder.kv_dtype)
        cache = (1, decoder.kv_heads, step.past, decoder.head_dim)
        grown = (1, decoder.kv_heads, total, decoder.head_dim)
        positions = np.zeros((1, step.tokens), np.dtype(decoder.position_dtype))
        self._arrays: Mapping[str, npt.NDArray[Any]] = {
            **fixed_arrays(decoder, holds_tokens=True),  # the cache has a length, even where all of it is padding
            **positions_in_cache(decoder, step.past, step.tokens),
            "input_ids": np.zeros((1, step.tokens), np.dtype(decoder.ids_dtype)),
            "attention_mask": np.zeros((1, total), np.dtype(decoder.mask_dtype)),
            **({"position_ids": positions} if decoder.has_position_ids else {}),
            **{name: np.zeros(cache, kind) for name in past_names(decoder)},
        }
        self._vocabulary = decoder.vocab_size
        self._outputs: Mapping[str, npt.NDArray[Any]] = {name: np.zeros(grown, kind) for name in present_names(decoder)}
        self.pasts = [self._arrays[name] for name in past_names(decoder)]
        self.presents = [self._outputs[name] for name in present_names(decoder)]
        for name, array in self._arrays.items():
            self._binding.bind_ortvalue_input(name, ort_value(array))
        self._binding.bind_output("logits", "cpu")  # as many positions as the graph returns
        for name, array in self._outputs.items():
            self._binding.bind_ortvalue_output(name, ort_value(array))

    def load(self, presents: "Sequence[npt.NDArray[Any]] | None", padding: int = 0) -> None:
        """Take over the newest places of the cache that the last run left, but for ``padding`` at its right end;
        ``None``: an empty one."""
        for index, past in enumerate(self.pasts):
            end = 0 if presents is None else presents[index].shape[2] - padding
            kept = min(end, self.step.past)
            past[:, :, : self.step.past - kept] = 0
            if presents is not None:
                past[:, :, self.step.past - kept :] = presents[index][:, :, end - kept : end]

    def run(
        self, tokens: "npt.NDArray[np.int64]", positions: "npt.NDArray[np.int64]", length: int
    ) -> "npt.NDArray[Any]":
        """``tokens`` [1, k]; of fewer than the step takes the last is repeated. ``length``: tokens in the cache with
        all of these; only their places are unmasked. Returns logits [1, n, vocab] of the step's n tokens, or
        [1, 1, vocab] if the graph returns only the last."""
        ids, count = self._arrays["input_ids"], tokens.shape[1]
        ids[:, :count] = tokens
        ids[:, count:] = tokens[:, -1:]
        mask = self._arrays["attention_mask"]
        mask[...] = 0
        mask[0, mask.shape[1] - length :] = 1
        if "position_ids" in self._arrays:
            self._arrays["position_ids"][...] = positions
        self._session.run_with_iobinding(self._binding)
        return array_of(self._binding.get_outputs()[0]).reshape(1, -1, self._vocabulary)
