"""How the figures of two sides are set against each other: by their ratio; fractions, which may be 0, by their
difference.

Of a fraction the tolerance x means two things. A difference that is shown and is more than x of the smaller fraction
itself is better or worse: of 0.1 % late queries and 2 % the second is worse. Fractions are the same that are shown to
differ by less than x as a fraction of all queries.
"""

from collections.abc import Sequence
from statistics import fmean, geometric_mean
from typing import Any

from bench.analysis.metrics import Metric
from bench.analysis.verdict.codes import CODES, About
from bench.comparison.interleaved import CANCELLED, PairLogs, alternated, until_of
from bench.comparison.observe import Observation, one_meter
from bench.comparison.rules import ACCOUNTED, side_words
from bench.record.record import Record
from bench.settings import setting_words
from bench.stats.ratio import Contrast, LogRatio, at_look, log_ratio, mean_difference, paired_log_ratio
from bench.stats.ratio import paired_difference as paired
from bench.words import Sentence, sentence

Values = Sequence[float]
ABOUT: tuple[About, ...] = ("energy", "steady_state", "times", "run")
"""What a reason may be about; it bars the metrics that are about the same, or about less."""


def contrast_of(
    metric: Metric, sides: tuple[Observation, Observation], values: tuple[Values, Values], logs: PairLogs | None
) -> Contrast | None:
    """``values``: one a process, of base and new. ``logs``: of pairs that took turns. ``None`` below two a side."""
    pairs = min(map(len, values))
    if pairs < 2:
        return None
    found = _fixed(metric, sides, values, logs)
    return found if until_of(*sides) is None else at_look(found, pairs)


def _fixed(
    metric: Metric, sides: tuple[Observation, Observation], values: tuple[Values, Values], logs: PairLogs | None
) -> Contrast:
    """As if the number of processes had been fixed."""
    x, y = values
    if metric.fraction:
        turns = alternated(sides[0].record, sides[1].record) and len(x) == len(y)
        return paired([b - a for a, b in zip(x, y, strict=True)]) if turns else mean_difference(x, y)
    return log_ratio(x, y) if logs is None else paired_log_ratio(logs.logs, logs.errors)


def figure_of(metric: Metric, side: Observation, values: Values) -> float:
    """That of the record's summary, which reports show; without one the mean of the processes'."""
    stated = side.figures.get(metric.name)
    if metric.fraction:
        return fmean(values) if stated is None else stated
    return stated or geometric_mean(values)


def exceeds(metric: Metric, values: tuple[Values, Values], found: Contrast, tolerance: float) -> bool:
    """Whether the estimate is more than the tolerance."""
    if isinstance(found, LogRatio):
        return not 1 / (1 + tolerance) <= found.ratio <= 1 + tolerance
    low, high = sorted(fmean(side) for side in values)
    return high > low * (1 + tolerance)


def estimates(found: Contrast, confidence: float) -> dict[str, Any]:
    """The fields of a ``Change``: a ratio or a difference, with its interval."""
    if isinstance(found, LogRatio):
        return {"ratio": found.ratio, "interval": found.interval(confidence)}
    return {"difference": found.difference, "difference_interval": found.bounds(confidence)}


def asked_otherwise(metric: Metric, base: Observation, new: Observation) -> Sentence | None:
    """The settings of both where the metric depends on one that differs; ``None`` where they agree."""
    x, y = (setting_words(side.record.plan.settings, *metric.settings) for side in (base, new))
    if not metric.settings or x == y:
        return None
    nothing = sentence("compare.no_setting")
    return sentence("compare.asked_otherwise", base=x or nothing, new=y or nothing)


def concerns(metric: Metric, base: Observation, new: Observation) -> bool:
    """Whether the two may be compared by the metric: it is defined for their task and scenario, and one of them asked
    for it. One that is ``beside`` another is left to that other where neither side has it."""
    defined = metric.compared and metric.name in base.values and metric.name in new.values
    asked = (metric.asked_for(side.record.plan.settings) for side in (base, new))
    played = (metric.compared_in(side.record.plan.scenario) for side in (base, new))
    seen = not metric.beside or any(v is not None for side in (base, new) for v in side.values.get(metric.name, ()))
    return defined and any(asked) and any(played) and seen


def why_omitted(metric: Metric, base: Observation, new: Observation) -> Sentence | None:
    """Why the metric cannot be compared; ``None`` where every process of both sides has it, above 0."""
    if (differing := asked_otherwise(metric, base, new)) is not None:
        return differing
    missing = []
    for side, observed in (("base", base), ("new", new)):
        values = observed.values[metric.name]
        known = sum(value is not None and (value > 0 or metric.fraction) for value in values)
        if known == 0 or known < len(values):
            side_known = sentence("compare.known_of", known=known, processes=len(values), side=side_words(side))
            missing.append(side_known)
    if missing:
        return sentence("compare.known_in", known=missing, needs=metric.needs)
    if metric.about == "energy" and base.energy_channel != new.energy_channel:
        return sentence("compare.other_channel", base=base.energy_channel, new=new.energy_channel)
    return None


def untrue(metric: Metric, record: Record, side: str, together: bool) -> Sentence | None:
    """Why the metric of a run cannot be believed, by its verdict; ``None`` where it can. What falls on both sides of an
    alternation alike does not count; on a tail it does not fall alike, for the longer query is preempted more often."""
    if record.verdict is None:
        return sentence("compare.untrue.no_verdict", side=side_words(side))
    excused = ACCOUNTED | (set(CANCELLED) if together and not metric.tail else set())
    weighing = (code for code in record.verdict.invalidating if code not in excused)
    barring = [code for code in weighing if _about(code) in ABOUT[ABOUT.index(metric.about) :]]
    if not barring or record.verdict.valid:
        return None
    return sentence("compare.untrue.not_valid", side=side_words(side), codes=barring)


def why_silent(metric: Metric, base: Observation, new: Observation, together: bool) -> tuple[Sentence, ...]:
    """Why nothing is claimed by the metric: a side that is ``untrue``, or two meters, one of unknown uncertainty."""
    sides = {"base": base, "new": new}
    found = [untrue(metric, side.record, name, together) for name, side in sides.items()]
    if not one_meter(base, new):
        open_ = {name: side.metered.get(metric.name) for name, side in sides.items()}
        unknown = (name for name, one in open_.items() if one is not None and one.whole is None)
        found += [sentence("compare.untrue.meter_unstated", side=side_words(name)) for name in unknown]
    return tuple(why for why in found if why is not None)


def _about(code: str) -> About:
    return CODES[code].about if code in CODES else "run"
