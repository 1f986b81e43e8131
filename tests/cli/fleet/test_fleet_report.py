"""``odb fleet report``, and ``odb history`` and ``odb gate`` on what a fleet brought back."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench.cli.group import odb
from bench.errors import InputError
from bench.gate.finding import RED
from tests.support.fleet.racks import rack_folder, rack_runs


def odb_of(*arguments: Any) -> Result:
    return CliRunner().invoke(odb, [*map(str, arguments)], standalone_mode=False)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return rack_folder(tmp_path / "out")


def test_the_suffix_chooses_the_format(out: Path, tmp_path: Path) -> None:
    """Without a file it is Markdown."""
    assert "What is missing" in odb_of("fleet", "report", out).stdout
    done = odb_of("fleet", "report", out, "-o", tmp_path / "rack.html")
    assert done.return_value == 0
    assert "<!doctype html>" in (tmp_path / "rack.html").read_text(encoding="utf-8")


def test_json_has_every_run_and_every_gap(out: Path) -> None:
    document = json.loads(odb_of("fleet", "report", out, "--json").stdout)
    assert sum(len(row["runs"]) for row in document["rows"]) == len(rack_runs())
    assert len(document["missing"]) == 5


def test_a_folder_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    assert isinstance(odb_of("fleet", "report", tmp_path).exception, InputError)


def test_history_and_gate_take_what_a_fleet_brought_back(out: Path, tmp_path: Path) -> None:
    """A series per device, whatever else is in the folder; without its records a device is dead, which is not worse."""
    history = tmp_path / "history"
    assert odb_of("history", "add", out, "--history", history, "--any-date").return_value == 0
    listed = json.loads(odb_of("history", "list", "--history", history, "--json").stdout)
    assert {one["device"] for one in listed} == {"board-1", "board-2", "intel-1", "snapdragon-1"}
    assert len(listed) == len(rack_runs())
    for folder in out.glob("*-board-1"):
        shutil.rmtree(folder)
    done = odb_of("gate", out, "--history", history, "--json")
    found = {(one["series"]["device"], one["word"]) for one in json.loads(done.stdout)["findings"]}
    assert (done.return_value, {word for device, word in found if device == "board-1"}) == (3, {"dead"})
    assert {word for _, word in found}.isdisjoint(RED)
