"""Takes out of text what a record must not carry."""

import re

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
ABSOLUTE_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\"<>|()\[\],]+)+[\\/](?=[^\s\\/])")


def without_paths(text: str) -> str:
    """``text`` with terminal colours removed and every absolute path cut to its last part."""
    return ABSOLUTE_FOLDERS.sub("…/", COLOURS.sub("", text))
