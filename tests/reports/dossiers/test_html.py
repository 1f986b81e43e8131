"""The dossier's page says what the records decide, in both languages, and lets nothing of an applicant act."""

import html
import re

import pytest
from made_dossiers import FORM, data, runs
from msgspec.structs import replace

from bench.reports.dossiers.blocks import Target, Targets
from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.html import HtmlDossier
from bench.reports.dossiers.sections.environment import conditions
from bench.reports.view.rows import Numbered
from bench.submission.form import Project
from bench.words import speaking


def rows(language: str = "ko") -> dict[str, Target]:
    """The table of targets by the criteria's names."""
    with speaking(language):
        (block,) = contents(data()).sections[0].blocks
    assert isinstance(block, Targets)
    return {row.title.split()[-1]: row for row in block.rows}


def test_each_criterion_is_decided_as_its_record_has_it() -> None:
    """The Korean words of the form."""
    found = {name: (row.target, row.measured, row.achievement, row.word) for name, row in rows().items()}
    assert found == {
        "met": ("33.3 이하", "4.15", "803.3%", "달성"),
        "not-met": ("3 이하", "5.72", "52.5%", "미달성"),
        "undecided": ("4.15 이하", "4.146", "100.1%", "판단 보류"),
        "no-record": ("10 이하", "–", "–", "판단 보류"),
        "emulated-speed": ("0.5 이상", "–", "–", "판단 보류"),
        "emulated-placement": ("100 이상", "100", "100%", "달성"),
        "proposed": ("16 이하", "13.5", "118.1%", "달성"),
        "quality": ("60 이상", "70.8", "118.0%", "달성"),
        "later": ("2 이하", "–", "–", "판단 보류"),
        "invalid": ("33.3 이하", "5.70", "–", "판단 보류"),
    }


def test_a_figure_has_its_interval_and_its_doubt() -> None:
    """How many processes or samples it rests on; what an invalid record measured is marked."""
    found = rows("en")
    assert found["met"].measured_note == "95 % interval 4.11 – 4.17, 3 processes"
    assert found["quality"].measured_note == "95 % interval 67.9 – 73.5, 1\u202f000 samples"
    assert (found["invalid"].doubt, found["invalid"].reason) == (
        "from an invalid record",
        "The record is not valid: drift.",
    )
    assert (found["proposed"].proposed, found["met"].proposed) == ("proposed by the track", "")


def test_the_first_page_says_what_it_is_not() -> None:
    """In both languages, before anything else."""
    for language, words in (
        ("ko", "자체평가 자료이며 공인시험성적서가 아님"),
        ("en", "Self-assessment; not a test report"),
    ):
        with speaking(language):
            page = HtmlDossier().render(data()).decode()
        body = page.partition("<body")[2]
        assert re.sub(r"<[^>]+>|^[^>]*>", "", body).strip().startswith(words)
        assert f'<html lang="{language}">' in page


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_same_data_give_the_same_bytes(language: str) -> None:
    with speaking(language):
        assert HtmlDossier().render(data()) == HtmlDossier().render(data())


def test_markup_of_an_applicant_is_text() -> None:
    """And so is a template."""
    wrong = "{{ 7*7 }} <script>alert(1)</script> \u202egpj \x1b[2J"
    with speaking("en"):
        page = HtmlDossier().render(data(replace(FORM, project=Project(name=wrong, summary=wrong)))).decode()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "{{ 7*7 }}" in html.unescape(page)


def test_what_could_not_be_read_is_listed_once() -> None:
    """Runs on a machine that lacks the same refer to the first."""
    lacking = {"battery_percent": "no battery", "governor": "no governor"}
    made = []
    for number, (run, unavailable) in enumerate(zip(runs(), ({}, lacking, lacking), strict=False), 1):
        environment = replace(run.record.environment, unavailable=unavailable)
        made.append(Numbered(number, replace(run, record=replace(run.record, environment=environment))))
    with speaking("en"):
        cells = [row[-1] for row in conditions(tuple(made)).rows]
    assert [cell.value for cell in cells] == ["–", "", "as for 2"]
    assert [len(cell.notes) for cell in cells] == [0, 2, 0]


def test_figures_of_an_emulator_are_no_performance() -> None:
    """Its rate stands nowhere, and decides nothing."""
    row = rows("en")["emulated-speed"]
    assert (row.measured, row.achievement, row.word) == ("–", "–", "cannot tell")
    with speaking("en"):
        page = HtmlDossier().render(data(records=[run for run in runs() if run.record.plan.target.emulated])).decode()
    assert "0.909" not in page
