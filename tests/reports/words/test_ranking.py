"""A ranked figure is shown with the name of what it is, where a bare number would be taken for the p50."""

import pytest

from bench.reports.words.ranking import figure_words


@pytest.mark.parametrize(
    ("metric", "title", "unit", "value", "expected"),
    [
        ("latency_p50_ns", "latency p50", "ns", 4e6, "4.00 ms"),
        ("latency_p99_ns", "latency p99", "ns", 4e6, "latency p99 4.00 ms"),
        ("tpot_ns", "TPOT", "ns", 12.1e6, "12.1 ms a token"),
        ("throughput_per_s", "throughput", "queries_per_s", 612.0, "612 queries/s"),
        ("tokens_per_s", "all users", "tokens_per_s", 964.0, "all users 964 tokens/s"),
        ("wake_ratio", "over warm", "ratio", 1.5, "over warm 1.50×"),
    ],
)
def test_what_is_ranked_is_named_where_it_is_not_the_p50(
    metric: str, title: str, unit: str, value: float, expected: str
) -> None:
    """A p99 that leads is not shown as a bare time."""
    assert expected == figure_words(metric, title, unit, value)
