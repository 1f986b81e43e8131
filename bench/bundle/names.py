"""Which names the files of a bundle may have: such that every file system keeps them apart and in their folder."""

import unicodedata
from collections.abc import Iterable

from bench.reading import names_a_device
from bench.words import Sentence, sentence

MOST_NAME_BYTES = 1000
MOST_PART_BYTES = 255
MOST_PARTS = 16
FORBIDDEN = frozenset('\\:*?"<>|%')
"""Not in a name on Windows; ``%`` is an escape in a manifest of BagIt, and not one for ``sha256sum``."""


def wrong_name(name: str) -> Sentence | None:
    """What is wrong with the name of a file, its folders separated by ``/``; ``None`` for one that may stand in a
    bundle."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return sentence("bundle.name_unprintable")
    parts = name.split("/")
    if (
        len(encoded) > MOST_NAME_BYTES
        or len(parts) > MOST_PARTS
        or any(len(p.encode()) > MOST_PART_BYTES for p in parts)
    ):
        return sentence("bundle.name_too_long")
    if not name.isprintable():
        return sentence("bundle.name_unprintable")
    if any(part in ("", ".", "..") for part in parts):
        return sentence("bundle.name_leads_out")
    if unicodedata.normalize("NFC", name) != name:
        return sentence("bundle.name_not_nfc")
    found = sorted(FORBIDDEN & set(name))
    if found:
        return sentence("bundle.name_forbidden", character=found[0])
    if any(part != part.strip() or part.endswith(".") for part in parts):
        return sentence("bundle.name_ends")
    if any(names_a_device(part) for part in parts):
        return sentence("bundle.name_device")
    return None


def colliding(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that some file system does not keep apart: equal, different only in case or form of their letters, or
    one the folder of the other. ``None`` where there are none."""
    known: dict[str, tuple[str, str]] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            prefix, whole = "/".join(parts[:depth]), depth == len(parts)
            first = known.setdefault(_folded(prefix), (prefix, "" if whole else "/"))
            if first != (prefix, "" if whole else "/") or (whole and f"\0{name}" in known):
                return first[0], name
        known[f"\0{name}"] = (name, "")
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
