"""How a drawing looks on paper: the rules of page.css for charts, with the colours of the printed page."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from msgspec import Struct

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SELECTOR = re.compile(r"svg (\w*)((?:\.[\w-]+)*)")
_DECLARATION = re.compile(r"([\w-]+):\s*([^;]+)")
_COLOUR = re.compile(r"--([\w-]+):\s*(#[0-9a-f]+)")


class _Rule(Struct, frozen=True):
    """``svg tag.class.class { … }`` of the style sheet."""

    tag: str
    classes: frozenset[str]
    said: Mapping[str, str]

    def fits(self, tag: str, classes: frozenset[str]) -> bool:
        return self.tag in ("", tag) and self.classes <= classes


def style(tag: str, classes: Iterable[str]) -> dict[str, str]:
    """Properties of an element of a drawing by its tag and its classes, as a browser finds them: the rule with more
    classes wins, then the one with a tag, then the later one."""
    named = frozenset(classes)
    fitting = [rule for rule in _rules() if rule.fits(tag, named)]
    found: dict[str, str] = {}
    for rule in sorted(fitting, key=lambda rule: (len(rule.classes), bool(rule.tag))):
        found |= rule.said
    return found


@cache
def _rules() -> tuple[_Rule, ...]:
    text = files("bench.reports").joinpath("page.css").read_text(encoding="utf-8")
    screen, _, printed = text.partition("@media print")
    plain, _, _ = screen.partition("@media screen")
    colours = dict(_COLOUR.findall(printed))
    found = []
    for selectors, body in _RULE.findall(plain):
        for selector in selectors.split(","):
            if known := _SELECTOR.fullmatch(selector.strip()):
                said = {name: _value(value.strip(), colours) for name, value in _DECLARATION.findall(body)}
                found.append(_Rule(known[1], frozenset(filter(None, known[2].split("."))), said))
    return tuple(found)


def _value(text: str, colours: Mapping[str, str]) -> str:
    named = re.fullmatch(r"var\(--([\w-]+)\)", text)
    return colours[named[1]] if named else text
