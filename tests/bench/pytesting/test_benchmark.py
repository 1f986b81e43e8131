"""pytest-benchmark shows, saves and compares the measured times. Each test runs pytest on a small project.

pytest-benchmark asks git for the commit whenever it is loaded, so these tests start processes.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import load

pytestmark = pytest.mark.process
pytest.importorskip("pytest_benchmark", minversion="5", reason="needs pytest-benchmark 5")

Project = Callable[..., pytest.RunResult]
LOADED = ("-p", "pytest_benchmark.plugin")
TEST = """
def test_net(odb, benchmark):
    run = odb.benchmark(benchmark, "net", "null:cpu")
    assert run.record.record_id == "net"
"""


def saved(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "saved.json").read_bytes())
    return found


def test_its_statistics_are_those_of_the_measured_times(project: Project, pytester: pytest.Pytester) -> None:
    """In ``--benchmark-json``: a round for each query of all processes, in seconds, exactly; the record's own figures,
    and the machine that it states."""
    project(TEST, *LOADED, "--benchmark-json", "saved.json").assert_outcomes(passed=1)
    (run,) = load(pytester.path / "records" / "net")
    seconds = np.concatenate(run.arrays("latency_ns")) / 1e9
    whole = saved(pytester.path)
    (found,) = whole["benchmarks"]
    stats = found["stats"]
    assert seconds.tolist() == stats["data"]
    assert (1500, 1) == (stats["rounds"], stats["iterations"])
    assert (seconds.min(), seconds.max(), float(np.median(seconds))) == (stats["min"], stats["max"], stats["median"])
    assert stats["mean"] == pytest.approx(seconds.mean(), rel=1e-12)
    info = found["extra_info"]
    latency = run.record.summary.latency_ns
    assert latency is not None
    assert ("net", "fake", "null:cpu", True, 5) == (
        info["record_id"],
        info["model"],
        info["target"],
        info["valid"],
        info["repeats"],
    )
    assert latency.p50 == info["figures"]["latency_p50_ns"]
    assert {"host": run.record.environment.host, "runtime": {"fake": "1"}} == whole["machine_info"]["odb"]
    assert "measured_by_odb" in found["options"]["timer"]


def test_the_table_shows_them(project: Project) -> None:
    """The name of the test with 30 ms, and 1,500 rounds."""
    result = project(TEST, *LOADED, "--benchmark-columns=min,median,rounds")
    result.stdout.fnmatch_lines(["*Name (time in ms)*", "test_net * 29.9700 * 30.00?? * 1500*"])


def test_a_later_session_is_compared_with_an_earlier_one(project: Project, pytester: pytest.Pytester) -> None:
    """``--benchmark-compare-fail`` fails where the median grew by 20 %, and passes where it is the same. The machine is
    the same, and no warning says otherwise."""
    project(TEST, *LOADED, "--benchmark-save=first").assert_outcomes(passed=1)
    against = ("--benchmark-compare=0001", "--benchmark-compare-fail=median:5%")
    same = project(TEST, *LOADED, *against)
    same.assert_outcomes(passed=1, warnings=0)
    same.stdout.fnmatch_lines(["test_net (0001_first)*", "test_net (NOW)*"])
    slower = project(TEST.replace('"net", "null', '"slow", "null').replace('== "net"', '== "slow"'), *LOADED, *against)
    assert 0 != slower.ret
    assert "Performance has regressed" in "\n".join([*slower.outlines, *slower.errlines])


def test_another_runtime_is_told_by_a_warning(project: Project, pytester: pytest.Pytester) -> None:
    """Machines of records are compared when there is one."""
    project(TEST, *LOADED, "--benchmark-save=first").assert_outcomes(passed=1)
    (file,) = pytester.path.glob(".benchmarks/*/0001_first.json")
    whole = json.loads(file.read_bytes())
    whole["machine_info"]["odb"]["runtime"]["fake"] = "0.9"
    file.write_text(json.dumps(whole), encoding="utf-8")
    result = project(TEST, *LOADED, "--benchmark-compare=0001")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*The compared benchmark was measured with fake 0.9, this one with 1."])


def test_without_rounds_it_measures_all_the_same(project: Project) -> None:
    """``--benchmark-disable``: nothing is shown, and the test has its run."""
    result = project(TEST, *LOADED, "--benchmark-disable")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*Name (time*")


def test_what_is_no_evidence_is_not_shown(project: Project) -> None:
    """A run whose verdict is not valid, and one of an emulator: neither gets into the table."""
    edited = """
import pytest
from msgspec.structs import replace
from bench.record.record import Reason, Verdict

@pytest.mark.parametrize("verdict", [
    Verdict(False, False, (Reason("host_busy", "Another process was busy.", "End it."),)), Verdict(True, True)])
def test_net(odb, benchmark, made, monkeypatch, verdict):
    run = made("net")
    shown = replace(run, record=replace(run.record, verdict=verdict))
    monkeypatch.setattr("bench.scripting.measuring.run", lambda *asked, **others: [shown])
    odb.benchmark(benchmark, "net", "null:cpu")
"""
    result = project(edited, *LOADED)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E  *fake on null:cpu: the run is not valid.",
            "E  *host_busy: Another process was busy. End it.",
            "E  *fake on null:cpu: the target is emulated, so its times are not those of the device.",
        ]
    )
    result.stdout.no_fnmatch_line("*Name (time*")


def test_another_fixture_of_that_name_is_refused(project: Project) -> None:
    """A project may have its own fixture ``benchmark``."""
    own = "import pytest\n\n@pytest.fixture\ndef benchmark():\n    return print\n" + TEST
    result = project(own)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E  *The fixture benchmark is not that of pytest-benchmark 5 or newer."])
