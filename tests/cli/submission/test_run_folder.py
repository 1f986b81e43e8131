"""``odb run DIR``: measures what a form asks for, on fakes, and goes on where it was interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from against_room import PLUGIN, odb_run
from click.testing import Result

from bench.cli.submission.running.unmeasured import is_invalid
from bench.errors import InputError, OdbError, UnknownName
from bench.store.records import load_records
from bench.submission.form import Measuring, Submission, SubmittedModel, SubmittedScenario, SubmittedTarget
from bench.submission.form_text import form_text

FORM = Submission(
    format=1,
    track="inspection-drone",
    rules=1,
    measuring=Measuring(preset="quick", repeats=1, max_seconds=0.2),
    models=(SubmittedModel(id="first", source="fake"), SubmittedModel(id="second", source="tiny")),
    targets=(SubmittedTarget(id="null:cpu"), SubmittedTarget(id="other:cpu", options={"turbo": "on"})),
    scenarios=(
        SubmittedScenario(name="single-stream", models=("first",)),
        SubmittedScenario(name="multi-stream", parameters={"streams": 2}, models=("second",)),
        SubmittedScenario(name="standby", parameters={"minutes": 10}),
    ),
)
EVERY = [
    ("single-stream", "fake", "null:cpu"),
    ("single-stream", "fake", "other:cpu"),
    ("multi-stream", "tiny", "null:cpu"),
    ("multi-stream", "tiny", "other:cpu"),
]
Runs = list[tuple[str, str, str]]


def written(folder: Path, form: Submission = FORM) -> Path:
    (folder / "form").mkdir()
    (folder / "form" / "submission.toml").write_text(form_text(form))
    (folder / "plugin.py").write_text(PLUGIN)
    return folder / "form"


def run(folder: Path, *flags: Any) -> Result:
    return odb_run(folder, "--plugin", folder.parent / "plugin.py", "--no-yardstick", *flags)


def recorded(folder: Path, status: str = "ok") -> Runs:
    """What the records are of, in the order of the plan."""
    plans = [one.record.plan for one in load_records(folder / "records") if one.record.status == status]
    return sorted(((p.scenario.name, p.model.id, p.target.id) for p in plans), key=EVERY.index)


def left(folder: Path, *flags: Any, status: int = 0) -> Runs:
    """What a dry run says is left."""
    done = run(folder, "--dry-run", "--json", *flags)
    assert done.exception is None, done.exception
    assert done.return_value == status
    rows = json.loads(done.stdout)["runs"]
    return [(row["scenario"], row["model"], row["target"]) for row in rows if not row["record_id"] and not row["skip"]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A form's folder in which one of four runs was measured and then the rest, and what the second command left."""
    folder = written(tmp_path_factory.mktemp("room"))
    first = run(folder, "-m", "second", "-t", "null", "-s", "multi-stream")
    assert first.exception is None, first.exception
    assert recorded(folder) == [("multi-stream", "tiny", "null:cpu")]
    return folder, run(folder, "--json")


@pytest.fixture
def copy(measured: tuple[Path, Result], tmp_path: Path) -> Path:
    """That folder, to be changed."""
    shutil.copytree(measured[0].parent, tmp_path / "room")
    return tmp_path / "room" / "form"


@pytest.mark.process
def test_only_what_is_left_is_measured(measured: tuple[Path, Result]) -> None:
    """Each run has one record; the second command tells all of them in the order of the plan, with its status."""
    folder, second = measured
    assert second.exception is None, second.exception
    assert recorded(folder) == EVERY
    plans = [one["plan"] for one in json.loads(second.stdout)]
    told = [(one["scenario"]["name"], one["model"]["id"], one["target"]["id"]) for one in plans]
    assert told == EVERY
    assert "1 run with a usable record skipped" in second.stderr
    assert "scenarios.standby" in second.stderr
    assert (folder / "records" / "report.html").exists()


