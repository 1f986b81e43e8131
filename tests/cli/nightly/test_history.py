"""``odb history``: what each command prints, writes and answers."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from made_nights import failed_on, night_of, saved

from bench.cli.group import odb
from bench.cli.nightly.asked import counting
from bench.cli.nightly.history_command import MODULES
from bench.errors import OdbError, UnknownName
from bench.nights.history import History
from bench.words import speaking


def odb_history(*arguments: Any) -> Result:
    return CliRunner().invoke(odb, ["history", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with results of four nights; ``ODB_HISTORY`` names a history that does not exist yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODB_HISTORY", "nightly")
    saved(Path("results"), night_of(0), night_of(1, environment={"runtime": {"fake": "2"}}), failed_on(2))
    saved(Path("results"), night_of(3, latency_ns=2_000_000, environment={"runtime": {"fake": "2"}}))
    saved(Path("results"), night_of(3, "other"))
    return tmp_path


@pytest.fixture
def kept(here: Path) -> Path:
    """The same, added."""
    done = odb_history("add", "results")
    assert (0, "5 records of 2 series added (2 new); 0 records had been added before\n") == (
        done.return_value,
        done.stdout,
    )
    return here / "nightly"


def series_id(kept: Path, model: str = "net") -> str:
    with History.open(kept) as history:
        return next(one.id for one in history.series() if one.model == model)


def error_of(done: Result) -> OdbError:
    assert isinstance(done.exception, OdbError), done.output
    return done.exception


def test_a_history_must_be_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODB_HISTORY")
    for name in ("list", "check", "rebuild", "export"):
        error = error_of(odb_history(name))
        assert "neither --history nor ODB_HISTORY" in error.message
        assert error.exit_status == 2
    assert odb_history("add", "results", "--history", "mine").return_value == 0
    assert Path("mine/records").is_dir()


def test_there_is_none_to_list_before_it_was_begun(here: Path) -> None:
    assert "no such folder" in error_of(odb_history("list")).message
    assert not Path("nightly").exists()


def test_a_dry_run_begins_nothing(here: Path) -> None:
    done = odb_history("add", "results", "--dry-run")
    assert "5 records of 2 series would be added (2 new)" in done.stdout
    assert not Path("nightly").exists()


def test_added_again_it_says_so(kept: Path) -> None:
    done = odb_history("add", "results")
    assert "0 records of 0 series added (0 new); 5 records had been added before" in done.stdout


def test_what_was_added_as_json(here: Path) -> None:
    done = odb_history("add", "results", "--json")
    found = json.loads(done.stdout)
    assert ({"000-net", "001-net", "002-net", "003-net", "003-other"}, [], []) == (
        {one["record_id"] for one in found["added"]},
        found["present"],
        found["refused"],
    )
    assert len(found["new_series"]) == 2


def test_a_refused_record_is_status_2_and_the_others_are_in(kept: Path) -> None:
    more = saved(Path("more"), night_of(0, latency_ns=5), night_of(4))
    done = odb_history("add", more)
    assert done.return_value == 2
    assert "1 record of 1 series added" in done.stdout
    assert "refused: more/000-net: 000-net: the history has another record of this id" in done.stderr
    found = json.loads(odb_history("add", more, "--json").stdout)
    assert ["history.another_record"] == [one["message"]["code"] for one in found["refused"]]


def test_the_list_names_series_nights_and_base(kept: Path) -> None:
    lines = odb_history("list").stdout.splitlines()
    assert ["series", "model · target · scenario", "nights", "last", "verdict", "base"] == re.split("  +", lines[0])
    net = re.split("  +", lines[1])
    assert [
        series_id(kept),
        "net float32 · null:cpu · single-stream",
        "4, 3 counting",
        "2026-02-02",
        "valid",
        "2026-01-30",
    ] == net
    assert len(lines) == 3
    assert odb_history("list", "--model", "OTH").stdout.count("\n") == 2
    assert odb_history("list", "--target", "htp").stdout.strip() == "none"
    found = json.loads(odb_history("list", "--json", "--machine", "a processor").stdout)
    assert [("net", 4, 3, "000-net"), ("other", 1, 1, "003-other")] == [
        (one["model"], one["nights"], one["counted"], one["base"]) for one in found
    ]


def test_show_has_a_line_a_night(kept: Path) -> None:
    """Figure, interval, validity, what changed and what was decided; the failed night has its reason and no event."""
    odb_history("pin", "net", "--why", "a release", "--record", "001")
    lines = odb_history("show", "net").stdout.splitlines()
    assert lines[0] == "net float32 · null:cpu · single-stream"
    assert lines[2] == "Metric: latency p50"
    nights = [re.split("  +", line) for line in lines[4:]]
    assert [
        ["2026-01-30 03:00 UTC", "1.00 ms", "1.00 – 1.00 ms", "valid", "000-net"],
        [
            *("2026-01-31 03:00 UTC", "1.00 ms", "1.00 – 1.00 ms", "valid"),
            *("runtime fake: 1 → 2; pinned: a release; base", "001-net"),
        ],
        ["2026-02-01 03:00 UTC", "failed: crashed", "runtime fake: 2 → 1", "002-net"],
        ["2026-02-02 03:00 UTC", "2.00 ms", "2.00 – 2.00 ms", "valid", "runtime fake: 1 → 2", "003-net"],
    ] == nights


def test_show_takes_a_metric_and_a_number_of_nights(kept: Path) -> None:
    done = odb_history("show", series_id(kept)[:12], "--metric", "throughput_per_s", "--last", "1")
    assert "500 queries/s" in done.stdout
    assert "not shown: 3 nights before these" in done.stdout
    assert isinstance(error_of(odb_history("show", "net", "--metric", "nonsense")), UnknownName)
    assert "--last" in error_of(odb_history("show", "net", "--last", "-1")).message


def test_show_as_json(kept: Path) -> None:
    odb_history("accept", "net", "--why", "wanted")
    found = json.loads(odb_history("show", "net", "--json").stdout)
    assert (series_id(kept), "003-net", 4) == (found["id"], found["base"], len(found["nights"]))
    last = found["nights"][-1]
    assert ("accept", "wanted") == (last["decisions"][0]["kind"], last["decisions"][0]["why"])
    assert [("runtime fake", "1", "2")] == [(one["what"], one["before"], one["after"]) for one in last["events"]]
    assert last["levels"]["latency_p50_ns"]["figure"] == 2_000_000


def test_a_series_is_named_by_the_beginning_of_its_id_or_name(kept: Path) -> None:
    saved(Path("more"), night_of(5, "network"))
    odb_history("add", "more")
    assert "3 series" not in odb_history("show", "other").stdout
    several = error_of(odb_history("show", "net"))
    assert "net: 2 series begin with it" in several.message
    assert series_id(kept, "network") in several.remedy
    assert isinstance(error_of(odb_history("show", "absent")), UnknownName)


def test_decisions_choose_the_base(kept: Path) -> None:
    """The newest that counts, where no record is named."""
    assert (
        "accepted; the base is the record of 2026-02-02, 003-net" in odb_history("accept", "net", "--why", "x").stdout
    )
    assert (
        "pinned the record of 2026-01-30, 000-net" in odb_history("pin", "net", "--why", "x", "--record", "000").stdout
    )
    odb_history("pin", "net", "--why", "x", "--record", "001", "--name", "release")
    with History.open(kept) as history:
        base, release = history.base(series_id(kept)), history.base(series_id(kept), "release")
    assert ("000-net", "001-net") == (base and base.record_id, release and release.record_id)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--why", " "), "--why is empty"),
        (("--why", "x", "--record", "00"), "4 records of the series begin with it"),
        (("--why", "x", "--record", "9"), "unknown record of this series"),
        (("--why", "x", "--record", "002"), "cannot be a base"),
    ],
)
def test_a_decision_must_be_one(kept: Path, arguments: tuple[str, ...], words: str) -> None:
    for kind in ("pin", "accept"):
        assert words in error_of(odb_history(kind, "net", *arguments)).message
    assert not (kept / "decisions.jsonl").exists()


def test_a_reason_is_required(kept: Path) -> None:
    assert isinstance(odb_history("pin", "net").exception, click.MissingParameter)


def test_exports(kept: Path) -> None:
    assert len([*csv.DictReader(odb_history("export").stdout.splitlines())]) == 5
    odb_history("export", "other", "-o", "points.jsonl")
    assert ["003-other"] == [json.loads(line)["record_id"] for line in Path("points.jsonl").read_text().splitlines()]
    assert "exists already" in error_of(odb_history("export", "-o", "points.jsonl")).message
    assert odb_history("export", "-o", "points.jsonl", "--force").return_value == 0
    assert len(Path("points.jsonl").read_text().splitlines()) == 5
    odb_history("export", "--format", "otava", "-o", "otava")
    assert {"otava.yaml", *(f"{series_id(kept, model)}.csv" for model in ("net", "other"))} == {
        path.name for path in Path("otava").iterdir()
    }
    assert "exists already" in error_of(odb_history("export", "--format", "otava", "-o", "otava")).message
    assert "needs -o DIR" in error_of(odb_history("export", "--format", "otava")).message


def test_prune_says_what_it_would_remove_and_removes_it(kept: Path) -> None:
    """All nights are older than a day; the first, the events and the other series' only night stay."""
    saved(Path("more"), night_of(4, environment={"runtime": {"fake": "2"}}))
    odb_history("add", "more")
    assert re.match(
        r"1 record from before \S+ would be removed; 5 would stay\n",
        odb_history("prune", "--older-than", "1d", "--dry-run").stdout,
    )
    found = json.loads(odb_history("prune", "--older-than", "1d", "--json").stdout)
    assert {"dry_run": False, "removed": ["004-net"], "kept": 5} == found
    assert not (kept / "records" / "2026-02" / "004-net").exists()
    assert "0 records" in odb_history("prune", "--older-than", "99999y").stdout


