"""Takes out of text what a record must not carry: whose machine it was, and where on it things lie.

Graphs name their nodes like absolute paths, ``/model/layers.0/Add``. A word is taken for such a name, and kept, if it
looks like one and no folder of this machine begins as it does; in the value of an option every absolute path is cut.
"""

import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NAME = r"(?:[^\\/\n:\"<>|]+(?=[\\/])|[^\s\\/:'\"<>|()\[\],]+)"
"""A folder's name: with spaces where another follows."""
_PART = r"[^\s\\/:;'\"<>|()\[\],]+"
_BEFORE = r"(?:(?<![\w./\\…-])|(?<=\s-[IL]))"
USER_FOLDERS = re.compile(
    rf"(?<![\w.])(?:/(?:home|homes|Users|scratch|gpfs|lustre|beegfs|nfs|cluster)|[A-Za-z]:[\\/]+"
    rf"(?:Users|Documents and Settings))[\\/]+{_NAME}",
    re.IGNORECASE,
)
NETWORK = re.compile(rf"(?<![\w:/\\])(?:\\{{2,}}|//)[\w.$-]+[\\/]+{_PART}")
"""Server and share: ``//nas/share``, or with backslashes, single as Windows writes them or doubled as Python does."""
DRIVE = re.compile(rf"(?<![\w./\\-])[A-Za-z]:[\\/]+(?:(?={_PART}[\\/])|(?={_PART}\.\w)|({_PART}))")
TILDE = re.compile(r"(?<![\w~])~[\w.-]*(?=[\\/])")
ABSOLUTE = re.compile(rf"{_BEFORE}/({_PART}(?:/+{_PART})*)/?")
REST = re.compile(rf"…(?:[\\/]+{_PART})*[\\/]+(?=[^\s\\/])")
FILE_URL = re.compile(r"file:/+(?=/)")
PERSON_AT_HOST = re.compile(
    r"(?<![\w@])[\w.+-]+@(?:[A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*|\d{1,3}(?:\.\d{1,3}){3})(?![\w@])"
)

SYSTEM_ROOTS = frozenset(
    (
        *("root", "tmp", "var", "opt", "usr", "private", "etc", "run", "nix", "snap", "Applications", "Library"),
        *("System", "proc", "sys", "dev", "bin", "sbin", "lib", "lib64", "boot"),
    )
)
"""What lies directly in these is a system's, and named. In any other root it may be a person's name."""
GRAPH_ROOTS = frozenset(
    (
        *("model", "module", "backbone", "neck", "head", "stem", "encoder", "decoder", "transformer", "layers"),
        *("layer", "blocks", "block", "features", "classifier", "embeddings", "embed_tokens", "lm_head", "attn"),
    )
)
_OPERATOR = re.compile(r"[A-Z][A-Za-z0-9]*(?:_\w+)?")
_NUMBERED = re.compile(r"\w+\.\d+")
_SUFFIX = re.compile(r".+\.[A-Za-z]\w{0,11}")


def without_paths(text: str, graph_names: bool = True) -> str:
    """``text`` with terminal colours and ``person@host`` removed, and every absolute path cut to its last part.

    ``graph_names``: whether words that look like names of nodes are kept.
    """
    text = FILE_URL.sub("file:", COLOURS.sub("", text))
    for folder in _own_folders():
        text = text.replace(folder, "…").replace(folder.replace("\\", "\\\\"), "…")
    for pattern in (PERSON_AT_HOST, USER_FOLDERS, NETWORK, TILDE):
        text = pattern.sub("…", text)
    text = DRIVE.sub(lambda found: "…" if found[1] else "…/", text)
    text = ABSOLUTE.sub(lambda found: _cut(found, graph_names), text)
    return REST.sub("…/", text)


def option_without_paths(value: str) -> str:
    """The value of a runtime's option: whatever begins like an absolute path is one."""
    return without_paths(value, graph_names=False)


def _cut(found: "re.Match[str]", graph_names: bool) -> str:
    """An absolute path without its folders; a name of a graph's node as it is."""
    parts = [part for part in found[1].split("/") if part]
    root = parts[0]
    if len(parts) == 1:
        return found[0]
    if graph_names and root not in SYSTEM_ROOTS and _names_a_node(parts) and not _is_folder(f"/{root}"):
        return found[0]
    if len(parts) > 2 or root in SYSTEM_ROOTS or _SUFFIX.fullmatch(parts[-1]):
        return f"…/{parts[-1]}"
    return "…"


def _names_a_node(parts: list[str]) -> bool:
    """As exporters write it: under a module's usual name, numbered (``layers.0``), or ending in an operator."""
    numbered = any(_NUMBERED.fullmatch(part) for part in parts)
    return parts[0] in GRAPH_ROOTS or numbered or _OPERATOR.fullmatch(parts[-1]) is not None


@cache
def _is_folder(root: str) -> bool:
    return Path(root).is_dir()


def stated_temporary() -> str:
    """The folder for temporary files by the variables, in the order of ``tempfile``; "" where none is set."""
    return next(filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), "")


@cache
def _own_folders() -> tuple[str, ...]:
    """Where this process and its user live; the longest first."""
    folders = {str(Path.home()), str(Path.cwd()), sys.prefix, sys.base_prefix}
    try:
        folders.add(tempfile.gettempdir())
    except OSError:  # it writes a file to find the folder out, for which no disk may have room
        folders |= {stated_temporary()}
    return tuple(sorted((f for f in folders if len(f) > 3), key=len, reverse=True))
