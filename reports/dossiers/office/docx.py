"""A dossier as a .docx, by docxtpl. What an applicant wrote reaches the template as values, which are escaped and never
evaluated."""

from io import BytesIO
from typing import Any

from bench.reports.dossiers.blocks import Contents, Grid, kind_of
from bench.reports.dossiers.contents import contents
from bench.reports.dossiers.office.docx_template import spread, template_bytes
from bench.reports.dossiers.office.shared import TARGET_WIDTHS, cell_text, drawings_words, library, weights
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
        values = {"found": found, "kind_of": kind_of, "cell_text": cell_text, "drawings_words": drawings_words}
        made.render(values, SandboxedEnvironment(autoescape=True, undefined=StrictUndefined))
        document = made.docx  # get_docx would read the template again
        document.core_properties.title = found.title[:LONGEST_TITLE]
        _fit(document, found)
        saved = BytesIO()
        document.save(saved)
        return repacked(saved.getvalue())


def _fit(document: Any, found: Contents) -> None:
    """Give every table the widths of its columns, which are known only now."""
    grids = [block.table for section in found.sections for block in section.blocks if isinstance(block, Grid)]
    for table in document.tables:
        if grids and [cell.text for cell in table.rows[0].cells] == list(grids[0].titles):
            spread(table, weights(grids.pop(0)))
        elif len(table.columns) == len(TARGET_WIDTHS):
            spread(table, TARGET_WIDTHS)
