"""A record on disk that is not shown, and why."""

from msgspec import Struct


class RefusedRecord(Struct, frozen=True):
    """A record that could not be read or was edited. ``name``: of its folder, ``folder`` as in ``RecordedRun``;
    ``message`` names the file and the field, without the path to the record."""

    name: str
    message: str
    remedy: str = ""
    folder: str = ""
