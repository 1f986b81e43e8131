"""Whether the records of a history are byte for byte those that were added."""

from pathlib import Path

from msgspec import Struct

from bench.errors import OdbError
from bench.nights.history import History
from bench.nights.keeping import Refusal, entry_of, identity
from bench.nights.kept_index import Progress, no_progress
from bench.nights.point import Point
from bench.words import sentence


class Checked(Struct, frozen=True, kw_only=True):
    """``records``: how many were read. ``changed``: those that are not what was added, or whose point in the index is
    not theirs. ``refused``: those in its folders that cannot be read as records and are left out."""

    records: int
    changed: tuple[Refusal, ...]
    refused: tuple[Refusal, ...]

    @property
    def sound(self) -> bool:
        return not self.changed and not self.refused


def check(history: History, progress: Progress = no_progress) -> Checked:
    """Read every record again, with its samples. A record's file must have the hash that it had when it was added, its
    samples the one that it states, and its point in the index must be the one that it gives."""
    history.list_again()
    total = sum(one.nights for one in history.overview())
    changed, done = [], 0
    for _, points in history.each():
        for point in points:
            wrong = _wrong(history.folder, point)
            changed += [wrong] if wrong is not None else []
            done += 1
            progress(done, total)
    refused = tuple(Refusal(place, reason) for place, reason in history.refused().items())
    return Checked(records=done, changed=tuple(changed), refused=refused)


def _wrong(folder: Path, point: Point) -> Refusal | None:
    place = folder / point.folder
    remedy = sentence("history.changed.remedy")
    found = identity(place)
    if found is not None and found[1] != point.record_sha256:
        return Refusal(point.folder, sentence("history.changed"), remedy)
    try:
        read = entry_of(place, point.folder).point
    except OdbError as error:
        return Refusal(point.folder, error.sentence, remedy)
    if read != point:
        return Refusal(point.folder, sentence("history.index_differs"), sentence("history.index_differs.remedy"))
    return None
