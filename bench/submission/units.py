"""The units in which a criterion may state its target, and those of the record's figures that they stand for."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.errors import UnknownName
from bench.words import sentence

UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "ns": ("ns", 1),
        "us": ("ns", 1e3),
        "ms": ("ns", 1e6),
        "s": ("ns", 1e9),
        "B": ("bytes", 1),
        "KiB": ("bytes", 2**10),
        "MiB": ("bytes", 2**20),
        "GiB": ("bytes", 2**30),
        "kB": ("bytes", 1e3),
        "MB": ("bytes", 1e6),
        "GB": ("bytes", 1e9),
        "fraction": ("fraction", 1),
        "%": ("fraction", 0.01),
        "%p": ("fraction", 0.01),
        "queries/s": ("queries_per_s", 1),
        "frames/s": ("queries_per_s", 1),
        "samples/s": ("samples_per_s", 1),
        "tokens/s": ("tokens_per_s", 1),
        "J": ("joules", 1),
        "mJ": ("joules", 1e-3),
        "J·s": ("joule_seconds", 1),
        "mJ·s": ("joule_seconds", 1e-3),
        "h": ("hours", 1),
        "CPU-s": ("cpu_seconds", 1),
        "CPU-ms": ("cpu_seconds", 1e-3),
        "W": ("watts", 1),
        "mW": ("watts", 1e-3),
        "degC": ("celsius", 1),
        "MHz": ("mhz", 1),
        "dB": ("decibels", 1),
        "1": ("number", 1),
        "x": ("ratio", 1),
        "M": ("number", 1e6),
        "G": ("number", 1e9),
    }
)
"""Unit as written -> unit of the record's figure, and how many of those it is."""


def base_of(unit: str) -> tuple[str, float]:
    """The record's unit and the factor to it. Raises ``UnknownName``."""
    if unit not in UNITS:
        raise UnknownName(sentence("submission.unit"), unit, UNITS)
    return UNITS[unit]
