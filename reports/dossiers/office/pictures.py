"""The charts of a dossier as pictures for office documents, with the words that stand around them."""

from collections.abc import Iterator

from msgspec import Struct

from bench.reports.charts.picture import can_be_lettered, described, picture
from bench.reports.charts.style_sheet import style
from bench.reports.charts.svg import Figure
from bench.reports.dossiers.blocks import Contents, Drawings, cleaned
from bench.reports.dossiers.contents import contents
from bench.submission.dossier.data import DossierData
from bench.words import current, speaking

LATIN = "en"
"""The language of labels for which no font is installed."""
COLUMNS = 2


class Key(Struct, frozen=True):
    """A line of a legend. ``colour``: six hexadecimal digits."""

    colour: str
    name: str
    value: str


class Chart(Struct, frozen=True):
    """A chart in a document. ``png`` is empty in the place of one that a last row lacks; ``shape``: height by width;
    ``described``: what it shows, for those who do not see it."""

    title: str
    png: bytes = b""
    shape: float = 1.0
    described: str = ""
    legend: tuple[Key, ...] = ()
    note: str = ""


Rows = tuple[tuple[Chart, ...], ...]


def charts(dossier: DossierData, found: Contents) -> dict[Drawings, Rows]:
    """The charts of each block of ``found``, the contents of ``dossier``, in rows of two. The labels in the pictures
    are in the language that is spoken if a font for them is installed, otherwise in English; all else is in the
    language that is spoken."""
    blocks = list(_drawings(found))
    lettered = blocks
    if current().language != LATIN and not all(can_be_lettered(_svg(one)) for block in blocks for one in block.figures):
        with speaking(LATIN):
            lettered = list(_drawings(contents(dossier)))
    return {
        block: _in_rows([_chart(one, drawn) for one, drawn in zip(block.figures, other.figures, strict=True)])
        for block, other in zip(blocks, lettered, strict=True)
    }


def _drawings(found: Contents) -> Iterator[Drawings]:
    return (block for section in found.sections for block in section.blocks if isinstance(block, Drawings))


def _chart(figure: Figure, drawn: Figure) -> Chart:
    made = picture(_svg(drawn))
    legend = tuple(Key(_colour(name), str(cleaned(title)), str(cleaned(value))) for name, title, value in figure.legend)
    shape, words = made.height / made.width, str(cleaned(described(_svg(figure))))
    return Chart(str(cleaned(figure.title)), made.png, shape, words, legend, str(cleaned(figure.note)))


def _svg(figure: Figure) -> str:
    """Without characters that XML does not hold."""
    return str(cleaned(figure.svg))


def _colour(name: str) -> str:
    """That of a bar or a line of the style ``name``."""
    return (style("rect", [name]).get("fill") or style("path", ["line", name])["stroke"]).removeprefix("#")


def _in_rows(charts: list[Chart]) -> Rows:
    """The last row is filled up."""
    charts += [Chart("")] * (-len(charts) % COLUMNS)
    return tuple(tuple(charts[at : at + COLUMNS]) for at in range(0, len(charts), COLUMNS))
