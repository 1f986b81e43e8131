"""The ratio of two sets of processes' figures, with its interval, and the number of processes that would decide it.

The unit of replication is the process: one figure each, such as its median latency (Kalibera & Jones 2013, Rigorous
benchmarking in reasonable time, ISMM). Two sets are compared by the ratio of their geometric means, that is by the
difference of the means of their logarithms: a speed-up and its inverse weigh the same, and machine noise, which
multiplies, becomes additive (Fleming & Wallace 1986, CACM 29). Its interval is Welch's t (Welch 1947, Biometrika 34),
which does not assume equal variances. With 3 processes per side or more its coverage is 95 %, while resampling so few
covers 70 to 90 % (tests/bench/stats/test_ratio.py simulates both).

    difference      Welch's t test, corrected over all that one command compares by Holm 1979, Scand. J. Statistics 6
    in alternation  the pairs' own log ratios, which what disturbs both of a pair leaves alone: random effects by
                    Sidik & Jonkman 2005, Applied Statistics 54, with the t interval of Knapp & Hartung 2003, Statistics
                    in Medicine 22, whose factor is kept at 1 or above (Röver, Knapp & Friede 2015, BMC Medical Research
                    Methodology 15)
    equivalence     two one-sided tests, Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15
    several looks   a fraction of the error rate each, ``bench.stats.sequential``

Figures are positive; at least two per side. Fractions, which may be 0, are compared by the difference of their means
instead, by the same tests.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.stats.sequential import Look, look_at
from bench.stats.spread import mean_and_deviation

ROUNDING = 1e-12  # of a logarithm: processes that agree to this do not differ
POWER = 0.8  # with which `processes_to_tell` plans
MOST_PROCESSES = 200  # beyond this the number is not useful advice


class Contrast(Struct, frozen=True):
    """Two sets of figures set against each other. ``difference``: the mean of new less that of base, of the figures or
    of what a subclass makes of them. ``sd_base``, ``sd_new``: between processes. ``error``: standard error of the
    difference, with ``df`` degrees of freedom (Welch–Satterthwaite). ``by_luck``: the chance that so few processes, all
    alike, fall apart into base's and new's; 0 for a fixed number of pairs. ``look``: which of several looks this is, if
    the number of pairs was decided by looking at them; all p-values and bounds then hold at any look."""

    difference: float
    error: float
    df: float
    sd_base: float
    sd_new: float
    by_luck: float = 0.0
    look: Look | None = None

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Of the difference."""
        outside = (1 - confidence) * (1.0 if self.look is None else self.look.different)
        reach = t_quantile(1 - outside / 2, self.df) * self.error if self.error else 0.0
        return self.difference - reach, self.difference + reach

    def margin(self, tolerance: float) -> float:
        """The difference that the tolerance allows."""
        return tolerance

    def p_different(self) -> float:
        """Two-sided p-value of "there is no difference"."""
        return self.p_beyond(0.0)

    def p_beyond(self, margin: float) -> float:
        """Two-sided p-value of "the difference is within ±margin"."""
        p_value = 2 * self._p_above(abs(self.difference) - margin)
        return min(1.0, p_value if self.look is None else p_value / self.look.different)

    def p_equivalent(self, tolerance: float) -> float:
        """p-value of "the difference is outside ±``margin(tolerance)``": the larger of the two sides'."""
        p_value = self._p_above(self.margin(tolerance) - abs(self.difference))
        return p_value if self.look is None else max(min(1.0, p_value / self.look.same), self.look.luck_same)

    def _p_above(self, distance: float) -> float:
        """Chance that noise alone carries the estimate as far as ``distance``."""
        if not self.error:
            return 0.0 if distance > ROUNDING else 1.0
        from scipy.special import stdtr

        return float(stdtr(self.df, -distance / self.error))


C = TypeVar("C", bound=Contrast)


