"""How much of an error rate each of several looks at the same growing data may use.

Whoever tests again after every few pairs, and stops at the first significant result, makes more errors than one test
does (Armitage, McPherson & Rowe 1969, J. Royal Statistical Society A 132). So each look gets a fraction of the error
rate, spent as in Lan & DeMets 1983, Biometrika 70, on a schedule of numbers of pairs:

    look                  1      2      3      4      5      6      7      8   ...
    pairs                 4      5      7      9     12     16     21     28   ...
    fraction         25.0 %  18.8 %  14.1 %  10.5 %   7.9 %   5.9 %   4.4 %   3.3 %   ...

Each look gets a quarter of what the earlier ones left, and comes when the number of pairs has grown by a third. The
fractions of all looks that could ever come add up to 1. So by Bonferroni's inequality the error rate holds whatever the
dependence between looks, and whenever one stops: at a decision, at a maximum number of pairs, or because the time is
up. A p-value divided by the fraction of its look is valid at any of them (Johari, Koomen, Pekelis & Walsh 2022,
Operations Research 70), and Holm's correction takes it like any other. An interval at the same fraction of its error
rate is a repeated confidence interval (Jennison & Turnbull 1989, J. Royal Statistical Society B 51); equivalence by two
one-sided tests is tested at each look likewise (Jennison & Turnbull 1993, Biometrics 49).

Each look uses the exact t distribution of its pairs, because boundaries for normal statistics are far too narrow for 4
pairs: at 0.25 % two-sided 3.0 instead of 9.5. Exact boundaries for correlated t statistics (Jennison & Turnbull 1991,
Biometrika 78) would be a little narrower from the second look on. They hold for equally weighted pairs only, which
these are not.

The t distribution cannot exclude pairs that agree by chance. Where each process meets one of two speeds at random, all
of n pairs fall the same way with a probability of up to 2 / 4^n, and none shows a difference of one side's speeds with
up to 1 / 2^n. p-values are floored at these: at 2 % and 5 % a difference takes 4 pairs, equivalence 5.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from msgspec import Struct

FIRST_DIFFERENT = 4  # pairs; with 3 of them 2 / 4**3 is above 2 %
FIRST_SAME = 5  # pairs; with 4 of them 1 / 2**4 is above 5 %
GROWTH = 4 / 3
OF_THE_REST = 1 / 4


class Look(Struct, frozen=True):
    """What a look at so many ``pairs`` may use. ``different``, ``same``: fractions of the error rates of "there is no
    difference" and "the difference is beyond the tolerance". ``luck_different``, ``luck_same``: the probabilities that
    so many pairs agree by chance, below which no p-value goes."""

    pairs: int
    different: float
    same: float
    luck_different: float
    luck_same: float


def look_at(pairs: int) -> Look:
    """The look at so many pairs. One between two looks of the schedule is the later one, taken early: measuring ended
    there for another reason than the figures."""
    return Look(
        pairs,
        _fraction(pairs, FIRST_DIFFERENT),
        _fraction(pairs, FIRST_SAME),
        min(1.0, 2 / 4**pairs),
        1 / 2**pairs,
    )


def looks(most: int) -> tuple[int, ...]:
    """The numbers of pairs at which the data are looked at, up to ``most``, the last one."""
    return (*takewhile(lambda pairs: pairs < most, _schedule(FIRST_DIFFERENT)), most)


def spent(looked_at: Sequence[int]) -> tuple[float, float]:
    """Fractions of the two error rates that looks at these numbers of pairs have used: for a difference, and for
    equivalence, whose looks begin at ``FIRST_SAME``."""
    return (
        sum(_fraction(pairs, FIRST_DIFFERENT) for pairs in looked_at if pairs >= FIRST_DIFFERENT),
        sum(_fraction(pairs, FIRST_SAME) for pairs in looked_at if pairs >= FIRST_SAME),
    )


def _fraction(pairs: int, first: int) -> float:
    index = next(i for i, planned in enumerate(_schedule(first)) if planned >= pairs)
    return float(OF_THE_REST * (1 - OF_THE_REST) ** index)


def _schedule(first: int) -> Iterator[int]:
    """4, 5, 7, 9, 12, 16, 21, 28, 37 …, without end, from ``first`` on."""
    pairs = FIRST_DIFFERENT
    while True:
        if pairs >= first:
            yield pairs
        pairs = round(pairs * GROWTH)
