"""The page about pytest: its first test is carried out for real, the others on a record made by hand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from doc_pages import blocks, text_of
from onnx import helper
from placement_graphs import graph, kernel

from bench.analysis.verdict.codes import CODES
from bench.pytesting.limits import limit_names
from bench.store.records import save
from bench.testing.records import fake_run

FILES = {block.file: block.text for block in blocks(text_of("pytest")) if block.file}
NOISE = [code for code, known in CODES.items() if known.group == "noise"]
NOT_NESTED = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
"""pytest-benchmark measures nothing in a worker of pytest-xdist."""
ENVIRONMENT = {**NOT_NESTED, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "ODB_LANG": "en"}
PLUGINS = ("-p", "bench.pytesting.plugin", "-p", "no:cacheprovider")


def test_the_names_of_limits_are_those_of_the_code() -> None:
    """In their order, each with its path."""
    listed = dict(re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|$", text_of("pytest"), re.MULTILINE))
    assert [*limit_names().items()] == [*listed.items()]


def test_the_page_has_these_files() -> None:
    """Each is carried out by a test below."""
    assert ["test_speed.py", "test_regression.py", "test_benchmark.py"] == [*FILES]


@pytest.mark.process
@pytest.mark.real
def test_the_first_test_measures(tmp_path: Path) -> None:
    """A convolution on ONNX Runtime is measured and kept. The test passes, unless the machine was busy meanwhile, and
    then it says so."""
    pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
    graph(
        tmp_path / "net.onnx",
        [helper.make_node("Conv", ["x", "w"], ["y"], "convolution")],
        [1, 3, 64, 64],
        (1, [1, 8, 62, 62]),
        {"w": kernel()},
    )
    (tmp_path / "test_speed.py").write_text(FILES["test_speed.py"], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *PLUGINS, "--odb-records", "kept", "test_speed.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert 1 == len(list((tmp_path / "kept").glob("*/record.json"))), done.stdout + done.stderr
    busy = "the run is not valid" in done.stdout and any(code in done.stdout for code in NOISE)
    assert "1 passed" in done.stdout or busy, done.stdout


@pytest.mark.process
@pytest.mark.parametrize("name", ["test_regression.py", "test_benchmark.py"])
def test_the_others_pass_on_the_record_of_the_base(name: str, tmp_path: Path) -> None:
    """With the record of a model of 30 ms in the place of the measurement."""
    pytest.importorskip("pytest_benchmark", minversion="5", reason="needs pytest-benchmark 5")
    spread = np.random.default_rng(3).permutation(np.linspace(0.999, 1.001, 300))
    for folder in ("base", "new"):
        run = fake_run(folder, [(spread * (30_000_000 + 1_500 * i)).astype(np.int64) for i in range(5)])
        (tmp_path / folder).mkdir()
        save(tmp_path / folder, run.record, run.samples)
    (tmp_path / "conftest.py").write_text(
        "import bench, pytest\n\n"
        "@pytest.fixture(autouse=True)\n"
        "def no_measuring(monkeypatch):\n"
        '    monkeypatch.setattr("bench.scripting.measuring.run", lambda *asked, **others: bench.load("new"))\n',
        encoding="utf-8",
    )
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *PLUGINS, "-p", "pytest_benchmark.plugin", name]
    done = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert ("benchmark" in name) == ("Name (time in ms)" in done.stdout)
