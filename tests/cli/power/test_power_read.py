"""``odb power read``: what it shows, its JSON, and its exit status."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli.group import odb

LINE = "Time,12-23-2020 10:26:{second:06.3f},Watts,{watts},Volts,230,Amps,{amps},PF,1,Mark,run\n"


def spl(folder: Path, seconds: list[float], watts: list[float]) -> Path:
    path = folder / "spl.txt"
    pairs = zip(seconds, watts, strict=True)
    path.write_text("".join(LINE.format(second=s, watts=w, amps=w / 230) for s, w in pairs), encoding="utf-8")
    return path


def read(*words: str) -> Any:
    return CliRunner().invoke(odb, ["power", "read", *words], standalone_mode=False)


def test_people_read_figures_a_picture_and_doubts(tmp_path: Path) -> None:
    found = read(str(spl(tmp_path, [0, 1, 2, 3], [10, 20, 20, 10])))
    assert found.return_value == 0
    assert "SPEC PTDaemon" in found.output
    assert "50.00 J" in found.output
    assert "▄██▄" in found.output
    assert "state it with --zone" in found.output


def test_scripts_read_json(tmp_path: Path) -> None:
    found = read(str(spl(tmp_path, [0, 1, 2, 3], [10, 20, 20, 10])), "--json", "--zone", "UTC")
    told = json.loads(found.output)
    assert told["figures"]["joules"] == pytest.approx(50.0)
    assert (told["format"], told["began"], told["doubts"]) == ("ptdaemon", "2020-12-23T10:26:00.000+00:00", [])
    assert told["marks"] == [{"label": "run", "reading": 0}]


def test_a_clock_that_moves_back_is_status_3(tmp_path: Path) -> None:
    found = read(str(spl(tmp_path, [5, 6, 2, 3], [10, 20, 20, 10])), "--json")
    told = json.loads(found.output)
    assert (found.return_value, told["figures"]["joules"]) == (3, None)
    assert [doubt["code"] for doubt in told["doubts"] if doubt["blocks"]] == ["clock_back"]


@pytest.mark.parametrize("volts", ["0", "-1", "five", "nan", "1e9"])
def test_no_voltage(tmp_path: Path, volts: str) -> None:
    found = read(str(spl(tmp_path, [0, 1], [1, 2])), "--volts", volts)
    assert "--volts" in str(found.exception)


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_no_file(tmp_path: Path, name: str) -> None:
    found = read(str(tmp_path / name))
    assert found.exception is not None
    assert found.exception.exit_status == 2  # type: ignore[attr-defined]
