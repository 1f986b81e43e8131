"""At which rate the late queries are just as many as a percentile allows: a fit through the attempts of a search.

Near that rate the odds of being late grow as a power of the rate. Of its attempts the fit takes those whose rates lie
near the crossing, by maximum likelihood of a logistic regression on the logarithm of the rate, with a weak prior on
the power, since a few attempts at almost one rate say little about it. Late queries come in clusters, so the interval
is widened by how much more the attempts scatter than independent queries would (Wedderburn 1974, quasi-likelihood,
Biometrika 61), and is Student's t. SciPy is not used: it would show in the memory of the process that measures.
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[Any]

WINDOW = 0.3
"""In logarithms of the rate, to either side: attempts beyond are on another part of the curve."""
FEWEST = 8  # attempts within it, before the fit says how precise it is
POWER, POWER_SPREAD = 5.0, 1.0  # the prior: log-normal, its median and the deviation of its logarithm
CLUSTER = 8.0  # queries that are late together, where attempts weigh against the prior
TURNS, CENTRES = 50, 5


class Points(Struct, frozen=True):
    """Attempts, [k] each: ``log_rate``, their ``queries``, and how many of them were ``late``."""

    log_rate: Floats
    queries: Floats
    late: Floats

    def near(self, centre: float) -> "Points":
        inside = np.abs(self.log_rate - centre) <= WINDOW
        return Points(self.log_rate[inside], self.queries[inside], self.late[inside])


class Crossing(Struct, frozen=True):
    """``rate_per_s`` at which the fraction is crossed. ``power``: of the rate, with which the odds grow. ``reach``: how
    far its 95 % interval reaches, as a fraction of it; ``None`` of too few attempts to tell. ``queries``: in the
    fit."""

    rate_per_s: float
    power: float
    reach: float | None
    queries: int


def crossing(points: Points, allowed: float, between: tuple[float, float]) -> Crossing | None:
    """Where the fraction of late queries is ``allowed``. ``between``: the highest rate at which it was not more, and
    the lowest at which it was; by chance the former may be above the latter. ``None`` where a gap between them is wider
    than a fit reaches."""
    low, high = map(math.log, between)
    centre = (low + high) / 2
    if high - low > WINDOW:
        return None
    for _ in range(CENTRES):
        near = points.near(centre)
        if len(np.unique(near.log_rate)) < 2:
            return None
        found, power, deviation = _fit(near, allowed)
        moved = min(max(found, centre - WINDOW / 2), centre + WINDOW / 2)
        if abs(moved - centre) < 1e-4:
            break
        centre = moved
    count = len(near.log_rate)
    reach = math.expm1(_student(count - 2) * deviation) if count >= FEWEST else None
    return Crossing(math.exp(centre), power, reach, int(near.queries.sum()))


def _fit(near: Points, allowed: float) -> tuple[float, float, float]:
    """The logarithm of the rate, the power, and the standard error of the former."""
    n, late = near.queries, near.late
    middle = float((n * near.log_rate).sum() / n.sum())
    x = near.log_rate - middle
    level, log_power = _logit(float((late.sum() + 0.5) / (n.sum() + 1))), math.log(POWER)
    for _ in range(TURNS):
        power = math.exp(log_power)
        p, weight = _expected(level + power * x, n)
        over = (late - n * p) / CLUSTER
        slope = float((over * x).sum()) * power - (log_power - math.log(POWER)) / POWER_SPREAD**2
        a, b, c = _information(x, weight / CLUSTER, power)
        det = a * c - b * b
        up, steeper = (c * float(over.sum()) - b * slope) / det, (a * slope - b * float(over.sum())) / det
        part = min(1.0, 1 / max(1e-9, abs(up)), 0.5 / max(1e-9, abs(steeper)))
        level, log_power = level + part * up, log_power + part * steeper
        if abs(up) + abs(steeper) < 1e-8:
            break
    power = math.exp(log_power)
    p, weight = _expected(level + power * x, n)
    scatter = float(((late - n * p) ** 2 / weight).sum()) / max(1, len(n) - 2)
    a, b, c = _information(x, weight / max(1.0, scatter), power)
    away = (_logit(allowed) - level) / power
    variance = (c / power**2 - 2 * b * away / power + a * away * away) / (a * c - b * b)
    return middle + away, power, math.sqrt(max(0.0, variance))


def _expected(log_odds: Floats, n: Floats) -> tuple[Floats, Floats]:
    """The fraction that is late, and the weight of each attempt."""
    p = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
    return p, np.maximum(n * p * (1 - p), 1e-12)


def _information(x: Floats, weight: Floats, power: float) -> tuple[float, float, float]:
    """Of the level and of the logarithm of the power, with that of the prior."""
    return (
        float(weight.sum()),
        float((weight * x).sum()) * power,
        float((weight * x * x).sum()) * power**2 + 1 / POWER_SPREAD**2,
    )


def _logit(fraction: float) -> float:
    return math.log(fraction / (1 - fraction))


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to 0.1 % from 6 degrees of freedom on (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(0.975)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
