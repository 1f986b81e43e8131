"""``--deadline`` from the command line to the record: on fake targets and on a real runtime."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.execution.suite_run import run_suite
from bench.plugins import discover
from bench.record.record import RecordedRun
from bench.settings import asked_settings
from bench.suite.suite import ModelAsk, Suite, TargetAsk

Run = Callable[..., list[RecordedRun]]


def counted(recorded: RecordedRun, deadline_ns: int) -> float:
    """Late queries over all, from the samples."""
    parts = recorded.arrays("latency_ns")
    return sum(int((part > deadline_ns).sum()) for part in parts) / sum(len(part) for part in parts)


def test_a_run_records_what_was_asked_and_the_fraction(run: Run) -> None:
    """Of a target that takes 300 µs, all queries are later than 200 µs and none than a minute."""
    for deadline_ns, expected in ((200_000, 1.0), (60 * 10**9, 0.0)):
        options = {"latency_us": "300"}
        recorded = run(["fake"], ["null:cpu"], repeats=2, options=options, settings={"deadline_ns": deadline_ns})[0]
        record = recorded.record
        assert {"deadline_ns": deadline_ns} == record.plan.settings
        assert expected == record.summary.figures["late_fraction"].value == counted(recorded, deadline_ns)
        assert f"--deadline {'200us' if expected else '60s'}" in record.plan.command


@pytest.mark.real
@pytest.mark.process
def test_a_real_runtime(tmp_path: Path) -> None:
    """The fraction is that of the samples on disk."""
    pytest.importorskip("onnxruntime")
    suite = Suite(
        models=(ModelAsk("mobilenet_v2"),),
        targets=(TargetAsk("ort:cpu"),),
        repeats=1,
        max_seconds=0.5,
        settings={"deadline_ns": 30_000_000},
    )
    (recorded,) = run_suite(suite, discover(), tmp_path, cache=tmp_path / "cache")
    assert "ok" == recorded.record.status
    assert counted(recorded, 30_000_000) == recorded.record.summary.figures["late_fraction"].value


@pytest.mark.parametrize(
    ("text", "why"),
    [("0", "no unit"), ("-1ms", "above 0"), ("33", "no unit"), ("33 lightyears", "lightyears"), ("nan", "a time")],
)
def test_a_wrong_deadline_ends_with_status_2(text: str, why: str) -> None:
    """With the flag, what is wrong, and an example."""
    with pytest.raises(InputError, match=f"--deadline {text}: .*{why}") as caught:
        asked_settings({"deadline": text})
    assert (2, "Example: --deadline 33ms") == (caught.value.exit_status, caught.value.remedy)
