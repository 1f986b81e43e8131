"""The results of a rack: types, filled by ``bench.racks.matrix`` and shown by reports."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from bench.comparison.comparability import Answer
from bench.record.record import Reason, RecordedRun
from bench.words import Sentence

State = Literal[
    "left_out",  # no order was made of it
    "refused",  # a device did not begin it, or its record did not arrive whole
    "lost",  # its process ended without a record, or the device was gone, and the run with it
    "waiting",  # ordered, and nothing came back yet
    "unreadable",  # fetched, and the record cannot be read or is not there
]


class Gap(Struct, frozen=True, kw_only=True):
    """A measurement that is missing, and why. ``device``: empty where any device could have made it; ``model``: empty
    where the device has none at all. ``order``: its id; empty of what no order was made of. ``code``: that of the
    refusal, or of why it was left out."""

    state: State
    device: str = ""
    model: str = ""
    target: str = ""
    scenario: str = ""
    order: str = ""
    code: str = ""
    reason: Sentence | str = ""
    remedy: Sentence | str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """A run of a cell. ``group``: which runs of its row it may be compared with, numbered from 1; ``None`` where it has
    no times of a device. ``against``, ``against_target``: device and target of the run that ``answer`` and ``reasons``
    are of; empty for the first of the row. Of a group's first run that is the first of the row, with why the two may
    not be compared."""

    run: RecordedRun
    group: int | None = None
    against: str = ""
    against_target: str = ""
    answer: Answer | None = None
    reasons: tuple[Reason, ...] = ()


class Row(Struct, frozen=True, kw_only=True):
    """A model in a scenario. ``entries``, ``gaps``: by device. ``groups``: how many groups of runs that may be compared
    with one another there are."""

    model: str
    scenario: str
    entries: Mapping[str, tuple[Entry, ...]] = {}
    gaps: Mapping[str, tuple[Gap, ...]] = {}

    @property
    def groups(self) -> int:
        return max((one.group or 0 for of_one in self.entries.values() for one in of_one), default=0)


class Rack(Struct, frozen=True, kw_only=True):
    """``devices``: those that have a run or a gap, by name. ``gaps``: all of them, those of whole devices as well."""

    devices: tuple[str, ...]
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Row by row."""
        return tuple(one for row in self.rows for of_one in row.entries.values() for one in of_one)
