"""Text generation on OpenVINO: the KV cache becomes the compiled model's own state.

``apply_make_stateful_transformation`` turns each pair ``past_key_values.N.*`` / ``present.N.*`` into a variable, so
that a step passes only the token, its position and the mask. The batch is fixed to 1, because an empty variable takes
0 for every dynamic dimension. Tensors are made once; a step changes the mask's shape, not its memory.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from bench.contracts import DecoderSpec, SessionFacts
from bench.errors import RunFailure
from bench.targets.decoding import (
    LOGITS_CHUNK,
    fixed_arrays,
    greedy,
    growing_cache,
    last_row,
    positions_in_cache,
    prompt,
    room,
    started,
    stepwise_logits,
)
from bench.targets.openvino.graph import kv_cache_bits, kv_cache_precision
from bench.targets.openvino.session import Compiled, OpenVinoFacts, elements_of
from bench.words import sentence

if TYPE_CHECKING:
    import numpy.typing as npt


def make_stateful(model: Any, decoder: DecoderSpec) -> None:
    """Fix the batch of ``model`` to 1 and move its KV cache into its state, unless it is there already. The batch stays
    open where a state that is there already has a fixed size. Raises ``RunFailure``."""
    from openvino._offline_transformations import apply_make_stateful_transformation

    if decoder.stateful:
        growing = all(tensor.length_axis is not None for tensor in decoder.cache_tensors())
        if growing and not decoder.unknown:  # the CPU plugin does not assign a batch of 1 to a state of fixed size
            _fix_batch(model, decoder)
        return
    growing_cache(decoder, "OpenVINO")
    pairs = {tensor.past: tensor.present for tensor in decoder.cache_tensors()}
    named = {name for port in (*model.inputs, *model.outputs) for name in port.get_names()}
    missing = [name for pair in pairs.items() for name in pair if name not in named]
    if missing or "logits" not in named:
        raise RunFailure(
            "unsupported_format",
            sentence("openvino.decoder_lacks", missing=missing[:3] or ["logits"]),
            sentence("openvino.export_with_past"),
            "read",
        )
    _fix_batch(model, decoder)
    try:
        apply_make_stateful_transformation(model, pairs)
    except RuntimeError as error:
        first = decoder.cache_tensors()[0]
        raise RunFailure(
            "unsupported_format",
            sentence(
                "openvino.state_not_kept",
                past=first.past,
                shape=str(list(first.shape)),
                error=str(error).splitlines()[0],
            ),
            sentence("target.run_on_ort"),
            "read",
        ) from error


def _fix_batch(model: Any, decoder: DecoderSpec) -> None:
    """Batch 1. The cache's inputs get the shapes that are known of them: OpenVINO may find no rank in the file."""
    from openvino import PartialShape

    shapes = {
        tensor.past: [-1 if axis == tensor.length_axis else size for axis, size in enumerate(tensor.shape)]
        for tensor in ([] if decoder.stateful else decoder.cache_tensors())
    }
    if (position := decoder.cache_position) is not None:
        shapes[position.name] = [-1 if size is None else size for size in position.shape]
    for port in model.inputs:
        found = port.get_partial_shape()
        if port.get_any_name() not in shapes and found.rank.is_static:
            shapes[port.get_any_name()] = [1, *list(found)[1:]] if len(found) else []
    model.reshape({name: PartialShape(shape) for name, shape in shapes.items()})


UNRELEASABLE = "RoPE"
"""A layer's type."""


