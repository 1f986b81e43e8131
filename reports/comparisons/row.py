"""One line of a comparison's table."""

from msgspec import Struct

from bench.reports.words.causes import Status


class Row(Struct, frozen=True):
    """One metric. ``status`` gives the colour, ``sign`` says the same without it."""

    cells: tuple[str, ...]
    word: str
    status: Status
    sign: str
