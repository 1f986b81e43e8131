"""``--lang``: the language of everything that a command says and writes. It is read before anything else, because
the help and the errors are in it too."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from bench.errors import UnknownName
from bench.words import chosen, languages, sentence, speak

FLAG = "--lang"
F = TypeVar("F", bound=Callable[..., Any])


def speak_as_asked(arguments: Sequence[str]) -> None:
    """Choose the language by the command line, the environment and the locale. Raises ``UnknownName`` for one that has
    no catalogue."""
    try:
        speak(chosen(_given(arguments)))
    except KeyError as error:
        source, name = error.args
        raise UnknownName(sentence("cli.language_of", source=source), name, languages()) from None


def _given(arguments: Sequence[str]) -> str | None:
    """The last value of ``--lang``."""
    found = None
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word.startswith(f"{FLAG}="):
            found = word.partition("=")[2]
        elif word == FLAG and place + 1 < len(arguments):
            found = arguments[place + 1]
    return found


def lang_option(function: F) -> F:
    """``--lang``, which ``speak_as_asked`` has obeyed already."""
    return click.option(FLAG, expose_value=False, metavar="NAME", help="Language: en, ko. Default: ODB_LANG, locale.")(
        function
    )
