"""Operators whose time changed most between two runs that were both profiled.

Each side was profiled in one process, so there is no interval, no test and no verdict: this says where to look.
"""

from msgspec import Struct

from bench.record.record import Record

SHOWN = 5
LEAST_SHARE = 0.01
"""Of the longer sum of a part: a change of less is not named."""


class OperatorChange(Struct, frozen=True):
    """All operators of one name in one part of a call. ``op``: the type, as the new side names it, or the base where it
    is gone. Null: the other side has none of that name."""

    part: str
    name: str
    op: str
    base_ns: int | None
    new_ns: int | None

    @property
    def change_ns(self) -> int:
        return (self.new_ns or 0) - (self.base_ns or 0)


class OperatorChanges(Struct, frozen=True):
    """Of each part the ``SHOWN`` largest ``changes``, largest first. ``matched``: the share of the base's time in
    operators that the new side has under the same name, which is low between two runtimes."""

    changes: tuple[OperatorChange, ...]
    matched: float


_Times = dict[str, tuple[str, int]]
"""Name -> type and time of all operators of that name."""


def operators_changed(base: Record, new: Record) -> OperatorChanges | None:
    """``None`` unless both have times of operators in a part that both have."""
    before, after = _times(base), _times(new)
    parts = [part for part in before if part in after]
    if not parts:
        return None
    changes = [change for part in parts for change in _largest(part, before[part], after[part])]
    total = sum(ns for part in parts for _, ns in before[part].values())
    both = sum(ns for part in parts for name, (_, ns) in before[part].items() if name in after[part])
    return OperatorChanges(tuple(changes), both / total)


def _largest(part: str, before: _Times, after: _Times) -> list[OperatorChange]:
    changes = []
    for name in dict.fromkeys((*after, *before)):
        old, now = before.get(name), after.get(name)
        op = now[0] if now is not None else old[0] if old is not None else ""
        changes.append(OperatorChange(part, name, op, old[1] if old else None, now[1] if now else None))
    longer = max(sum(ns for _, ns in times.values()) for times in (before, after))
    worth = [change for change in changes if abs(change.change_ns) >= LEAST_SHARE * longer]
    return sorted(worth, key=lambda change: -abs(change.change_ns))[:SHOWN]


def _times(record: Record) -> dict[str, _Times]:
    """Of each part with any."""
    found: dict[str, _Times] = {}
    for part in record.operators.parts if record.operators is not None else ():
        times: _Times = {}
        for one in part.operators:
            if one.time_ns:
                op, so_far = times.get(one.name, (one.op, 0))
                times[one.name] = op, so_far + one.time_ns
        if times:
            found[part.part] = times
    return found
