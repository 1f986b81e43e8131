"""Makes text from files, records and runtimes safe to show: it removes control, direction and other invisible
characters.

Names, messages and logs come from other people. Escape sequences must not reach a terminal, nor line breaks a table,
nor changes of the writing direction a page.
"""

import re

_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff{_DIRECTIONS}]"


def clean(text: object) -> str:
    """``text``, or the words of a sentence, on one line, without control, direction and other unprintable characters;
    runs of spaces become one."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def one_line(text: str) -> str:
    """``text`` with a space for each unprintable character, and its own spaces as they are."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def counted(count: int, one: str, many: str = "", shown: str = "") -> str:
    """A count with its noun: ``1 query``, ``3 queries``. ``many``: the plural, where it is not ``one`` with an s;
    ``shown``: the count as it is to be written."""
    return f"{shown or count} {one if count == 1 else many or one + 's'}"


def visible(text: str) -> str:
    """A whole page or message whose lines stay: every control character but line feed and tab, every change of
    direction and every surrogate becomes U+FFFD."""
    return re.sub(_INVISIBLE, "\ufffd", text)


def ascii_json(text: str) -> str:
    """JSON with an escape for every character outside ASCII: the same value in any encoding."""

    def escaped(character: str) -> str:
        units = character.encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))

    return re.sub(r"[^\x00-\x7f]", lambda found: escaped(found[0]), text)


def printable_json(data: bytes) -> bytes:
    """JSON, UTF-8, in which the characters that ``visible`` takes out are written as escapes: nothing is lost, and
    nothing acts on a terminal. ``data``: well-formed JSON, in which they stand inside strings only."""
    text = data.decode("utf-8", "replace")
    return re.sub(_INVISIBLE, lambda found: f"\\u{ord(found[0]):04x}", text).encode()
