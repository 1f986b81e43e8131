"""Each track of the challenge, with real models of a kind that it is for: its form is written, read and planned."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bench.cli.run_command import command as run_command
from bench.cli.submission.init_command import command as init_command
from bench.store.records import load_records
from bench.submission.form import read_submission
from bench.submission.track import track_names

VISION = ("models/ultraface_rfb_320.onnx",)
TEXT = ("llm/stories260K/model.onnx",)
pytestmark = [pytest.mark.process, pytest.mark.real]


def odb(command: click.Command, *arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)


def models(realdata: Path, files: Sequence[str]) -> list[str]:
    if not all((realdata / file).exists() for file in files):
        pytest.skip(f"not all of {', '.join(files)} are there")
    return [word for file in files for word in ("-m", str(realdata / file))]


@pytest.mark.parametrize("name", track_names())
def test_every_track_is_planned(name: str, realdata: Path, tmp_path: Path) -> None:
    """For a detector and a language model together: what each is measured in fits it, and every criterion is of a model
    that it fits. What a later version measures is named, and nothing is an error."""
    files = models(realdata, (*VISION, *TEXT))
    assert odb(init_command, name, tmp_path, *files).exception is None
    form = read_submission(tmp_path)
    assert {one.model for one in form.criteria} <= {"ultraface_rfb_320", "stories260K"}
    assert [one.proposed for one in form.criteria] == [True] * len(form.criteria)
    done = odb(run_command, tmp_path, "--dry-run", "--json")
    assert (done.exception, done.return_value) == (None, 0)
    plan = json.loads(done.stdout)
    refused = {(row["target"], row["options"].get("soc")) for row in plan["runs"] if row["refused"]}
    assert refused <= {("qnn:htp-emu", "qcs6490")}  # it has no floating point, and these two models are float
    left = {(row["model"], row["scenario"]) for row in plan["runs"]}
    assert ("stories260K", "offline") not in left
    assert {row["target"] for row in plan["runs"]} == {one.id for one in form.targets}
    later = {one["field"] for one in plan["not_measurable"]}
    assert later <= {f"scenarios.{one.name}" for one in form.scenarios} | {f"criteria.{c.id}" for c in form.criteria}


def test_a_track_is_measured(realdata: Path, tmp_path: Path) -> None:
    """The detector on the runtime that is always there: one short process, and its record decides criteria."""
    files = models(realdata, VISION)
    assert odb(init_command, "inspection-drone", tmp_path, *files, "--preset", "quick").exception is None
    flags = ("--repeats", "1", "--max-seconds", "1", "-t", "ort:cpu", "-s", "single-stream", "--no-yardstick")
    done = odb(run_command, tmp_path, *flags)
    assert done.exception is None
    assert done.return_value in (0, 1)
    assert odb(run_command, tmp_path, *flags).return_value == done.return_value
    (only,) = load_records(tmp_path / "records")
    assert (only.record.status, only.record.plan.model.id) == ("ok", "ultraface_rfb_320")
