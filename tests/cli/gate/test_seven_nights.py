"""Seven nights of four models, as a nightly job sees them: a regression on the fifth, another kernel on the sixth.

The records are fakes with given times; everything else is the real thing: the history, the gate, their commands. The
measurement in a new session is played, because there is nothing to measure.
"""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from junitparser import JUnitXml
from msgspec.structs import replace

from bench.cli.gate import confirm
from bench.cli.group import odb
from bench.errors import UnknownName
from bench.record.record import RecordedRun
from bench.store.records import load, save
from bench.testing.records import ENVIRONMENT, MODEL, fake_run

MODELS = ("detector", "keyword", "segmenter", "upscaler")
FIRST = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
PROCESSES = 5
REGRESSED, MOVED = "segmenter", 1.25


def record_of(model: str, night: int, name: str = "", seed: int = 0) -> RecordedRun:
    """``segmenter`` takes 10 % longer from the fifth night on; the machine takes 25 % longer from the sixth on."""
    rng = np.random.default_rng([night, MODELS.index(model), seed])
    slower = (1.10 if model == REGRESSED and night >= 5 else 1.0) * (MOVED if night >= 6 else 1.0)
    tonight = 1e6 * (1 + MODELS.index(model)) * slower * math.exp(rng.normal(0, 0.004))
    latency = [
        np.rint(tonight * np.exp(rng.normal(0, 0.004, 1)) * np.ones(30)).astype(np.int64) for _ in range(PROCESSES)
    ]
    run = fake_run(name or f"{model}-{night}", latency, model=replace(MODEL, id=model))
    host = {**ENVIRONMENT.host, "kernel": "6.8" if night < 6 else "6.11"}
    runtime = {"fake": "1" if night < 5 else "2"}
    record = replace(
        run.record,
        created_utc=(FIRST + timedelta(days=night)).isoformat(timespec="seconds"),
        environment=replace(ENVIRONMENT, host=host, runtime=runtime),
    )
    return RecordedRun(record, run.samples)


