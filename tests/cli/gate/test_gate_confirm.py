"""What ``odb gate --confirm`` takes for a new session, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli.gate import confirm
from bench.cli.gate.confirm import Session, again_alone, alternating
from bench.cli.group import odb
from bench.errors import InputError
from bench.record.record import RecordedRun
from bench.store.records import load, save
from bench.testing.records import fake_run
from bench.words import Sentence


def run_named(name: str) -> RecordedRun:
    return fake_run(name, [np.full(8, 1_000_000, np.int64)] * 2)


def kept(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    run = run_named(name)
    save(folder, run.record, run.samples)
    return folder / name


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """A folder of sessions with those of last night, which succeeded."""
    for place in ("base", "new", "again"):
        kept(tmp_path / "sessions" / place, f"{place}-last-night")
    return tmp_path / "sessions"


def test_a_session_that_fails_is_not_answered_by_that_of_another_night(
    tmp_path: Path, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirm, "spawned", lambda command: "it failed")
    base, new = kept(tmp_path / "records", "base"), kept(tmp_path / "records", "new")
    again = again_alone(new, sessions / "again", Session(out=sessions))
    both = alternating(base, new, sessions, Session(out=sessions))
    assert isinstance(again, Sentence)
    assert isinstance(both, Sentence)
    assert (again.code, both.code) == ("gate.confirm.session_failed", "gate.confirm.session_failed")
    assert again.figures["told"] == "it failed"


def test_a_session_is_told_from_those_before_it(
    tmp_path: Path, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawned(command: object) -> str:
        kept(sessions / "again", "a-record-of-tonight")
        return ""

    monkeypatch.setattr(confirm, "spawned", spawned)
    again = again_alone(kept(tmp_path / "records", "new"), sessions / "again", Session(out=sessions))
    assert isinstance(again, RecordedRun)
    assert again.record.record_id == "a-record-of-tonight"


@pytest.mark.parametrize("minutes", ["-1", "nan", "inf", "100000"])
def test_a_time_to_wait_is_one(tmp_path: Path, minutes: str) -> None:
    done = CliRunner().invoke(odb, ["gate", str(tmp_path), "--wait", minutes], standalone_mode=False)
    assert isinstance(done.exception, InputError)
    assert done.exception.message == "--wait not a number of minutes from 0 to 1440"


def test_the_answer_is_shown_though_a_file_cannot_be_written(tmp_path: Path) -> None:
    record = kept(tmp_path / "night", "tonight")
    history = ["--history", str(tmp_path / "history")]
    assert CliRunner().invoke(odb, ["history", "add", str(record), *history]).exit_code == 0
    (tmp_path / "taken").mkdir()
    asked = ["gate", str(record), *history, "--junit", str(tmp_path / "taken")]
    done = CliRunner().invoke(odb, asked, standalone_mode=False)
    assert isinstance(done.exception, InputError)
    assert "Nothing to compare with yet" in done.stdout


def test_the_record_that_was_accepted_is_the_same_as_itself(tmp_path: Path) -> None:
    """So the job of the night on which a change is accepted is green when it asks again."""
    record = kept(tmp_path / "night", "tonight")
    history = ["--history", str(tmp_path / "history")]
    assert load(record).record.verdict is not None
    for command in (["add", str(record)], ["accept", "fake", "--why", "wanted"]):
        assert CliRunner().invoke(odb, ["history", *command, *history]).exit_code == 0
    done = CliRunner().invoke(odb, ["gate", str(record), *history, "--lang", "en"], standalone_mode=False)
    assert (done.exception, done.return_value) == (None, 0)
    assert "1 same" in done.stdout