@pytest.mark.process
def test_nothing_is_left_then(measured: tuple[Path, Result]) -> None:
    """A third command measures nothing, and ends with the same status."""
    folder, second = measured
    before = len(load_records(folder / "records"))
    third = run(folder)
    assert (third.return_value, third.exception) == (second.return_value, None)
    assert before == len(load_records(folder / "records"))


@pytest.mark.process
def test_a_dry_run_says_what_is_done(measured: tuple[Path, Result]) -> None:
    """And what a later version will measure, which is no error; in JSON the field and the reason."""
    folder, _ = measured
    found = json.loads(run(folder, "--dry-run", "--json").stdout)
    assert [bool(row["record_id"]) for row in found["runs"]] == [True] * len(EVERY)
    assert [row["field"] for row in found["not_measurable"]] == ["scenarios.standby"]
    shown = run(folder, "--dry-run").stdout
    assert "everything is measured" in shown
    assert found["not_measurable"][0]["reason"] in shown


@pytest.mark.process
def test_what_is_invalid_is_counted_and_measured_again_if_asked(measured: tuple[Path, Result]) -> None:
    """It counts as measured otherwise, for measuring again may not help."""
    folder, second = measured
    newest = {
        one.record.plan.scenario.name + one.record.plan.target.id: one for one in load_records(folder / "records")
    }
    invalid = [one.record.plan for one in newest.values() if is_invalid(one.record)]
    assert invalid
    assert f"odb: {len(invalid)} run" in second.stderr
    asked = sorted(((p.scenario.name, p.model.id, p.target.id) for p in invalid), key=EVERY.index)
    assert (left(folder), left(folder, "--again-invalid")) == ([], asked)


@pytest.mark.process
def test_a_dry_run_counts_the_time_of_yardsticks(measured: tuple[Path, Result]) -> None:
    """Twice that of the run alone."""
    folder = measured[0]
    asked = [folder, "--plugin", folder.parent / "plugin.py", "--dry-run", "--json", "--again"]
    beside, alone = (json.loads(odb_run(*asked, *flags).stdout)["runs"] for flags in ([], ["--no-yardstick"]))
    for name in ("at_least_seconds", "at_most_seconds"):
        assert [row[name] for row in beside] == pytest.approx([2 * row[name] for row in alone], abs=1)


@pytest.mark.process
def test_a_dry_run_says_that_yardsticks_take_time(measured: tuple[Path, Result]) -> None:
    """Where a run on a device is left, and yardsticks were not left out."""
    folder, plugin = measured[0], measured[0].parent / "plugin.py"
    asked = [folder, "--plugin", plugin, "--dry-run"]
    said = ["yardstick" in odb_run(*asked, *flags).stdout for flags in (["--again"], ["--again", "--no-yardstick"], [])]
    assert said == [True, False, False]


@pytest.mark.process
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--again", "-t", "other"], EVERY[1::2]),
        (["--max-seconds", "0.1", "-s", "multi-stream"], EVERY[2:]),
        (["--repeats", "2", "-m", "first"], EVERY[:2]),
        (["-O", "turbo=off"], EVERY[1::2]),
    ],
)
def test_what_is_asked_otherwise_is_left(measured: tuple[Path, Result], flags: Sequence[str], expected: Runs) -> None:
    """``-m``, ``-t`` and ``-s`` choose from the form; the other flags change what is asked."""
    assert left(measured[0], *flags) == expected


@pytest.mark.process
def test_a_record_that_is_gone_is_left(copy: Path) -> None:
    """Or that cannot be read any more."""
    first, second, *_ = sorted((copy / "records").glob("*/record.json"))
    shutil.rmtree(first.parent)
    second.write_text("{}")
    assert len(left(copy)) == 2


@pytest.mark.process
def test_a_form_of_later_scenarios_alone_measures_nothing(tmp_path: Path) -> None:
    """Status 3, and why."""
    later = Submission(
        format=1, track="t", rules=1, models=FORM.models, targets=FORM.targets, scenarios=FORM.scenarios[2:]
    )
    folder = written(tmp_path, later)
    done = run(folder)
    assert (done.return_value, done.exception) == (3, None)
    assert "scenarios.standby" in done.stderr
    assert left(folder, status=3) == []
    assert not (folder / "records").exists()


