"""The template of the .docx dossier, for docxtpl: its layout, and nothing that an applicant wrote.

A tag such as ``{%p for … %}`` stands in a paragraph of its own, ``{%tr … %}`` in a row, ``{%tc … %}`` in a cell.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from bench.reports.dossiers.office.shared import TARGET_WIDTHS

PAGE_MM, MARGIN_MM = (210, 297), (18, 16)
FONT, KOREAN, MONOSPACED = "Calibri", "맑은 고딕", "Consolas"
CELL_MARGINS = (("top", 40), ("left", 80), ("bottom", 40), ("right", 80))
CHART_MM = 84
SOFT, SHADE = "5C636B", "F0F0EC"

TARGET_CELLS = (
    ("{{ row.number }}. {{ row.title }}", "row.metric"),
    ("{{ row.unit }}", ""),
    ("{{ row.weight }}", ""),
    ("{{ row.target }}", "row.proposed"),
    ("{% if row.doubt %}{{ row.doubt }}: {% endif %}{{ row.measured }}", "row.measured_note"),
    ("{{ row.achievement }}", ""),
    ("{{ row.sign }} {{ row.word }}", "row.reason"),
)


def template_bytes() -> bytes:
    """The template as a .docx."""
    from docx import Document

    document = Document()
    _page(document)
    _styles(document)
    _cover(document)
    _sections(document)
    made = BytesIO()
    document.save(made)
    return made.getvalue()


def _page(document: Any) -> None:
    from docx.shared import Mm

    (section,) = document.sections
    section.page_width, section.page_height = Mm(PAGE_MM[0]), Mm(PAGE_MM[1])
    section.top_margin = section.bottom_margin = Mm(MARGIN_MM[0])
    section.left_margin = section.right_margin = Mm(MARGIN_MM[1])
    small(section.header.paragraphs[0], "{{ found.notice }}")
    foot = section.footer.paragraphs[0]
    foot.alignment = 1
    small(foot, "{{ found.title }} · ")
    _page_number(foot)


def _page_number(paragraph: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    run = paragraph.add_run()
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        part.text = text or None
        run._r.append(part)


def _styles(document: Any) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    sizes = {"Normal": 9.5, "Title": 20, "Heading 1": 14, "Heading 2": 11.5, "Heading 3": 10}
    for name, size in sizes.items():
        style = document.styles[name]
        style.font.name, style.font.size = FONT, Pt(size)
        style.font.color.rgb = RGBColor(0, 0, 0)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        fonts.set(qn("w:eastAsia"), KOREAN)
        style.paragraph_format.space_after = Pt(3)
        style.paragraph_format.keep_with_next = name != "Normal"


def small(paragraph: Any, text: str, *, soft: bool = True) -> Any:
    """A run in small type."""
    from docx.shared import Pt, RGBColor

    run = paragraph.add_run(text)
    run.font.size = Pt(8)
    if soft:
        run.font.color.rgb = RGBColor.from_string(SOFT)
    return run


def shaded(cell: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    shade = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", SHADE)):
        shade.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shade)


def _table(document: Any, rows: int, columns: int) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    table = document.add_table(rows, columns)
    table.style, table.autofit = "Table Grid", False
    margins = OxmlElement("w:tblCellMar")
    for side, twips in CELL_MARGINS:
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), str(twips))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    table._tbl.tblPr.append(margins)
    return table


def _after(document: Any) -> None:
    """Two tables without a paragraph between them would become one."""
    from docx.shared import Pt

    gap = document.add_paragraph()
    gap.paragraph_format.space_after = Pt(2)
    small(gap, "")


def _repeated(row: Any) -> None:
    """The row is repeated at the top of each page."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _whole(row: Any) -> None:
    """No page ends within the row."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _fill(cell: Any, text: str, note: str = "", *, bold: bool = False) -> None:
    """``note``: an expression whose words, if any, stand below in small type."""
    first = cell.paragraphs[0]
    first.add_run(text).bold = bold
    first.paragraph_format.space_after = 0
    if note:
        cell.add_paragraph(f"{{%p if {note} %}}")
        below = cell.add_paragraph()
        below.paragraph_format.space_after = 0
        small(below, f"{{{{ {note} }}}}")
        cell.add_paragraph("{%p endif %}")


def _cover(document: Any) -> None:
    notice = _table(document, 1, 1).cell(0, 0)
    _fill(notice, "{{ found.notice }}", bold=True)
    small(notice.add_paragraph(), "{{ found.notice_note }}")
    _below(document, "{{ found.kind }}")
    document.add_paragraph("{{ found.title }}", style="Title")
    _facts(document, "found.facts")
    document.add_paragraph("{%p if found.ladder %}")
    ladder = _table(document, 3, 3)
    ladder.cell(0, 0).text = "{%tr for rung in found.ladder %}"
    for place, text in enumerate(("{{ rung.sign }} {{ rung.title }}", "{{ rung.meaning }}", "{{ rung.word }}")):
        _fill(ladder.cell(1, place), text, "rung.reason" if place == 2 else "", bold=place == 0)
    ladder.cell(2, 0).text = "{%tr endfor %}"
    widths(ladder, (22, 40, 38))
    _after(document)
    document.add_paragraph("{%p endif %}")


def widths(table: Any, shares: Sequence[int]) -> None:
    """Columns as wide as ``shares`` of the page's text."""
    from docx.shared import Mm

    room = PAGE_MM[0] - 2 * MARGIN_MM[1]
    for column, share in zip(table.columns, shares, strict=True):
        column.width = Mm(room * share / sum(shares))
    for row in table.rows:
        for cell, share in zip(row.cells, shares, strict=True):
            cell.width = Mm(room * share / sum(shares))


