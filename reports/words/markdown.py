"""Text that no Markdown reader takes for more than text."""

import re
from collections.abc import Sequence

from bench.words import units

SPECIAL = re.compile(r"([\\`*_\[\]|~#&$])")


def escape(text: str) -> str:
    """One line, with every sign that Markdown or HTML reads escaped."""
    return SPECIAL.sub(r"\\\1", units.clean(text)).replace("\\&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table_row(cells: Sequence[str]) -> str:
    """Cells already escaped, as one row."""
    return f"| {' | '.join(cells)} |"
