"""Several folders of records as one report: whose each record is, and what could not be read."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.errors import InputError
from bench.reading import is_file, is_folder
from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.store.records import RECORD, chosen_folders, hidden, load_records, readable_records
from bench.words import sentence


def read(paths: Sequence[Path]) -> tuple[list[RecordedRun], list[RefusedRecord]]:
    """The records under ``paths``, in the order given, each with the name of its folder where there are several.

    A path is a record's folder, a folder of records, or a folder of such folders: then each of those stands for itself.
    Raises ``InputError`` where a path holds nothing, or nothing that can be read.
    """
    folders = [folder for path in paths for folder in folders_of(path)]
    found: list[RecordedRun] = []
    refused: list[RefusedRecord] = []
    for folder, name in zip(folders, names(folders), strict=True):
        runs, wrong = readable_records(folder, name)
        found += runs
        refused += wrong
    return found, refused


def read_all(paths: Sequence[Path]) -> list[RecordedRun]:
    """The records under ``paths`` as ``read`` finds them. Raises ``InputError`` for the first that cannot be read."""
    folders = [folder for path in paths for folder in folders_of(path)]
    return [
        replace(run, folder=name)
        for folder, name in zip(folders, names(folders), strict=True)
        for run in load_records(folder)
    ]


def folders_of(path: Path) -> list[Path]:
    """``path``, if it is or holds records; otherwise the folders in it that do, by name."""
    deeper = (
        ()
        if is_file(path / RECORD) or not is_folder(path)
        else {file.parent.parent for file in path.glob(f"*/*/{RECORD}") if not hidden(file, path)}
    )
    if deeper and all(hidden(file, path) for file in path.glob(f"*/{RECORD}")):
        return sorted(deeper)
    chosen_folders(path)
    return [path]


def names(folders: Sequence[Path]) -> list[str]:
    """Labels for the folders: their names, or the paths as given if names are equal; empty for a single folder."""
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError(sentence("store.same_folder_given_twice"), sentence("store.name_each_folder_once"))
    if len(folders) < 2:
        return [""] * len(folders)
    found = [folder.resolve().name for folder in folders]
    return found if len(set(found)) == len(found) else [str(folder) for folder in folders]
