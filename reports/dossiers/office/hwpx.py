"""A dossier as a .hwpx, which Hangul reads, by python-hwpx."""

import re
from collections.abc import Sequence
from typing import Any

from bench.reports.dossiers.blocks import (
    Block,
    Contents,
    Drawings,
    Fact,
    Facts,
    Grid,
    Section,
    Shell,
    Steps,
    Targets,
    Text,
)
from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.office.pictures import Chart, Rows, charts
from bench.reports.dossiers.office.shared import TARGET_WIDTHS, cell_text, library, weights
from bench.reports.dossiers.office.zips import repacked
from bench.submission.dossier.data import DossierData
from bench.words import sentence

MARGINS_MM = {"left": 16, "right": 16, "top": 18, "bottom": 18}
SHADE, SOFT = "#F0F0EC", "#5C636B"
CHART_WIDTH = 23_800
"""84 mm in Hangul's units, of which an inch has 7200."""
FACT_WIDTHS, RUNG_WIDTHS = (25, 75), (22, 40, 38)
MADE_UP_ID = re.compile(rb'(?<= )(id|idRef|instid)="(\d+)"')
"""What the library draws at random."""
PARTS = re.compile(r"Contents/section\d+\.xml")

Lines = tuple[tuple[str, str], ...]
"""Text and style of each paragraph of a cell."""


class HwpxDossier:
    summary = sentence("dossier.summary.hwpx")
    suffix = ".hwpx"

    def render(self, dossier: DossierData) -> bytes:
        """The document. Raises ``InputError`` where the extra ``office`` is not installed."""
        hwpx = library("hwpx", self.suffix)
        found = contents(dossier)
        page = Page(hwpx.HwpxDocument.new(), charts(dossier, found))
        page.write(found)
        page.document.parts.clear_document_metadata(keep=())  # those of the library's own example
        page.document.parts.set_document_metadata(title=found.title)
        page.document.parts.clear_preview()
        return repacked(page.document.to_bytes(), _numbered)


def _numbered(name: str, part: bytes) -> bytes:
    """``part`` with the ids that were drawn at random as numbers, in order."""
    if not PARTS.fullmatch(name):
        return part
    known: dict[bytes, int] = {}
    return MADE_UP_ID.sub(lambda found: b'%s="%d"' % (found[1], known.setdefault(found[2], 1001 + len(known))), part)


