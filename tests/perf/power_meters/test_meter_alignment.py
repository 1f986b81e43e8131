"""How often the marker places a run wrongly in a meter's log: made logs with a clock that is off, read once a second,
with noise of a fifth of the pulses' height."""

import numpy as np
import pytest
from metering.made_logs import MARKERS, log_of
from msgspec.structs import replace

from bench.power.alignment import NotAligned, aligned_by_marker

WITHIN_S, LOGS = 0.2, 150
MOST_REFUSED = 2 / 3
"""Of the logs that do not say what a reading is; 0.31 of samples and 0.52 of means were seen."""


@pytest.mark.perf
@pytest.mark.parametrize("means", [True, False])
@pytest.mark.parametrize("stated", [True, False])
def test_within_a_fifth_of_a_second(means: bool, stated: bool) -> None:
    """By a meter that averages and one that samples. Where the format says which it is, nearly none is refused; where
    it does not, what the marker cannot tell is. Of those that are not refused, at most one in a hundred is wrong."""
    wrong = refused = 0
    for seed in range(LOGS):
        rng = np.random.default_rng(10_000 + seed)
        offset = rng.uniform(-5, 5)
        log = log_of(rng, offset, 1.0, 0.2, means)
        if stated:
            log = replace(log, stands_for="before" if means else "moment")
        try:
            found = aligned_by_marker(log, MARKERS, 0, 10.0)
        except NotAligned:
            refused += 1
            continue
        wrong += abs(found.offset_s - offset) > WITHIN_S
    assert wrong <= LOGS // 100
    assert refused <= (LOGS // 100 if stated else LOGS * MOST_REFUSED)
