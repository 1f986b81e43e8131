"""A thermal throttle simulated in the null target, in a real worker."""

from collections.abc import Callable

import pytest

from bench.record.record import RecordedRun

pytestmark = pytest.mark.perf


def test_a_throttle_is_called_drift(run: Callable[..., list[RecordedRun]]) -> None:
    """Two milliseconds a query, and 15 % more from about halfway through two seconds on. They are the most, too: a run
    that went on for want of precision would be slow for nearly all of its time."""
    options = {"latency_us": "2000", "throttle_after_ms": "1400"}
    record = run(["fake"], ["null:cpu"], preset="standard", max_seconds=2.0, options=options)[0].record
    warmup = record.repeats[0].warmup
    assert record.verdict is not None
    assert warmup is not None
    if warmup.duration_ns > 900_000_000:
        pytest.skip("a busy machine: the warm-up outlasted what was to be the first part of the steady state")
    found = {reason.code: reason for reason in record.verdict.reasons}
    assert 0.1 < float(found["drift"].figures["worst_change"]) < 0.25


def test_without_it_nothing_drifts(run: Callable[..., list[RecordedRun]]) -> None:
    """The same target at one speed."""
    record = run(["fake"], ["null:cpu"], preset="standard", max_seconds=2.0, options={"latency_us": "2000"})[0].record
    assert record.verdict is not None
    assert "drift" not in {reason.code for reason in record.verdict.reasons}
