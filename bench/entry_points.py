"""Entry points and versions of the installed distributions, as ``importlib.metadata`` gives them.

Importing ``importlib.metadata`` and letting it parse the metadata takes as long as a whole light command. Here the
folders of ``sys.path`` are read directly; where anything else provides distributions (a zip file, an egg, another
finder), ``importlib.metadata`` is asked. Format: packaging.python.org, "Entry points specification".
"""

import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

INFOS = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """``value``: ``module:attribute``. ``provider``: the name of its distribution."""

    group: str
    name: str
    value: str
    provider: str


def entry_points(groups: Sequence[str]) -> list[EntryPoint]:
    """Those of ``groups``. Of several distributions of one name, the first on
    ``sys.path`` counts."""
    infos = _infos()
    if infos is None:
        return _by_the_library(groups)
    return [found for info in infos.values() for found in _of_folder(info, groups)]


def versions(names: Collection[str]) -> dict[str, str]:
    """Distribution -> version, of those of ``names`` that are installed."""
    infos = _infos()
    if infos is None:
        return _versions_by_the_library(names)
    stated = {name: _stated(infos[key], "version") for name in names if (key := _normalised(name)) in infos}
    return {name: version for name, version in stated.items() if version}


def _is_plain(path: str) -> bool:
    """Whether ``path`` is a folder of packages, or nothing."""
    return not path.endswith(".egg") and (os.path.isdir(path) or not os.path.exists(path))


def _finds_distributions(finder: Any) -> bool:
    """Whether it may find others than those in folders. The backport of ``importlib.metadata``, which Dask imports,
    adds a finder that looks into the same folders."""
    if finder is PathFinder or type(finder).__module__ == "importlib_metadata":
        return False
    return hasattr(finder, "find_distributions")


def _infos() -> dict[str, str] | None:
    """Name of each distribution -> its metadata folder, the first on ``sys.path``; ``None`` where anything else than
    folders provides distributions."""
    folders = [path or os.curdir for path in sys.path]
    if not all(map(_is_plain, folders)) or any(map(_finds_distributions, sys.meta_path)):
        return None
    found: dict[str, str] = {}
    for folder in folders:
        for entry in _names_in(folder):
            if entry.lower().endswith(INFOS):
                name = _normalised(entry.rpartition(".")[0].partition("-")[0])
                found.setdefault(name, os.path.join(folder, entry))
    return found


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _of_folder(info: str, groups: Sequence[str]) -> list[EntryPoint]:
    text = _text(info, "entry_points.txt")
    if not any(group in text for group in groups):
        return []
    provider = _stated(info, "name") or "unknown"
    return [EntryPoint(group, name, value, provider) for group, name, value in _read(text) if group in groups]


def _read(text: str) -> Iterator[tuple[str, str, str]]:
    """Group, name and value of each line."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield group, name.strip(), value.strip()


def _stated(info: str, field: str) -> str:
    """A field of the distribution's metadata; empty where it states none."""
    headers = (_text(info, "METADATA") or _text(info, "PKG-INFO")).partition("\n\n")[0]
    lines = (line for line in headers.splitlines() if line.lower().startswith(f"{field}:"))
    return next((line.partition(":")[2].strip() for line in lines), "")


def _text(info: str, file: str) -> str:
    try:
        with open(os.path.join(info, file), encoding="utf-8") as opened:
            return opened.read()
    except OSError:
        return ""


def _by_the_library(groups: Sequence[str]) -> list[EntryPoint]:
    from importlib import metadata

    return [
        EntryPoint(group, entry.name, entry.value, entry.dist.name if entry.dist is not None else "unknown")
        for group in groups
        for entry in metadata.entry_points(group=group)
    ]


def _versions_by_the_library(names: Collection[str]) -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
