"""Office documents are zip archives: the same content gives the same bytes."""

import zipfile
from collections.abc import Callable
from io import BytesIO

OLDEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can state."""
FIRST = ("mimetype", "[Content_Types].xml")
"""What readers expect at the beginning; ``mimetype`` is not compressed."""


def repacked(data: bytes, changed: Callable[[str, bytes], bytes] = lambda name, part: part) -> bytes:
    """``data``, a zip, with its parts in order of their names and without times. ``changed`` gives a part's content by
    its name."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in sorted(old.namelist(), key=lambda one: (one not in FIRST, one)):
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            new.writestr(entry, changed(name, old.read(name)))
    return made.getvalue()
