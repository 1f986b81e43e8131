"""A submission judged: versions of the rules, forms with holes, and what is read from a folder."""

import copy
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from msgspec.structs import replace
from submissions.good import Good, form, good

from bench.cli.submission.check_command import for_scripts
from bench.cli.submission.findings_text import findings_text
from bench.cli.submission.junit import junit_of
from bench.errors import InputError
from bench.store.records import save
from bench.submission.assessment import Assessment, assess
from bench.submission.draft import Named, drafted
from bench.submission.files import form_of
from bench.submission.form import Submission
from bench.submission.form_text import form_text
from bench.submission.rules.check import check, checked
from bench.submission.rules.context import Context, ModelFile, context_of
from bench.submission.rules.finding import gravest
from bench.submission.rules.rule import Hit, Rule
from bench.submission.rules.table import RULES
from bench.submission.toml_text import toml_key, toml_value
from bench.submission.track import track_named, track_names
from bench.words import speaking
from bench.words.cells import cells

# ------------------------------------------------------------------------------------------------------ versions


def always(assessment: Assessment, context: Context) -> Iterator[Hit]:
    yield Hit("submission.toml: project")


NEWER = Rule("ODB-S-999", "project", "reject", always, since=2)


def test_a_form_is_judged_by_the_rules_that_it_was_written_for() -> None:
    """A rule of version 2 decides nothing for a form of version 1, and is told apart."""
    found = good()
    judged = checked(found.assessment, found.context, (*RULES, NEWER))
    assert (judged.rules_version, judged.findings, judged.rejected) == (1, (), ())
    assert [finding.rule for finding in judged.newer_findings] == ["ODB-S-999"]
    assert judged.newer_rules == ("ODB-S-999",)
    assert "ODB-S-999" not in (*judged.passed_rules, *judged.failed_rules)


def test_a_form_of_the_newer_version_is_judged_by_the_newer_rule() -> None:
    """The same rule rejects a form that states version 2."""
    rules = tuple(rule for rule in RULES if rule.id != "ODB-S-002")  # which knows of no version 2
    found = form(good(), rules=2)
    judged = checked(found.assessment, found.context, (*rules, NEWER))
    assert (judged.rules_version, judged.failed_rules, judged.newer_rules) == (2, ("ODB-S-999",), ())


def test_the_gravest_comes_first() -> None:
    """Findings are in order of severity, then of rules."""
    found = form(good(), project__name="", project__summary="", demand_company__organisation="").checked()
    assert [one.rule for one in found.findings] == ["ODB-S-004", "ODB-S-007", "ODB-S-005"]
    assert gravest(found.findings) == "reject"
    assert gravest(()) is None
    assert found.warned_rules == ("ODB-S-005", "ODB-S-007")


# ------------------------------------------------------------------------------------------------------ holes


def text_of(value: dict[str, Any]) -> str:
    return "\n".join(f"{toml_key(name)} = {toml_value(one)}" for name, one in value.items())


def plain(value: Any) -> Any:
    """Without nulls, which TOML does not have."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if one is not None}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


FULL: dict[str, Any] = plain(msgspec.to_builtins(good().submission))
EMPTY: dict[type, tuple[Any, ...]] = {
    str: ("", " ", "{x}", "\u202e<b>"),
    int: (0, -1, 10**30),
    float: (0.0, -1.0, math.nan, math.inf, -math.inf),
    bool: (False, True),
    list: ([],),
    dict: ({},),
}


def holes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every field with every value that says nothing, of lists the first entry. ``None``: the field is left out."""
    if path:
        yield path, None
        yield from ((path, other) for other in EMPTY[type(value)])
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for name, one in inner:
        yield from holes(one, (*path, name))


