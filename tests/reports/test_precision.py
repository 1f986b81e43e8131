"""How many repeats a precision needs, in words, and where they are read."""

import numpy as np
from msgspec.structs import replace

from bench.fake_records import fake_run
from bench.record import RecordedRun, Summary
from bench.record_evidence import Variance
from bench.reports.precision import needed_words, spread_words
from bench.reports.tables import repeats_table


def run(variance: Variance | None) -> RecordedRun:
    made = fake_run("r", [np.full(20, 1_000_000)] * 3)
    return replace(made, record=replace(made.record, summary=Summary(variance=variance)))


def test_needed_and_done() -> None:
    """The count, whether it is reached, and that none is made up beyond a thousand or for one process."""
    found = Variance(3, 0.041, 0.006, 0.03, 28)
    assert "28 repeats for ±3 %" == needed_words(run(found).record)
    assert "3 repeats for ±3 % (done)" == needed_words(run(replace(found, repeats_for_precision=3)).record)
    assert "over 1,000 repeats for ±3 %" == needed_words(run(replace(found, repeats_for_precision=None)).record)
    assert ("", "") == (needed_words(run(None).record), spread_words(run(None).record))


def test_both_parts_are_told_beside_the_repeats() -> None:
    """The table of repeats says where their spread comes from, and what it takes."""
    table = repeats_table(run(Variance(3, 0.041, 0.006, 0.03, 28)).record)
    assert table is not None
    assert "The medians differ by 4.1 % from process to process" in table.note
    assert table.note.endswith("it takes 28 repeats for ±3 %.")
