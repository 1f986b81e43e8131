"""Preflights as one self-contained HTML page that prints on A4."""

from collections.abc import Sequence

from bench.preflight.found import Preflight
from bench.words import sentence


class HtmlPreflight:
    summary = sentence("preflight.format.html")
    suffix = ".html"

    def render(self, found: Sequence[Preflight]) -> bytes:
        raise NotImplementedError
