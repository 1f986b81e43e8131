"""What another person found who measured it again: in every format and both languages."""

import pytest
from made_dossiers import assessment, data
from submissions.good import reproduction_of
from test_office import plain, read, rendered

from bench.reports.dossiers.blocks import Contents, Grid
from bench.reports.dossiers.contents import contents
from bench.submission.dossier.data import DossierData, reproduced_by
from bench.submission.dossier.reproduction import Audit
from bench.words import speaking

WORDS = {
    "ko": ("제3자의 재측정 (1)", "재현 판단", "재현됨", "통과"),
    "en": ("Measured again by another (1)", "Answer", "reproduced", "passed"),
}


def dossier() -> DossierData:
    """Every criterion is called reproduced, and an audit passed."""
    audit = Audit(record="v1", word="passed", ratio=1.0, answers_differ=True)
    return reproduced_by(data(), [reproduction_of(assessment(), seed=7, audits=(audit,))])


def shown(language: str = "en") -> Contents:
    with speaking(language):
        return contents(dossier())


def test_the_last_step_is_reached() -> None:
    assert [rung.state for rung in shown().ladder][-1] == "reached"


def test_each_criterion_has_both_figures_in_its_unit() -> None:
    """An emulator's answers and those without a record have none."""
    (section,) = (one for one in shown().sections if one.id == "reproducibility")
    table = next(
        one.table for one in section.blocks if isinstance(one, Grid) and one.table.caption.endswith("another (1)")
    )
    found = {row[0].value.split()[-1]: [cell.value for cell in row[1:]] for row in table.rows}
    assert found["met"] == ["4.15 ms", "4.19 ms", "1.01× [1.00, 1.02]", "reproduced"]
    assert found["no-record"][:3] == found["emulated-speed"][:3] == ["–", "–", "–"]


@pytest.mark.parametrize("suffix", ["html", "docx", "hwpx"])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_format_says_who_where_and_what(suffix: str, language: str) -> None:
    text = read(suffix, rendered(suffix, dossier(), language))
    for words in (*WORDS[language], "another processor", "2026-05-04 10:11 UTC", "c" * 64):
        assert plain(words) in text


@pytest.mark.parametrize("language", ["ko", "en"])
def test_without_a_reproduction_nothing_is_said_of_one(language: str) -> None:
    with speaking(language):
        told = repr(contents(data()))
    assert WORDS[language][0] not in told
