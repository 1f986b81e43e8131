"""What somebody else sent must not act: options, paths and commands that come from a model folder, a record or a suite.

Such configuration is data. A target states which of its options are safe (``safe_options``): they name no file, load
no code and write nothing. Only those are taken from a suite, a record or a model folder; an option that no list names
counts as unsafe. The flags of the user's own command line are the user's, and are not checked here.

    model folder, record    unsafe options are refused
    suite                   unsafe options are refused unless --allow-unsafe-options names them
"""

import re
import shlex
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bench.errors import InputError
from bench.plugins import PluginRef, load

ALLOW = "--allow-unsafe-options"


@runtime_checkable
class DeclaresSafeOptions(Protocol):
    """What a target may offer beyond ``Target``. Of one without it no option is safe."""

    safe_options: Collection[str]
    """Option names, on any device, that name no file, load no code and write nothing, whatever their value."""


class Untrusted(Struct, frozen=True):
    """Which options of a suite did not come from the user's own command line.

    ``origin``: the file they came from, for messages. ``options``: keys of ``Suite.options``. ``targets``: so many of
    ``Suite.targets``, the first ones. ``allowed``: keys that the user let through, as written or without their plugin.
    """

    origin: str
    options: frozenset[str] = frozenset()
    targets: int = 0
    allowed: frozenset[str] = frozenset()


def safe_options(ref: PluginRef) -> frozenset[str]:
    """The options of a target plugin that are safe. Imports the plugin, and no runtime."""
    plugin = load(ref)
    return frozenset(plugin.safe_options) if isinstance(plugin, DeclaresSafeOptions) else frozenset()


def unsafe(options: Iterable[str], safe: Collection[str], allowed: Collection[str] = ()) -> list[str]:
    """Those of ``options`` that are neither safe nor allowed, in their order. ``plugin.key`` is allowed by ``key`` too,
    and ``key`` by ``plugin.key``."""
    bare = {name for word in allowed for name in (word, word.partition(".")[2]) if name}
    return [key for key in options if key not in safe and key not in bare]


def refuse_unsafe(
    options: Iterable[str],
    safe: Collection[str],
    *,
    origin: str,
    allowed: Collection[str] = (),
    can_be_allowed: bool = False,
) -> None:
    """Raise ``InputError`` for the options that are neither ``safe`` nor ``allowed``.

    ``options``: names without a plugin's prefix. ``safe``: see ``safe_options``. ``origin``: file and field, for the
    message. ``can_be_allowed``: whether ``--allow-unsafe-options`` lets them through (a suite's, not a record's).
    """
    found = unsafe(options, safe, allowed)
    if not found:
        return
    names = ", ".join(dict.fromkeys(found))
    remedy = (
        f"If you trust the file, name them: {ALLOW} {','.join(dict.fromkeys(found))}. Otherwise remove them from it."
        if can_be_allowed
        else "If you want them, give them yourself with -O."
    )
    raise InputError(
        f"{origin}: option {names}: not one of those that are safe to take from somebody else's file, because it may "
        "name a file, load code or write",
        remedy,
    )


def leads_outside(name: str) -> bool:
    """Whether a path does not stay below the folder it is relative to, in the notation of any system: it is absolute,
    has a drive, or has ``..``."""
    windows = PureWindowsPath(name)
    return bool(windows.drive or windows.root or PurePosixPath(name).is_absolute() or ".." in windows.parts)


def refuse_outside(name: str, *, origin: str) -> None:
    """Raise ``InputError`` for a path that ``leads_outside``, or that begins with ``~``. ``origin``: file and field."""
    if leads_outside(name) or name.startswith("~") or "\0" in name:
        raise InputError(
            f"{origin}: names the path {name!r}, which may lead out of its folder",
            "Only relative paths without .. are taken from somebody else's file; name the file with a flag yourself.",
        )


RERUN_FLAGS = frozenset(
    (
        *("-m", "-t", "-s", "-O", "--plugin", "--shape", "--input", "--preprocessing", "--precision", "--prompt-ids"),
        *("--prompts", "--dataset", "--dataset-options", "--reference", "--check-inputs", "--prompt-tokens"),
        *("--generate-tokens", "--depth", "--compile-cache", "--lanes", "--max-seconds", "--preset", "--repeats"),
        "--seed",
    )
)
"""The flags with a value that ``bench.rerun`` writes. None of them names a folder to write to or an interpreter."""
RERUN_SWITCHES = frozenset(("--strict-placement",))
_NAME_FILES = frozenset(("-m", "-O", "--plugin", "--input", "--prompts", "--dataset", "--reference"))
_PUNCTUATION = frozenset(" _@%+=:,./-[]()#;…")
_ACTING = re.compile("file|path|dir|folder|librar|package|saver|dump|trace|profil|stats|context", re.IGNORECASE)


def plain_run(command: str) -> bool:
    """Whether ``command`` may be shown for pasting into a shell.

    It parses back to itself, as ``odb run`` with flags that ``bench.rerun`` writes; its words hold letters, digits and
    harmless punctuation only; its files are named below the current folder; no option of it looks as if it named a file
    or wrote one.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    if words[:2] != ["odb", "run"] or shlex.join(words) != command:
        return False
    if not all(character.isalnum() or character in _PUNCTUATION for word in words for character in word):
        return False
    rest = [word for word in words[2:] if word not in RERUN_SWITCHES]
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    if len(rest) % 2 or any(flag not in RERUN_FLAGS or value.startswith("-") for flag, value in pairs):
        return False
    if any(flag == "-O" and _ACTING.search(value.partition("=")[0]) for flag, value in pairs):
        return False
    return all(_stays_below(value) for flag, value in pairs if flag in _NAME_FILES)


def shown_command(command: str) -> str:
    """A record's command where it may be shown for pasting; "" where it may not."""
    return command if plain_run(command) else ""


def _stays_below(word: str) -> bool:
    """Whether neither ``FILE`` nor the file of ``NAME=FILE`` or ``MODEL:FILE`` is absolute or leads upwards."""
    return not any(part.startswith("/") or ".." in PurePosixPath(part).parts for part in re.split("[=:]", word))
