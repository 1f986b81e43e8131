"""The base of every part of a record."""

from msgspec import Struct


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Frozen, and strict when read."""


class Correction(Struct, frozen=True):
    """A figure that a record's file states and its samples do not give; in memory only. ``edited``: no change of rules
    explains it. ``giver``: what gives the figure that was found."""

    field: str
    stated: str
    found: str
    edited: bool
    giver: str = "computed"
