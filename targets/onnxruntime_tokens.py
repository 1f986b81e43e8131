"""Text generation on one ONNX Runtime session: the KV cache never leaves the runtime's own tensors.

A step binds the tokens, the mask and the positions from buffers made once, runs, and binds every ``present`` the run
has returned as the next step's ``past``: a handle changes hands, no tensor is copied. Where the graph fixes the cache's
length, past and present are one buffer, bound once. The logits are written to a buffer of ours, of which only the last
row is read.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.contracts import DecoderSpec
from bench.targets.decoding import cache_type, greedy, past_names, present_names, prompt, room, started, stepwise_logits
from bench.targets.onnxruntime_session import Opened, OrtFacts, specs

if TYPE_CHECKING:
    import numpy.typing as npt


class OrtTokenSession(OrtFacts):
    """Batch 1; sequence and past are dynamic dimensions of the graph."""

    def __init__(self, session: Any, decoder: DecoderSpec, opened: Opened) -> None:
        super().__init__((session,), opened)
        self._decoder = decoder
        self._pasts = past_names(decoder)
        self._presents = present_names(decoder)
        types = {spec.name: spec.dtype for spec in specs(session.get_outputs())}
        self._logits_type = np.dtype(types["logits"])
        self._one, self._many = self._buffer(1), self._buffer(1)
        self._cache_type = cache_type(decoder)
        self._binding: Any = session.io_binding()
        self._mask = np.ones((1, decoder.context_length), np.dtype(decoder.mask_dtype))
        self._positions = np.arange(decoder.context_length, dtype=np.int64)[None]
        self._token = np.zeros((1, 1), np.int64)
        self._length = 0
        self.reset()

    def prefill(self, ids: "npt.NDArray[Any]") -> int:
        return self._next(prompt(ids, self._decoder))

    def decode(self) -> int:
        started(self._length)
        return self._next(self._token)

    def logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        self.reset()
        return np.asarray(stepwise_logits(prompt(ids, self._decoder), self._step))

    def reset(self) -> None:
        from onnxruntime import OrtValue

        decoder, self._length = self._decoder, 0
        shape = (1, decoder.kv_heads, decoder.past_length or 0, decoder.head_dim)
        for past, present in zip(self._pasts, self._presents, strict=True):
            cache = OrtValue.ortvalue_from_numpy(np.zeros(shape, self._cache_type))
            self._binding.bind_ortvalue_input(past, cache)
            if decoder.past_length:
                self._binding.bind_ortvalue_output(present, cache)

    def close(self) -> None:
        self._binding = None
        super().close()

    def _next(self, ids: "npt.NDArray[np.int64]") -> int:
        token = greedy(self._step(ids))
        self._token[0, 0] = token
        return token

    def _step(self, ids: "npt.NDArray[np.int64]") -> "npt.NDArray[Any]":
        """Append ``ids`` [1, k]; returns their logits [1, k, vocab], in a buffer that the next step writes over."""
        start, end = self._length, self._length + ids.shape[1]
        room(end, self._decoder.context_length)
        binding, logits = self._binding, self._logits(end - start)
        _bind(binding, "input_ids", ids, (1, end - start))
        _bind(binding, "attention_mask", self._mask, (1, end))
        if self._decoder.has_position_ids:
            _bind(binding, "position_ids", self._positions[:, start:end], (1, end - start))
        binding.bind_output("logits", "cpu", 0, logits.dtype.type, logits.shape, logits.ctypes.data)
        if self._decoder.past_length:
            self._sessions[0].run_with_iobinding(binding)
        else:
            self._run_growing(binding)
        self._length = end
        return logits

    def _run_growing(self, binding: Any) -> None:
        for name in self._presents:
            binding.bind_output(name, "cpu")
        self._sessions[0].run_with_iobinding(binding)
        _, *presents = binding.get_outputs()  # in the order in which they were bound first: logits, then these
        for past, present in zip(self._pasts, presents, strict=True):
            binding.bind_ortvalue_input(past, present)

    def _logits(self, tokens: int) -> "npt.NDArray[Any]":
        """The buffer for the logits of ``tokens`` positions: one for decoding, one for the last length of a prompt."""
        if tokens == 1:
            return self._one
        if self._many.shape[1] != tokens:
            self._many = self._buffer(tokens)
        return self._many

    def _buffer(self, tokens: int) -> "npt.NDArray[Any]":
        return np.empty((1, tokens, self._decoder.vocab_size), self._logits_type)


def _bind(binding: Any, name: str, buffer: "npt.NDArray[Any]", shape: tuple[int, int]) -> None:
    """Bind ``shape`` from the start of ``buffer``, which must outlive the run."""
    binding.bind_input(name, "cpu", 0, buffer.dtype.type, shape, buffer.ctypes.data)