class LogRatio(Contrast, frozen=True):
    """Of logarithms: ``ratio`` is new over base, and a tolerance of x allows 1/(1 + x) to 1 + x."""

    @property
    def ratio(self) -> float:
        return math.exp(self.difference)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Bounds of the ratio."""
        low, high = self.bounds(confidence)
        return math.exp(low), math.exp(high)

    def margin(self, tolerance: float) -> float:
        return math.log1p(tolerance)


class MeanDifference(Contrast, frozen=True):
    """Of the figures themselves, such as fractions: a tolerance of x allows -x to x."""


def log_ratio(base: Sequence[float], new: Sequence[float]) -> LogRatio:
    """The comparison of two sets of positive figures, one a process. Raises ``ValueError`` below two a side."""
    return LogRatio(*_welch(base, new, math.log))


def mean_difference(base: Sequence[float], new: Sequence[float]) -> MeanDifference:
    """The comparison of two sets of figures, one a process, that may be 0. Raises ``ValueError`` below two a side."""
    return MeanDifference(*_welch(base, new, float))


def _welch(
    base: Sequence[float], new: Sequence[float], scale: Callable[[float], float]
) -> tuple[float, float, float, float, float, float]:
    """The fields of a ``Contrast``."""
    if min(len(base), len(new)) < 2:
        raise ValueError("one process shows no spread between processes: two a side are the least")
    (mean_base, of_base), (mean_new, of_new) = (mean_and_deviation([scale(x) for x in side]) for side in (base, new))
    sd_base, sd_new = (sd if sd > ROUNDING else 0.0 for sd in (of_base, of_new))
    var_base, var_new = sd_base**2 / len(base), sd_new**2 / len(new)
    total = var_base + var_new
    df = total**2 / (var_base**2 / (len(base) - 1) + var_new**2 / (len(new) - 1)) if total else math.inf
    luck = falls_apart_by_luck(len(base), len(new))
    return mean_new - mean_base, math.sqrt(total), df, sd_base, sd_new, luck


def falls_apart_by_luck(base: int, new: int) -> float:
    """The probability of complete separation under the null: all figures of one side are above all of the other's
    although both come from one distribution. It is the minimum p-value of any rank test. On a machine with two speeds
    separation happens about this often, and Welch's t would then be the more significant the more constant each speed
    is."""
    return 2 / math.comb(base + new, base)


def paired_log_ratio(logs: Sequence[float], errors: Sequence[float] | None = None) -> LogRatio:
    """The comparison of paired figures, by the logarithm of each pair's ratio.

    Without ``errors``: Student's t of their mean. With the standard error of each, pairs are weighted as a
    random-effects model weighs studies: by the common variance between them plus the variance of each. ``sd_base`` is
    the spread that one pair of middling weight would have. Raises ``ValueError`` below two.
    """
    if len(logs) < 2:
        raise ValueError("one pair shows no spread between pairs: two are the least")
    values = np.asarray(logs, np.float64)
    variances = np.zeros_like(values) if errors is None else np.maximum(np.asarray(errors, np.float64) ** 2, ROUNDING)
    weights = np.ones_like(values) if errors is None else 1 / (variances + _between_pairs(values, variances))
    mean = float((weights * values).sum() / weights.sum())
    scatter = float((weights * (values - mean) ** 2).sum() / (len(values) - 1))
    if errors is not None:
        scatter = max(1.0, scatter)
    error = math.sqrt(scatter / float(weights.sum()))
    error = error if error > ROUNDING else 0.0
    return LogRatio(mean, error, len(values) - 1.0, error * math.sqrt(len(values)), 0.0)


def paired_difference(differences: Sequence[float]) -> MeanDifference:
    """The comparison of pairs that belong together, by the difference of each: Student's t of their mean. Raises
    ``ValueError`` below two."""
    found = paired_log_ratio(differences)
    return MeanDifference(found.difference, found.error, found.df, found.sd_base, found.sd_new)


def at_look(found: C, pairs: int) -> C:
    """The same comparison as a look at so many pairs whose number was decided by looking at them."""
    look = look_at(pairs)
    return replace(found, by_luck=look.luck_different, look=look)


def _between_pairs(values: "np.ndarray[Any, Any]", variances: "np.ndarray[Any, Any]") -> float:
    """Variance between pairs beyond their own. Sidik and Jonkman's estimator is rather large than small, where others
    call noise what differs between unequally known pairs, and then claim too much (tests/bench simulates it)."""
    crude = float(values.var())
    if crude <= ROUNDING**2:
        return 0.0
    weights = 1 / (variances / crude + 1)
    mean = (weights * values).sum() / weights.sum()
    return float((weights * (values - mean) ** 2).sum() / (len(values) - 1))


def holm(p_values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """p-values corrected for there being several (Holm's step-down), in the order given.

    With ``weights`` by his weighted form: a hypothesis of twice the weight gets twice the fraction of the error rate.
    """
    shares = [1.0] * len(p_values) if weights is None else list(weights)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i] / shares[i])
    adjusted, highest, left = [0.0] * len(p_values), 0.0, math.fsum(shares)
    for index in order:
        highest = max(highest, min(1.0, p_values[index] * left / shares[index]))
        adjusted[index] = highest
        left -= shares[index]
    return adjusted


def processes_to_tell(found: Contrast, tolerance: float, alpha: float, alpha_same: float) -> int | None:
    """Processes a side with which a difference like the one found would be told, with a chance of 80 %.

    An estimate beyond the tolerance must be told from none at ``alpha`` (two-sided); one within it must be told from
    the nearer bound at ``alpha_same``, of several looks at the fraction that one at the number has. Supposes that the
    estimate and the spreads stay. ``None``: over 200.
    """
    margin, size = found.margin(tolerance), abs(found.difference)
    differs = size > margin
    distance, level = (size, alpha / 2) if differs else (margin - size, alpha_same)
    variances = found.sd_base**2, found.sd_new**2
    if not sum(variances):
        return 2 if distance > ROUNDING else None
    share = sum(variances) ** 2 / (variances[0] ** 2 + variances[1] ** 2)
    for n in range(2, MOST_PROCESSES + 1):
        df = (n - 1) * share
        look = None if found.look is None else look_at(n)
        allowed = level if look is None else level * (look.different if differs else look.same)
        reach = t_quantile(1 - allowed, df) + t_quantile(POWER, df)
        if reach * math.sqrt(sum(variances) / n) <= distance:
            return n
    return None


def t_quantile(p: float, df: float) -> float:
    """Of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(df, p))
