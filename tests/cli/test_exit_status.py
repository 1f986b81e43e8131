"""What ``odb run`` ends with, by the records it left."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.cli.run_command import exit_status
from bench.fake_records import fake_run
from bench.record import Failure, RecordedRun, Verdict


def ended(name: str, valid: bool = True, kind: Any = None, status: Any = "ok") -> RecordedRun:
    run = fake_run(name, [np.full(20, 1_000_000)])
    failure = None if kind is None else Failure("plan", kind, "It is so.", "")
    record = replace(run.record, status=status, failure=failure, verdict=Verdict(valid, False))
    return replace(run, record=record)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([ended("a"), ended("b")], 0),
        ([ended("a"), ended("b", valid=False)], 1),
        ([ended("a"), ended("b", False, "unsupported_format", "skipped")], 0),
        ([ended("a"), ended("b", False, "crashed", "failed")], 1),
        ([ended("a", False, "bad_input", "failed")], 2),
        ([ended("a", False, "bad_input", "failed"), ended("b", False, "crashed", "failed")], 3),
        ([ended("a", False, "unsupported_format", "skipped")], 3),
    ],
)
def test_the_exit_status_of_records(runs: list[RecordedRun], expected: int) -> None:
    """0 what was measured is valid; 1 it is not, or one failed; 2 nothing, for bad input; 3 nothing, for else."""
    assert expected == exit_status(runs)
