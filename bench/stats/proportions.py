"""Fractions of right answers, and whether two of them differ on the same samples. Pure.

interval of a share             Wilson 1927, J. American Statistical Association 22
exact upper bound of a share    Clopper & Pearson 1934, Biometrika 26
  with clusters                 Kish's effective size (Survey Sampling, 1965) and Student's t, as Korn & Graubard 1998,
                                Survey Methodology 24, do with the exact interval; with Wilson's: Dean & Pagano 2015,
                                J. Survey Statistics and Methodology 3
test of two paired shares       McNemar's, exact: Mosteller 1952, Biometrics 8; the binomial over discordant pairs
interval of their difference    Bonett & Price 2012, J. Educational and Behavioral Statistics 37: Wald's with half
                                a pair added to each cell, recommended by Fagerland, Lydersen & Laake 2014,
                                Statistics in Medicine 33
"""

import math
from collections.abc import Sequence
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
    return _score(successes / n, n, _z(confidence))


def clopper_pearson_upper(successes: int, n: int, confidence: float = 0.95) -> float:
    """The fraction above which at most ``successes`` of ``n`` would be seen with a chance of 1 - ``confidence``: for
    none of n about 3 / n. Raises ``ValueError`` for no samples."""
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} of {n} is no share")
    if successes == n:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(successes + 1, n - successes, confidence))


def clustered_interval(
    counts: Sequence[int], sizes: Sequence[int], effective: Sequence[float], confidence: float = 0.95
) -> tuple[float, float]:
    """Bounds of the fraction ``sum(counts) / sum(sizes)`` where ``counts[i]`` of ``sizes[i]`` were seen in cluster i,
    such as a process. ``effective``: how many independent ones each is worth. Raises ``ValueError`` for no samples.

    Wilson's interval with an effective number of samples: that by which the clusters' fractions scatter (the linearised
    variance of a ratio estimator), or by which samples depend on each other within clusters, whichever is smaller; and
    with Student's t of as many degrees of freedom as there are clusters less one. The effective number never exceeds
    the real one, so clusters that agree by chance do not narrow the interval.
    """
    total, clusters = sum(sizes), len(sizes)
    if not total or any(not 0 <= count <= size for count, size in zip(counts, sizes, strict=True)):
        raise ValueError(f"{list(counts)} of {list(sizes)} is no fraction")
    share = sum(counts) / total
    independent = min(float(total), sum(effective))
    if clusters == 1:
        return _score(share, independent, _z(confidence))
    from scipy.special import stdtrit

    scatter = sum((count - share * size) ** 2 for count, size in zip(counts, sizes, strict=True))
    variance = clusters / (clusters - 1) * scatter / total**2
    if variance > 0:
        independent = min(independent, share * (1 - share) / variance)
    return _score(share, independent, float(stdtrit(clusters - 1, (1 + confidence) / 2)))


def _score(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's bounds at the quantile ``z``."""
    weight = z * z / n
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    low = 0.0 if share == 0 else max(0.0, middle - reach)  # exactly so, were it not for rounding
    return low, 1.0 if share == 1 else min(1.0, middle + reach)


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
