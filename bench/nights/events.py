"""What changed between two nights of a series."""

from collections.abc import Sequence

from msgspec import Struct

from bench.nights.point import Point

MACHINE = ("os", "os_version", "kernel", "governor", "power_source", "device")
"""Names of versions that are the machine's; so are all that begin with ``driver``."""


class Event(Struct, frozen=True):
    """``what``: a name of ``Point.versions``, before and after; ``None``: it was not there. ``record_id``: the first
    record with the new value."""

    what: str
    before: str | None
    after: str | None
    record_id: str
    created_utc: str

    @property
    def of_machine(self) -> bool:
        return self.what in MACHINE or self.what.startswith("driver ")


def events_of(points: Sequence[Point]) -> tuple[Event, ...]:
    """The events of one series, oldest first. A record that failed may lack versions that only a run shows: what it
    does not contain is compared with the last record that does."""
    found: list[Event] = []
    known: dict[str, str] = {}
    for number, point in enumerate(points):
        seen = point.versions
        if number:
            gone = [name for name in known if name not in seen] if point.status == "ok" else []
            changed = [name for name, value in seen.items() if known.get(name) != value]
            found += [_event(name, known, seen, point) for name in sorted((*changed, *gone))]
            for name in gone:
                del known[name]
        known |= seen
    return tuple(found)


def changed_between(base: Point, new: Point) -> tuple[Event, ...]:
    """What differs between two points of one series."""
    names = sorted({*base.versions, *new.versions})
    return tuple(
        _event(name, base.versions, new.versions, new)
        for name in names
        if base.versions.get(name) != new.versions.get(name)
    )


def _event(name: str, before: dict[str, str], after: dict[str, str], at: Point) -> Event:
    return Event(name, before.get(name), after.get(name), at.record_id, at.created_utc)
