"""The package of a .hwpx (KS X 6101, OWPML) read by the rules of the standard alone, without the library that wrote it.

What one reader is lenient about another refuses: an item of the manifest that is not there, an id that nothing has, a
count that is wrong.
"""

import zipfile
from functools import cache
from io import BytesIO
from xml.etree import ElementTree

import pytest
from made_dossiers import data

from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.office.hwpx import HwpxDossier
from bench.words import speaking

pytest.importorskip("hwpx", reason="needs the extra office")

REFERENCES = {
    "charPrIDRef": "charPr",
    "paraPrIDRef": "paraPr",
    "borderFillIDRef": "borderFill",
    "styleIDRef": "style",
    "nextStyleIDRef": "style",
    "tabPrIDRef": "tabPr",
    "memoShapeIDRef": "memoPr",
    "outlineShapeIDRef": "numbering",
}
"""An attribute, and the elements of the header one of which it names."""
NOTHING = {"memoShapeIDRef": {"0"}, "charPrIDRef": {"4294967295"}, "outlineShapeIDRef": {"0"}}
"""Values that stand for no element."""


@cache
def package() -> zipfile.ZipFile:
    with speaking("ko"):
        return zipfile.ZipFile(BytesIO(HwpxDossier().render(data())))


def tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def xml(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(package().read(name))


def items() -> dict[str, tuple[str, str]]:
    """The manifest: id -> place and media type."""
    found = [one for one in xml("Contents/content.hpf").iter() if tag(one) == "item"]
    assert len({one.attrib["id"] for one in found}) == len(found)
    return {one.attrib["id"]: (one.attrib["href"], one.attrib["media-type"]) for one in found}


def sections() -> list[str]:
    return [name for name in package().namelist() if name.startswith("Contents/section")]


def test_the_type_comes_first_and_stored() -> None:
    """So that a program knows the file by its first bytes."""
    first = package().infolist()[0]
    assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
    assert package().read("mimetype") == b"application/hwp+zip"


def test_names_are_plain_and_come_once() -> None:
    names = package().namelist()
    assert len(names) == len(set(names))
    assert [] == [name for name in names if name.startswith("/") or ".." in name or "\\" in name]
    assert {one.flag_bits & 1 for one in package().infolist()} == {0}  # nothing is encrypted


def test_every_part_is_xml() -> None:
    parts = [name for name in package().namelist() if name.endswith((".xml", ".hpf", ".rdf"))]
    assert len(parts) >= 7
    for name in parts:
        xml(name)


def test_what_the_container_names_is_there() -> None:
    """The package file first, by which a reader finds all others."""
    roots = [one.attrib for one in xml("META-INF/container.xml").iter() if tag(one) == "rootfile"]
    assert roots[0] == {"full-path": "Contents/content.hpf", "media-type": "application/hwpml-package+xml"}
    assert {root["full-path"] for root in roots} <= {*package().namelist()}


def test_the_manifest_has_every_part_and_the_spine_its_order() -> None:
    places = {place for place, _ in items().values()}
    held = {name for name in package().namelist() if name.startswith(("Contents/", "BinData/"))}
    assert held - {"Contents/content.hpf"} == {place for place in places if place.startswith(("Contents/", "BinData/"))}
    assert places <= {*package().namelist()}
    spine = [one.attrib["idref"] for one in xml("Contents/content.hpf").iter() if tag(one) == "itemref"]
    assert [items()[name][0] for name in spine] == ["Contents/header.xml", *sections()]
    assert xml("Contents/header.xml").attrib["secCnt"] == str(len(sections()))


def test_what_the_text_refers_to_is_in_the_header() -> None:
    head = xml("Contents/header.xml")
    ids: dict[str, set[str]] = {}
    for element in head.iter():
        if "id" in element.attrib:
            ids.setdefault(tag(element), set()).add(element.attrib["id"])
    wanting = {
        (name, attribute, value)
        for name in ("Contents/header.xml", *sections())
        for element in xml(name).iter()
        for attribute, value in element.attrib.items()
        if attribute in REFERENCES
        and value not in ids.get(REFERENCES[attribute], set()) | NOTHING.get(attribute, set())
    }
    assert wanting == set()


def test_counts_are_those_of_what_is_there() -> None:
    wrong = {
        (tag(element), element.attrib["itemCnt"], len(element))
        for element in xml("Contents/header.xml").iter()
        if "itemCnt" in element.attrib and element.attrib["itemCnt"] != str(len(element))
    }
    assert wrong == set()


def test_pictures_are_in_the_manifest_with_their_type() -> None:
    shown = [e.attrib["binaryItemIDRef"] for name in sections() for e in xml(name).iter() if tag(e) == "img"]
    assert len(shown) >= 10
    for name in shown:
        place, media = items()[name]
        assert (place.rpartition(".")[2], media) == ("png", "image/png")
        assert package().read(place).startswith(b"\x89PNG")


def test_tables_have_as_many_cells_as_they_say() -> None:
    """Every place of a table is covered once, by one cell or by one that spans several."""
    tables = [one for name in sections() for one in xml(name).iter() if tag(one) == "tbl"]
    assert len(tables) > 10
    for table in tables:
        rows, columns = int(table.attrib["rowCnt"]), int(table.attrib["colCnt"])
        covered = []
        for cell in (one for row in table if tag(row) == "tr" for one in row if tag(one) == "tc"):
            inside = {tag(one): one.attrib for one in cell}
            y, x = (int(inside["cellAddr"][key]) for key in ("rowAddr", "colAddr"))
            down, across = (int(inside["cellSpan"][key]) for key in ("rowSpan", "colSpan"))
            covered += [(y + dy, x + dx) for dy in range(down) for dx in range(across)]
        assert sorted(covered) == [(y, x) for y in range(rows) for x in range(columns)]


def test_nothing_is_left_of_the_librarys_own_example() -> None:
    """Neither its author and dates nor its preview, which programs show before they open a file."""
    meta = {one.attrib["name"]: one.text or "" for one in xml("Contents/content.hpf").iter() if tag(one) == "meta"}
    assert {value for name, value in meta.items() if "Date" not in name} == {""}
    assert {value for name, value in meta.items() if "Date" in name} == {"1970-01-01T00:00:00Z"}
    with speaking("ko"):
        title = contents(data()).title
    assert [one.text for one in xml("Contents/content.hpf").iter() if tag(one) == "title"] == [title]
    assert package().read("Preview/PrvText.txt") == b""
