"""What ``odb init`` asks at a terminal. Nothing is asked that was given, or that can be found out."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.printable import clean
from bench.words import say

MOST_FOUND = 8


def may_ask(no_input: bool, as_json: bool) -> bool:
    """Whether somebody can answer: at a terminal, unless a script says otherwise."""
    return not no_input and not as_json and sys.stdin.isatty() and sys.stdout.isatty()


def asked_text(code: str, given: str | None, default: str = "") -> str:
    """``given``, or the answer to the question ``code``; an empty answer is the default."""
    if given is not None:
        return given
    answer: str = click.prompt(say(code), default=default, show_default=bool(default))
    return answer.strip()


def asked_track(names: Sequence[str]) -> str:
    """One of ``names``, by its name or by its number."""
    for number, name in enumerate(names, 1):
        click.echo(f"{number:4}  {name}")
    answer: str = click.prompt(say("cli.init.ask.track"))
    number = int(answer) if answer.strip().isdecimal() else 0
    return names[number - 1] if 1 <= number <= len(names) else answer.strip()


def asked_models(folders: Sequence[Path], suffixes: Sequence[str]) -> tuple[str, ...]:
    """Files or names, separated by commas; those that are found in ``folders`` are the default."""
    default = ",".join(found_models(folders, suffixes))
    answer: str = click.prompt(say("cli.init.ask.models"), default=default, show_default=bool(default))
    return tuple(part.strip() for part in answer.split(",") if part.strip())


def found_models(folders: Sequence[Path], suffixes: Sequence[str]) -> list[str]:
    """Model files in ``folders``, in the order of their names."""
    found: dict[Path, str] = {}
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            shown = str(file)
            if file.suffix.lower() in suffixes and file.is_file() and shown == clean(shown) and "," not in shown:
                found.setdefault(file.resolve(), shown)
    return list(found.values())[:MOST_FOUND]
