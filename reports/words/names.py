"""Stable names of records in words: kinds and phases of a failure, tiers, sources, fields of a machine."""

from bench.words import current, say, units


def known(code: str, otherwise: str) -> str:
    """The words of ``code``; where no catalogue has it, as of a name that a plugin or a later version gave,
    ``otherwise``, cleaned."""
    return units.clean(otherwise) if current().template(code) is None else say(code)


def failure_kind(kind: str) -> str:
    """``out of memory`` of ``out_of_memory``."""
    return known(f"report.failure.{kind}", kind.replace("_", " "))


def phase(name: str) -> str:
    """``first inference`` of ``first_inference``."""
    return known(f"report.phase.{name}", name.replace("_", " "))


def tier(name: str) -> str:
    """Of a power proxy."""
    return known(f"report.tier.{name}", name)


def source(name: str) -> str:
    """Of inputs: ``seeded``, ``file``, ``image``, ``partly seeded``."""
    return known(f"report.source.{name.replace(' ', '_')}", name)
