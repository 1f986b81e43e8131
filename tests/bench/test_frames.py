"""Runs as tables: the names and figures of the CSV report, and every timed query."""

import csv
import io
import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from bench import RecordedRun, frames
from bench.errors import InputError, OdbError
from bench.frames.columns import Of
from bench.frames.columns import rows as rows_of
from bench.plugins import discover, load
from bench.record.operators import Operator, OperatorPart, OperatorProfile
from bench.record.record import Verdict
from bench.record.summary import LatencyNs
from bench.testing.records import fake_run


def run(name: str = "a", **plan: Any) -> RecordedRun:
    found = fake_run(name, [np.array([3, 1, 2]) * 1_000_000, np.array([5, 4]) * 1_000_000], **plan)
    latency = LatencyNs(n=5, mean=3_000_000, min=1_000_000, max=5_000_000, p50=3_000_001)
    summary = msgspec.structs.replace(found.record.summary, latency_ns=latency, throughput_per_s=250.5)
    return msgspec.structs.replace(found, record=msgspec.structs.replace(found.record, summary=summary))


def rows(of: Of = "runs", *runs: RecordedRun) -> list[dict[str, Any]]:
    return rows_of(runs or [run()], of)


def test_the_columns_are_those_of_the_csv_report() -> None:
    """What both have has one name and one value."""
    text = load(discover().find("reports", "csv")).render([run()]).decode()
    (shown,) = csv.DictReader(io.StringIO(text))
    (row,) = rows()
    assert {"folder"} == row.keys() - shown.keys()
    written = {key: "" if value is None else str(value) for key, value in row.items() if key != "folder"}
    written |= {key: str(row[key]).lower() for key in ("valid", "emulated")}
    assert {key: shown[key] for key in written} == written
    assert (3_000_001, 250.5, None) == (row["latency_p50_ns"], row["throughput_per_s"], row["ttft_ns"])


def test_an_emulators_figures_are_missing() -> None:
    """Its record is a row all the same."""
    emulated = run("b")
    record = msgspec.structs.replace(emulated.record, verdict=Verdict(True, True))
    (row,) = rows("runs", msgspec.structs.replace(emulated, record=record))
    assert (True, None, None) == (row["emulated"], row["latency_p50_ns"], row["throughput_per_s"])


def test_every_query_is_a_row() -> None:
    """With its process, and when it began."""
    found = [(r["repeat"], r["query"], r["latency_ns"], r["start_ns"]) for r in rows("queries")]
    ms = 1_000_000
    assert [
        (0, 0, 3 * ms, 0),
        (0, 1, ms, 3 * ms),
        (0, 2, 2 * ms, 4 * ms),
        (1, 0, 5 * ms, 0),
        (1, 1, 4 * ms, 5 * ms),
    ] == found


def test_pandas_keeps_integers_where_some_are_missing() -> None:
    """Times stay whole numbers, and what is missing is missing."""
    pandas = pytest.importorskip("pandas", reason="needs pandas (extra frames)")
    without = fake_run("b", [np.array([1_000_000])])
    frame = frames.to_pandas([run(), without])
    assert ["a", "b"] == frame["record_id"].tolist()
    assert 3_000_001 == frame["latency_p50_ns"][0]
    assert frame["latency_p50_ns"][1] is pandas.NA
    assert "Int64" == str(frame["latency_p50_ns"].dtype)
    assert 5 == len(frames.to_pandas([run()], of="queries"))


def test_arrow_has_nulls() -> None:
    """As pandas, with null for what is missing."""
    pytest.importorskip("pyarrow", reason="needs pyarrow (extra frames)")
    table = frames.to_arrow([run(), fake_run("b", [np.array([1_000_000])])])
    assert [3_000_001, None] == table["latency_p50_ns"].to_pylist()
    assert [3, 1, 2, 5, 4] == [
        ns // 1_000_000 for ns in frames.to_arrow([run()], of="queries")["latency_ns"].to_pylist()
    ]


def test_rows_of_another_kind_are_refused() -> None:
    """A misspelt kind is not taken for the other one."""
    with pytest.raises(InputError, match=r"unknown kind of rows: query\nDid you mean queries\?"):
        rows("query")  # type: ignore[arg-type]


@pytest.mark.parametrize(("function", "package"), [(frames.to_pandas, "pandas"), (frames.to_arrow, "pyarrow")])
def test_a_missing_package_is_named(function: Any, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OdbError, match=f"the package {package}, which is not installed.\npip install {package}"):
        function([run()])


@pytest.mark.process
def test_neither_is_imported_before_it_is_asked_for() -> None:
    """Importing the module imports no pandas and no pyarrow."""
    code = "import sys, bench.frames; print({'pandas', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "set()" == done.stdout.strip()


def test_operators_have_a_row_each() -> None:
    """Of runs that were profiled; other runs have none."""
    profiled = fake_run("p", [np.arange(1, 4)])
    part = OperatorPart("inference", 5, "median", (Operator("conv", "Conv", 7, macs=9), Operator("relu", "Relu", 2)))
    profiled = replace(profiled, record=replace(profiled.record, operators=OperatorProfile("fake", (part,))))
    found = rows_of([fake_run("r", [np.arange(1, 4)]), profiled], "operators")
    assert [("p", "inference", "conv", 7, 9), ("p", "inference", "relu", 2, None)] == [
        (row["record_id"], row["part"], row["name"], row["time_ns"], row["macs"]) for row in found
    ]
