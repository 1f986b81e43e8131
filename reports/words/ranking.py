"""What a ranking found, in words: the same figures and words as a comparison's."""

from typing import TYPE_CHECKING

from bench.comparison.rules import FEW
from bench.words import Sentence, say, sentence, units

if TYPE_CHECKING:
    from bench.comparison.ranking import Against


UNNAMED = ("latency_p50_ns", "samples_per_s")
"""Figures that their unit says enough of, as of queries per second."""
RATES = ("queries_per_s", "samples_per_s", "tokens_per_s")


def figure_words(metric: str, title: str, unit: str, value: float) -> str:
    """The figure that a contest is about: ``4.00 ms``, ``12.1 ms a token``, ``612 queries/s``; others are named:
    ``latency p99 4.00 ms``."""
    if metric == "tpot_ns":
        return say("report.time_a_token", time_ns=value)
    shown = units.figure(value, unit)
    return shown if metric in UNNAMED or unit == "queries_per_s" else f"{title} {shown}"


def lead_code(unit: str) -> str:
    """The code of the sentence that names the best: the fastest, the highest rate, the best fraction."""
    if unit in RATES:
        return "report.fastest.rate"
    return "report.fastest.best" if unit == "fraction" else "report.fastest.lead"


def relation(one: "Against") -> str:
    """``+25.0 %, 95 % interval +24.2 % to +25.8 %``, as a comparison with the leader as base gives it."""
    if one.ratio is None or one.interval is None:
        return say("report.ranking.ratio_unknown")
    return say("report.ranking.relation", ratio=one.ratio, interval=units.change_interval(*one.interval))


def untold(one: "Against", leader: str, other: str, tolerance: float) -> str:
    """Why the leader is not faster than the other, without the full stop."""
    both = {"leader": leader, "other": other}
    if one.word == "same":
        return say("report.ranking.same", **both, tolerance=100 * tolerance, relation=relation(one))
    if one.word == "faster":
        return say("report.ranking.other_faster", **both, relation=relation(one))
    if not one.why:
        return say("report.ranking.not_compared", **both)
    why = _why(one, tolerance)
    if one.ratio is None:
        return say("report.ranking.untold", **both, why=why)
    return say("report.ranking.untold_related", **both, relation=relation(one), why=why)


def _why(one: "Against", tolerance: float) -> Sentence:
    a, b = one.processes
    if one.why in ("one_process", "few_processes"):
        least = sentence("report.ranking.at_least" if one.needed == FEW else "report.ranking.about", count=one.needed)
        if a == b:
            return sentence("report.ranking.few_each", processes=a, needed=least)
        return sentence("report.ranking.few", first=a, second=b, needed=least)
    known = sentence("report.ranking.noise")
    if one.why == "near_tolerance":
        known = sentence("report.ranking.near_tolerance", tolerance=100 * tolerance)
    if one.needed is None:
        return sentence("report.ranking.never", known=known)
    return sentence("report.ranking.more", known=known, needed=one.needed)