@pytest.mark.parametrize("age", ["", "180", "d", "-3d", "3m", "1.5y", "９d"])
def test_an_age_must_be_one(kept: Path, age: str) -> None:
    assert "--older-than" in error_of(odb_history("prune", "--older-than", age)).message


def test_check_and_rebuild(kept: Path) -> None:
    done = odb_history("check")
    assert (0, "5 records checked; none has changed since it was added\n") == (done.return_value, done.stdout)
    (kept / "records" / "2026-01" / "000-net" / "samples.npz").write_bytes(b"x")
    done = odb_history("check")
    assert done.return_value == 1
    assert done.stdout.startswith("records/2026-01/000-net: ")
    found = json.loads(odb_history("check", "--json").stdout)
    assert (False, ["records/2026-01/000-net"]) == (found["sound"], [one["path"] for one in found["changed"]])
    done = odb_history("rebuild")
    assert "4 records of 2 series" in done.stdout
    assert "Note: records/2026-01/000-net: is left out: " in done.stderr


def test_a_note_says_what_was_put_right(kept: Path) -> None:
    (kept / "index.sqlite").write_bytes(b"damaged")
    done = odb_history("list")
    assert "Note: nightly/index.sqlite: the index was damaged or of an older version" in done.stderr
    assert done.stdout.count("\n") == 3


