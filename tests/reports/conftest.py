"""What tests of reports share: the runs made by hand, and the golden files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from report_parts import MOBILENET, MS, OPENVINO, ORT, record
from report_runs import (
    emulated,
    failed,
    hostile,
    invalid,
    judged,
    offline,
    skipped,
    text,
    vision,
)

from bench.record.record import Fidelity, Phases, Record, RecordedRun, Repeat, Verdict
from bench.record.summary import LatencyNs, Summary

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture(scope="session")
def runs() -> tuple[RecordedRun, ...]:
    """One of each kind."""
    lossy, faithful = judged(vision("v2", OPENVINO, 3 * MS), lost=True), judged(emulated(), lost=False)
    return (vision(), lossy, invalid(), skipped(), failed(), text(), offline(), faithful)


@pytest.fixture(scope="session")
def hostile_run() -> RecordedRun:
    return hostile()


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Builds a record of ``mobilenet_v2`` on ``target`` with a median and its interval."""

    def make(target: str, p50: int | None, between: tuple[int, int] | None = None, **changes: Any) -> Record:
        latency = LatencyNs(n=1500, mean=5 * MS, min=MS, max=9 * MS, p50=p50, p50_ci95=between)
        options = {
            "summary": Summary(latency_ns=latency),
            "verdict": Verdict(True, False),
            "fidelity": Fidelity("ort:cpu float32, unoptimised", ok=True),
        }
        planned = changes.pop("planned", replace(ORT, id=target))
        processes = changes.pop("processes", 5)
        made = record(target, changes.pop("model", MOBILENET), planned, **(options | changes))
        repeats = tuple(Repeat(Phases()) for _ in range(processes))
        return replace(made, plan=replace(made.plan, repeats=processes), repeats=repeats)

    return make


@pytest.fixture(scope="session")
def golden() -> Callable[[str, bytes], None]:
    """Compares bytes with a file of ``golden/``; with ODB_WRITE_GOLDEN=1 writes it instead, and fails to say so."""

    def check(name: str, actual: bytes) -> None:
        path = GOLDEN / name
        if os.environ.get("ODB_WRITE_GOLDEN") == "1":
            GOLDEN.mkdir(exist_ok=True)
            path.write_bytes(actual)
            pytest.fail(f"{name} was written anew; read it, and run again without ODB_WRITE_GOLDEN")
        assert path.read_bytes() == actual

    return check
