"""The documents for Word and for Hangul say what the page says, and what an applicant wrote does nothing in them."""

import html
import re
import zipfile
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from made_dossiers import FORM, data
from msgspec.structs import replace

from bench.errors import InputError
from bench.reports.charts import fonts
from bench.reports.charts.picture import described, picture
from bench.reports.charts.svg import Figure
from bench.reports.dossiers.blocks import Drawings, Facts, Grid, Section, Shell, Steps, Targets, Text
from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.html import HtmlDossier
from bench.reports.dossiers.office import shared
from bench.reports.dossiers.office.docx import DocxDossier
from bench.reports.dossiers.office.hwpx import HwpxDossier
from bench.reports.templates import unbroken
from bench.submission.dossier.data import DossierData
from bench.submission.form import Project
from bench.words import speaking

WRITERS = {"docx": DocxDossier, "hwpx": HwpxDossier}
HOSTILE = (
    "{{ 7*7 }} {% for x in y %} {{ found }} </w:t></hp:t> <script>alert(1)</script> ]]> &amp; "
    "\u202egpj\x1b[2J\x00\ufffe"
)


def parts(made: bytes) -> str:
    """The XML of the body."""
    with zipfile.ZipFile(BytesIO(made)) as archive:
        names = [n for n in archive.namelist() if n in ("word/document.xml",) or n.startswith("Contents/section")]
        return "".join(archive.read(name).decode() for name in names)


def plain(text: str) -> str:
    """Without the difference between spaces, nor spaces at all: where lines end is each writer's."""
    return re.sub(r"\s+", "", html.unescape(text))


def read(suffix: str, made: bytes) -> str:
    """What a reader of the document sees, by a library."""
    if suffix == "html":
        page = re.sub(r"<(style|svg)\b.*?</\1>", "", made.decode(), flags=re.DOTALL)
        return plain(re.sub(r"<[^>]+>", "", page))
    pytest.importorskip("docx" if suffix == "docx" else "hwpx", reason="needs the extra office")
    return plain(re.sub(r"<[^>]+>", "", parts(made)))


def rendered(suffix: str, dossier: DossierData, language: str) -> bytes:
    if suffix != "html":
        pytest.importorskip("docxtpl" if suffix == "docx" else "hwpx", reason="needs the extra office")
    with speaking(language):
        made: bytes = {"html": HtmlDossier, **WRITERS}[suffix]().render(dossier)
    return made


@cache
def made_in(suffix: str, language: str) -> bytes:
    return rendered(suffix, data(), language)