class OpenVinoTokenSession(OpenVinoFacts):
    """Batch 1, one request, greedy."""

    def __init__(self, compiled: Compiled, decoder: DecoderSpec) -> None:
        from openvino import Tensor

        super().__init__(compiled)
        self._decoder = decoder
        self._mask = Tensor(np.ones((1, decoder.context_length), np.dtype(decoder.mask_dtype)), shared_memory=True)
        self._token = np.zeros((1, 1), np.dtype(decoder.ids_dtype))
        self._position = np.zeros((1, 1), np.dtype(decoder.position_dtype))
        self._steering = [
            {name: Tensor(array) for name, array in fixed_arrays(decoder, holds_tokens).items()}
            for holds_tokens in (False, True)
        ]
        self._place = positions_in_cache(decoder, 0, 1)
        self._step_tensors = self._pair(self._token, self._position, self._place)
        self._request = self._made_request()
        self._length = 0
        self._releases: bool | None = None

    def facts(self) -> SessionFacts:
        found = super().facts()
        try:
            kept = kv_cache_precision(self._compiled.model.get_runtime_model(), found.options_effective)
        except RuntimeError:  # the plugin does not offer it
            kept = ""
        return replace(found, kv_cache_precision=kept, kv_cache_bits=kv_cache_bits(found.options_effective, kept))

    def prefill(self, ids: "npt.NDArray[Any]") -> int:
        tokens = prompt(ids, self._decoder)
        first = self._next(self._step(tokens.shape[1], self._fed(tokens)))
        self._set(self._step_tensors)
        return first

    def decode(self) -> int:
        started(self._length)
        self._position[0, 0] = self._length
        for place in self._place.values():
            place[...] = self._length
        return self._next(self._step(1, None))

    def logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        self.reset()

        def step(tokens: "npt.NDArray[np.int64]") -> "npt.NDArray[Any]":
            return self._step(tokens.shape[1], self._fed(tokens))

        at_once = 1 if self._decoder.last_logits else LOGITS_CHUNK
        found = np.asarray(stepwise_logits(prompt(ids, self._decoder), step, at_once))
        self._set(self._step_tensors)
        return found

    def shows_next(self) -> bool:
        return True

    def next_logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        tokens = prompt(ids, self._decoder)
        found = last_row(self._step(tokens.shape[1], self._fed(tokens)))
        self._set(self._step_tensors)
        return found

    def reset(self) -> None:
        self._request.reset_state()
        self._length = 0

    def parallel(self, users: int) -> "list[OpenVinoTokenSession]":
        """One compiled model, with a request and its state for each user."""
        return [self, *(type(self)(self._compiled, self._decoder) for _ in range(users - 1))]

    def settle(self) -> None:
        """Release working memory; not of a graph with ``UNRELEASABLE``, where OpenVINO 2026.4 then writes into memory
        that it has freed."""
        if self._releases is None:
            self._releases = all(node.op != UNRELEASABLE for node in self._executed())
        if self._releases:
            self._compiled.model.release_memory()

    def _made_request(self) -> Any:
        from openvino import Tensor

        request = self._compiled.request()
        request.set_tensor("attention_mask", self._mask)
        if self._decoder.stateful:
            request.set_tensor("beam_idx", Tensor(np.zeros(1, np.int32)))
        return request

    def _fed(self, tokens: "npt.NDArray[np.int64]") -> dict[str, Any]:
        """Tensors of ``tokens`` [1, k] behind what the cache holds, and of their positions."""
        positions = np.arange(self._length, self._length + tokens.shape[1], dtype=self._position.dtype)[None]
        places = positions_in_cache(self._decoder, self._length, tokens.shape[1])
        return self._pair(tokens.astype(self._token.dtype), positions, places)

    def _pair(
        self, tokens: "npt.NDArray[Any]", positions: "npt.NDArray[Any]", places: "dict[str, npt.NDArray[Any]]"
    ) -> dict[str, Any]:
        from openvino import Tensor

        tensors = {name: Tensor(array, shared_memory=True) for name, array in places.items()}
        tensors["input_ids"] = Tensor(tokens, shared_memory=True)
        if self._decoder.has_position_ids:
            tensors["position_ids"] = Tensor(positions, shared_memory=True)
        return tensors

    def _set(self, tensors: dict[str, Any]) -> None:
        for name, tensor in tensors.items():
            self._request.set_tensor(name, tensor)

    def _next(self, logits: "npt.NDArray[Any]") -> int:
        token = greedy(logits)
        self._token[0, 0] = token
        return token

    def _step(self, count: int, tensors: dict[str, Any] | None) -> "npt.NDArray[Any]":
        """Append ``count`` tokens; returns their logits [1, count, vocab], or [1, 1, vocab] if the graph returns only
        the last, which the next step overwrites."""
        end = self._length + count
        room(end, self._decoder.context_length)
        if tensors is not None:
            self._set(tensors)
        self._set(self._steering[self._length > 0])
        self._mask.shape = (1, end)
        self._request.infer(share_outputs=True)
        self._length = end
        return elements_of(self._request.get_tensor("logits")).reshape(1, -1, self._decoder.vocab_size)


class FusedTokenSession(OpenVinoTokenSession):
    """The cache belongs to the request: attention is fused with it. Elsewhere half of its memory is the graph's, which
    keeps the state of the step before beside the new one."""

    def renew(self, tokens: int) -> None:
        """Another request, since a reset empties the cache and keeps its memory."""
        self._request = None
        self._request = self._made_request()
        self._length = 0
