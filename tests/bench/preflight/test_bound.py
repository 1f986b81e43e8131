"""The bound: never above what it bounds, and nothing where nothing is published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contracts import Peaks, Published
from bench.preflight.bound import ON_CHIP_BYTES, bound


def stated(value: float) -> Published:
    return Published(value=value, document="a data sheet")


def test_two_operations_for_each_multiply_accumulate() -> None:
    """100 million MACs at 45 TOPS take 4.44 µs at the least, rounded down."""
    found = bound(Peaks(operations_per_s=stated(45e12)), 100_000_000, None, 30)
    assert (4444, 4444, None, "not_excluded", "model") == (
        found.least_ns,
        found.compute_ns,
        found.memory_ns,
        found.speed,
        found.tier,
    )


def test_weights_are_read_beyond_what_may_stay_on_the_chip() -> None:
    """A billion bytes more than that, at 100 GB/s, are 10 ms: 100 frames/s are excluded, 99 are not."""
    peaks = Peaks(operations_per_s=stated(1e15), memory_bytes_per_s=stated(100e9))
    found = bound(peaks, 1000, ON_CHIP_BYTES + 1_000_000_000, 101)
    assert (10_000_000, 10_000_000, "excluded") == (found.least_ns, found.memory_ns, found.speed)
    assert "not_excluded" == bound(peaks, 1000, ON_CHIP_BYTES + 1_000_000_000, 99).speed


def test_what_may_stay_on_the_chip_is_not_counted() -> None:
    """A small model's weights bound nothing: where only the bandwidth is published, nothing is known of a rate."""
    found = bound(Peaks(memory_bytes_per_s=stated(1.0)), 1, ON_CHIP_BYTES, 30)
    assert (0, 0) == (found.bytes, found.memory_ns)
    assert (None, "unknown", "preflight.no_bound") == (
        found.least_ns,
        found.speed,
        getattr(found.reason, "code", found.reason),
    )


@pytest.mark.parametrize(
    ("peaks", "macs", "code"),
    [
        (Peaks(), 10, "preflight.no_published_peak"),
        (Peaks(operations_per_s=stated(1e12)), None, "preflight.macs_unknown"),
    ],
)
def test_nothing_known_is_null_with_its_reason(peaks: Peaks, macs: int | None, code: str) -> None:
    """Never zero, and never a guess."""
    found = bound(peaks, macs, None, 30)
    assert (None, "unknown", code) == (found.least_ns, found.speed, getattr(found.reason, "code", found.reason))


@given(st.integers(0, 10**15), st.floats(1e3, 1e15), st.floats(0.001, 1e9))
def test_a_rate_is_excluded_only_if_the_peak_forbids_it(
    macs: int, operations_per_s: float, frames_per_s: float
) -> None:
    """What is excluded needs more operations in a second than the chip has."""
    found = bound(Peaks(operations_per_s=stated(operations_per_s)), macs, None, frames_per_s)
    assert found.speed != "excluded" or 2 * macs * frames_per_s > operations_per_s
