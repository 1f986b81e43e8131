"""When a warm-up is over and what is measured is known: of queries that are alike, and of passes over unlike inputs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.record.record import StoppingRule
from bench.stats.convergence import LEAST_PASSES, converged, steady

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, Any]


def passes_steady(samples: "Samples", rule: StoppingRule) -> bool:
    """``steady`` of passes, each of which holds all inputs: one more may agree with the one before."""
    return steady(samples, rule, least=1)


def passes_converged(samples: "Samples", rule: StoppingRule) -> bool:
    """Whether the interval of the mean of whole passes is narrower than ``precision`` × the mean."""
    from bench.stats.passes.means import relative_width as of_mean

    width = of_mean(samples)
    return width is not None and width < rule.precision


class Settling(Struct, frozen=True):
    """When a warm-up is ``steady``, and when what was measured is known: ``converged``. ``warmup_least``: samples that
    a warm-up holds even where its time is over before."""

    steady: Callable[["Samples", StoppingRule], bool]
    converged: Callable[["Samples", StoppingRule], bool]
    warmup_least: int


QUERIES = Settling(steady, converged, warmup_least=1)
PASSES = Settling(passes_steady, passes_converged, warmup_least=LEAST_PASSES)
"""Of queries that are alike, by the rule's percentile; of whole passes over inputs that differ, by their mean:
the first pass may be cold, so it takes three to see two that agree."""
