"""The tensors of a graph under construction, which say how many of them have been asked for."""

from collections.abc import Iterator, Mapping
from math import prod

from bench import progress
from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.tensor import Tensor


class WatchedTensors(Mapping[str, Tensor]):
    """``tensors``, whose numbers count as done (``bench.progress``) once the next one is asked for."""

    def __init__(self, tensors: Mapping[str, Tensor], config: DecoderConfig) -> None:
        self._tensors, self._whole = tensors, config.parameters
        self._asked: set[str] = set()
        self._begun = 0

    def __getitem__(self, name: str) -> Tensor:
        tensor = self._tensors[name]
        if name not in self._asked:
            progress.done(self._begun, self._whole)
            self._asked.add(name)
            self._begun += prod(tensor.shape)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
