"""Equivalent, worse, or cannot tell: a claimed figure and the one measured again, by process.

    reproduced      the difference is shown to lie within the margin: two one-sided tests at 5 % (Schuirmann 1987)
    not_reproduced  the figure measured again is shown to be worse than the claim by more than the margin, at 1 %, by at
                    least five processes a side
    cannot_tell     neither; also where it is shown to be better than claimed by more than the margin: that does not
                    contradict the claim, but the two were not measured under the same conditions

Processes measured at another time meet another state of the machine, and no test of the two sides alone can tell that
from a false claim: the speeds of one machine were seen to differ by a factor of 1.9 (docs/experiments.md). So times are
compared as ratios to a yardstick, a fixed model that took turns with the model in every process; what changes the speed
of both leaves their ratio alone. Without a yardstick a time is called ``not_reproduced`` only beyond
``OWN_CHANGES``.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from bench.comparison.rules import FEW
from bench.stats.ratio import LogRatio, log_ratio
from bench.submission.dossier.reproduction import Word
from bench.words import Sentence, sentence

SAME_ALPHA = 0.05  # of calling equivalent what differs by the margin
WORSE_ALPHA = 0.01  # of calling an honest claim not reproduced
OWN_CHANGES = 2.0
"""A factor that the changes of a machine's own speed stay within; 1.9 is the largest seen."""


class Equivalence(Struct, frozen=True, kw_only=True):
    """``ratio``: measured again over claimed, with its 95 % interval; null where there is none. ``reason``: why it is
    ``cannot_tell``."""

    word: Word
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    reason: Sentence | str = ""


def equivalence(
    claimed: Sequence[float],
    again: Sequence[float],
    margin: float,
    lower_is_better: bool,
    own_changes: float = 1.0,
) -> Equivalence:
    """``claimed`` and ``again``: one positive figure per process. ``margin``: as a fraction of the claim.
    ``own_changes``: the factor by which the machine itself may have changed the figure."""
    if min(len(claimed), len(again)) < 2:
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.one_process"))
    if min(*claimed, *again) <= 0:
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.no_ratio"))
    found = log_ratio(claimed, again)
    word, reason = _judged(found, min(len(claimed), len(again)), margin, lower_is_better, own_changes)
    return Equivalence(word=word, ratio=found.ratio, interval=found.interval(), reason=reason)


def _judged(
    found: LogRatio, processes: int, margin: float, lower_is_better: bool, own_changes: float
) -> tuple[Word, Sentence | str]:
    if found.p_equivalent(margin) <= SAME_ALPHA:
        return "reproduced", ""
    worse = found.difference if lower_is_better else -found.difference
    if _p_beyond(found, abs(worse), margin) > WORSE_ALPHA:
        return "cannot_tell", sentence("reproduce.too_uncertain")
    if worse < 0:
        return "cannot_tell", sentence("reproduce.better")
    if processes < FEW:
        return "cannot_tell", sentence("reproduce.few_processes", least=FEW)
    if own_changes > 1 and _p_beyond(found, worse, (1 + margin) * own_changes - 1) > WORSE_ALPHA:
        return "cannot_tell", sentence("reproduce.without_yardstick", factor=own_changes)
    return "not_reproduced", ""


def _p_beyond(found: LogRatio, distance: float, margin: float) -> float:
    """One-sided p-value of "the figures differ by no more than the margin", of a ``distance`` of their logarithms; at
    least the chance that so few processes fall apart by luck."""
    beyond = LogRatio(distance - math.log1p(margin), found.error, found.df, found.sd_base, found.sd_new)
    if beyond.difference <= 0:
        return 1.0
    return max(beyond.p_different() / 2, found.by_luck)


def within(claimed: float, again: float, margin: float, lower_is_better: bool) -> Equivalence:
    """The same of figures that have no uncertainty: sizes, counts, placement."""
    if claimed == again:
        return Equivalence(word="reproduced", ratio=1.0)
    ratio = again / claimed if claimed else None
    low, high = sorted((claimed * (1 - margin), claimed * (1 + margin)))
    if low <= again <= high:
        return Equivalence(word="reproduced", ratio=ratio)
    if (again < claimed) == lower_is_better:
        return Equivalence(word="cannot_tell", ratio=ratio, reason=sentence("reproduce.better"))
    return Equivalence(word="not_reproduced", ratio=ratio)
