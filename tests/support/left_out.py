"""Samples that were left out, with their reasons in words."""

from collections.abc import Iterable

from msgspec.structs import replace

from bench.record.quality import LeftOut


def in_words(left: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(replace(one, reason=str(one.reason)) for one in left)
