"""``bench.history``: opens a history. The commands of ``odb history`` call it too."""

from pathlib import Path

from bench.nights.history import History
from bench.nights.kept_index import Progress, no_progress
from bench.scripting.arguments import PATH, checked
from bench.scripting.loading import Folder


def history(folder: Folder, *, create: bool = False, progress: Progress = no_progress) -> History:
    """The history in ``folder``: records of many nights, by series. Use it in a ``with`` statement, which closes it.

    Its ``series()`` and ``points()`` are frozen; ``base()`` is the point that tonight is compared with, ``load()``
    gives a record with its samples, and ``add()`` copies records into the history. With ``create`` a history is begun
    if there is none. ``progress`` is called with how many records of how many have been read that the index lacks.
    Raises ``InputError`` if ``folder`` is no history, or cannot be read.
    """
    checked("folder", folder, PATH, "str | os.PathLike")
    return History.open(Path(folder), create, progress=progress)
