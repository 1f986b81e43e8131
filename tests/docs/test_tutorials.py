"""The tutorials do what they say: their files, their commands, their own tests."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from doc_pages import blocks, text_of


class Tutorial(NamedTuple):
    """The tutorials' files in one folder, after their commands were run there."""

    folder: Path
    outputs: dict[str, str]

    def record(self, results: str, target: str) -> dict[str, Any]:
        found = [json.loads(path.read_bytes()) for path in (self.folder / results).glob("*/record.json")]
        (record,) = [r for r in found if r["plan"]["target"]["id"] == target]
        return dict(record)


def tutorial_commands() -> list[str]:
    """The shell lines of both tutorials, and of the example that reads records, as printed."""
    shown = [
        block.text
        for page in ("write-a-model", "write-a-target")
        for block in blocks(text_of(page))
        if block.language == "sh"
    ]
    return [line for text in shown for line in text.splitlines()]


@cache
def environment() -> dict[str, str]:
    """This process' environment with ``odb``, ``pytest`` and ``python`` of this interpreter first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def write_samples(folder: Path) -> None:
    """The dataset that the page speaks of, and a sample that its judge refuses."""
    import numpy as np

    folder.mkdir()
    labels = {"a.npy": "word", "b.npy": "other", "c.npy": "noise"}
    for seed, name in enumerate(labels):
        features = np.random.default_rng(seed).random((1, 1, 49, 40), np.float32)
        np.save(folder / name, features)
    (folder / "labels.json").write_text(json.dumps(labels))


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    """Write each block to the file that it names, then run the pages' commands as they stand."""
    folder = tmp_path_factory.mktemp("tutorial")
    for page in ("write-a-model", "write-a-target", "record"):
        for block in blocks(text_of(page)):
            if block.file:
                (folder / block.file).write_text(block.text, encoding="utf-8")
    write_samples(folder / "samples")
    cache_folder = {"ODB_CACHE": str(folder / "cache")}
    running = {
        line: subprocess.Popen(
            line,
            shell=True,
            cwd=folder,
            env=environment() | cache_folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in tutorial_commands()
    }
    return Tutorial(folder, {line: process.communicate(timeout=120)[0] for line, process in running.items()})


@pytest.mark.process
@pytest.mark.real
def test_the_model_tutorial_measures(tutorial: Tutorial) -> None:
    """The command of the page leaves a record on each runtime, with outputs that agree with the reference."""
    pytest.importorskip("openvino")
    for target in ("ort:cpu", "openvino:CPU"):
        record = tutorial.record("first-look", target)
        assert ("ok", None) == (record["status"], record["failure"]), tutorial.outputs
        assert ("wake_word", 44_000) == (record["plan"]["model"]["id"], record["plan"]["model"]["macs"])
        assert True is record["fidelity"]["ok"]


@pytest.mark.process
@pytest.mark.real
def test_the_models_own_judge_is_asked(tutorial: Tutorial) -> None:
    """Both of its scores are in the record, with their direction, and the sample that it refuses is left out."""
    record = tutorial.record("judged", "ort:cpu")
    assert ("ok", None) == (record["status"], record["failure"]), tutorial.outputs
    quality = record["quality"]
    assert ("judged", 2, "'noise' is neither word nor other") == (
        quality["dataset"]["task"],
        quality["dataset"]["samples"],
        quality["dataset"]["left_out"][0]["reason"],
    )
    assert [("right", True), ("surprise", False)] == [(m["name"], m["higher_is_better"]) for m in quality["metrics"]]
    assert quality["metrics"][1]["value"] > 0


@pytest.mark.process
@pytest.mark.real
def test_the_facts_counted_by_hand_are_right(tutorial: Tutorial) -> None:
    """The tutorial's arithmetic gives what this project counts in the file that it writes."""
    import onnx

    from bench.models.onnx.facts import onnx_facts

    stated = tutorial.record("first-look", "ort:cpu")["plan"]["model"]
    (file,) = (tutorial.folder / "cache").rglob("wake_word-seed0.onnx")
    counted = onnx_facts(onnx.load(file), {"features": (1, 1, 49, 40)})
    fields = ("parameters", "macs", "weight_bytes", "peak_activation_bytes")
    assert {f: getattr(counted, f) for f in fields} == {f: stated[f] for f in fields}


@pytest.mark.process
@pytest.mark.real
def test_the_target_tutorial_measures(tutorial: Tutorial) -> None:
    """Three phases apart, four placed nodes, and float32 outputs that agree with ONNX Runtime."""
    record = tutorial.record("first-try", "reference:numpy")
    assert "ok" == record["status"], tutorial.outputs
    phases = record["repeats"][0]["phases_ns"]
    assert all(phases[name] > 0 for name in ("runtime_import", "read", "compile", "first_inference"))
    assert {"numpy": 4} == record["placement"]["nodes"]
    assert ("ort:cpu, fp32, ORT_DISABLE_ALL", True) == (
        record["fidelity"]["reference"],
        record["fidelity"]["ok"],
    )
    listed = next(text for line, text in tutorial.outputs.items() if line.startswith("odb list targets"))
    assert "reference:numpy" in listed


@pytest.mark.process
@pytest.mark.parametrize("name", ["test_wake_word.py", "test_reference_target.py"])
def test_the_tutorials_own_tests_pass(tutorial: Tutorial, name: str) -> None:
    """The tests that the pages print pass, three of them each."""
    assert "3 passed" in tutorial.outputs[f"pytest {name}"]


@pytest.mark.process
def test_the_script_that_reads_records_works(tutorial: Tutorial) -> None:
    """The example prints one line for the record of the tutorial."""
    done = subprocess.run(
        [sys.executable, "read_records.py", "first-try"],
        cwd=tutorial.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.fullmatch(
        r"wake_word on reference:numpy: p50 \d+\.\d{3} ms, slowest \d+\.\d{3} ms, valid: (True|False)\n", done.stdout
    )


@pytest.mark.process
@pytest.mark.parametrize(
    ("page", "kind", "summary"),
    [
        ("write-a-model", "models", "wake word: 49 × 40 features, one convolution, two classes (random weights)"),
        ("write-a-target", "targets", "onnx.reference: every operator in numpy"),
    ],
)
def test_the_packaging_shown_registers_the_plugin(
    tutorial: Tutorial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str, kind: Any, summary: str
) -> None:
    """The entry point on the page, once installed, is found under its name and loads the class."""
    from bench.plugins import discover, load

    (shown,) = [block.text for block in blocks(text_of(page)) if block.language == "toml"]
    project = tomllib.loads(shown)["project"]
    ((group, entries),) = project["entry-points"].items()
    ((name, value),) = entries.items()
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tutorial.folder)
    found = discover().find(kind, name)
    assert (project["name"], summary) == (found.provider, load(found).summary)


@pytest.mark.parametrize("page", ["write-a-model", "write-a-target", "record"])
def test_printed_python_is_formatted(page: str) -> None:
    """No line of a printed block is wider than the project allows, and each block parses."""
    for block in blocks(text_of(page)):
        if block.language == "python":
            ast.parse(block.text)
            assert [line for line in block.text.splitlines() if len(line) > 120] == []
