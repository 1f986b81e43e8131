"""Takes out of text what a record must not carry: whose machine it was, and where on it things lie.

Only folders that people or systems have are cut, for graphs name their nodes ``/model/layers.0/Add``.
"""

import re
import sys
import tempfile
from functools import cache
from pathlib import Path

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
USER_FOLDERS = re.compile(
    r"(?<![\w.])(?:/home|/Users|[A-Za-z]:[\\/]Users)[\\/](?:[^\\/\n:\"<>|]+(?=[\\/])|[^\s\\/:'\"<>|]+)", re.IGNORECASE
)
ROOTS = "home|Users|root|tmp|var|opt|usr|mnt|media|srv|private|etc|run|nix|snap|Volumes|Applications|Library|data|work"
SYSTEM_FOLDERS = re.compile(rf"(?<![\w./\\-])(?:/(?:{ROOTS})(?=[\\/])|[A-Za-z]:(?=[\\/]))")
REST = re.compile(r"…(?:[\\/][^\s\\/:'\"<>|()\[\],]+)*[\\/](?=[^\s\\/])")


def without_paths(text: str) -> str:
    """``text`` with terminal colours removed and every absolute path cut to its last part."""
    text = COLOURS.sub("", text)
    for folder in _own_folders():
        text = text.replace(folder, "…")
    return REST.sub("…/", SYSTEM_FOLDERS.sub("…", USER_FOLDERS.sub("…", text)))


@cache
def _own_folders() -> tuple[str, ...]:
    """Where this process and its user live; the longest first."""
    folders = {str(Path.home()), str(Path.cwd()), tempfile.gettempdir(), sys.prefix, sys.base_prefix}
    return tuple(sorted((f for f in folders if len(f) > 3), key=len, reverse=True))
