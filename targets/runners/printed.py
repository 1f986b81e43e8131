"""Numbers in what a program printed."""

import re

NUMBER = r"([0-9][0-9.]*(?:e[+-]?[0-9]+)?)"


def number(pattern: str, text: str, unit: float) -> int | None:
    """The last number that ``pattern`` finds, where ``#`` stands for it, times ``unit``; ``None`` for none."""
    found = re.findall(pattern.replace("#", NUMBER), text)
    return round(float(found[-1]) * unit) if found else None
