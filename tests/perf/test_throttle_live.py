"""A thermal throttle simulated in the null target, in a real worker."""

from collections.abc import Callable

import pytest

from bench.record import RecordedRun

pytestmark = pytest.mark.perf


def test_a_throttle_is_called_drift(run: Callable[..., list[RecordedRun]]) -> None:
    """Two milliseconds a query, and 15 % more from about halfway through the two seconds of the standard preset on."""
    options = {"latency_us": "2000", "throttle_after_ms": "1400"}
    record = run(["fake"], ["null:cpu"], preset="standard", options=options)[0].record
    assert record.verdict is not None
    found = {reason.code: reason for reason in record.verdict.reasons}
    assert 0.1 < float(found["drift"].figures["worst_change"]) < 0.25


def test_without_it_nothing_drifts(run: Callable[..., list[RecordedRun]]) -> None:
    """The same target at one speed."""
    record = run(["fake"], ["null:cpu"], preset="standard", options={"latency_us": "2000"})[0].record
    assert record.verdict is not None
    assert "drift" not in {reason.code for reason in record.verdict.reasons}