def test_nothing_of_a_record_acts_on_the_terminal(here: Path) -> None:
    saved(Path("hostile"), night_of(0, "evil\x1b[2J\u202e", record_id="000-evil"))
    odb_history("add", "hostile")
    for arguments in (["list"], ["show", "evil"], ["list", "--json"], ["export"], ["export", "--format", "jsonl"]):
        done = odb_history(*arguments)
        assert done.exception is None
        assert not {"\x1b", "\u202e"} & {*done.output}


def test_commands_speak_korean(kept: Path) -> None:
    with speaking("ko"):
        shown = odb_history("show", "net").stdout
        listed = odb_history("list").stdout
    assert "실패: crashed" in shown
    assert "지표: 지연시간 p50" in shown
    assert "유효" in listed


def test_completion_offers_ids(kept: Path) -> None:
    from click.shell_completion import ShellComplete

    complete = ShellComplete(odb, {}, "odb", "_ODB_COMPLETE")
    assert [series_id(kept, "other")] == [one.value for one in complete.get_completions(["history", "show"], "oth")]
    assert [*MODULES] == [one.value for one in complete.get_completions(["history"], "")]


def test_an_unknown_command_is_named() -> None:
    error = error_of(odb_history("lst"))
    assert isinstance(error, UnknownName)
    assert "list" in error.remedy


def test_a_count_is_drawn_at_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many records; it leaves an empty line behind."""
    monkeypatch.setattr("bench.cli.nightly.asked.DRAWN_EVERY_S", 0.0)
    drawn = []
    for terminal, total in ((True, 40), (True, 5), (False, 40)):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        with counting(stream) as progress:
            progress(1, total)
            progress(2, total)
        drawn.append(stream.getvalue())
    assert re.fullmatch(r"\r1 of 40 records\r2 of 40 records\r +\r", drawn[0])
    assert drawn[1:] == ["", ""]
