"""``odb dossier``: the file that it writes, where, and its exit status."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from submissions.good import good, reproduction_of, run

from bench.cli.submission.dossier_command import DOSSIER_PARTS, command
from bench.cli.submission.dossiers import bundled_dossiers, dossier_bytes
from bench.errors import InputError
from bench.store.records import save
from bench.submission.assessment import assess
from bench.submission.dossier.data import PARTS
from bench.submission.form_text import form_text
from bench.words import speaking


def odb_dossier(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission with one record."""
    (tmp_path / "records").mkdir()
    one = run()
    save(tmp_path / "records", one.record, one.samples)
    (tmp_path / "submission.toml").write_text(form_text(good().submission), encoding="utf-8")
    return tmp_path


def test_it_writes_into_the_submission_and_never_over_a_file(folder: Path) -> None:
    """In the language that is spoken; --force replaces."""
    with speaking("ko"):
        done = odb_dossier(folder)
        assert done.return_value == 0, done.output
        page = (folder / "dossier.ko.html").read_text(encoding="utf-8")
        assert "자체평가 자료이며 공인시험성적서가 아님" in page
        assert isinstance(odb_dossier(folder).exception, InputError)
        assert odb_dossier(folder, "--force").return_value == 0


def test_the_suffix_is_the_format(folder: Path) -> None:
    """One that belongs to none is refused, with those that there are."""
    for suffix in ("docx", "hwpx"):
        pytest.importorskip({"docx": "docxtpl", "hwpx": "hwpx"}[suffix])
        assert odb_dossier(folder, "-o", folder / f"d.{suffix}").return_value == 0
        assert (folder / f"d.{suffix}").read_bytes()[:2] == b"PK"
    wrong = odb_dossier(folder, "-o", folder / "d.pdf").exception
    assert isinstance(wrong, InputError)
    assert ".hwpx" in wrong.remedy


def test_the_test_scenario_alone(folder: Path) -> None:
    """With the criteria and without results."""
    with speaking("en"):
        odb_dossier(folder, "--part", "test-scenario")
        page = (folder / "test-scenario.en.html").read_text(encoding="utf-8")
    assert 'id="test-1"' in page
    assert 'id="results"' not in page


def reproduction(folder: Path, sha256: str = "c" * 64) -> Path:
    """Of a bundle that was packed from ``folder``."""
    file = folder / "reproduction.json"
    file.write_bytes(msgspec.json.encode(reproduction_of(assess(folder), sha256=sha256)))
    return file


def test_a_reproduction_of_the_folders_bundle_decides_the_last_step(folder: Path) -> None:
    """By the hashes of the records, which a bundle holds as they are; scripts get each answer."""
    done = odb_dossier(folder, "-r", reproduction(folder), "--json")
    assert done.return_value == 0, done.output
    found = json.loads(done.stdout)
    assert {"rung": "reproduced", "reached": True} in found["steps"]
    (again,) = found["reproductions"]
    assert (again["answer"], again["subject_sha256"]) == ("reproduced", "c" * 64)
    assert set(again["criteria"].values()) == {"reproduced"}


@pytest.mark.parametrize("wrong", ["another record", "a folder", "a scenario"])
def test_a_reproduction_of_something_else_is_refused(folder: Path, wrong: str) -> None:
    """It would claim what nobody found."""
    file = reproduction(folder, "" if wrong == "a folder" else "c" * 64)
    if wrong == "another record":
        stated = file.read_bytes().replace(assess(folder).rows[0].record_sha256.encode(), b"d" * 64)
        file.write_bytes(stated)
    part = "test-scenario" if wrong == "a scenario" else "dossier"
    refused = odb_dossier(folder, "-r", file, "--part", part)
    assert isinstance(refused.exception, InputError)
    assert not list(folder.glob("*.html"))


def test_scripts_get_the_decisions(folder: Path) -> None:
    """By stable words, with the file's hash."""
    done = odb_dossier(folder, "--json")
    found = json.loads(done.stdout)
    row = assess(folder).rows[0]
    assert found["criteria"][0]["decision"] == row.decision.word
    assert found["criteria"][0]["record_id"] == row.record_id
    assert (found["part"], len(found["sha256"])) == ("dossier", 64)


def test_a_record_that_is_not_believed_is_named(folder: Path) -> None:
    """Status 2; the dossier is written without it."""
    (record,) = (folder / "records").glob("*/record.json")
    record.write_text("{", encoding="utf-8")
    done = odb_dossier(folder, "-o", folder / "d.html")
    assert done.return_value == 2
    assert record.parent.name in (folder / "d.html").read_text(encoding="utf-8")


def test_a_folder_without_a_form_is_named(tmp_path: Path) -> None:
    """As ``odb check`` does, not as a broken bundle."""
    told = odb_dossier(tmp_path).exception
    assert isinstance(told, InputError)
    assert "submission.toml" in told.message


def test_a_bundle_gets_a_page_in_each_language(folder: Path) -> None:
    """The same bytes each time; what check finds is not in them."""
    pages = bundled_dossiers(assess(folder), folder)
    assert sorted(pages) == ["dossier.en.html", "dossier.ko.html"]
    assert pages == bundled_dossiers(assess(folder), folder)
    assert b'id="findings"' not in pages["dossier.ko.html"]
    assert b'id="findings"' in dossier_bytes(folder, "ko")


def test_the_parts_are_those_of_the_data() -> None:
    """The command offers them without importing it."""
    assert DOSSIER_PARTS == PARTS