class Page:
    """Writes contents into a document of python-hwpx."""

    def __init__(self, document: Any, drawn: dict[Drawings, Rows]) -> None:
        self.document, self.drawn = document, drawn
        run = document.styles.ensure_run
        self.styles = {
            "plain": run(size=9.5),
            "bold": run(size=9.5, bold=True),
            "note": run(size=8, color=SOFT),
            "code": run(size=8),
            "title": run(size=20, bold=True),
            "head2": run(size=14, bold=True),
            "head3": run(size=11.5, bold=True),
        }
        document.page.setup(paper_size="A4", margins_mm=MARGINS_MM)
        model = document.add_paragraph("", inherit_style=False)
        document.styles.apply_paragraph_format(paragraphs=[model], alignment="LEFT")
        self.left = model.para_pr_id_ref
        model.remove()

    def write(self, found: Contents) -> None:
        """The whole document."""
        self.document.page.set_header(text=found.notice)
        self.table([[((found.notice, "bold"), (found.notice_note, "note"))]], (1,))
        self.line(found.kind, "note")
        self.line(found.title, "title")
        self.facts(found.facts)
        if found.ladder:
            rows = [
                [
                    ((f"{rung.sign} {rung.title}", "bold"),),
                    ((rung.meaning, "plain"),),
                    ((rung.word, "plain"), (rung.reason, "note")),
                ]
                for rung in found.ladder
            ]
            self.table(rows, RUNG_WIDTHS)
        for section in found.sections:
            self.section(section)
        self.line(found.footer, "note")

    def section(self, section: Section) -> None:
        self.document.add_heading(
            section.title, level=section.level - 1, char_pr_id_ref=self.styles[f"head{section.level}"]
        )
        for block in section.blocks:
            self.block(block)

    def block(self, block: Block) -> None:
        match block:
            case Text(words, "warning"):
                self.table([[((words, "bold"),)]], (1,), shaded=True)
            case Text(words, style):
                self.line(words, style)
            case Facts(facts):
                self.facts(facts)
            case Steps(steps):
                for number, step in enumerate(steps, start=1):
                    self.line(f"{number}. {step}")
            case Shell(commands):
                self.table([[tuple((command, "code") for command in commands)]], (1,), shaded=True)
            case Grid():
                self.grid(block)
            case Drawings():
                self.charts(self.drawn[block])
            case Targets():
                self.targets(block)

    def line(self, words: str, style: str = "plain") -> None:
        styles = {"char_pr_id_ref": self.styles[style], "para_pr_id_ref": self.left}
        self.document.add_paragraph(words, inherit_style=False, **styles)

    def facts(self, facts: Sequence[Fact]) -> None:
        rows = [[((fact.label, "bold"),), ((fact.value, "plain"), (fact.note, "note"))] for fact in facts]
        self.table(rows, FACT_WIDTHS)

    def grid(self, block: Grid) -> None:
        table = block.table
        if block.titled:
            self.line(table.caption, "bold")
        heads = [((title, "bold"),) for title in table.titles]
        rows = [
            [((cell_text(cell), "plain"), *((note, "note") for note in cell.notes)) for cell in row]
            for row in table.rows
        ]
        self.table([heads, *rows], weights(table), heads=1)
        if table.note:
            self.line(table.note, "note")

    def charts(self, rows: Rows) -> None:
        """Two side by side, each with its title above and its legend below."""
        table = self.table([[((chart.title, "bold"),) for chart in row] for row in rows], (1, 1))
        for row, made in zip(rows, table.rows, strict=True):
            for chart, cell in zip(row, made.cells, strict=True):
                if chart.png:
                    self.chart(cell, chart)

    def chart(self, cell: Any, chart: Chart) -> None:
        held = self.document.media.add_image(chart.png, "png")
        line = cell.add_paragraph("", para_pr_id_ref=self.left)
        shown = line.add_picture(str(held), width=CHART_WIDTH, height=round(CHART_WIDTH * chart.shape))
        comment = next(one for one in shown.element if one.tag.endswith("}shapeComment"))
        comment.text = chart.described
        for key in chart.legend:
            colour = self.document.styles.ensure_run(size=8, color=f"#{key.colour}")
            line = cell.add_paragraph("■ ", para_pr_id_ref=self.left, char_pr_id_ref=colour)
            line.add_run(f"{key.name}: {key.value}", char_pr_id_ref=self.styles["note"])
        if chart.note:
            cell.add_paragraph(chart.note, para_pr_id_ref=self.left, char_pr_id_ref=self.styles["note"])

    def targets(self, block: Targets) -> None:
        """Two rows for each criterion, as the page has them."""
        names = [((head, "bold"),) for head in block.heads]
        first, more = names[:7], [names[7], (), (), names[8], (), (), ()]
        rows: list[Sequence[Lines]] = [first, more]
        for row in block.rows:
            rows.append(
                [
                    ((f"{row.number}. {row.title}", "bold"), (row.metric, "note")),
                    ((row.unit, "plain"),),
                    ((row.weight, "plain"),),
                    ((row.target, "bold"), (row.proposed, "note")),
                    ((row.doubt, "note"), (row.measured, "bold"), (row.measured_note, "note")),
                    ((row.achievement, "plain"),),
                    ((f"{row.sign} {row.word}", "bold"), (row.reason, "note")),
                ]
            )
            method = ((row.method, "plain"), (row.conditions, "note"))
            rows.append([method, (), (), ((row.record_id, "plain"), (row.sha256, "note")), (), (), ()])
        table = self.table(rows, TARGET_WIDTHS, heads=2)
        for number in range(1, len(rows), 2):
            table.merge_cells(number, 0, number, 2)
            table.merge_cells(number, 3, number, 6)
        self.facts(block.totals)
        self.line(block.note, "note")

    def table(
        self, rows: Sequence[Sequence[Lines]], widths: Sequence[int], *, heads: int = 0, shaded: bool = False
    ) -> Any:
        """A table of cells, each of paragraphs; the first ``heads`` rows are titles."""
        table = self.document.add_table(len(rows), len(widths), inherit_style=False)
        table.set_column_widths(list(widths))
        table.set_treat_as_char(False)  # one that is treated as a character ends with its page
        for y, (row, made) in enumerate(zip(rows, table.rows, strict=True)):
            for x, (lines, cell) in enumerate(zip(row, made.cells, strict=True)):
                self.cell(cell, [line for line in lines if line[0]])
                if shaded or y < heads:
                    table.set_cell_shading(y, x, SHADE)
                if y < heads:
                    cell.element.set("header", "1")
        if heads:
            table.element.set("repeatHeader", "1")
        self.line("", "note")
        return table

    def cell(self, cell: Any, lines: Sequence[tuple[str, str]]) -> None:
        first = cell.paragraphs[0]
        first.element.set("paraPrIDRef", self.left)
        for number, (words, style) in enumerate(lines):
            if number:
                cell.add_paragraph(words, para_pr_id_ref=self.left, char_pr_id_ref=self.styles[style])
            else:
                cell.set_text(words)
                for run in first.runs:
                    run.char_pr_id_ref = self.styles[style]
