"""Results of a rack as one self-contained HTML page that prints on A4."""

from bench.printable import visible
from bench.racks.rack import Rack
from bench.reports.racks.contents import contents
from bench.reports.templates import template
from bench.words import sentence


class HtmlRack:
    summary = sentence("rack.format.html")
    suffix = ".html"

    def render(self, rack: Rack) -> bytes:
        """The page, UTF-8, without scripts and without network."""
        page: str = template("rack.html.j2").render(found=contents(rack))
        return visible(page).encode()
