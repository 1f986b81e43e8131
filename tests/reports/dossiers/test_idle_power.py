"""What a dossier says of idle power and of the bound on power in standby."""

import pytest

from bench.reports.dossiers.sections.scenario import _judgement, _statistic
from bench.reports.dossiers.sections.targets import figure_words
from bench.submission.assessment import Row
from bench.submission.criterion import Criterion
from bench.submission.decision import Decision
from bench.submission.figures import Seen


def criterion(path: str, unit: str = "W") -> Criterion:
    return Criterion(id="a", title="a", metric=path, direction="at_most", target=2, unit=unit, weight=5)


def note_of(path: str, seen: Seen) -> str:
    return figure_words(Row(criterion=criterion(path), decision=Decision("met"), seen=seen))[1]


def test_readings_of_a_meter_are_not_called_processes() -> None:
    """Nor is their range called one between processes."""
    idle = note_of("meter.idle_watts", Seen(value=1.5, low=1.4, high=1.6, interval="idle", n=240))
    bound = note_of("meter.standby_watts", Seen(value=1.5, low=0.0, high=1.6, interval="bound", n=240))
    one = note_of("meter.idle_watts", Seen(value=1.5, interval="idle", n=240))
    assert "240 readings" in idle
    assert "240 readings" in bound
    assert "240 readings" in one
    assert "stated uncertainty" in idle
    assert bound.startswith("at most 1.6")


@pytest.mark.parametrize(
    ("path", "unit", "statistic"),
    [
        ("meter.idle_watts", "W", "idle"),
        ("meter.standby_watts", "W", "bound"),
        ("summary.energy.joules_per_inference", "J", "median"),
        ("summary.memory_bytes.peak_rss", "MiB", "median"),
        ("summary.latency_ns.p50", "ms", "processes"),
    ],
)
def test_the_draft_of_a_test_names_the_statistic_that_is_computed(path: str, unit: str, statistic: str) -> None:
    assert _statistic(criterion(path, unit)) == statistic


def test_a_bound_is_never_judged_a_failure() -> None:
    """At most the limit, it may only pass."""
    assert "Fail" not in _judgement(criterion("meter.standby_watts"))
    assert "Fail" in _judgement(criterion("meter.idle_watts"))
