"""``odb check``: what it prints, what it writes, and its exit status."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from submissions.good import good, run

from bench.cli.submission.check_command import command, for_scripts
from bench.cli.submission.findings_text import findings_text
from bench.cli.submission.junit import junit_of
from bench.errors import InputError
from bench.store.records import save
from bench.submission.form import Submission
from bench.submission.form_text import form_text
from bench.submission.rules.check import checked
from bench.submission.rules.rule import Hit, Rule
from bench.submission.rules.table import RULES
from bench.words import speaking
from bench.words.cells import cells


def odb_check(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)


def written(folder: Path, submission: Submission) -> Path:
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models/net.onnx").touch()
    (folder / "submission.toml").write_text(form_text(submission), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with flags and warnings only."""
    folder = tmp_path_factory.mktemp("accepted")
    (folder / "records").mkdir()
    one = run()
    save(folder / "records", one.record, one.samples)
    return written(folder, replace(good().submission, track="inspection-drone"))


@pytest.fixture
def rejected(tmp_path: Path) -> Path:
    """A folder without records, with a name that acts on a terminal."""
    project = replace(good().submission.project, name="\x1b[31mred", summary="TODO \u202e")
    return written(tmp_path, replace(good().submission, project=project, track="\x1b]0;x\x07", rules=1))


def test_flags_are_accepted_unless_strict(accepted: Path) -> None:
    """Status 0, and 1 under --strict."""
    done = odb_check(accepted)
    assert done.return_value == 0, done.output
    assert re.search(
        r"^0 rejected, \d+ flagged, \d+ warned; \d+ of \d+ rules passed \(rules version 1\)$", done.output, re.M
    )
    assert odb_check(accepted, "--strict").return_value == 1


def test_what_is_rejected_ends_with_status_1(rejected: Path) -> None:
    """The rule's id, the place, what is wrong and what to do; nothing acts on the terminal."""
    done = odb_check(rejected)
    assert done.return_value == 1
    for part in ("ODB-S-003", "ODB-S-301", "submission.toml: track", "→ "):
        assert part in done.output
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output


def test_a_form_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """As is a folder without one, and a command line without a folder."""
    (tmp_path / "submission.toml").write_text("format = 1\ntrack = 3\n")
    for arguments in ((tmp_path,), (tmp_path / "nowhere",), ()):
        error = odb_check(*arguments).exception
        assert isinstance(error, InputError)
    assert "submission.toml" in str(odb_check(tmp_path).exception)


def test_json_is_the_same_in_every_language(rejected: Path) -> None:
    """Sentences are codes and figures."""
    english = odb_check(rejected, "--json").output
    with speaking("ko"):
        assert english == odb_check(rejected, "--json").output
    found = json.loads(english)
    assert found["accepted"] is False
    assert found["rules_version"] == 1
    assert found["counts"]["rules"] == len(RULES)
    assert found["counts"]["reject"] == sum(one["severity"] == "reject" for one in found["findings"])
    (track,) = (one for one in found["findings"] if one["rule"] == "ODB-S-003")
    assert track["where"] == "submission.toml: track"
    assert track["clause"] == "track"
    assert track["message"]["code"] == "rule.ODB-S-003.wrong"
    assert set(found["passed"]) | {one["rule"] for one in found["findings"]} == {rule.id for rule in RULES}


def suite_of(data: bytes) -> ElementTree.Element:
    """The suite, after the counts that CI systems read were compared with its cases."""
    root = ElementTree.fromstring(data)
    assert root.tag == "testsuites"
    (suite,) = root.findall("testsuite")
    cases = suite.findall("testcase")
    assert all(case.get("name") and case.get("classname") and case.get("time") for case in cases)
    assert int(suite.get("tests", "")) == len(cases)
    for name, tag in (("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
        assert int(suite.get(name, "")) == len(suite.findall(f"testcase/{tag}")) == int(root.get(name, ""))
    return suite


def test_junit_has_a_case_for_each_rule(rejected: Path, tmp_path: Path) -> None:
    """A rejecting rule fails, a flag stands in the output; the file is not overwritten."""
    file = tmp_path / "check.xml"
    assert odb_check(rejected, "--junit", file).return_value == 1
    suite = suite_of(file.read_bytes())
    cases = {str(case.get("name")).split()[0]: case for case in suite.findall("testcase")}
    assert list(cases) == [rule.id for rule in RULES]
    failure = cases["ODB-S-003"].find("failure")
    assert failure is not None
    assert failure.get("type") == "reject"
    assert "submission.toml: track" in (failure.text or "")
    assert cases["ODB-S-009"].find("failure") is None
    assert "TODO" in (cases["ODB-S-009"].findtext("system-out") or "")
    assert isinstance(odb_check(rejected, "--junit", file).exception, InputError)
    assert odb_check(rejected, "--junit", file, "--force", "--strict").return_value == 1
    assert suite_of(file.read_bytes()).find("testcase/failure[@type='flag']") is not None


def test_newer_rules_are_told_apart() -> None:
    """In the text, the JSON and the JUnit file, where they are skipped."""
    newer = Rule("ODB-S-004", "project", "reject", lambda assessment, context: [Hit("submission.toml: project")], 2)
    found = good()
    result = checked(found.assessment, found.context, (*RULES[4:], newer))
    text = findings_text(result, 80)
    assert "Rules newer than version 1 would also say" in text
    assert "ODB-S-004" in text
    assert text.splitlines()[-1].startswith("0 rejected")
    assert for_scripts(result, strict=True)["accepted"] is True
    suite = suite_of(junit_of(result, strict=True))
    assert suite.get("skipped") == "1"
    nothing = replace(newer, check=lambda assessment, context: [])
    silent = checked(found.assessment, found.context, (*RULES[4:], nothing))
    assert "Newer rules (1) find nothing." in findings_text(silent, 80)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [80, 60])
def test_lines_fit_the_terminal(language: str, width: int, rejected: Path) -> None:
    """In both languages; Korean characters take two cells."""
    from bench.submission.rules.check import check

    with speaking(language):
        text = findings_text(check(rejected), width)
    assert max(cells(line) for line in text.splitlines()) <= width
    assert ("반려" in text) == (language == "ko")


def test_rules_can_be_listed() -> None:
    """All of them, with severity and what they are about; also as JSON."""
    text = odb_check("--rules").output
    assert [line.split()[0] for line in text.splitlines() if line.startswith("ODB")] == [rule.id for rule in RULES]
    listed = json.loads(odb_check("--rules", "--json").output)
    assert [one["id"] for one in listed] == [rule.id for rule in RULES]
    assert {one["severity"] for one in listed} == {"reject", "flag", "warn"}
    with speaking("ko"):
        assert "규칙" in odb_check("--rules").output
