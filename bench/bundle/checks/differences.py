"""Where two pieces of JSON differ; numbers may differ in their last digits, which are the processor's."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

CLOSE = 1e-6
CLOSE_DRAWN = 0.02
"""Relative: bounds that were found by drawing samples depend on the version of numpy."""


class Difference(Struct, frozen=True):
    """``field``: a path such as ``criteria[0].figure.value``; the values as JSON has them."""

    field: str
    stated: Any
    found: Any


def differences(stated: Any, found: Any, field: str = "", close: float = CLOSE) -> Iterator[Difference]:
    """Each place at which ``stated`` is not ``found``. Of lists of different lengths only the length is told."""
    if isinstance(stated, dict) and isinstance(found, dict):
        for name in sorted({*stated, *found}):
            inner = f"{field}.{name}" if field else name
            if name not in stated or name not in found:
                yield Difference(inner, stated.get(name), found.get(name))
            else:
                yield from differences(stated[name], found[name], inner, close)
    elif isinstance(stated, list) and isinstance(found, list):
        if len(stated) != len(found):
            yield Difference(f"{field}.length", len(stated), len(found))
        for number, (one, other) in enumerate(zip(stated, found, strict=False)):
            yield from differences(one, other, f"{field}[{number}]", close)
    elif not _same(stated, found, close):
        yield Difference(field, stated, found)


def _same(stated: Any, found: Any, close: float) -> bool:
    if _number(stated) and _number(found):
        return bool(stated == found or abs(stated - found) <= close * abs(found))
    return type(stated) is type(found) and bool(stated == found)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
