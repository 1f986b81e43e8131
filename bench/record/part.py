"""The base of every part of a record."""

from msgspec import Struct

from bench.words import Sentence, sentence


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Frozen, and strict when read."""


class Correction(Struct, frozen=True):
    """A figure that a record's file states and its samples do not give; in memory only. ``edited``: no change of rules
    explains it. ``giver``: what gives the figure that was found."""

    field: str
    stated: Sentence | str
    found: Sentence | str
    edited: bool
    giver: Sentence | str = sentence("store.computed")

    @property
    def told(self) -> Sentence:
        """All of it in a few words."""
        figures = {"field": self.field, "stated": self.stated, "giver": self.giver, "found": self.found}
        return sentence("store.correction", **figures)