def words(section: Section) -> list[str]:
    """Every text of a section that a writer must show."""
    found = [section.title]
    for block in section.blocks:
        match block:
            case Text(told):
                found.append(told)
            case Facts(facts):
                found += [text for fact in facts for text in (fact.label, fact.value, fact.note)]
            case Steps(steps):
                found += steps
            case Shell(commands):
                found += commands
            case Grid(table):
                found += [
                    *table.titles,
                    *(text for row in table.rows for cell in row for text in (cell.value, *cell.notes)),
                ]
            case Targets(heads, rows, totals, note):
                found += [*heads, note, *(text for fact in totals for text in (fact.label, fact.value))]
                found += [
                    text
                    for row in rows
                    for text in (
                        *(row.title, row.metric, row.unit, row.weight, row.target, row.proposed, row.measured),
                        *(row.measured_note, row.doubt, row.achievement, row.word, row.reason, row.method),
                        *(row.conditions, row.record_id, row.sha256),
                    )
                ]
            case Drawings(figures):
                found += [text for one in figures for text in (one.title, one.note)]
                found += [text for one in figures for _, name, value in one.legend for text in (name, value)]
    return found


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("suffix", ["html", "docx", "hwpx"])
def test_every_writer_says_everything(suffix: str, language: str) -> None:
    """All texts and figures of the contents, so that no two documents differ."""
    said = read(suffix, made_in(suffix, language))
    with speaking(language):
        found = contents(data())
    assert [] == [text for section in found.sections for text in words(section) if plain(unbroken(text)) not in said]
    assert plain(found.notice) in said


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_same_data_give_the_same_bytes(suffix: str) -> None:
    """A zip without times; nothing drawn at random."""
    made = made_in(suffix, "ko")
    assert made == rendered(suffix, data(), "ko")
    with zipfile.ZipFile(BytesIO(made)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("suffix", ["html", "docx", "hwpx"])
def test_what_an_applicant_wrote_is_text(suffix: str) -> None:
    """No template in it is evaluated, no markup closes an element, no control character is left."""
    project = Project(name=HOSTILE, summary=HOSTILE)
    criteria = (replace(FORM.criteria[0], title=HOSTILE, method=HOSTILE, reason=HOSTILE, conditions=HOSTILE),)
    made = rendered(suffix, data(replace(FORM, project=project, criteria=criteria)), "en")
    text = made.decode() if suffix == "html" else parts(made)
    assert not {"\x1b", "\x00", "\u202e", "\ufffe"} & set(text)
    assert "<script" not in text
    assert plain("{{ 7*7 }} {% for x in y %} {{ found }} </w:t></hp:t> <script>") in read(suffix, made)


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_library_reads_it_again(suffix: str) -> None:
    """Tables are tables: that of the targets has a cell for each column."""
    made = made_in(suffix, "ko")
    if suffix == "docx":
        tables = import_module("docx").Document(BytesIO(made)).tables
        found = next(table for table in tables if table.cell(0, 0).text == "평가항목" and len(table.columns) == 7)
        assert [cell.text for cell in found.rows[2].cells][:4] == [
            "1. 평가 met\nsummary.latency_ns.p50",
            "ms",
            "20",
            "33.3 이하",
        ]
        return
    hwpx = import_module("hwpx")
    report = hwpx.validate_package(made)
    assert [] == [issue for issue in report.issues if issue.level != "warning"]
    document = hwpx.HwpxDocument.open(BytesIO(made))
    assert not any(table.treat_as_char for table in document.tables)  # else a long one is cut at its page's end
    text = document.text.plain()
    assert "33.3 이하\t4.15" in text


def pictures(suffix: str, made: bytes) -> list[tuple[str, bytes]]:
    """What each picture of a document is said to show, and its bytes, in the document's order."""
    found = []
    with zipfile.ZipFile(BytesIO(made)) as archive:
        if suffix == "docx":
            document = import_module("docx").Document(BytesIO(made))
            for shown in document.inline_shapes:
                part = document.part.related_parts[shown._inline.graphic.graphicData.pic.blipFill.blip.embed]
                found.append((shown._inline.docPr.get("descr"), part.blob))
            return found
        for element in ElementTree.fromstring(parts(made)).iter():
            if element.tag.endswith("}pic"):
                inside = {one.tag.rpartition("}")[2]: one for one in element.iter()}
                held = inside["img"].attrib["binaryItemIDRef"]
                found.append((inside["shapeComment"].text, archive.read(f"BinData/{held}.png")))
    return found


def figures_in(language: str) -> list[Figure]:
    with speaking(language):
        blocks = [block for section in contents(data()).sections for block in section.blocks]
    return [figure for block in blocks if isinstance(block, Drawings) for figure in block.figures]


@pytest.mark.parametrize("suffix", WRITERS)
def test_charts_are_pictures_with_words(suffix: str) -> None:
    """Every chart of the page is a picture of it, and says what it shows to those who do not see it."""
    drawn = figures_in("ko")
    assert len(drawn) >= 10
    shown = pictures(suffix, made_in(suffix, "ko"))
    assert [words.replace("\n", " ") for words, _ in shown] == [
        " ".join(described(figure.svg).split("\n")) for figure in drawn
    ]
    assert [png for _, png in shown] == [picture(figure.svg).png for figure in drawn]


@pytest.mark.parametrize("suffix", WRITERS)
def test_without_a_korean_font_labels_are_english(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said around the pictures stays Korean."""
    monkeypatch.setattr(fonts, "installed", lambda: ())
    made = rendered(suffix, data(), "ko")
    korean, english = figures_in("ko"), figures_in("en")
    shown = pictures(suffix, made)
    assert [png for _, png in shown] == [picture(figure.svg).png for figure in english]
    assert all(words.startswith(figure.title) for (words, _), figure in zip(shown, korean, strict=True))
    assert plain(korean[0].title) in read(suffix, made)


@pytest.mark.parametrize("suffix", WRITERS)
def test_without_the_library_the_extra_is_named(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what can be written without it."""

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(shared, "import_module", absent)
    with pytest.raises(InputError) as told, speaking("en"):
        WRITERS[suffix]().render(data())
    assert f".{suffix}" in told.value.message
    assert "ondevice-bench[office]" in told.value.remedy
