"""A dossier as one self-contained HTML page that prints on A4."""

from bench.printable import visible
from bench.reports.dossiers.blocks import kind_of
from bench.reports.dossiers.contents import contents
from bench.reports.templates import template
from bench.submission.dossier.data import DossierData
from bench.words import sentence


class HtmlDossier:
    summary = sentence("dossier.summary.html")
    suffix = ".html"

    def render(self, dossier: DossierData) -> bytes:
        """The page, UTF-8, without scripts and without network."""
        page: str = template("dossier.html.j2").render(found=contents(dossier), kind_of=kind_of)
        return visible(page).encode()