def spread(table: Any, shares: Sequence[int]) -> None:
    """The same of a table whose cells may span several columns."""
    from docx.oxml import OxmlElement
    from docx.shared import Mm

    room = PAGE_MM[0] - 2 * MARGIN_MM[1]
    wide = [Mm(room * share / sum(shares)) for share in shares]
    grid = table._tbl.tblGrid
    for column in list(grid):
        grid.remove(column)
    for one in wide:
        column = OxmlElement("w:gridCol")
        column.w = one
        grid.append(column)
    for row in table._tbl.tr_lst:
        at = 0
        for cell in row.tc_lst:
            span = cell.grid_span
            cell.width = sum(wide[at : at + span])
            at += span


def _facts(document: Any, name: str) -> None:
    table = _table(document, 3, 2)
    table.cell(0, 0).text = f"{{%tr for fact in {name} %}}"
    shaded(table.cell(1, 0))
    _fill(table.cell(1, 0), "{{ fact.label }}")
    _fill(table.cell(1, 1), "{{ fact.value }}", "fact.note")
    _whole(table.rows[1])
    table.cell(2, 0).text = "{%tr endfor %}"
    widths(table, (25, 75))
    _after(document)


def _sections(document: Any) -> None:
    add = document.add_paragraph
    add("{%p for section in found.sections %}")
    add("{%p if section.level == 2 %}")
    add("{{ section.title }}", style="Heading 1")
    add("{%p else %}")
    add("{{ section.title }}", style="Heading 2")
    add("{%p endif %}")
    add("{%p for block in section.blocks %}")
    for kind, made in (("text", _text), ("facts", _block_facts), ("steps", _steps), ("shell", _shell)):
        add(f'{{%p if kind_of(block) == "{kind}" %}}')
        made(document)
        add("{%p endif %}")
    for kind, made in (("grid", _grid), ("drawings", _drawings), ("targets", _targets)):
        add(f'{{%p if kind_of(block) == "{kind}" %}}')
        made(document)
        add("{%p endif %}")
    add("{%p endfor %}")
    add("{%p endfor %}")
    small(add(), "{{ found.footer }}")


def _text(document: Any) -> None:
    add = document.add_paragraph
    add('{%p if block.style == "warning" %}')
    cell = _table(document, 1, 1).cell(0, 0)
    shaded(cell)
    _fill(cell, "{{ block.words }}", bold=True)
    _after(document)
    add('{%p elif block.style == "note" %}')
    small(add(), "{{ block.words }}")
    add("{%p else %}")
    add("{{ block.words }}")
    add("{%p endif %}")


def _block_facts(document: Any) -> None:
    _facts(document, "block.facts")


def _steps(document: Any) -> None:
    add = document.add_paragraph
    add("{%p for step in block.steps %}")
    add("{{ loop.index }}. {{ step }}")
    add("{%p endfor %}")


def _shell(document: Any) -> None:
    table = _table(document, 1, 1)
    cell = table.cell(0, 0)
    shaded(cell)
    cell.paragraphs[0].text = "{%p for command in block.commands %}"
    line = cell.add_paragraph()
    line.paragraph_format.space_after = 0
    run = small(line, "{{ command }}", soft=False)
    run.font.name = MONOSPACED
    cell.add_paragraph("{%p endfor %}")
    _after(document)


