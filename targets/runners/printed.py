"""Numbers in what a program printed."""

import math
import re

NUMBER = r"([0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?)(?![0-9.]*[0-9])"
MOST = 2.0**63


def number(pattern: str, text: str, unit: float) -> int | None:
    """The last number that ``pattern`` finds, where ``#`` stands for it, times ``unit``; ``None`` for none,
    and for one that no clock or memory can have."""
    found = re.findall(pattern.replace("#", NUMBER), text)
    value = float(found[-1]) * unit if found else math.inf
    return round(value) if value < MOST else None
