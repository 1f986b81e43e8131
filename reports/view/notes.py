"""Failures and verdict reasons of all runs: one box per cause, with all its runs."""

from collections.abc import Sequence

from msgspec import Struct

from bench.reports.view.details import Detail, Fact
from bench.reports.words.causes import Cause, Status
from bench.words import say

SAID_ELSEWHERE = frozenset({"emulated"})
"""Codes that the emulated table states for all its runs."""


class Note(Struct, frozen=True):
    """``title``: which runs, and their status in a word."""

    title: str
    sign: str
    status: Status
    failure: tuple[Fact, ...]
    causes: tuple[Cause, ...]


def notes(details: Sequence[Detail]) -> tuple[Note, ...]:
    """In order of the runs; a run with nothing to note has none. Wrong outputs come first."""
    groups: dict[tuple[Status, tuple[Fact, ...], tuple[tuple[str, str], ...]], list[Detail]] = {}
    for one in details:
        told = _told(one)
        if one.failure or told:
            key = (one.status, one.failure, tuple((cause.codes, cause.message) for cause in told))
            groups.setdefault(key, []).append(one)
    found = [_note(members) for members in groups.values()]
    return tuple(sorted(found, key=lambda n: n.status not in ("wrong", "emulated_wrong")))


def _told(one: Detail) -> tuple[Cause, ...]:
    return tuple(c for c in one.causes if not SAID_ELSEWHERE.issuperset(r.code for r in c.reasons))


def _note(members: Sequence[Detail]) -> Note:
    first = members[0]
    numbers = ", ".join(str(d.number) for d in members)
    title = f"{numbers}. {_who(members)}: {first.word}"
    return Note(title, first.sign, first.status, first.failure, _told(first))


def _who(members: Sequence[Detail]) -> str:
    """``a on x; y`` of one model on several places, otherwise each by itself."""
    models = dict.fromkeys(d.model for d in members)
    if len(models) == 1:
        places = dict.fromkeys(d.place for d in members)
        return say("report.model_on", model=next(iter(models)), place="; ".join(places))
    return "; ".join(dict.fromkeys(say("report.model_on", model=d.model, place=d.place) for d in members))
