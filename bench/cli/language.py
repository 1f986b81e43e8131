"""``--lang``: the language of everything that a command says and writes. It is read before anything else, because
the help and the errors are in it too."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import option
from bench.errors import InputError, UnknownName
from bench.words import BrokenCatalogue, UnknownLanguage, chosen, languages, of_locale, say, sentence, speak, speaking
from bench.words.catalogue import VARIABLE as FURTHER

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FLAG = "--lang"


def speak_as_asked(arguments: Sequence[str]) -> None:
    """Choose the language by the command line, the environment and the locale. Raises ``InputError``, in the
    language of the locale, for one that has no catalogue and for a catalogue or a folder that cannot be read."""
    folder = os.environ.get(FURTHER)
    if folder and not Path(folder).is_dir():
        _speak_as_the_locale()
        missing = sentence("cli.words_no_folder", variable=FURTHER, folder=folder)
        raise InputError(missing, sentence("cli.words_no_folder.remedy", variable=FURTHER))
    try:
        speak(chosen(_given(arguments)))
    except (UnknownLanguage, BrokenCatalogue) as error:
        _speak_as_the_locale()
        raise _told(error) from None


def _told(error: UnknownLanguage | BrokenCatalogue) -> InputError:
    if isinstance(error, UnknownLanguage):
        return UnknownName(sentence("cli.language_of", source=error.source), error.name, languages())
    broken = sentence("cli.catalogue_not_read", file=error.file, reason=error.reason)
    return InputError(broken, sentence("cli.catalogue_not_read.remedy"))


def _speak_as_the_locale() -> None:
    """Or English, where the locale's own catalogue is what cannot be read."""
    try:
        speak(of_locale(os.environ))
    except BrokenCatalogue:
        speak("en")


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


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The languages there are, each with its own name for itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=_own_name(name)) for name in languages() if name.startswith(incomplete)]


def _own_name(language: str) -> str:
    try:
        with speaking(language):
            return say("language.name")
    except BrokenCatalogue:
        return ""


lang_option = option(
    FLAG,
    expose_value=False,
    metavar="NAME",
    help="cli.help.lang",
    figures=lambda: {"names": languages()},
    shell_complete=_complete,
)
"""``--lang``, which ``speak_as_asked`` has obeyed already."""
