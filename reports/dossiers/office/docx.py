"""A dossier as a .docx, by docxtpl. What an applicant wrote reaches the template as values, which are escaped and never
evaluated."""

from io import BytesIO
from typing import Any

from bench.reports.dossiers.blocks import Contents, Grid, kind_of
from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.office.docx_template import CHART_MM, spread, template_bytes
from bench.reports.dossiers.office.pictures import Chart, charts
from bench.reports.dossiers.office.shared import TARGET_WIDTHS, cell_text, library, weights
from bench.reports.dossiers.office.zips import repacked
from bench.submission.dossier.data import DossierData
from bench.words import sentence

LONGEST_TITLE = 255
"""What a property of a document may hold."""


class DocxDossier:
    summary = sentence("dossier.summary.docx")
    suffix = ".docx"

    def render(self, dossier: DossierData) -> bytes:
        """The document. Raises ``InputError`` where the extra ``office`` is not installed."""
        docxtpl = library("docxtpl", self.suffix)
        from jinja2 import StrictUndefined
        from jinja2.sandbox import SandboxedEnvironment

        found = contents(dossier)
        made = docxtpl.DocxTemplate(BytesIO(template_bytes()))
        drawn = charts(dossier, found)
        values = {
            "found": found,
            "kind_of": kind_of,
            "cell_text": cell_text,
            "charts": drawn,
            "image": lambda chart: _image(made, chart),
        }
        made.render(values, SandboxedEnvironment(autoescape=True, undefined=StrictUndefined))
        document = made.docx  # get_docx would read the template again
        document.core_properties.title = found.title[:LONGEST_TITLE]
        _fit(document, found)
        _describe(document, [chart for rows in drawn.values() for row in rows for chart in row if chart.png])
        saved = BytesIO()
        document.save(saved)
        return repacked(saved.getvalue())


def _image(made: Any, chart: Chart) -> Any:
    """A picture for the template, or nothing in the place of a missing one."""
    from docx.shared import Mm

    image = library("docxtpl", DocxDossier.suffix).InlineImage
    return image(made, BytesIO(chart.png), width=Mm(CHART_MM)) if chart.png else ""


def _describe(document: Any, drawn: list[Chart]) -> None:
    """Say what each picture shows, for those who do not see it."""
    from docx.oxml.ns import qn

    for shown, chart in zip(document.element.body.iter(qn("wp:docPr")), drawn, strict=True):
        shown.set("name", chart.title)
        shown.set("descr", chart.described)


def _fit(document: Any, found: Contents) -> None:
    """Give every table the widths of its columns, which are known only now."""
    grids = [block.table for section in found.sections for block in section.blocks if isinstance(block, Grid)]
    for table in document.tables:
        if grids and [cell.text for cell in table.rows[0].cells] == list(grids[0].titles):
            spread(table, weights(grids.pop(0)))
        elif len(table.columns) == len(TARGET_WIDTHS):
            spread(table, TARGET_WIDTHS)
