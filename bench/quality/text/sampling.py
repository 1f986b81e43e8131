"""Texts that are drawn instead of chosen greedily: for quality only, with a stated seed.

A token is the one whose logit / temperature + noise is highest, among the fewest most likely tokens that have a
probability of ``top_p`` together. The noise is Gumbel's, which makes it a draw from the softmax (Maddison et al. 2014,
arXiv:1411.0030). It depends on the seed, the prompt and the place alone: a model and its reference draw with the same
noise, so equal distributions give equal texts, and a difference is one of the models and not of the draw.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.errors import InputError, RunFailure
from bench.suite.dataset_options import SAMPLING, DatasetAsk, read_options
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

UNIT = 2.0**-53


class Sampling(Struct, frozen=True):
    """``temperature`` above 0; ``top_p`` above 0 and up to 1, which leaves out nothing."""

    temperature: float
    top_p: float = 1.0
    seed: int = 0

    def stated(self) -> dict[str, str]:
        """As a record says it, with every digit: other texts are drawn with another one."""
        return {"temperature": _digits(self.temperature), "top_p": _digits(self.top_p), "seed": str(self.seed)}


def _digits(number: float) -> str:
    return repr(number).removesuffix(".0")


def sampling_of(ask: DatasetAsk) -> Sampling | None:
    """How texts of this dataset are drawn; ``None``: greedily. Raises ``InputError`` for options of other datasets."""
    options = read_options(ask.folder, ask.options)
    if set(options.stated()) - set(SAMPLING):
        raise InputError(sentence("run.dataset_options_of_texts"), sentence("run.leave_them_out"))
    if options.temperature is None:
        return None
    return Sampling(options.temperature, options.top_p, options.seed)


def drawn(
    next_logits: "Callable[[Array], Array]", prompt: "Array", tokens: int, number: int, sampling: Sampling
) -> "tuple[tuple[int, ...], Array]":
    """``tokens`` ids after ``prompt``, which is the dataset's ``number``-th, and the scores [tokens, vocab_size] that
    each of them was highest in: logits plus the noise times the temperature. ``next_logits``: takes the text's next
    ids, first ``prompt``, and returns the logits [vocab_size] after the last. Raises ``RunFailure`` for NaN among
    them, from which nothing can be drawn."""
    import numpy as np

    new, ids, rows = np.asarray(prompt, np.int64), [], []
    for place in range(tokens):
        logits = np.asarray(next_logits(new), np.float64)
        if np.isnan(logits).any():
            raise RunFailure(
                "runtime_error", sentence("target.logits_hold_nan"), sentence("target.run_in_float32"), "judge"
            )
        rows.append(_scores(logits, number, place, sampling))
        ids.append(int(rows[-1].argmax()))
        new = np.array(ids[-1:], np.int64)
    return tuple(ids), np.array(rows)


def _scores(logits: "Array", number: int, place: int, sampling: Sampling) -> "Array":
    """What is left out is one below the lowest of the others."""
    import numpy as np

    scores = logits + sampling.temperature * _noise(len(logits), sampling.seed, number, place)
    with np.errstate(over="ignore"):  # far less likely than a float can tell
        out = _left_out((logits - logits.max()) / sampling.temperature, sampling.top_p)
    scores[out] = scores[~out].min() - 1
    return np.asarray(scores)


def _left_out(scaled: "Array", top_p: float) -> "Array":
    """Which tokens are not among the fewest most likely ones that have ``top_p`` together. ``scaled``: 0 at most."""
    import numpy as np

    shares = np.exp(scaled)
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    before = np.cumsum(shares[order]) - shares[order]
    out = np.zeros(len(scaled), bool)
    out[order] = (before >= top_p) & (top_p < 1)
    return out


def _noise(count: int, seed: int, number: int, place: int) -> "Array":
    """Gumbel's noise; from raw bits, which numpy promises to be the same in all its versions."""
    import numpy as np

    bits = np.random.Philox(np.random.SeedSequence((seed, number, place))).random_raw(count)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * UNIT
    return np.asarray(-np.log(-np.log(uniform)))
