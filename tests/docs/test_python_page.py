"""The scripts of the page about Python do what the page says, one after another in one folder."""

import json
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

pytestmark = [pytest.mark.process, pytest.mark.real]

SCRIPTS = {block.file: block.text for block in blocks(text_of("python")) if block.file}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts beside a convolution of 3 to 8 channels on 64 × 64 pixels, and the records of the first script."""
    place = tmp_path_factory.mktemp("python")
    for name, text in SCRIPTS.items():
        (place / name).write_text(text, encoding="utf-8")
    graph(
        place / "net.onnx",
        [helper.make_node("Conv", ["x", "w"], ["y"], "convolution")],
        [1, 3, 64, 64],
        (1, [1, 8, 62, 62]),
        {"w": kernel()},
    )
    (place / "measured.txt").write_text(carried_out(place, "measure.py"), encoding="utf-8")
    return place


def carried_out(place: Path, script: str) -> str:
    done = subprocess.run(
        [sys.executable, script],
        cwd=place,
        env={**os.environ, "ODB_CACHE": str(place / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_the_page_has_these_scripts() -> None:
    """Each is carried out by a test below."""
    assert ["measure.py", "read.py", "compare.py", "nights.py", "frames.py"] == [*SCRIPTS]


def test_it_measures(folder: Path) -> None:
    """The callback tells of the record, the loop of its figures, and the record is on disk."""
    said = (folder / "measured.txt").read_text(encoding="utf-8")
    assert re.match(r"1 of 1: net on ort:cpu\np50 \d+\.\d{3} ms, valid: (True|False)\n", said)
    (file,) = (folder / "results").glob("*/record.json")
    record = json.loads(file.read_bytes())
    assert ("ok", 2) == (record["status"], len(record["repeats"]))
    assert f"p50 {record['summary']['latency_ns']['p50'] / 1e6:.3f} ms" in said


def test_it_reads(folder: Path) -> None:
    """As many queries as the record counts."""
    (file,) = (folder / "results").glob("*/record.json")
    counts = [repeat["samples"]["queries"] for repeat in json.loads(file.read_bytes())["repeats"]]
    assert f"{file.parent.name} queries of each repeat: {counts}\n" == carried_out(folder, "read.py")


def test_it_compares(folder: Path) -> None:
    """A record compared with itself is refused, in both forms, and is not worse."""
    said = carried_out(folder, "compare.py").splitlines()
    assert ("worse: False", "1 pair, worse: False") == (said[0], said[-1])


def test_it_keeps_a_history(folder: Path) -> None:
    """The record is a point with its own figure, once, however often it is added; it is the base if it counts."""
    (file,) = (folder / "results").glob("*/record.json")
    record = json.loads(file.read_bytes())
    figure = record["summary"]["latency_ns"]["p50"]
    for first, line in [(True, "1 new, 0 known, 0 refused"), (False, "0 new, 1 known, 0 refused")]:
        added, series, point, base = carried_out(folder, "nights.py").splitlines()
        assert (line, " net float32 · ort:cpu · single-stream") == (added, series[series.index(" ") :]), first
        assert point.startswith(record["created_utc"][:10])
        assert figure == float(point.rsplit(" ", 1)[1])
        assert ("None" if " counts " not in point else record["record_id"]) == base.removeprefix("base: ")


def test_it_makes_tables(folder: Path) -> None:
    """The figures of the record and the medians of its repeats are in the tables."""
    pytest.importorskip("pandas", reason="needs pandas (extra frames)")
    pytest.importorskip("pyarrow", reason="needs pyarrow (extra frames)")
    said = carried_out(folder, "frames.py")
    (file,) = (folder / "results").glob("*/record.json")
    record = json.loads(file.read_bytes())
    assert str(record["summary"]["latency_ns"]["p50"]) in said
    with np.load(file.parent / "samples.npz") as samples:
        medians = [np.median(samples[repeat["samples"]["arrays"]["latency_ns"]]) for repeat in record["repeats"]]
    assert all(f"{median:.1f}" in said for median in medians)
    assert said.splitlines()[-1] == "['folder', 'record_id', 'created_utc']"
