"""Language models whose logits are known by hand."""

import math
from pathlib import Path

import numpy as np

from bench.measure.text_driver import NextLogits, whole_texts
from bench.quality.text.answers import TextAnswers, answer, load_answers
from bench.quality.text.samples import TextSamples

VOCAB = 4


class Bigram:
    """A model whose logits follow from the last token alone: row ``t`` of ``table`` [4, 4] comes after token t."""

    def __init__(self, table: list[list[float]]) -> None:
        self._table = np.array(table, np.float32)

    def logits(self, ids: np.ndarray) -> np.ndarray:
        return self._table[ids]

    def begin_text(self) -> NextLogits:
        return whole_texts(self.logits)

    def greedy(self, context: np.ndarray, prompt: np.ndarray, tokens: int) -> tuple[int, ...]:
        found, last = [], int(prompt[-1])
        for _ in range(tokens):
            last = int(self._table[last].argmax())
            found.append(last)
        return tuple(found)


EVEN = Bigram([[0, math.log(2), 0, 0], [0, 0, math.log(2), 0], [0, 0, 0, math.log(2)], [math.log(2), 0, 0, 0]])
"""The next number has probability 2/5, each other 1/5."""
SURE = Bigram([[0, math.log(7), 0, 0], [0, 0, math.log(7), 0], [0, 0, 0, math.log(7)], [math.log(7), 0, 0, 0]])
"""7/10 and 1/10."""
TURNS = Bigram([[0, math.log(2), 0, 0], [0, 0, math.log(2), 0], [0.9, 0, 0, math.log(2)], [math.log(2), 0, 0, 0]])
"""As EVEN, but after 2 comes 0."""


def answers(model: Bigram, samples: TextSamples, folder: Path) -> TextAnswers:
    folder.mkdir(exist_ok=True)
    return load_answers(answer(model, samples, VOCAB, folder))  # type: ignore[arg-type]


def ids(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int64)
