"""The base of every part of a record."""

from msgspec import Struct


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Frozen, and strict when read."""
