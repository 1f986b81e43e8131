"""What people decided about a series: its base, and which change is accepted. One line each, only ever added to."""

from typing import Literal

from msgspec import Struct


class Decision(Struct, frozen=True, kw_only=True):
    """``pin``: tonight is compared with this record. ``accept``: the change that this record shows is wanted; it is
    the base from here on, and what was measured before says nothing about the noise after it. ``why``: in the words
    of who decided."""

    kind: Literal["pin", "accept"]
    series: str
    record_id: str
    why: str
    at_utc: str
    name: str = ""
