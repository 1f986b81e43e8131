"""When a repeat has measured enough: rules that look only at what was measured so far.

The measuring loop runs in batches and asks between them, so that nothing disturbs it within one:

    while count := next_warmup_batch(samples, elapsed_ns, rule): …run count queries…
    while count := next_batch(samples, elapsed_ns, rule): …run count queries…

``samples`` are the latencies so far in nanoseconds, ``elapsed_ns`` the time since the phase began.
"""

import math
from typing import TYPE_CHECKING, Any

from bench.record.record import StoppingRule
from bench.stats.passes.settling import QUERIES, Settling

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, Any]

GROWTH = 2  # a batch is at most twice what was measured before it: few looks, and none far beyond what is known
OVERSHOOT = 0.1  # of the maximum duration
WARMUP_SHARE = 0.1  # warm-up lasts at least this fraction of its maximum: clocks and caches need time, not queries


# ------------------------------------------------------------------------------------------------------ warm-up


def warmup_done(samples: "Samples", elapsed_ns: int, rule: StoppingRule, settling: Settling = QUERIES) -> bool:
    """Steady after enough queries and a tenth of the maximum time; or out of time, once there are
    ``settling.warmup_least`` samples, or ``rule.min_queries`` of them where those are fewer.

    ``steady`` states afterwards which of the two it was.
    """
    least = min(settling.warmup_least, rule.min_queries)
    if len(samples) >= least and elapsed_ns >= rule.warmup_max_duration_ns:
        return True
    enough = len(samples) >= rule.warmup_min_queries and elapsed_ns >= WARMUP_SHARE * rule.warmup_max_duration_ns
    return enough and settling.steady(samples, rule)


def next_warmup_batch(samples: "Samples", elapsed_ns: int, rule: StoppingRule, settling: Settling = QUERIES) -> int:
    """How many queries to run before looking again; 0 when the warm-up is over."""
    n = len(samples)
    if warmup_done(samples, elapsed_ns, rule, settling):
        return 0
    if n == 0:
        return 1  # the next may take a second: known only after one
    return max(1, min(GROWTH * n, _fitting(samples, elapsed_ns, rule.warmup_max_duration_ns)))


# ------------------------------------------------------------------------------------------------- steady state


def finished(samples: "Samples", elapsed_ns: int, rule: StoppingRule, settling: Settling = QUERIES) -> bool:
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
    return elapsed_ns >= rule.min_duration_ns and settling.converged(samples, rule)


def next_batch(samples: "Samples", elapsed_ns: int, rule: StoppingRule, settling: Settling = QUERIES) -> int:
    """How many queries to run before looking again; 0 when the repeat is finished.

    ``min_queries`` at once; then batches grow with what was measured, reach just over the minimum time, and shrink
    towards the maximum: at most half of what is left, so that queries twice as slow as before still end in time,
    until a tenth is left.
    """
    n = len(samples)
    if n < rule.min_queries:
        return rule.min_queries - n
    if finished(samples, elapsed_ns, rule, settling):
        return 0
    batch = min(GROWTH * n, rule.max_queries - n, _fitting(samples, elapsed_ns, rule.max_duration_ns))
    if elapsed_ns < rule.min_duration_ns:
        batch = min(batch, math.ceil(1.02 * (rule.min_duration_ns - elapsed_ns) * n / max(1, elapsed_ns)))
    return max(1, batch)


def _fitting(samples: "Samples", elapsed_ns: int, max_duration_ns: int) -> int:
    """How many queries to put into what is left of the time, at the pace so far or of the last third, if slower."""
    from bench.stats.percentiles import percentile

    left = max_duration_ns - elapsed_ns
    allowed = max(left / 2, min(left, OVERSHOOT * max_duration_ns))
    pace = max(1.0, elapsed_ns / len(samples), percentile(samples[-(len(samples) // 3 + 1) :], 50))
    return math.floor(allowed / pace)
