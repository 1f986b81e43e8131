"""One line of a comparison's table."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from bench.reports.words.causes import Status

SIGNS: Mapping[Status, str] = MappingProxyType(
    {"valid": "✓", "failed": "✕", "plain": "=", "unjudged": "?", "skipped": "–"}
)


class Row(Struct, frozen=True):
    """One metric. ``status`` gives the colour, ``sign`` says the same without it."""

    cells: tuple[str, ...]
    status: Status
    sign: str
