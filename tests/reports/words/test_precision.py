"""How many repeats a precision needs, in words, and where they are read."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.record.evidence import RepeatRule, Variance
from bench.record.record import RecordedRun
from bench.record.summary import LatencyNs, Summary
from bench.reports.view.tables import repeats_table
from bench.reports.words.plans import repeats_words
from bench.reports.words.precision import needed_words, spread_words
from bench.testing.records import fake_run


def run(variance: Variance | None) -> RecordedRun:
    made = fake_run("r", [np.full(20, 1_000_000)] * 3)
    return replace(made, record=replace(made.record, summary=Summary(variance=variance)))


def test_needed_and_done() -> None:
    """The count, whether it is reached, and that none is made up beyond a thousand or for one process."""
    found = Variance(3, 0.041, 0.006, 0.03, 28)
    assert "28 repeats for ±3 %" == needed_words(run(found).record)
    assert "3 repeats for ±3 % (reached)" == needed_words(run(replace(found, repeats_for_precision=3)).record)
    assert "more than 1,000 repeats for ±3 %" == needed_words(run(replace(found, repeats_for_precision=None)).record)
    assert ("", "") == (needed_words(run(None).record), spread_words(run(None).record))


def test_a_spread_is_never_called_nothing() -> None:
    """103, 109 and 95.6 ms with no part between processes: the spread is said as it was observed, and no 0 %."""
    made = fake_run("r", [np.full(20, round(p50 * 1e6)) for p50 in (103, 109, 95.6)])
    times = LatencyNs(60, 102_000_000, 95_600_000, 109_000_000, repeat_p50=(103_000_000, 109_000_000, 95_600_000))
    summary = Summary(variance=Variance(3, 0.0, 0.11, 0.1, 14), latency_ns=times)
    expected = "p50 was 95.6 ms to 109 ms in 3 processes; the uncertainty within each, 11.0 %, explains that spread"
    assert expected == spread_words(replace(made.record, summary=summary))
    some = replace(summary, variance=Variance(3, 0.06, 0.11, 0.1, 14))
    assert spread_words(replace(made.record, summary=some)).startswith(
        "p50 was 95.6 ms to 109 ms in 3 processes; the standard deviation"
    )


def test_both_parts_are_told_beside_the_repeats() -> None:
    """The table of repeats says where their spread comes from, and what it takes."""
    table = repeats_table(run(Variance(3, 0.041, 0.006, 0.03, 28)).record)
    assert table is not None
    assert "The standard deviation between processes is 4.1 %, within a process 0.6 %." in table.note
    assert table.note.endswith("Needed: 28 repeats for ±3 %.")


@pytest.mark.parametrize(
    ("ended", "aside", "expected"),
    [
        (None, 0, "3 repeats, each in a fresh process."),
        ("fixed", 0, "3 repeats, each in a fresh process."),
        ("precise", 0, "3 repeats, each in a fresh process; 3 to 9 were allowed: the precision was reached."),
        (
            "budget",
            2,
            "3 repeats, each in a fresh process; 2 more set aside; 3 to 9 were allowed: the time for repeats was used "
            "up.",
        ),
    ],
)
def test_the_number_of_repeats_is_explained(ended: Any, aside: int, expected: str) -> None:
    """How many there were, how many were set aside, and why there were no more."""
    record = run(None).record
    plan = replace(record.plan, repeat_rule=RepeatRule(3, 9, 10**9))
    told = replace(record, plan=plan, repeats_ended=ended, set_aside=record.repeats[:aside])
    assert expected == repeats_words(told)