@pytest.mark.process
def test_a_target_that_is_not_here_is_skipped_once(tmp_path: Path) -> None:
    """With the reason in a record, which a second command does not repeat."""
    elsewhere = Submission(
        format=1,
        track="t",
        rules=1,
        measuring=FORM.measuring,
        models=(SubmittedModel(id="a", source="mobilenet_v2"),),
        targets=(SubmittedTarget(id="qnn:htp"),),
        scenarios=FORM.scenarios[:1],
    )
    folder = written(tmp_path, elsewhere)
    first, second = run(folder), run(folder)
    if first.return_value != 3:
        pytest.skip("this machine has a Qualcomm NPU")
    assert second.return_value == 3
    (only,) = load_records(folder / "records")
    assert (only.record.status, only.record.plan.target.id) == ("skipped", "qnn:htp")


@pytest.mark.process
def test_unsafe_options_of_a_form_are_refused(tmp_path: Path) -> None:
    """As those of a suite are, unless the user lets them through."""
    unsafe = (SubmittedTarget(id="other:cpu", options={"report_file": "x"}),)
    form = Submission(format=1, track="t", rules=1, models=FORM.models, targets=unsafe, scenarios=FORM.scenarios[:1])
    folder = written(tmp_path, form)
    error = run(folder, "--dry-run").exception
    assert isinstance(error, InputError)
    assert ("report_file" in error.message, "--allow-unsafe-options" in error.remedy) == (True, True)
    assert run(folder, "--dry-run", "--allow-unsafe-options", "report_file").exception is None


@pytest.mark.process
@pytest.mark.parametrize(
    ("flags", "kind", "told"),
    [
        (["-t", "null:gpu"], UnknownName, "null:gpu"),
        (["-m", "third"], UnknownName, "third"),
        (["-s", "offline"], UnknownName, "offline"),
        (["--against", "x"], InputError, "--against"),
    ],
)
def test_what_a_form_does_not_have_is_refused(
    measured: tuple[Path, Result], flags: Sequence[str], kind: type[OdbError], told: str
) -> None:
    """Naming the flag."""
    error = run(measured[0], "--dry-run", *flags).exception
    assert isinstance(error, kind)
    assert told in error.message


def test_a_folder_without_a_form_is_refused(tmp_path: Path) -> None:
    """And so is ``--again`` without a folder."""
    error = odb_run(tmp_path).exception
    assert isinstance(error, InputError)
    assert ("has no submission.toml" in error.message, "odb init" in error.remedy) == (True, True)
    assert isinstance(odb_run("--again").exception, InputError)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "setsid"), reason="Ctrl-C is sent as on POSIX")
def test_an_interrupted_command_is_gone_on_with(tmp_path: Path) -> None:
    """Ctrl-C after the first repeat: the run's record says so, and the run is tried again until one is usable."""
    folder = written(tmp_path)
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a job behind & ignores it
    code = f"{listening}from bench.cli import main; main()"
    asked = ["--repeats", "8", "--max-seconds", "0.5", "-m", "first", "-t", "null"]
    asked += ["--no-yardstick", "--plugin", tmp_path / "plugin.py"]
    with subprocess.Popen(
        [sys.executable, "-c", code, "run", str(folder), *map(str, asked)], stderr=subprocess.DEVNULL
    ) as odb:
        until(lambda: any(folder.glob("records/.unfinished-*/*/*/record.json")) or odb.poll() is not None)
        odb.send_signal(signal.SIGINT)
        assert odb.wait(60) == 130
    assert recorded(folder, "failed") == EVERY[:1]
    again = odb_run(folder, *asked)
    assert again.exception is None, again.exception
    assert (recorded(folder), recorded(folder, "failed")) == (EVERY[:1], EVERY[:1])
    assert left(folder, *asked[:-3]) == []
