"""The tensors of a decoder, drawn from a seed.

Every tensor has a separate generator, seeded by the model's seed and the tensor's name, and is drawn in float32
whatever type it is stored in: all precisions of one seed are roundings of one model, and the order of reading does not
matter.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.tensor import Blocks, Tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

PIECE_ELEMENTS = 1 << 20  # drawn at a time
NORM_DEVIATION = 0.1  # around 1
# Random weights tend to repeat one token: the tied embedding favours the token just read, and the mean over the context
# drowns it. Small embeddings, weak attention and strong feed-forward layers make the next token depend on both.
EMBEDDING_SCALE = 0.1
ATTENTION_GAIN = 0.5
FEED_FORWARD_GAIN = 3.0
BIAS_SCALE = 0.1
GAINS = {"attention.output.weight": ATTENTION_GAIN, "feed_forward.down.weight": FEED_FORWARD_GAIN}


class SeededTensors(Mapping[str, Tensor]):
    """All tensors of a decoder of these sizes, by the names of ``bench.models.checkpoints.checkpoint``."""

    def __init__(self, config: DecoderConfig, seed: int) -> None:
        self._shapes = config.tensors
        self._seed = seed

    def __getitem__(self, name: str) -> Tensor:
        shape = self._shapes[name]
        if len(shape) == 1:
            mean, deviation = (1.0, NORM_DEVIATION) if "norm" in name else (0.0, BIAS_SCALE)
            return _Vector(name, shape, self._seed, deviation, mean)
        if name in ("embedding.weight", "output.weight"):
            return _Table(name, shape, self._seed, EMBEDDING_SCALE)
        gain = next((gain for part, gain in GAINS.items() if name.endswith(part)), 1.0)
        return _Matrix(name, shape, self._seed, gain / math.sqrt(shape[1]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


class _Drawn:
    """Normal float32 numbers around ``mean``."""

    stored_as = "F32"
    bits = None
    block = 0

    def __init__(self, name: str, shape: tuple[int, ...], seed: int, deviation: float, mean: float = 0.0) -> None:
        self.shape = shape
        self._start = [seed, crc32(name.encode())]
        self._deviation, self._mean = deviation, mean

    def blocks(self, start: int, stop: int) -> Blocks:
        raise NotImplementedError  # ``bits`` is ``None``

    def _generator(self) -> "np.random.Generator":
        import numpy as np

        return np.random.default_rng(self._start)

    def _draw(self, random: "np.random.Generator", *shape: int) -> "Array":
        import numpy as np

        drawn: Array = random.standard_normal(shape, np.float32)
        drawn *= np.float32(self._deviation)
        return drawn


class _Vector(_Drawn):
    def rows(self, start: int, stop: int) -> "Array":
        import numpy as np

        drawn: Array = self._draw(self._generator(), *self.shape) + np.float32(self._mean)
        return drawn[start:stop]


class _Table(_Drawn):
    """Drawn in the order of its rows. What is read in this order is drawn once and not kept."""

    _random: "np.random.Generator | None" = None
    _drawn = 0

    def rows(self, start: int, stop: int) -> "Array":
        import numpy as np

        if self._random is None or start < self._drawn:
            self._random, self._drawn = self._generator(), 0
        count, width = self.shape
        step = max(PIECE_ELEMENTS // width, 1)
        pieces = []
        while self._drawn < min(stop, count):
            end = min(start if self._drawn < start else stop, self._drawn + step)
            piece = self._draw(self._random, end - self._drawn, width)
            if self._drawn >= start:
                pieces.append(piece)
            self._drawn = end
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


class _Matrix(_Drawn):
    """Drawn as [inputs, outputs] and kept as long as this object is."""

    _whole: "Array | None" = None

    def rows(self, start: int, stop: int) -> "Array":
        import numpy as np

        if self._whole is None:
            outputs, inputs = self.shape
            random = self._generator()
            step = max(PIECE_ELEMENTS // outputs, 1)
            self._whole = np.concatenate(
                [self._draw(random, min(step, inputs - row), outputs) for row in range(0, inputs, step)]
            )
        return self._whole.T[start:stop]
