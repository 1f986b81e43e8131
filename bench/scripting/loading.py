"""``bench.load``: reads records. ``odb report`` calls it too."""

import os
from collections.abc import Callable
from pathlib import Path

from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.scripting.arguments import PATH, WrongType, checked
from bench.store.submissions import read, read_all

Folder = str | os.PathLike[str]


def load(*paths: Folder, on_refused: Callable[[RefusedRecord], None] | None = None) -> list[RecordedRun]:
    """The records under ``paths``, in this order, of one folder the oldest first.

    A path is a record's folder, a folder of records, or a folder of such folders; where there are several, each run's
    ``folder`` says which it was read from. Figures and verdict are computed again from the samples. A record that
    cannot be read or believed is not returned: ``on_refused`` is called with it; without ``on_refused`` ``InputError``
    is raised, which names file and field. ``InputError`` is raised, too, for a path without a record that can be read.
    """
    for number, path in enumerate(paths):
        checked(f"paths[{number}]", path, PATH, "str | os.PathLike")
    if on_refused is not None and not callable(on_refused):
        raise WrongType("on_refused", "Callable[[RefusedRecord], None]", on_refused)
    places = [Path(path) for path in paths]
    if on_refused is None:
        return read_all(places)
    found, refused = read(places)
    for one in refused:
        on_refused(one)
    return found
