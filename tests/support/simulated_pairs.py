"""Comparisons in alternation that stop once they are decided, simulated pair by pair."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.comparison.comparison import ALPHA_DIFFERENT, ALPHA_SAME, TOLERANCE
from bench.stats.ratio import LogRatio, at_look, paired_log_ratio
from bench.stats.sequential import looks

MOST = 30
FIXED = 10  # pairs of the preset standard
ALPHA_LEADING = ALPHA_DIFFERENT / 2  # the leading metric has half of the error rate
Answer = Literal["different", "same", "cannot_tell"]
Noise = Callable[[np.random.Generator], "tuple[NDArray[np.float64], NDArray[np.float64] | None]"]


class Ended(NamedTuple):
    answer: Answer
    pairs: int


def answer_of(found: LogRatio, alpha: float) -> Answer:
    """The rule of ``bench.comparison.comparison``."""
    if max(found.p_different() * ALPHA_DIFFERENT / alpha, found.by_luck) < ALPHA_DIFFERENT and not (
        1 / (1 + TOLERANCE) <= found.ratio <= 1 + TOLERANCE
    ):
        return "different"
    return "same" if found.p_equivalent(TOLERANCE) < ALPHA_SAME else "cannot_tell"


def until_decided(
    logs: NDArray[np.float64], errors: NDArray[np.float64] | None = None, alpha: float = ALPHA_LEADING
) -> Ended:
    """Look after 4, 5, 7, 9 … of the pairs, and stop at the first answer."""
    for pairs in looks(len(logs)):
        found = paired_log_ratio(logs[:pairs], None if errors is None else errors[:pairs])
        answer = answer_of(at_look(found, pairs), alpha)
        if answer != "cannot_tell":
            return Ended(answer, pairs)
    return Ended("cannot_tell", len(logs))


def simulated(noise: Noise, ratio: float, times: int, seed: int = 1, alpha: float = ALPHA_LEADING) -> list[Ended]:
    """So many comparisons of up to 30 pairs whose true ratio is ``ratio``."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(times):
        logs, errors = noise(rng)
        found.append(until_decided(logs + math.log(ratio), errors, alpha))
    return found


def fraction(found: list[Ended], answer: Answer) -> float:
    return sum(one.answer == answer for one in found) / len(found)


def pairs_of(found: list[Ended]) -> float:
    """Mean number of pairs."""
    return float(np.mean([one.pairs for one in found]))


def normal(sd: float) -> Noise:
    """Pairs that are equally well known."""
    return lambda rng: (rng.normal(0, sd, MOST), None)


def unequal(sd: float) -> Noise:
    """Pairs of very unequal errors, known only roughly from their blocks, that differ by ``sd`` besides."""

    def draw(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        errors = 0.005 * np.exp(rng.normal(0, 1, MOST))
        logs = rng.normal(0, sd, MOST) + errors * rng.standard_normal(MOST)
        return logs, errors * np.exp(rng.normal(0, 0.2, MOST))

    return draw


def two_speeds(step: float, often: float = 0.5, both: bool = True) -> Noise:
    """Each process is slower by ``step`` with that probability, whatever it measures; of the new side only, unless
    ``both``. The mean logarithm of the ratio is 0. Besides, pairs differ by 0.3 %."""

    def draw(rng: np.random.Generator) -> tuple[NDArray[np.float64], None]:
        new, base = (rng.random(MOST) < often for _ in range(2))
        slow = new.astype(float) - (base if both else often)
        return slow * math.log1p(step) + rng.normal(0, 0.003, MOST), None

    return draw
