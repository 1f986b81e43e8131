"""A small project that uses the fixture ``odb``, with records made by hand in the place of measurements."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bench.pytesting.fixture
import bench.pytesting.plugin
from bench import compare, load
from bench.comparison.folders import Findings
from bench.pytesting import failures
from bench.store.records import save
from bench.testing.records import fake_run

CONFTEST = """
import bench
import pytest

asked_for = []


@pytest.fixture
def made():
    return lambda name: bench.load(f"records/{name}")[0]


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    "In the place of a measurement comes the record of the model's name; `measured` lists what was asked for."
    asked = []

    def run(model, target, **others):
        asked.append((model, target, others))
        return bench.load(f"records/{model}")

    monkeypatch.setattr("bench.scripting.measuring.run", run)
    return asked
"""


@pytest.fixture(scope="session")
def made_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``net`` of 30 ms, ``same`` of 30.01 ms, ``slow`` of 36 ms, ``short`` of one process: a folder of records each.

    They are read, compared and reported once, so that this process imports the modules for it before pytest runs in
    it: what is imported by that run is forgotten after it, and numpy's modules cannot be imported twice.
    """
    folder = tmp_path_factory.mktemp("made")
    for name, ns, processes in (("net", 30_000_000, 5), ("same", 30_010_000, 5), ("slow", 36_000_000, 5)):
        written(folder / name, ns, processes)
    written(folder / "short", 30_000_000, 1)
    base, new = (load(folder / name)[0] for name in ("net", "slow"))
    failures.report(base)
    failures.comparison(Findings(0.03, (compare(base, new),)))
    return folder


@pytest.fixture
def project(
    made_records: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """``project(test, *arguments)``: what pytest says of a file with that test, with this plugin and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # pytest-benchmark measures nothing in a worker
    shutil.copytree(made_records, pytester.path / "records")
    pytester.makeconftest(CONFTEST)

    def result(test: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_project=test)
        plugins = ("-p", bench.pytesting.plugin.__name__, "-W", "ignore::pytest.PytestAssertRewriteWarning")
        return pytester.runpytest_inprocess(*plugins, *arguments)

    return result


def written(folder: Path, ns: int, processes: int) -> None:
    """A record of processes whose queries take ``ns``, give or take one in a thousand, and 150 MB."""
    spread = np.random.default_rng(3).permutation(np.linspace(0.999, 1.001, 300))
    latency = [(spread * (ns + ns * i / 20_000)).astype(np.int64) for i in range(processes)]
    figures = [{"peak_rss_bytes": 150_000_000 + i} for i in range(processes)]
    run = fake_run(folder.name, latency, figures=figures)
    folder.mkdir()
    save(folder, run.record, run.samples)
