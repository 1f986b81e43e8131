"""Plans in words: the rule that ends a repeat, the number of repeats, and what the arithmetic ran in."""

from bench.contracts import Precisions, Scenario
from bench.record.record import PlannedTarget, Record, StoppingRule
from bench.scenarios.kinds import kind_of
from bench.words import say, sentence, units


def percentile_name(percentile: float) -> str:
    """``p50`` for 50, ``p99.9`` for 99.9."""
    return f"p{percentile:g}"


def rule_words(rule: StoppingRule, scenario: Scenario) -> str:
    """The stopping rule as sentences. With a fixed number of queries (emulated targets) this is the only condition."""
    return say("text.two", first=_warmup_words(rule), second=_steady_words(rule, kind_of(scenario).staged))


def _warmup_words(rule: StoppingRule) -> str:
    if rule.warmup_max_duration_ns == 0:
        return say("report.rule.warmup_fixed", fewest=rule.warmup_min_queries)
    return say(
        "report.rule.warmup",
        fewest=rule.warmup_min_queries,
        tolerance=100 * rule.steady_tolerance,
        limit_ns=rule.warmup_max_duration_ns,
    )


def _steady_words(rule: StoppingRule, passes: bool) -> str:
    if rule.min_queries == rule.max_queries:
        return say("report.rule.steady_fixed", count=rule.min_queries)
    return say(
        "report.rule.steady_passes" if passes else "report.rule.steady",
        fewest=rule.min_queries,
        shortest_ns=rule.min_duration_ns,
        percentile=percentile_name(rule.percentile),
        precision=100 * rule.precision,
        most=rule.max_queries,
        longest_ns=rule.max_duration_ns,
    )


def repeats_words(record: Record) -> str:
    """The number of repeats, and why there were no more."""
    count, rule = len(record.repeats) or record.plan.repeats, record.plan.repeat_rule
    if count == 1:
        return say("report.repeats.one")
    if rule is None or record.repeats_ended in (None, "fixed"):
        return say("report.repeats.fixed", count=count)
    turns = record.plan.alternation
    if record.repeats_ended == "comparison" and turns is not None and turns.until is not None:
        why = sentence(f"comparison.until.{turns.until.ended}")
        return say("report.repeats.until", count=count, looks=len(turns.until.looks), why=why)
    allowed = {"count": count, "fewest": rule.fewest, "most": rule.most}
    ended = sentence(f"report.repeats_ended.{record.repeats_ended}")
    if record.set_aside:
        return say("report.repeats.some_set_aside", **allowed, ended=ended, set_aside=len(record.set_aside))
    return say("report.repeats.ended", **allowed, ended=ended)


def ran_in(target: PlannedTarget) -> str | None:
    """The precision of the arithmetic, with that of weights and activations where both are known and one is an integer:
    ``int8 (w8a8)``, ``w8a16``, ``float32 (w4a32)``; and that of a language model's KV cache where it is known. ``None``
    where the runtime reports neither."""
    name = target.executed_precision
    short = Precisions(target.executed_weights or "", target.executed_activations or "").short_name
    arithmetic = f"{name} ({short})" if name and short and short != name else name
    if target.executed_kv_cache is None:
        return arithmetic
    known = arithmetic or say("report.unknown")
    return say("report.ran_in.kv_cache", precision=known, cache=target.executed_kv_cache)


def imported_words(record: Record) -> str:
    """That a runtime read the model's source itself; empty where it opened what was made of it."""
    runtime = record.plan.target.imported_by
    return say("report.imported_by", runtime=units.clean(runtime)) if runtime else ""
