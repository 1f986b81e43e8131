"""Records of one model on many nights, with figures given by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.nights.history import History
from bench.record.record import Failure, RecordedRun
from bench.store.records import save
from bench.testing.records import ENVIRONMENT, MODEL, fake_run

FIRST = datetime(2026, 1, 30, 3, 0, tzinfo=UTC)


def night_of(
    number: int,
    model: str = "net",
    latency_ns: int = 1_000_000,
    environment: Mapping[str, Any] | None = None,
    **fields: Any,
) -> RecordedRun:
    """The record of a model on night ``number``. ``fields`` replace those of the record, ``environment`` those of its
    environment."""
    run = fake_run(f"{number:03}-{model}", [np.full(20, latency_ns)] * 2, model=replace(MODEL, id=model))
    parts = {
        "created_utc": (FIRST + timedelta(days=number)).isoformat(),
        "environment": replace(ENVIRONMENT, **(environment or {})),
        **fields,
    }
    return RecordedRun(replace(run.record, **parts), run.samples)


def failed_on(number: int, model: str = "net") -> RecordedRun:
    """The same of a run that failed."""
    failure = Failure("steady_state", "crashed", "the driver is gone", "")
    run = night_of(number, model, repeats=(), status="failed", verdict=None, failure=failure)
    return RecordedRun(run.record, {})


def saved(folder: Path, *runs: RecordedRun) -> Path:
    """``folder`` with those records in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        save(folder, run.record, run.samples)
    return folder


def history_of(folder: Path, *runs: RecordedRun) -> Path:
    """``folder``, a history of those records."""
    results = saved(folder.with_name(f"{folder.name}-results"), *runs)
    with History.open(folder, create=True) as history:
        added = history.add([results])
    assert (len(runs), ()) == (len(added.points), added.refused)
    return folder


def ids(history: History, model: str = "net") -> list[str]:
    """The records of the one series of a model, oldest first."""
    (series,) = (one for one in history.series() if one.model == model)
    return [point.record_id for point in history.points(series.id)]
