"""The measured times of a run as rounds of pytest-benchmark.

Its fixture reads a timer before and after it calls a function. Here the function is one query that was measured before,
and the timer advances by the time that it took, so the statistics are those of the measured times.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.analysis.metrics import figures_of
from bench.errors import OdbError
from bench.record.record import Record, RecordedRun
from bench.words import sentence

NS_PER_SECOND = 1e9


class Replay:
    """``query`` plays the next measured time, ``measured_by_odb`` is the timer: 0 before a query, its time after."""

    def __init__(self, seconds: Sequence[float]) -> None:
        self._left: Iterator[float] = iter(seconds)
        self._took = 0.0

    def query(self) -> None:
        self._took = next(self._left)

    def measured_by_odb(self) -> float:
        took, self._took = self._took, 0.0
        return took


def into(benchmark: Any, run: RecordedRun) -> None:
    """Give ``benchmark`` a round for each query of the timed part, and the figures of the record in its
    ``extra_info``. Raises ``OdbError`` for a fixture of another kind."""
    if not all(hasattr(benchmark, name) for name in ("_timer", "pedantic", "extra_info", "disabled")):
        raise OdbError(sentence("pytest.no_benchmark"), "pip install 'pytest-benchmark>=5'")
    seconds = [ns / NS_PER_SECOND for array in run.arrays("latency_ns") for ns in array.tolist()]
    benchmark.extra_info.update(extra_info(run.record))
    replay = Replay(seconds)
    own, benchmark._timer = benchmark._timer, replay.measured_by_odb
    try:
        benchmark.pedantic(replay.query, rounds=max(1, len(seconds)))
    finally:
        benchmark._timer = own


def extra_info(record: Record) -> dict[str, Any]:
    """What was measured, and every figure of the record, as plain data."""
    plan, verdict = record.plan, record.verdict
    return {
        "model": plan.model.id,
        "model_sha256": plan.model.sha256,
        "target": plan.target.id,
        "device": str(plan.target.device_name or ""),
        "executed_precision": plan.target.executed_precision,
        "scenario": plan.scenario.name,
        "preset": plan.preset,
        "repeats": len(record.repeats),
        "record_id": record.record_id,
        "tool_version": record.tool.version,
        "valid": verdict is not None and verdict.valid,
        "codes": [] if verdict is None else [reason.code for reason in verdict.reasons],
        "figures": figures_of(record.summary),
    }
