"""Records that were measured, in a history."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.nights.checking import check
from bench.nights.history import History
from bench.record.record import RecordedRun


@pytest.mark.process
def test_two_runs_are_two_nights_of_one_series(run: Callable[..., list[RecordedRun]], tmp_path: Path) -> None:
    """Measured in real processes: each point has its record's figures; what differs only by chance is no event."""
    for _ in range(2):
        run(["fake"], ["null:cpu"])
    with History.open(tmp_path / "history", create=True) as history:
        added = history.add([tmp_path / "out"])
        assert (2, (), 1) == (len(added.points), added.refused, len(added.new_series))
        (points,) = history.every().values()
        for point in points:
            record = history.load(point.record_id).record
            assert record.summary.latency_ns is not None
            assert point.levels["latency_p50_ns"].figure == record.summary.latency_ns.p50
            assert (point.levels["latency_p50_ns"].processes, point.leading) == (1, "latency_p50_ns")
            assert {"runtime", "kernel", "tool"} <= {name.split()[0] for name in point.versions}
        assert check(history).sound
