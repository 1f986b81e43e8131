"""A compiled catalogue (gettext's ``.mo``), read entry by entry.

``gettext`` decodes every entry when it opens a file, which slows every command down. Here an id is looked up among the
sorted ids of the file, and only its text is decoded. Format: GNU gettext manual, "The Format of GNU MO Files".
"""

import struct
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property

MAGIC = 0x950412DE
NO_PLURALS = "nplurals=2; plural=(n != 1);"


class CompiledCatalogue:
    """The entries of the bytes of a ``.mo`` file, of either byte order. Raises ``ValueError`` for other bytes, and
    when a text that is asked for lies outside them."""

    def __init__(self, data: bytes) -> None:
        order = next((o for o in "<>" if data[:4] == struct.pack(f"{o}I", MAGIC)), "")
        if not order or len(data) < 20:
            raise ValueError("bad magic number")
        self._data, self._pair = data, struct.Struct(f"{order}2I")
        self._count, self._ids, self._texts = struct.unpack_from(f"{order}3I", data, 8)
        if max(self._ids, self._texts) + 8 * self._count > len(data):
            raise ValueError("the tables lie outside the file")
        self._known: dict[bytes, str] = {}  # what was asked for and is there: a page asks for some a thousand times

    def text(self, code: str) -> str | None:
        """The text of an entry without plural forms; ``None`` where there is none."""
        return self._found(code.encode())

    def plural(self, code: str, count: int) -> str | None:
        """The text of an entry with plural forms for ``count``; ``None`` where there is none."""
        name = code.encode()
        found = self._found(name + b"\0" + name)
        if found is None:
            return None
        forms = found.split("\0")
        return forms[min(self._form(count), len(forms) - 1)]

    @cached_property
    def _form(self) -> Callable[[int], int]:
        from gettext import c2py

        header = self._found(b"") or ""
        lines = dict(line.partition(": ")[::2] for line in header.splitlines())
        rule = lines.get("Plural-Forms", NO_PLURALS).partition("plural=")[2].rstrip("; ")
        form: Callable[[int], int] = c2py(rule or "0")
        return form

    def _found(self, name: bytes) -> str | None:
        known = self._known.get(name)
        if known is not None:
            return known
        place = bisect_left(range(self._count), name, key=lambda index: self._at(self._ids, index))
        if place == self._count or self._at(self._ids, place) != name:
            return None
        text = self._known[name] = self._at(self._texts, place).decode()
        return text

    def _at(self, table: int, index: int) -> bytes:
        length, begin = self._pair.unpack_from(self._data, table + 8 * index)
        if begin + length > len(self._data):
            raise ValueError("an entry lies outside the file")
        return self._data[begin : begin + length]
