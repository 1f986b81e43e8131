"""What ``-o`` names: the folder of records, or the file of a report, and in which format that is written: that of
``--format``, or of the file's suffix."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from bench.errors import InputError
from bench.words import sentence

ALIASES: Mapping[str, str] = MappingProxyType({".htm": ".html", ".markdown": ".md"})
ANY_TEXT = (".txt", "")
"""Suffixes of files that may hold text in any format."""
STDOUT = Path("-")


def chosen_format(given: str | None, as_json: bool, output: Path | None, suffixes: Mapping[str, str]) -> str:
    """The format to write. ``suffixes``: format -> the suffix of its files.

    Without ``given`` the suffix of ``output`` decides, and ``terminal`` where it has none. Raises ``InputError`` for a
    suffix that belongs to another format than the one asked for, for an unknown suffix without a requested format, and
    for two formats.
    """
    if as_json and given not in (None, "json"):
        raise InputError(sentence("cli.two_formats", format=given), sentence("cli.leave_one_out"))
    asked = "json" if as_json else given
    if output is None:
        return asked or "terminal"
    ending = _ending(output, suffixes)
    suffix = ALIASES.get(ending, ending)
    owners = [name for name, own in suffixes.items() if own == suffix]
    if asked is None:
        if suffix and not owners:
            raise InputError(
                sentence("cli.suffix_of_no_format", file=output, suffix=ending),
                sentence("cli.suffix_of_no_format.remedy", suffixes=sorted({*suffixes.values()})),
            )
        return owners[-1] if owners else "terminal"
    more_special = suffixes.get(asked, "").endswith(suffix)  # a format in JSON of its own, in a file named .json
    if owners and asked not in owners and suffix not in ANY_TEXT and not more_special:
        flag = "--json" if as_json else f"--format {asked}"
        wrong = sentence(
            "cli.suffix_of_another", file=output, suffix=ending, expected=owners[-1], flag=flag, asked=asked
        )
        if asked not in suffixes:
            raise InputError(wrong, sentence("cli.leave_out", flag=flag))
        named = output.with_suffix(suffixes[asked])
        raise InputError(wrong, sentence("cli.leave_out_or_name", flag=flag, file=named))
    return asked


def _ending(output: Path, suffixes: Mapping[str, str]) -> str:
    """The longest suffix of a format that the file's name ends with, such as ``.bmf.json``; otherwise its own."""
    name = output.name.lower()
    known = [own for own in suffixes.values() if own and name.endswith(own) and name != own]
    return max(known, key=len, default=output.suffix.lower())


def checked_output(output: Path | None, force: bool) -> Path | None:
    """The file to write; ``None``, also for ``-``, is stdout. Raises ``InputError`` for one that exists, unless
    ``force``, and for a folder."""
    if output is None or output == STDOUT:
        return None
    if output.is_dir():
        raise InputError(
            sentence("cli.output_is_folder", folder=output),
            sentence("cli.output_is_folder.remedy", file=output / "report.html"),
        )
    if output.exists() and not force:
        raise InputError(sentence("cli.output_exists", file=output), sentence("cli.output_exists.remedy"))
    return output
