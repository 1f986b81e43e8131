"""Whether two runs that take turns are decided by the pairs that were measured so far.

The leading metric decides. It is tested as in ``bench.comparison.comparison``, at the looks and by the fractions of
``bench.stats.sequential``. All other metrics are tested once, by the same fractions, at the look that ended it:
p-values that hold at any look hold at the one that another metric chose. The error rate is divided beforehand among all
pairs of runs of a command, since a pair is decided before the others are known.
"""

from msgspec import Struct
from msgspec.structs import replace

from bench.comparison.comparison import Change, Comparison, compare_so_far
from bench.comparison.observe import observe
from bench.record.evidence import Until, UntilEnded
from bench.record.record import RecordedRun
from bench.stats.sequential import looks, spent

DECIDED = ("faster", "slower", "same")


class Standing(Struct, frozen=True):
    """``until``: with the looks so far, and why it ended if it did. ``change``: of the leading metric; ``None`` where
    it is unknown."""

    until: Until
    change: Change | None


def standing(base: RecordedRun, new: RecordedRun, until: Until, out_of_time: bool = False) -> Standing:
    """What is known after the pairs of ``base`` and ``new``, which ended well so far. ``out_of_time``: there is no time
    for another pair, so that this is a look in any case."""
    found = compare_so_far(observe(base), observe(new), until.tolerance, until.among)
    change = next((one for one in found.changes if one.metric == found.leading), None)
    pairs = min(len(base.record.repeats), len(new.record.repeats))
    if not out_of_time and pairs not in looks(until.most):
        return Standing(until, change)
    looked = (*until.looks, pairs)
    different, same = spent(looked)
    ended = _ended(found, change, pairs >= until.most, out_of_time)
    return Standing(replace(until, looks=looked, spent_different=different, spent_same=same, ended=ended), change)


def _ended(found: Comparison, change: Change | None, at_most: bool, out_of_time: bool) -> UntilEnded | None:
    if change is not None and change.claimed and change.word in DECIDED:
        return "decided"
    if out_of_time:
        return "time"
    if at_most:
        return "most"
    return "not_claimed" if found.comparability.refused or change is None or not change.claimed else None
