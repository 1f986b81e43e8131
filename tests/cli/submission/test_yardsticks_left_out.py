"""``odb report`` and ``odb compare`` of a folder with yardsticks: they are left out, and it is said."""

import json
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bench.cli import compare_command, report_command
from bench.record.evidence import Alternation
from bench.store.records import save
from bench.testing.records import MODEL, fake_run
from bench.words import speaking


def invoked(command: click.Command, *arguments: Any) -> Result:
    with speaking("en"):
        return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)


def written(folder: Path, net_ms: float, yard_ms: float, marked: bool = True) -> Path:
    """A record of ``net``, and one of ``yard`` that took turns with it: its yardstick, if ``marked``."""
    folder.mkdir()
    sides: tuple[tuple[str, float, Literal["base", "new"]], ...] = (("yard", yard_ms, "base"), ("net", net_ms, "new"))
    for name, p50_ms, side in sides:
        turns = Alternation(folder.name, side, yardstick=marked and side == "base")
        latency = [np.full(20, round(p50_ms * 1e6 * (1 + 0.005 * i))) for i in range(5)]
        run = fake_run(f"{name}-of-{folder.name}", latency, model=replace(MODEL, id=name), alternation=turns)
        save(folder, run.record, run.samples)
    return folder


LEFT_OUT = "left out: 1 record of yardsticks"


def test_a_report_leaves_them_out_and_says_so(tmp_path: Path) -> None:
    """On stderr, so that the data for scripts stay clean."""
    done = invoked(report_command.command, written(tmp_path / "a", 4, 2), "--json")
    assert [run["plan"]["model"]["id"] for run in json.loads(done.stdout)["records"]] == ["net"]
    assert LEFT_OUT in done.stderr


def test_the_base_of_a_users_own_alternation_is_reported(tmp_path: Path) -> None:
    """``odb run --against`` measures two of the user's own."""
    done = invoked(report_command.command, written(tmp_path / "a", 4, 2, marked=False), "--json")
    assert sorted(run["plan"]["model"]["id"] for run in json.loads(done.stdout)["records"]) == ["net", "yard"]
    assert done.stderr == ""


def test_a_folder_with_nothing_else_is_reported(tmp_path: Path) -> None:
    """It was named for it."""
    (yard,) = written(tmp_path / "a", 4, 2).glob("yard-*")
    done = invoked(report_command.command, yard, "--json")
    assert [run["plan"]["model"]["id"] for run in json.loads(done.stdout)["records"]] == ["yard"]


def test_a_slower_yardstick_is_no_slower_model(tmp_path: Path) -> None:
    """It tells of the machine; the status is that of what was submitted."""
    done = invoked(compare_command.command, written(tmp_path / "a", 4, 2), written(tmp_path / "b", 4, 3), "--json")
    found = json.loads(done.stdout)
    assert [one["new"]["model"] for one in found["comparisons"]] == ["net"]
    assert (done.return_value, found["yardsticks_left_out"], found["unmatched"]) == (0, 2, [])
    assert "left out: 2 records of yardsticks" in done.stderr


@pytest.mark.parametrize("marked", [True, False])
def test_two_yardsticks_named_for_it_are_compared(tmp_path: Path, marked: bool) -> None:
    folders = [next(written(tmp_path / n, 4, ms, marked).glob("yard-*")) for n, ms in (("a", 2.0), ("b", 3.0))]
    assert invoked(compare_command.command, *folders).return_value == 1
