"""The writers of comparisons, by format; each is imported when it is used."""

from collections.abc import Mapping
from types import MappingProxyType

WRITERS: Mapping[str, str] = MappingProxyType(
    {
        "terminal": "bench.reports.comparisons.terminal",
        "md": "bench.reports.comparisons.markdown",
        "json": "bench.reports.comparisons.json",
        "html": "bench.reports.comparisons.html",
    }
)
"""Format -> module whose ``render`` turns findings into bytes."""
