"""Fractions of right answers, and whether two of them differ on the same samples. Pure.

interval of a share             Wilson 1927, J. American Statistical Association 22
test of two paired shares       McNemar's, exact: Mosteller 1952, Biometrics 8; the binomial over discordant pairs
interval of their difference    Bonett & Price 2012, J. Educational and Behavioral Statistics 37: Wald's with half
                                a pair added to each cell, recommended by Fagerland, Lydersen & Laake 2014,
                                Statistics in Medicine 33
"""

import math
from statistics import NormalDist

from msgspec import Struct


class Discordant(Struct, frozen=True):
    """Pairs of one dataset: ``gained`` are wrong before and right after, ``lost`` the other way round, of ``n``."""

    gained: int
    lost: int
    n: int

    @property
    def difference(self) -> float:
        """After less before, -1 to 1."""
        return (self.gained - self.lost) / self.n


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of a fraction, for ``successes`` of ``n``. Raises ``ValueError`` for no samples."""
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} of {n} is no share")
    z = _z(confidence)
    share, weight = successes / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    low = 0.0 if successes == 0 else max(0.0, middle - reach)  # exactly so, were it not for rounding
    return low, 1.0 if successes == n else min(1.0, middle + reach)


def mcnemar(pairs: Discordant) -> float:
    """Exact two-sided p-value of "neither is right more often"; 1 without discordant pairs."""
    total, fewer = pairs.gained + pairs.lost, min(pairs.gained, pairs.lost)
    if total == 0:
        return 1.0
    if total > 1000:  # the exact sum, by the regularised incomplete beta function
        from scipy.special import betainc

        return min(1.0, 2 * float(betainc(total - fewer, fewer + 1, 0.5)))
    below = sum(math.comb(total, k) for k in range(fewer + 1))
    return float(min(1.0, 2 * below / 2**total))


def difference_interval(pairs: Discordant, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of ``pairs.difference``, by Bonett and Price."""
    z, n = _z(confidence), pairs.n + 2
    gained, lost = (pairs.gained + 1) / n, (pairs.lost + 1) / n
    middle = gained - lost
    reach = z * math.sqrt((gained + lost - middle * middle) / n)
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
