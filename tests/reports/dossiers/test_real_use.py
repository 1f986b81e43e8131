"""A dossier of criteria of real use: what each record decides, in both languages, and what its own part draws."""

import html
import re

import pytest
from made_dossiers import FORM, LIVED, LIVED_MODELS, LIVED_TARGETS, data, lived_runs
from msgspec.structs import replace

from bench.reports.dossiers.blocks import Drawings, Facts, Target, Targets, Text
from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.html import HtmlDossier
from bench.submission.dossier.data import DossierData
from bench.words import speaking, units

SCENARIOS = ("fixed-rate", "sustained", "server", "wake", "end-to-end", "power")
FOUND = {
    "frames": ("90.0", "met"),
    "retained": ("80.0", "not_met"),
    "rate": (None, "met"),
    "wake": ("8.00", "met"),
    "file": ("20.0", "not_met"),
    "network": ("40.0", "met"),
    "energy": ("50.0", "met"),
}
"""What was measured in the criterion's unit, by arithmetic on what the runs are made of, and what it decides."""
WORDS = {
    "en": {"met": "met", "not_met": "not met"},
    "ko": {"met": "달성", "not_met": "미달성"},
}


@pytest.fixture(scope="module")
def dossier() -> DossierData:
    form = replace(FORM, models=FORM.models + LIVED_MODELS, targets=FORM.targets + LIVED_TARGETS, criteria=LIVED)
    return data(form, lived_runs())


def rows(dossier: DossierData, language: str) -> dict[str, Target]:
    with speaking(language):
        (block,) = contents(dossier).sections[0].blocks
    assert isinstance(block, Targets)
    return {row.title.split()[-1]: row for row in block.rows}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_record_of_real_use_decides_its_criterion(dossier: DossierData, language: str) -> None:
    """Frames in time, retained, largest rate, first answer, from file to answer, energy: all are measured, from valid
    records."""
    found = rows(dossier, language)
    assert [*FOUND] == [*found]
    for name, (measured, word) in FOUND.items():
        row = found[name]
        assert (WORDS[language][word], "") == (row.word, row.doubt), name
        assert measured in (None, row.measured), name


def test_the_largest_rate_is_that_of_the_queue(dossier: DossierData) -> None:
    """138.8 a second, of which three short searches are within 5 %, and the interval holds it."""
    for language in ("en", "ko"):
        assert float(rows(dossier, language)["rate"].measured) == pytest.approx(138.8, rel=0.05)
    (run,) = (run for run in dossier.assessment.runs if run.record.record_id == "server")
    bounds = run.record.summary.figures["largest_rate_per_s"].interval95
    assert bounds is not None
    assert bounds[0] <= 138.8 <= bounds[1]


def drawn(dossier: DossierData, language: str) -> dict[str, tuple[dict[str, str], list[str]]]:
    """What the part of each record says first, by its label, and the titles of its charts; by the record."""
    found = {}
    with speaking(language):
        for section in contents(dossier).sections:
            if section.id.startswith("result-"):
                (told, *_) = section.blocks
                assert isinstance(told, Text)
                (name,) = {*SCENARIOS} & {*re.findall(r"[\w-]+", told.words)}
                facts = {f.label: f.value for b in section.blocks if isinstance(b, Facts) for f in b.facts}
                titles = [figure.title for b in section.blocks if isinstance(b, Drawings) for figure in b.figures]
                found[name] = facts, titles
    return found


SAID = {
    "en": {
        "fixed-rate": ({"Answers in time": "90.0 %", "Dropped frames": "0 %"}, "Frames over time"),
        "sustained": (
            {
                "Steady rate": "8.00 queries/s",
                "Retained of the first minute's rate": "80.0 %",
                "Time to throttle": "420 s",
            },
            "Rate by minute",
        ),
        "wake": ({"First answer after the longest idle time, p50": "8.00 ms"}, "Longer than warm by idle time"),
        "end-to-end": ({"Time per input": "15.0 ms", "Fraction of the network": "40.0 %"}, "Time by stage"),
        "power": ({"Energy, a query, above idle": "50.0 mJ", "Energy, a query, with idle": "51.0 mJ"}, ""),
    },
    "ko": {
        "fixed-rate": ({"제때 나온 결과": "90.0%", "버려진 프레임": "0%"}, "시간에 따른 프레임"),
        "sustained": (
            {"안정 속도": "8.00 쿼리/s", "처음 1분 대비 유지율": "80.0%", "스로틀링까지 걸린 시간": "420 s"},
            "분당 처리 속도 추이",
        ),
        "wake": ({"가장 긴 유휴 시간 뒤의 첫 응답, p50": "8.00 ms"}, "유휴 시간별 증가"),
        "end-to-end": ({"입력당 시간": "15.0 ms", "네트워크 비율": "40.0%"}, "단계별 시간"),
        "power": ({"쿼리당 에너지(유휴 제외)": "50.0 mJ", "쿼리당 에너지(유휴 포함)": "51.0 mJ"}, ""),
    },
}
"""Of each record the figures to see first, and the chart of its scenario. In the time of a thousand queries 50 J were
read, and 1 J of idle."""
LARGEST = {
    "en": ("Largest rate within the bound", "In time by rate tried"),
    "ko": ("한도를 지키는 최대 속도", "시도한 속도별 제때 나온 비율"),
}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_part_says_its_figures_and_draws_them(dossier: DossierData, language: str) -> None:
    """The figures that lead each scenario of real use, and the chart of it."""
    found = drawn(dossier, language)
    for name, (facts, title) in SAID[language].items():
        assert facts == {label: value for label, value in found[name][0].items() if label in facts}, name
        assert title in ("", *found[name][1]), name
    label, title = LARGEST[language]
    facts, titles = found["server"]
    assert float(facts[label].split()[0]) == pytest.approx(138.8, rel=0.05)
    assert title in titles


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_has_them(dossier: DossierData, language: str) -> None:
    """What the targets' table and the parts say is in the page that is written."""
    with speaking(language):
        page = html.unescape(HtmlDossier().render(dossier).decode()).replace(units.NO_BREAK, " ")
    for facts, title in SAID[language].values():
        assert [] == [one for one in (*facts, *facts.values(), title) if one not in page]
