"""Text generation on one ONNX Runtime session: the KV cache never leaves the runtime's own tensors.

A step binds the tokens, the mask and the positions from buffers made once, runs, and binds every ``present`` the run
has returned as the next step's ``past``: handles are passed on, and tensors are not copied. Where the graph fixes the
cache's length, past and present are one buffer, bound once. The logits are written to a buffer of this session, and
only the last row is read; if the graph may return those of the last position only, they are read from its output.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from bench.contracts import DecoderSpec, SessionFacts
from bench.contracts.element_types import EXTENDED
from bench.targets.decoding import (
    LOGITS_CHUNK,
    empty_cache,
    fixed_arrays,
    greedy,
    last_row,
    positions_in_cache,
    present_names,
    prompt,
    room,
    started,
    stepwise_logits,
)
from bench.targets.ort.queries import array_of, ort_value
from bench.targets.ort.session import Opened, OrtFacts, specs

if TYPE_CHECKING:
    import numpy.typing as npt


class OrtTokenSession(OrtFacts):
    """Batch 1; sequence and past are dynamic dimensions of the graph."""

    def __init__(self, session: Any, decoder: DecoderSpec, opened: Opened, room_for: int = 0) -> None:
        """``room_for``: tokens that a shared cache of free length is made for; it grows beyond where it has to."""
        super().__init__((session,), opened)
        self._decoder = decoder
        self._parts = opened, room_for
        self._cache = decoder.cache_tensors()
        self._presents = present_names(decoder)
        types = {spec.name: spec.dtype for spec in specs(session.get_outputs())}
        self._logits_type = None if decoder.last_logits or types["logits"] in EXTENDED else np.dtype(types["logits"])
        self._one, self._many = self._buffer(1), self._buffer(1)
        self._binding: Any = session.io_binding()
        self._mask = np.ones((1, decoder.context_length), np.dtype(decoder.mask_dtype))
        self._positions = np.arange(decoder.context_length, dtype=np.dtype(decoder.position_dtype))[None]
        self._ids_type = np.dtype(decoder.ids_dtype)
        self._token = np.zeros((1, 1), self._ids_type)
        self._steering = [
            {name: ort_value(array) for name, array in fixed_arrays(decoder, holds_tokens).items()}
            for holds_tokens in (False, True)
        ]
        self._one_buffer = decoder.shared_cache or decoder.past_length is not None
        self._held: list[Any] = []
        self._room = 0
        self._length = 0
        if decoder.shared_cache:
            self._make_room(min(room_for, decoder.context_length))
        self.reset()

    def facts(self) -> SessionFacts:
        return replace(super().facts(), kv_cache_precision=self._decoder.kv_cache_precision)

    def prefill(self, ids: "npt.NDArray[Any]") -> int:
        return self._next(prompt(ids, self._decoder).astype(self._ids_type))

    def decode(self) -> int:
        started(self._length)
        return self._next(self._token)

    def logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        self.reset()
        at_once = 1 if self._decoder.last_logits else LOGITS_CHUNK

        def step(tokens: "npt.NDArray[np.int64]") -> "npt.NDArray[Any]":
            return self._step(tokens.astype(self._ids_type))

        return np.asarray(stepwise_logits(prompt(ids, self._decoder), step, at_once))

    def shows_next(self) -> bool:
        return True

    def next_logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        return last_row(self._step(prompt(ids, self._decoder).astype(self._ids_type)))

    def reset(self) -> None:
        """A shared cache of free length is kept: what it holds beyond the tokens in use is never read."""
        self._length = 0
        if self._decoder.shared_cache:
            return
        for tensor in self._cache:
            value = ort_value(empty_cache(tensor))
            self._binding.bind_ortvalue_input(tensor.past, value)
            if self._decoder.past_length:
                self._binding.bind_ortvalue_output(tensor.present, value)

    def rewinds(self) -> bool:
        """A cache in one buffer: what lies behind the tokens in use is never read."""
        return self._decoder.shared_cache

    def rewind(self, tokens: int) -> None:
        self._length = tokens

    def parallel(self, users: int) -> "list[OrtTokenSession]":
        """One session of the runtime, with a binding and a cache for each user."""
        opened, room_for = self._parts
        others = (OrtTokenSession(self._sessions[0], self._decoder, opened, room_for) for _ in range(users - 1))
        return [self, *others]

    def renew(self, tokens: int) -> None:
        """The outputs of the last run, which are its cache, are let go as well."""
        self._binding.clear_binding_outputs()
        if self._decoder.shared_cache:
            self._binding.clear_binding_inputs()
            self._held, self._room, self._length = [], 0, 0
            self._make_room(tokens)
        self.reset()

    def _next(self, ids: "npt.NDArray[Any]") -> int:
        token = greedy(self._step(ids))
        self._token[0, 0] = token
        return token

    def _step(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """Append ``ids`` [1, k]; returns their logits [1, k, vocab], or [1, 1, vocab] if the graph returns only the
        last, in a buffer that the next step overwrites."""
        start, end = self._length, self._length + ids.shape[1]
        room(end, self._decoder.context_length)
        if self._decoder.shared_cache and end > self._room:
            self._make_room(min(max(end, 2 * self._room), self._decoder.context_length))
        binding, logits = self._binding, self._logits(end - start)
        _bind(binding, "input_ids", ids, (1, end - start))
        _bind(binding, "attention_mask", self._mask, (1, end))
        if self._decoder.has_position_ids:
            _bind(binding, "position_ids", self._positions[:, start:end], (1, end - start))
        for name, places in positions_in_cache(self._decoder, start, end - start).items():
            binding.bind_ortvalue_input(name, ort_value(places))
        for name, value in self._steering[start > 0].items():
            binding.bind_ortvalue_input(name, value)
        if logits is None:
            binding.bind_output("logits", "cpu")
        else:
            binding.bind_output("logits", "cpu", 0, logits.dtype.type, logits.shape, logits.ctypes.data)
        if self._one_buffer:
            self._sessions[0].run_with_iobinding(binding)
        else:
            self._run_growing(binding)
        self._length = end
        return self._returned() if logits is None else logits

    def _make_room(self, tokens: int) -> None:
        """A buffer for ``tokens`` tokens, with what the one before it holds."""
        self._room = max(tokens, 1)
        before, self._held = self._held, []
        for index, tensor in enumerate(self._cache):
            shape = list(tensor.shape)
            shape[tensor.length_axis or 0] = self._room
            array = empty_cache(replace(tensor, shape=tuple(shape)))
            if before and self._length:
                array[:, :, : self._length] = array_of(before[index])[:, :, : self._length]
            value = ort_value(array)
            self._held.append(value)
            self._binding.bind_ortvalue_input(tensor.past, value)
            self._binding.bind_ortvalue_output(tensor.present, value)

    def _run_growing(self, binding: Any) -> None:
        for name in self._presents:
            binding.bind_output(name, "cpu")
        self._sessions[0].run_with_iobinding(binding)
        for tensor, present in zip(self._cache, self._outputs()[1], strict=True):
            binding.bind_ortvalue_input(tensor.past, present)

    def _outputs(self) -> tuple[Any, list[Any]]:
        """The logits of the last run, and the cache. Outputs stand in the order in which they were bound first: the
        cache before the logits where it is one buffer, else behind them."""
        outputs = list(self._binding.get_outputs())
        logits = outputs.pop(-1 if self._one_buffer else 0)
        return logits, outputs

    def _returned(self) -> "npt.NDArray[Any]":
        return array_of(self._outputs()[0]).reshape(1, -1, self._decoder.vocab_size)

    def _logits(self, tokens: int) -> "npt.NDArray[Any] | None":
        """The buffer for the logits of ``tokens`` positions: one for decoding, one for the last length of a prompt.
        ``None`` where the graph says how many there are."""
        if self._many is None or tokens == 1:
            return self._one
        if self._many.shape[1] != tokens:
            self._many = self._buffer(tokens)
        return self._many

    def _buffer(self, tokens: int) -> "npt.NDArray[Any] | None":
        if self._logits_type is None:
            return None
        return np.empty((1, tokens, self._decoder.vocab_size), self._logits_type)


def _bind(binding: Any, name: str, buffer: "npt.NDArray[Any]", shape: tuple[int, int]) -> None:
    """Bind ``shape`` from the start of ``buffer``, which must outlive the run."""
    binding.bind_input(name, "cpu", 0, buffer.dtype.type, shape, buffer.ctypes.data)
