"""What a ranking found, in words: the same figures and words as a comparison's."""

from typing import TYPE_CHECKING

from bench.compare.rules import FEW
from bench.words import units

if TYPE_CHECKING:
    from bench.compare.ranking import Against

SUPPOSED = "This assumes that the machine's speed did not change between the runs."
"""The assumption behind a difference between runs that did not take turns; the records cannot show it."""


def figure(metric: str, title: str, unit: str, value: float) -> str:
    """The figure that a contest is about: ``4.00 ms``, ``12.1 ms a token``, ``612 queries/s``. A time that is neither
    the p50 nor of a token is named: ``latency p99 4.00 ms``."""
    if unit == "queries_per_s":
        return units.number(value, "queries/s")
    if metric == "tpot_ns":
        return f"{units.duration(value)} a token"
    return units.duration(value) if metric == "latency_p50_ns" else f"{title} {units.duration(value)}"


def relation(one: "Against") -> str:
    """``+25.0 %, 95 % interval +24.2 % to +25.8 %``, as a comparison with the leader as base gives it."""
    if one.ratio is None or one.interval is None:
        return "ratio unknown"
    return f"{units.percent_change(one.ratio)}, 95 % interval {units.change_interval(*one.interval)}"


def untold(one: "Against", leader: str, other: str, tolerance: float) -> str:
    """Why the leader is not faster than the other, without the full stop."""
    limit = f"±{100 * tolerance:g} %"
    if one.word == "same":
        return f"{leader} and {other} are the same within {limit} ({relation(one)})"
    if one.word == "faster":
        return f"{other} is faster than {leader} ({relation(one)})"
    if not one.why:
        return f"{leader} and {other} were not compared"
    found = "" if one.ratio is None else f" ({relation(one)})"
    return f"{leader} and {other} cannot be told apart{found}: {_why(one, limit)}"


def _why(one: "Against", limit: str) -> str:
    a, b = one.processes
    if one.why in ("one_process", "few_processes"):
        least = f"at least {one.needed}" if one.needed == FEW else f"about {one.needed}"
        if a == b:
            return f"{units.counted(a, 'process', 'processes')} a side; {least} are needed"
        return f"{a} and {units.counted(b, 'process', 'processes')}; {least} a side are needed"
    known = "this may be noise"
    if one.why == "near_tolerance":
        known = f"they differ, but whether by more than {limit} is unknown"
    if one.needed is None:
        return f"{known}; even 200 processes a side would probably not decide it"
    return f"{known}; about {one.needed} processes a side would decide it"
