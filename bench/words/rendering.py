"""Fills templates in. A placeholder is ``{name}`` or ``{name:form}``; a form is one of

    a number's format of Python   ``.1f``  ``,``  ``+.2f``  ``d``, written with the signs of the language; from 1,000
                                  on ``.3g`` and ``.4g`` are in groups: 7,740, 1,234
    a measure                     ``ns``  ``bytes``  ``joules``  ``quantity``  ``percent`` (of a fraction)
                                  ``rough`` (of a fraction, to two digits)  ``change`` (of a ratio)  ``similarity``
                                  ``digits``  ``gap`` (a count in groups)  ``when`` (an ISO 8601 time)
                                  ``limit`` (a fraction that was chosen)  ``clause`` (a sentence without its full stop)
    a word                        ``phase`` is the entry ``report.phase.…`` for the code of a phase of a run
    a noun                        ``{n:query}`` is the entry ``noun.query``, which has plural forms, for n of them;
                                  ``{n:query,}`` is the same with n in groups
    a list                        ``and``, ``or``: joined by the entries ``list.and``, ``list.or``; ``clauses``: by
                                  semicolons; ``sentences``: one behind the other; without a form, by commas

A sentence inside a sentence is in the same language. A code without an entry is shown with its figures, so that a
record of a later version can still be read; so is one that lacks a figure, as an edited record may. A figure that its
form does not fit is shown as it is.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import Any

from bench.words import units
from bench.words.catalogue import ENGLISH, Catalogue
from bench.words.catalogue import catalogue as catalogue_of
from bench.words.particles import with_particles

MEASURES: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "ns": units.duration,
        "bytes": units.size,
        "joules": units.joules,
        "quantity": units.quantity,
        "percent": units.percent,
        "rough": units.rough_percent,
        "change": units.percent_change,
        "similarity": units.similarity,
        "digits": units.digits,
        "gap": units.grouped,
        "when": units.when,
        "limit": units.limit,
        "clause": units.clause,
        "phase": units.phase,
    }
)
LISTS = ("and", "or", "clauses", "sentences")
NOUN = r"([a-z_]{2,}),?"

Part = tuple[str, str | None, str, str | None]


def rendered(code: str, figures: Mapping[str, Any], catalogue: Catalogue) -> str:
    """The words of ``code`` in the language of ``catalogue``, which is the one spoken now; in English where that
    language's template cannot be filled in."""
    template = catalogue.template(code)
    if template is None:
        return _unknown(code, figures)
    try:
        if _names(template) <= figures.keys():
            return _written(template, figures, catalogue)
        if catalogue.language == ENGLISH or not _strange(code, template):
            return _unknown(code, figures)
    except (ValueError, LookupError, TypeError):
        if catalogue.language == ENGLISH:
            raise
    return rendered(code, figures, catalogue_of(ENGLISH))


def _written(template: str, figures: Mapping[str, Any], catalogue: Catalogue) -> str:
    """The particles are those that the template marks, never what is like a mark in a figure."""
    done = ""
    for text, name, form, conversion in parts_of(template):
        done = with_particles(text, done)
        if name is not None:
            done += _filled(name, form, conversion, figures, catalogue)
    return done


def _strange(code: str, template: str) -> bool:
    """Whether a template names a figure that English does not: its translator's mistake."""
    english = catalogue_of(ENGLISH).template(code)
    return english is not None and not _names(template) <= _names(english)


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in parts_of(template) if name is not None}


@cache
def parts_of(template: str) -> tuple[Part, ...]:
    """Literal text, figure, form and conversion, as ``string.Formatter`` has them."""
    return tuple((text, name, form or "", conversion) for text, name, form, conversion in Formatter().parse(template))


def _filled(name: str, form: str, conversion: str | None, figures: Mapping[str, Any], catalogue: Catalogue) -> str:
    value = figures[name]
    try:
        return shown(repr(value) if conversion == "r" else value, form, catalogue)
    except (TypeError, ValueError, OverflowError):  # a record of another version, or one that was edited
        return str(value)


def shown(value: Any, form: str, catalogue: Catalogue) -> str:
    """One figure in its form."""
    if form in MEASURES:
        return MEASURES[form](value)
    if isinstance(value, list | tuple):
        return joined([shown(one, "", catalogue) for one in value], form, catalogue)
    if form and (noun := re.fullmatch(NOUN, form)):
        return counted(value, noun[1], catalogue, grouped=form.endswith(","))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return units.localised(_without_exponent(value, form)) if form or isinstance(value, float) else str(value)
    return format(value, form) if form else str(value)


GROUPED, LONGEST = 1e3, 1e15
"""From the first on a number is in groups, from the second on it is easier to read with its exponent."""


def _without_exponent(value: float, form: str) -> str:
    """``value`` in ``form``. Rounded to significant digits, one from 1,000 on is written out in groups, as all counts
    are; ``g`` alone is a number as it was given, and is in groups where Python would write an exponent."""
    if not form.endswith("g") or not abs(value) < LONGEST:
        return format(value, form)
    text = format(value, form.replace(",", ""))
    if "e+" not in text and (form in ("g", "+g") or abs(float(text)) < GROUPED):
        return text
    return format(Decimal(text), f"{'+' if text.startswith('+') else ''},f")


def counted(count: int, noun: str, catalogue: Catalogue, *, grouped: bool = False) -> str:
    """``3 queries``. An entry ``noun.…`` holds ``{n}``."""
    number = units.grouped(count) if grouped else str(count)
    return catalogue.counted_as(f"noun.{noun}", count, number) or f"{number} {noun}"


def joined(parts: list[str], form: str, catalogue: Catalogue) -> str:
    """``a, b and c`` of the form ``and``; ``a; b; c`` of ``clauses``; ``a, b, c`` of none."""
    if form in ("clauses", "sentences"):
        return (catalogue.template(f"list.{form}") or " ").join(parts)
    comma = catalogue.template("list.comma") or ", "
    if form not in LISTS or len(parts) < 2:
        return comma.join(parts)
    first, last = comma.join(parts[:-1]), parts[-1]
    return catalogue.filled(f"list.{form}", first=first, last=last) or f"{first}, {last}"


def _unknown(code: str, figures: Mapping[str, Any]) -> str:
    if not figures:
        return code
    return f"{code} ({', '.join(f'{name}={value}' for name, value in figures.items())})"
