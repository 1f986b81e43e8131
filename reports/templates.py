"""The packaged Jinja2 templates; what comes from records is escaped."""

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from bench.words import current, say, units

if TYPE_CHECKING:
    from markupsafe import Markup

LONG = 24
"""Signs of the longest word that is kept whole; it fits a phone in the smallest type used."""


def template(name: str) -> Any:
    """The template of that file name, ready to render: with ``say`` and the ``language`` that is spoken. A name it asks
    for and does not get is an error."""
    return _template(name, current().language)


@cache
def _template(name: str, language: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.reports", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=unbroken,
    )
    environment.globals |= {"say": say, "language": language}
    environment.filters["soft"] = soft
    environment.filters["coded"] = coded
    environment.filters["pasted"] = pasted
    environment.filters["longest"] = longest
    environment.filters["width"] = width
    return environment.get_template(name)


def unbroken(value: Any) -> Any:
    """``value`` as it is shown: a line never breaks between a number and its unit. ``pasted`` text is unchanged."""
    if not isinstance(value, str) or hasattr(value, "pasted"):
        return value
    return type(value)(units.together(value))


def pasted(text: str) -> "Markup":
    """``soft``, with every space as it is: a command that a reader copies."""
    from markupsafe import Markup

    class Pasted(Markup):
        pasted = True

    return Pasted(soft(text))


def soft(text: str, long: int = LONG) -> "Markup":
    """``text``, escaped, of which words with hyphens (``--max-seconds``) are not broken at them, and those of more than
    ``long`` cells may be broken after an underscore, a slash or an equals sign."""
    from markupsafe import Markup, escape

    words = []
    for word in text.split(" "):
        shown = escape(word)
        if width(word) > long:
            shown = Markup(re.sub(r"([_/=,])(?=[^_/=,])", r"\1<wbr>", str(shown)))
        elif "-" in word:
            shown = Markup('<span class="whole">{}</span>').format(word)
        words.append(shown)
    return Markup(" ").join(words)


def coded(text: str) -> "Markup":
    """``soft``, with what stands between grave accents, as sentences of the catalogue set names, in a fixed pitch."""
    from markupsafe import Markup

    parts = [soft(part) for part in text.split("`")]
    if len(parts) % 2 == 0:  # an accent without its counterpart
        return soft(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def width(text: str) -> int:
    """Its signs, those of Korean, Chinese and Japanese twice: they are about twice as wide."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def longest(text: str) -> int:
    """Width of its longest word."""
    return max(map(width, text.split()), default=0)
