"""A dossier in Korean has no English sentence of its own: only names, codes, commands and units."""

import importlib.util
from pathlib import Path

import pytest
from made_dossiers import FORM, data, runs
from msgspec.structs import replace

from bench.reports.dossiers.html import HtmlDossier
from bench.submission.dossier.data import PARTS, DossierPart
from bench.submission.rules.finding import Finding
from bench.words import sentence, speaking

SPEC = importlib.util.spec_from_file_location("korean_reports", Path(__file__).parents[1] / "test_korean.py")
assert SPEC is not None
assert SPEC.loader is not None
reader = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reader)

FINDING = Finding(
    "ODB-S-001",
    "flag",
    "submission.toml",
    sentence("submission.no_record"),
    sentence("store.choose_another_folder_make_one"),
)
OWN = ("odb check", "Some Institute", "a paper", "KR / Some Institute")


@pytest.mark.parametrize("part", PARTS)
def test_a_korean_dossier_has_no_english_sentence(part: DossierPart) -> None:
    """Of criteria that end in every way, with findings."""
    told = [reader.told(run) for run in runs()]
    with speaking("ko"):
        page = HtmlDossier().render(data(FORM, told, part=part, findings=(FINDING,))).decode()
    said = reader.read_page(page)
    for name in OWN:
        said = said.replace(name, "–")
    assert [] == reader.english(said)


def test_without_records_it_is_korean_too() -> None:
    """What is missing is said in Korean."""
    with speaking("ko"):
        page = HtmlDossier().render(data(replace(FORM, project=type(FORM.project)()), [])).decode()
    said = reader.read_page(page)
    for name in OWN:
        said = said.replace(name, "–")
    assert "측정한 레코드가 없습니다" in said
    assert [] == reader.english(said)
