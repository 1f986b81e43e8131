"""A review as one self-contained HTML page that prints on A4."""

from bench.printable import visible
from bench.reports.reviews.contents import contents
from bench.reports.templates import template
from bench.review.review import Review
from bench.words import sentence


class HtmlReview:
    summary = sentence("review.format.html")
    suffix = ".html"

    def render(self, review: Review) -> bytes:
        """The page, UTF-8, without scripts and without network."""
        page: str = template("review.html.j2").render(found=contents(review))
        return visible(page).encode()
