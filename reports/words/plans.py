"""Plans in words: the rule that ends a repeat, the number of repeats, and what the arithmetic ran in."""

from bench.contracts import Precisions
from bench.record.record import PlannedTarget, Record, StoppingRule
from bench.words import units


def percentile_name(percentile: float) -> str:
    """``p50`` for 50, ``p99.9`` for 99.9."""
    return f"p{percentile:g}"


def rule_words(rule: StoppingRule) -> str:
    """The stopping rule as sentences. With a fixed number of queries (emulated targets) this is the only condition."""
    return f"{_warmup_words(rule)} {_steady_words(rule)}"


def _warmup_words(rule: StoppingRule) -> str:
    least = f"Warm-up: {_queries(rule.warmup_min_queries)}"
    if rule.warmup_max_duration_ns == 0:
        return f"{least}."
    return (
        f"{least} or more, until two successive windows have medians within {_percent(rule.steady_tolerance)} of each "
        f"other, at most {units.duration(rule.warmup_max_duration_ns)}."
    )


def _steady_words(rule: StoppingRule) -> str:
    if rule.min_queries == rule.max_queries:
        return f"Then exactly {_queries(rule.min_queries)}."
    least = f"{_queries(rule.min_queries)} and {units.duration(rule.min_duration_ns)}"
    most = f"{_queries(rule.max_queries)} or {units.duration(rule.max_duration_ns)}"
    return (
        f"Then at least {least}, until the 95 % interval of {percentile_name(rule.percentile)} is narrower than "
        f"{_percent(rule.precision)} of its estimate; at most {most}."
    )


def _queries(count: int) -> str:
    return units.counted(count, "query", "queries")


def repeats_words(record: Record) -> str:
    """The number of repeats, and why there were no more."""
    count, rule = len(record.repeats) or record.plan.repeats, record.plan.repeat_rule
    if count == 1:
        return "1 repeat, in a fresh process: the variance between processes is unknown."
    said = f"{count} repeats, each in a fresh process"
    if rule is None or record.repeats_ended in (None, "fixed"):
        return f"{said}."
    aside = f"; {len(record.set_aside)} more set aside" if record.set_aside else ""
    return f"{said}{aside}; {rule.fewest} to {rule.most} were allowed: {_ENDED[record.repeats_ended]}."


_ENDED = {
    "precise": "the precision was reached",
    "most": "the maximum was reached",
    "budget": "the time for repeats was used up",
    "busy": "other processes disturbed too many of them",
}


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def ran_in(target: PlannedTarget) -> str | None:
    """The precision of the arithmetic, with that of weights and activations where both are known and one is an integer:
    ``int8 (w8a8)``, ``w8a16``, ``float32 (w4a32)``. ``None`` where the runtime does not report it."""
    name = target.executed_precision
    short = Precisions(target.executed_weights or "", target.executed_activations or "").short_name
    return f"{name} ({short})" if name and short and short != name else name
