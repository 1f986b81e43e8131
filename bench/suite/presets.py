"""The presets, and the rules derived from them: for emulators, for text, for pairs of processes."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec import Struct

from bench.contracts import Scenario
from bench.record.evidence import RepeatRule
from bench.record.record import StoppingRule
from bench.scenarios.idling import WARM_BLOCK_NS, idle_ns, turns
from bench.scenarios.lasting import Lasting
from bench.scenarios.text import turns_of, users_of

SECOND = 1_000_000_000


class Preset(Struct, frozen=True):
    """How much certainty the user asks for: fresh processes, and the rule of each. ``pairs``: of processes, in
    alternation."""

    name: str
    repeats: RepeatRule
    pairs: int
    rule: StoppingRule


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        # min_queries: the pooled repeats reach LoadGen's least count for the percentile (6 × 6 ≥ 11, 6 × 13 ≥ 64,
        # 10 × 67 ≥ 662) however slow the model is; 6 is also the least that bounds a median at 95 %.
        # repeats: 5 a side are the least that odb compare needs; of 6, all meet one of two equally frequent speeds of
        # the machine in 1 of 32 runs, of 5 in 1 of 16. Of 24 two may be restless and be few.
        "quick": Preset(
            "quick",
            RepeatRule(6, 24, 30 * SECOND),
            6,
            StoppingRule(
                percentile=50,
                precision=0.1,
                min_queries=6,
                max_queries=100_000,
                min_duration_ns=3 * SECOND // 10,
                max_duration_ns=5 * SECOND,
                warmup_min_queries=6,
                warmup_max_duration_ns=SECOND,
                steady_tolerance=0.05,
            ),
        ),
        "standard": Preset(
            "standard",
            RepeatRule(6, 24, 120 * SECOND),
            10,
            StoppingRule(
                percentile=90,
                precision=0.03,
                min_queries=13,
                max_queries=250_000,
                min_duration_ns=2 * SECOND,
                max_duration_ns=10 * SECOND,
                warmup_min_queries=10,
                warmup_max_duration_ns=3 * SECOND,
                steady_tolerance=0.03,
            ),
        ),
        "strict": Preset(
            "strict",
            RepeatRule(10, 20, 900 * SECOND),
            20,
            StoppingRule(
                percentile=99,
                precision=0.02,
                min_queries=67,
                max_queries=500_000,
                min_duration_ns=10 * SECOND,
                max_duration_ns=60 * SECOND,
                warmup_min_queries=20,
                warmup_max_duration_ns=10 * SECOND,
                steady_tolerance=0.02,
            ),
        ),
    }
)


SHORTER = 2  # in alternation: by how much a repeat is shorter

MOST_PAIRS = 30  # where the number is decided while they are measured: at most, unless --repeats says otherwise


EMULATED_REPEATS = 1  # an emulator's times are not the device's: more processes would prove nothing


def emulated_rule() -> StoppingRule:
    """One query of warm-up and three to check that outputs repeat, without a required time or precision."""
    return StoppingRule(
        percentile=50,
        precision=1.0,
        min_queries=3,
        max_queries=3,
        min_duration_ns=0,
        max_duration_ns=0,
        warmup_min_queries=1,
        warmup_max_duration_ns=0,
        steady_tolerance=1.0,
    )


def idling_rule(rule: StoppingRule, scenario: Scenario) -> StoppingRule:
    """``rule`` for a scenario that says how long it idles: its times are that, and warm queries between."""
    pauses_ns, count = idle_ns(scenario), turns(scenario)
    shortest_ns = count * (WARM_BLOCK_NS + rule.warmup_max_duration_ns // 10)
    longest_ns = count * (2 * WARM_BLOCK_NS + rule.warmup_max_duration_ns)
    return msgspec.structs.replace(
        rule, min_duration_ns=pauses_ns + shortest_ns, max_duration_ns=pauses_ns + longest_ns
    )


def emulated_generation_rule() -> StoppingRule:
    """One generation after one: a token takes an emulator a tenth of a second and more."""
    return msgspec.structs.replace(emulated_rule(), min_queries=1, max_queries=1)


def shorter_rule(rule: StoppingRule, until: bool = False) -> StoppingRule:
    """``rule`` for one process of a pair: pairs are many and short. ``until``: their number is decided while they are
    measured, by the ratio of medians, so that each may be shorter still, and ends once its median is precise."""
    by = SHORTER * SHORTER if until else SHORTER
    return msgspec.structs.replace(
        rule,
        percentile=50 if until else rule.percentile,
        min_duration_ns=rule.min_duration_ns // by,
        max_duration_ns=rule.max_duration_ns // by,
    )


MOST_KEPT, MOST_KEPT_OF_RUN = 2_000_000, 8_000_000
"""Queries of a long run whose times are kept, of one process and of all: beyond them every k-th."""


def lasting_rule(rule: StoppingRule, lasting: Lasting, processes: int) -> StoppingRule:
    """``rule`` for a scenario that says how long it lasts, whatever the preset says."""
    most = max(rule.min_queries, min(MOST_KEPT, MOST_KEPT_OF_RUN // max(1, processes)))
    return msgspec.structs.replace(
        rule,
        max_queries=most,
        min_duration_ns=lasting.duration_ns,
        max_duration_ns=lasting.duration_ns,
    )


OF_A_MEDIAN = 11
"""Fewest queries for a median: ``bench.stats.processes.MIN_SAMPLES``, which is not imported for a plan."""


def text_generation_rule(rule: StoppingRule, scenario: Scenario | None = None, repeats: int = 1) -> StoppingRule:
    """``rule`` for whole generations, which may take seconds each: it asks for the median of at least 6. Of each turn
    of a conversation, and of each of several users, the ``repeats`` together have as many as a median needs.

    A generation is a sum over its tokens, so its tail contains little information; the tail that a reader notices is in
    the gaps between tokens, of which every generation gives many samples.
    """
    queries = min(rule.min_queries, 6)
    each = math.ceil(OF_A_MEDIAN / repeats)
    if scenario is not None and turns_of(scenario):
        queries = max(queries, each)  # a query of the rule is a whole conversation
    elif scenario is not None:
        queries = max(queries, each * (users_of(scenario) or 0))
    return msgspec.structs.replace(rule, percentile=50, min_queries=queries, warmup_min_queries=2)
