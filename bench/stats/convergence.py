"""Whether a percentile is known as precisely as the rule asks."""

from typing import TYPE_CHECKING, Any

from bench.record.record import StoppingRule

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, Any]

LEAST_PASSES = 3
"""Over inputs that differ, of one process: fewer say too little of how passes differ."""


def steady(samples: "Samples", rule: StoppingRule, least: int = 2) -> bool:
    """Whether the medians of the last two windows, each a third of the warm-up and ``least`` queries or more, agree."""
    from bench.stats.percentiles import percentile

    window = max(least, len(samples) // 3)
    if len(samples) < 2 * window:
        return False
    before, after = percentile(samples[-2 * window : -window], 50), percentile(samples[-window:], 50)
    return abs(after - before) <= rule.steady_tolerance * before


def asks_convergence(rule: StoppingRule) -> bool:
    """False for a fixed number of queries, for which a precision is not required."""
    return rule.min_queries < rule.max_queries


def relative_width(samples: "Samples", percentile: float) -> float | None:
    """Width of the 95 % interval of ``percentile`` over its estimate; autocorrelation widens it.

    ``None`` where there are too few samples for an interval.
    """
    from bench.stats import autocorrelation, intervals, percentiles

    interval = intervals.order_statistic_interval(
        samples, percentile, ess=autocorrelation.effective_sample_size(samples, percentile)
    )
    return None if interval is None else width_of(interval, percentiles.percentile(samples, percentile))


def width_of(interval: tuple[int, int] | None, estimate: int) -> float | None:
    """Width of an interval over the estimate that it bounds; ``None`` without an interval."""
    return None if interval is None else (interval[1] - interval[0]) / max(1, estimate)


def converged(samples: "Samples", rule: StoppingRule) -> bool:
    """Whether the interval of the rule's percentile is narrower than ``precision`` × its estimate."""
    width = relative_width(samples, rule.percentile)
    return width is not None and width < rule.precision