def _drawings(document: Any) -> None:
    """Two charts side by side, each with its title above and its legend below."""
    table = _table(document, 3, 2)
    table.cell(0, 0).text = "{%tr for pair in charts[block] %}"
    _whole(table.rows[1])
    for place, cell in enumerate(table.rows[1].cells):
        _chart(cell, f"pair[{place}]")
    table.cell(2, 0).text = "{%tr endfor %}"
    widths(table, (1, 1))
    _after(document)


def _chart(cell: Any, chart: str) -> None:
    from docx.oxml.ns import qn

    _fill(cell, f"{{{{ {chart}.title }}}}", bold=True)
    add = cell.add_paragraph
    add(f"{{{{ image({chart}) }}}}").paragraph_format.space_after = 0
    add(f"{{%p for key in {chart}.legend %}}")
    line = add()
    line.paragraph_format.space_after = 0
    square = small(line, "■ ")
    square._r.rPr.find(qn("w:color")).set(qn("w:val"), "{{ key.colour }}")
    small(line, "{{ key.name }}: {{ key.value }}")
    add("{%p endfor %}")
    add(f"{{%p if {chart}.note %}}")
    small(add(), f"{{{{ {chart}.note }}}}")
    add("{%p endif %}")


def _below(document: Any, text: str) -> None:
    """A small line under a table."""
    from docx.shared import Pt

    line = document.add_paragraph()
    line.paragraph_format.space_before = Pt(3)
    small(line, text)


def _grid(document: Any) -> None:
    add = document.add_paragraph
    add("{%p if block.titled %}")
    add("{{ block.table.caption }}", style="Heading 3")
    add("{%p endif %}")
    table = _table(document, 4, 3)
    head = table.rows[0]
    _repeated(head)
    head.cells[0].text = "{%tc for column in block.table.columns %}"
    shaded(head.cells[1])
    small(head.cells[1].paragraphs[0], "{{ column.title }}", soft=False).bold = True
    head.cells[2].text = "{%tc endfor %}"
    table.cell(1, 0).text = "{%tr for row in block.table.rows %}"
    body = table.rows[2]
    _whole(body)
    body.cells[0].text = "{%tc for cell in row %}"
    cell = body.cells[1]
    _fill(cell, "{{ cell_text(cell) }}")
    cell.add_paragraph("{%p for note in cell.notes %}")
    below = cell.add_paragraph()
    below.paragraph_format.space_after = 0
    small(below, "{{ note }}")
    cell.add_paragraph("{%p endfor %}")
    body.cells[2].text = "{%tc endfor %}"
    table.cell(3, 0).text = "{%tr endfor %}"
    _below(document, "{{ block.table.note }}")


def _targets(document: Any) -> None:
    """Two rows for each criterion, so that all nine columns of the form fit a page."""
    table = _table(document, 6, 7)
    for place in range(7):
        shaded(table.cell(0, place))
        small(table.cell(0, place).paragraphs[0], f"{{{{ block.heads[{place}] }}}}", soft=False).bold = True
    for place, head in ((0, 7), (3, 8)):
        cell = table.cell(1, place).merge(table.cell(1, 2 if place == 0 else 6))
        shaded(cell)
        small(cell.paragraphs[0], f"{{{{ block.heads[{head}] }}}}", soft=False)
    for row in table.rows[:2]:
        _repeated(row)
    table.cell(2, 0).text = "{%tr for row in block.rows %}"
    for place, (text, note) in enumerate(TARGET_CELLS):
        _fill(table.cell(3, place), text, note, bold=place in (0, 3, 4, 6))
    method = table.cell(4, 0).merge(table.cell(4, 2))
    _fill(method, "{{ row.method }}", "row.conditions")
    evidence = table.cell(4, 3).merge(table.cell(4, 6))
    _fill(evidence, "{{ row.record_id }}", "row.sha256")
    for row in table.rows[3:5]:
        _whole(row)
    for cell in table.rows[3].cells:
        for line in cell.paragraphs:
            line.paragraph_format.keep_with_next = True  # with its second row
    table.cell(5, 0).text = "{%tr endfor %}"
    widths(table, TARGET_WIDTHS)
    _after(document)
    _facts(document, "block.totals")
    small(document.add_paragraph(), "{{ block.note }}")
