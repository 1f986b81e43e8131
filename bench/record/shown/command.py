"""Whether the command that a record holds may be shown for pasting into a shell."""

import re
import shlex
from pathlib import PurePosixPath

RERUN_FLAGS = frozenset(
    (
        *("-m", "-t", "-s", "-O", "--plugin", "--shape", "--input", "--preprocessing", "--precision", "--prompt-ids"),
        *("--prompts", "--dataset", "--dataset-options", "--reference", "--check-inputs", "--prompt-tokens"),
        *("--generate-tokens", "--depth", "--compile-cache", "--lanes", "--max-seconds", "--preset", "--repeats"),
        "--seed",
    )
)
"""The flags with a value that ``bench.suite.command_line`` writes. None of them names a folder to write to or an
interpreter."""


RERUN_SWITCHES = frozenset(("--strict-placement", "--profile", "--chat", "--stop"))


_NAME_FILES = frozenset(("-m", "-O", "--plugin", "--input", "--prompts", "--dataset", "--reference"))


_PUNCTUATION = frozenset(" _@%+=:,./-[]()#;…")


_ACTING = re.compile("file|path|dir|folder|librar|package|saver|dump|trace|profil|stats|context", re.IGNORECASE)


def plain_run(command: str) -> bool:
    """Whether ``command`` may be shown for pasting into a shell.

    It parses back to itself, as ``odb run`` with flags that ``bench.suite.command_line`` writes; its words hold
    letters, digits and harmless punctuation only; its files are named below the current folder; no option of it looks
    as if it named a file or wrote one.
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
