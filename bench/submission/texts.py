"""Text that a track or an applicant wrote, in one language or in several."""

from typing import Annotated

from msgspec import Meta, Struct

from bench.words import current

Line = Annotated[str, Meta(max_length=2000)]


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """One text in Korean and in English. ``str`` is that of the language spoken: Korean in Korean, English in every
    other; where that is empty, the one there is."""

    ko: Line = ""
    en: Line = ""

    def __str__(self) -> str:
        first, second = (self.ko, self.en) if current().language == "ko" else (self.en, self.ko)
        return first or second

    def __bool__(self) -> bool:
        return bool(self.ko or self.en)


Text = Line | Texts
"""As the applicant wrote it, or in both languages."""
