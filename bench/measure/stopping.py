"""When a repeat has measured enough: rules that look only at what was measured so far.

The measuring loop runs in batches and asks between them, so that nothing disturbs it within one:

    while count := next_warmup_batch(samples, elapsed_ns, rule): …run count queries…
    while count := next_batch(samples, elapsed_ns, rule): …run count queries…

``samples`` are the latencies so far in nanoseconds, ``elapsed_ns`` the time since the phase began.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.record import StoppingRule
from bench.record_evidence import RepeatRule

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, Any]

SECOND = 1_000_000_000
GROWTH = 2  # a batch is at most twice what was measured before it: few looks, and none far beyond what is known
OVERSHOOT = 0.1  # of the maximum duration
WARMUP_SHARE = 0.1  # warm-up lasts at least this share of its maximum: clocks and caches need time, not queries


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
EMULATED_REPEATS = 1  # an emulator's times are not the device's: more processes would prove nothing


def emulated_rule() -> StoppingRule:
    """One query to warm up and three to see that outputs repeat; no time is asked for and no precision."""
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


def emulated_generation_rule() -> StoppingRule:
    """One generation after one: a token takes an emulator a tenth of a second and more."""
    return msgspec.structs.replace(emulated_rule(), min_queries=1, max_queries=1)


def shorter_rule(rule: StoppingRule) -> StoppingRule:
    """``rule`` for one process of a pair: pairs are many and short."""
    return msgspec.structs.replace(
        rule, min_duration_ns=rule.min_duration_ns // SHORTER, max_duration_ns=rule.max_duration_ns // SHORTER
    )


def text_generation_rule(rule: StoppingRule) -> StoppingRule:
    """``rule`` for whole generations, which may take seconds each: it asks for the median of at least 6.

    A generation adds up as many steps as it has tokens, so its tail says little; the tail that a reader feels is the
    gap between tokens, of which every generation brings a sample of its own.
    """
    queries = min(rule.min_queries, 6)
    return msgspec.structs.replace(rule, percentile=50, min_queries=queries, warmup_min_queries=2)


# ------------------------------------------------------------------------------------------------------ warm-up


def steady(samples: "Samples", rule: StoppingRule) -> bool:
    """Whether the medians of the last two windows, each a third of the warm-up and of two queries at least, agree."""
    from bench.statistics import percentile

    window = max(2, len(samples) // 3)
    if len(samples) < 2 * window:
        return False
    before, after = percentile(samples[-2 * window : -window], 50), percentile(samples[-window:], 50)
    return abs(after - before) <= rule.steady_tolerance * before


def warmup_done(samples: "Samples", elapsed_ns: int, rule: StoppingRule) -> bool:
    """Steady after enough queries and a tenth of the maximum time, or out of time after one query at least.

    ``steady`` tells afterwards which of the two it was.
    """
    if len(samples) >= 1 and elapsed_ns >= rule.warmup_max_duration_ns:
        return True
    enough = len(samples) >= rule.warmup_min_queries and elapsed_ns >= WARMUP_SHARE * rule.warmup_max_duration_ns
    return enough and steady(samples, rule)


def next_warmup_batch(samples: "Samples", elapsed_ns: int, rule: StoppingRule) -> int:
    """How many queries to run before looking again; 0 when the warm-up is over."""
    n = len(samples)
    if warmup_done(samples, elapsed_ns, rule):
        return 0
    if n == 0:
        return 1  # the next may take a second: known only after one
    return max(1, min(GROWTH * n, _fitting(samples, elapsed_ns, rule.warmup_max_duration_ns)))


# ------------------------------------------------------------------------------------------------- steady state


def asks_convergence(rule: StoppingRule) -> bool:
    """False for a fixed number of queries, which can be no more or less precise than it comes out."""
    return rule.min_queries < rule.max_queries


def relative_width(samples: "Samples", percentile: float) -> float | None:
    """Width of the 95 % interval of ``percentile`` over its estimate; autocorrelation widens it.

    ``None`` where there are too few samples for an interval.
    """
    from bench import statistics

    interval = statistics.order_statistic_interval(
        samples, percentile, ess=statistics.effective_sample_size(samples, percentile)
    )
    return None if interval is None else width_of(interval, statistics.percentile(samples, percentile))


def width_of(interval: tuple[int, int] | None, estimate: int) -> float | None:
    """Width of an interval over the estimate that it bounds; ``None`` without an interval."""
    return None if interval is None else (interval[1] - interval[0]) / max(1, estimate)


def converged(samples: "Samples", rule: StoppingRule) -> bool:
    """Whether the interval of the rule's percentile is narrower than ``precision`` × its estimate."""
    width = relative_width(samples, rule.percentile)
    return width is not None and width < rule.precision


def finished(samples: "Samples", elapsed_ns: int, rule: StoppingRule) -> bool:
    """Whether to stop: never below ``min_queries``, however slow; always at the maximum of queries or of time, or
    where one query more would overshoot it by over a tenth; between the minimum and the maximum, once converged.

    ``max_queries`` bounds memory and goes before the minimum of time.
    """
    n = len(samples)
    if n < rule.min_queries:
        return False
    one_more = elapsed_ns + elapsed_ns / max(1, n)
    if n >= rule.max_queries or elapsed_ns >= rule.max_duration_ns or one_more > (1 + OVERSHOOT) * rule.max_duration_ns:
        return True
    return elapsed_ns >= rule.min_duration_ns and converged(samples, rule)


def next_batch(samples: "Samples", elapsed_ns: int, rule: StoppingRule) -> int:
    """How many queries to run before looking again; 0 when the repeat is finished.

    ``min_queries`` at once; then batches grow with what was measured, reach just over the minimum time, and shrink
    towards the maximum: at most half of what is left, so that queries twice as slow as before still end in time,
    until a tenth is left.
    """
    n = len(samples)
    if n < rule.min_queries:
        return rule.min_queries - n
    if finished(samples, elapsed_ns, rule):
        return 0
    batch = min(GROWTH * n, rule.max_queries - n, _fitting(samples, elapsed_ns, rule.max_duration_ns))
    if elapsed_ns < rule.min_duration_ns:
        batch = min(batch, math.ceil(1.02 * (rule.min_duration_ns - elapsed_ns) * n / max(1, elapsed_ns)))
    return max(1, batch)


def _fitting(samples: "Samples", elapsed_ns: int, max_duration_ns: int) -> int:
    """How many queries to put into what is left of the time, at the pace so far or of the last third, if slower."""
    from bench.statistics import percentile

    left = max_duration_ns - elapsed_ns
    allowed = max(left / 2, min(left, OVERSHOOT * max_duration_ns))
    pace = max(1.0, elapsed_ns / len(samples), percentile(samples[-(len(samples) // 3 + 1) :], 50))
    return math.floor(allowed / pace)