class Job:
    """One nightly job: it adds its results to the history, and asks the gate."""

    def __init__(self, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self.sessions: list[str] = []
        self.night = 0
        monkeypatch.chdir(room)
        monkeypatch.setattr(confirm, "again_alone", self.again)

    def again(self, new: Path, out: Path, session: confirm.Session) -> RecordedRun:
        record = load(new).record
        self.sessions.append(record.record_id)
        return record_of(record.plan.model.id, self.night, f"{record.record_id}-again", seed=1)

    def run(self, night: int, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The gate's status and what it found."""
        self.night = night
        results = self.room / f"results-{night}"
        results.mkdir()
        for model in MODELS:
            run = record_of(model, night)
            save(results, run.record, run.samples)
        done, _ = self.odb("history", "add", str(results), "--history", "nightly")
        assert done == 0
        files = ("--junit", f"gate-{night}.xml", "--summary", f"gate-{night}.md")
        asked = ("gate", str(results), "--history", "nightly", "--wait", "0", "-o", f"sessions-{night}", *files)
        status, text = self.odb(*asked, "--json", *arguments)
        found: dict[str, Any] = json.loads(text)
        return status, found

    def odb(self, *arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(odb, list(arguments), standalone_mode=False)
        assert done.exception is None, done.exception
        return done.return_value or 0, done.stdout


def words(found: dict[str, Any]) -> dict[str, str]:
    return {one["series"]["model"]: one["word"] for one in found["findings"]}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the job runs."""
    return tmp_path_factory.mktemp("job")


@pytest.fixture(scope="module")
def nights(room: Path) -> "list[tuple[int, dict[str, Any], list[str]]]":
    """Status, findings and records that were measured again, of each night."""
    with pytest.MonkeyPatch.context() as patch:
        job, found = Job(room, patch), []
        for night in range(1, 8):
            status, answer = job.run(night, "--confirm")
            found.append((status, answer, job.sessions))
            job.sessions = []
        assert job.odb("history", "page", "--history", "nightly", "-o", "site")[0] == 0
        status, text = job.odb("gate", "results-7", "--history", "nightly")
        found.append((status, {"text": text}, []))
    return found


def test_four_nights_are_green(nights: Any) -> None:
    assert [status for status, _, _ in nights[:4]] == [0, 0, 0, 0]
    assert set(words(nights[0][1]).values()) == {"new"}
    for _, found, sessions in nights[1:4]:
        assert set(words(found).values()) == {"same"}
        assert sessions == []


def test_the_fifth_is_red_after_a_new_session_showed_it_again(nights: Any) -> None:
    status, found, sessions = nights[4]
    assert status == 1
    assert words(found) == {"detector": "same", "keyword": "same", "segmenter": "worse", "upscaler": "same"}
    assert sessions == ["segmenter-5"]
    one = next(one for one in found["findings"] if one["word"] == "worse")
    assert one["metrics"][0]["change"] == pytest.approx(0.10, abs=0.03)
    assert (one["confirmation"]["how"], one["confirmation"]["confirmed"]) == ("again", True)
    assert [(event["what"], event["before"], event["after"]) for event in one["events"]] == [("runtime fake", "1", "2")]
    assert found["stated"]["nights"] == 4


def test_on_the_sixth_the_machine_changed(nights: Any) -> None:
    status, found, _ = nights[5]
    assert status == 3
    (shift,) = found["machines"]
    assert shift["change"] == pytest.approx(0.25, abs=0.03)
    assert ["kernel", "6.8", "6.11"] in [
        [event[key] for key in ("what", "before", "after")] for event in shift["changed"]
    ]
    assert found["reason"]["code"] == "gate.outcome.machine"
    assert {word for model, word in words(found).items() if model != REGRESSED} == {"machine"}
    assert words(found)[REGRESSED] == "cannot_tell"


def test_the_seventh_is_red_or_cannot_tell(nights: Any) -> None:
    status, found, _ = nights[6]
    assert status in (1, 3)
    assert set(words(found).values()) <= {"machine", "cannot_tell", "worse"}


def test_people_read_first_that_the_machine_changed(nights: Any) -> None:
    status, found, _ = nights[7]
    assert status == 3
    first = found["text"].splitlines()[0]
    assert first.startswith("The machine changed")


def test_what_ci_shows_matches(nights: Any, room: Path) -> None:
    """JUnit has a failure on the night that is red, and skips what cannot be told; the summary begins with the same."""
    xml = [JUnitXml.fromfile(str(room / f"gate-{night}.xml")) for night in range(1, 8)]
    assert [(one.tests, one.failures, one.errors) for one in xml[:6]] == [(4, 0, 0)] * 4 + [(4, 1, 0), (4, 0, 0)]
    assert [one.skipped for one in xml[:6]] == [4, 0, 0, 0, 0, 4]
    (suite,) = list(xml[4])
    (failed,) = [case for case in suite if case.result]
    assert failed.name == f"{REGRESSED} float32 single-stream x=1x4"
    assert "Measured again in a new session: +10" in failed.result[0].message
    fifth, sixth = ((room / f"gate-{night}.md").read_text(encoding="utf-8") for night in (5, 6))
    assert fifth.startswith("## ❌ ")
    assert f"| {REGRESSED} float32 · " in fifth
    assert "> The machine changed: 4 of 4 series" in sixth
    assert "kernel 6.8 → 6.11" in sixth


def test_the_pages_show_the_nights(nights: Any, room: Path) -> None:
    text = (room / "site" / "index.html").read_text(encoding="utf-8")
    assert "4 series, 7 nights, 28 records" in text
    (page,) = (room / "site" / "series").glob(f"{REGRESSED}-*.html")
    shown = page.read_text(encoding="utf-8")
    for event in ("runtime fake", "kernel", "6.11"):
        assert event in shown


def test_a_base_that_nobody_pinned_is_an_error_and_not_a_green_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(tmp_path, monkeypatch)
    job.run(1)
    done = CliRunner().invoke(odb, ["gate", "results-1", "--history", "nightly", "--base", "release"])
    assert isinstance(done.exception, UnknownName)