def with_hole(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(FULL)
    inner: Any = changed
    for name in path[:-1]:
        inner = inner[name]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed


def judged_text(text: str, found: Good) -> None:
    """A form is refused with its file's name, or judged in words of both languages."""
    try:
        submission = form_of(text, "submission.toml", Submission)
    except InputError as error:
        if "submission.toml" not in error.message:
            raise
        return
    result = found._replace(submission=submission).checked()
    for language in ("en", "ko"):
        with speaking(language):
            assert all(str(one.told) and str(one.remedy) for one in result.findings)
            text = findings_text(result, 80)
            assert max(cells(line) for line in text.splitlines()) <= 80
            assert not {"\x1b", "\u202e"} & set(text)
    ElementTree.fromstring(junit_of(result, strict=True))
    msgspec.json.encode(for_scripts(result, strict=True))


def test_the_full_form_can_be_read() -> None:
    """As it is written for this test."""
    assert form_of(text_of(FULL), "submission.toml", Submission) == good().submission


@pytest.mark.parametrize("part", FULL)
def test_no_hole_in_the_form_is_a_traceback(part: str) -> None:
    """Each field left out, emptied, or with a number that is none."""
    found = good()
    for path, value in holes(FULL):
        if path[0] == part:
            judged_text(text_of(with_hole(path, value)), found)


# ------------------------------------------------------------------------------------------------------ a folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The good submission on disk. Its model is older than the record, and of a hash that nobody can compare."""
    found = good().submission
    (tmp_path / "models").mkdir()
    (tmp_path / "records").mkdir()
    (tmp_path / "submission.toml").write_text(form_text(replace(found, track="inspection-drone")), encoding="utf-8")
    (tmp_path / "models/net.onnx").write_bytes(b"with weights elsewhere")
    os.utime(tmp_path / "models/net.onnx", (0, 0))
    for one in good().assessment.runs:
        save(tmp_path / "records", one.record, one.samples)
    return tmp_path


OF_THE_TRACK = {"ODB-S-223", "ODB-S-224"}
"""The drone's criteria are not those of the good submission."""


def test_a_folder_is_judged_as_its_parts_are(folder: Path) -> None:
    """From the form, the record's samples and the model's file."""
    found = check(folder)
    assert {finding.rule for finding in found.findings} == OF_THE_TRACK, [str(f.told) for f in found.findings]
    assert [row.decision.word for row in found.assessment.rows] == ["met"] * 5


def test_a_record_that_cannot_be_read_is_a_finding(folder: Path) -> None:
    """Also where it is the only one."""
    (folder / "records/r1/samples.npz").write_bytes(b"")
    assert {"ODB-S-301", "ODB-S-401"} <= set(check(folder).failed_rules)


def test_a_model_of_another_hash_is_found(folder: Path) -> None:
    """By the bytes of its file, which are as many as the record says."""
    (folder / "models/net.onnx").write_bytes(bytes(1_000_000))
    assert "ODB-S-406" in check(folder).failed_rules


def test_a_file_that_is_not_there_is_found(folder: Path) -> None:
    """Of the model, of its data, and of the track."""
    one = good().submission
    model = replace(one.models[0], source="models/other.onnx", dataset="photos", inputs={"x": "x.npy"})
    (folder / "submission.toml").write_text(form_text(replace(one, track="ours.toml", models=(model,))))
    found = check(folder)
    places = {finding.where for finding in found.findings if finding.rule in ("ODB-S-106", "ODB-S-109", "ODB-S-003")}
    assert places == {
        "submission.toml: models[net].source",
        "submission.toml: models[net].dataset",
        "submission.toml: models[net].inputs.x",
        "submission.toml: track",
    }


@pytest.mark.parametrize("source", ["", "\0", "x" * 5000, "/", "..", "mobilenet_v2"])
def test_any_source_can_be_looked_up(source: str, tmp_path: Path) -> None:
    """A name that no file can have is not found; a built-in model has no file."""
    model = replace(good().submission.models[0], source=source, dataset=source)
    found = context_of(tmp_path, form(good(), models=(model,)).submission)
    assert found.models["net"].built_in == (source == "mobilenet_v2")
    assert found.models["net"].sha256 is None


@pytest.mark.parametrize("name", track_names())
def test_a_new_form_of_a_track_contradicts_nothing(name: str, tmp_path: Path) -> None:
    """What is left to do is to name things, to measure, and to confirm proposals."""
    (tmp_path / "submission.toml").write_text(
        form_text(drafted(track_named(name), Named(track=name)).submission), encoding="utf-8"
    )
    found = check(tmp_path)
    assert set(found.failed_rules) == {"ODB-S-004", "ODB-S-006", "ODB-S-101", "ODB-S-103"}
    assert {"ODB-S-222", "ODB-S-226"} <= set(found.warned_rules)
    assert assess(tmp_path).runs == ()


def test_nothing_outside_is_looked_at_where_somebody_else_sent_it(tmp_path: Path) -> None:
    """Neither by a path that leaves the folder, nor through a link."""
    (tmp_path / "outside.onnx").write_bytes(b"secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.onnx").symlink_to(tmp_path / "outside.onnx")
    for source in ("../outside.onnx", "link.onnx", str(tmp_path / "outside.onnx")):
        model = replace(good().submission.models[0], source=source, dataset=source)
        submission = form(good(), models=(model,)).submission
        assert context_of(inside, submission).models["net"].sha256 is not None
        assert context_of(inside, submission).missing_files == {}
        found = context_of(inside, submission, confined=True)
        assert found.models["net"] == ModelFile(exists=False)
        assert found.missing_files == {"models[net].dataset": source}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    """It would be read without an end."""
    os.mkfifo(tmp_path / "pipe.onnx")
    model = replace(good().submission.models[0], source="pipe.onnx")
    assert not context_of(tmp_path, form(good(), models=(model,)).submission).models["net"].exists
