"""Where records and built models go unless the user says otherwise."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import InputError
from bench.words import sentence

REPORTS = (".html", ".htm", ".md", ".markdown", ".csv", ".json", ".txt", ".pdf")


def results_folder(output: Path | None) -> Path:
    """Where records are written: ``output``, or a folder of this moment's name. Raises ``InputError`` for a name that
    looks like the file of a report and is not an existing folder."""
    if output is None:
        return Path("odb-results") / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    if output.suffix.lower() in REPORTS and not output.is_dir():
        folder = output.with_suffix("")
        raise InputError(
            sentence("cli.folder_like_report", folder=output),
            sentence("cli.folder_like_report.remedy", command=f"odb report {folder} -o {output}"),
        )
    return output


def paths_of(given: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """One path, or several. The letters of one path are not taken for several."""
    return [Path(one) for one in ([given] if isinstance(given, str | os.PathLike) else given)]


def cache_folder() -> Path:
    """Where built models are kept: ``ODB_CACHE``, or the platform's cache folder."""
    if chosen := os.environ.get("ODB_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ondevice-bench"
