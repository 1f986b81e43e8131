"""The help of every command, in each language."""

import re

import click
import pytest

from bench.cli.fleet.fleet_command import MODULES as FLEET
from bench.cli.group import COMMANDS, odb
from bench.cli.help import Context
from bench.cli.nightly.history_command import MODULES as HISTORY
from bench.cli.power.power_command import MODULES as POWER
from bench.words import languages, say, speaking
from bench.words.cells import cells

PAGES = (
    "",
    *COMMANDS,
    *(f"history {name}" for name in HISTORY),
    *(f"power {name}" for name in POWER),
    *(f"fleet {name}" for name in FLEET),
)
NAMES = re.compile(
    r"`[^`]*`|\bodb( \w+)*|--?[\w-]+|\[?\b[A-Z]+\b[^\s]*|\S*[=:/.]\S*|JSON Schema|JSON Lines|JUnit XML"
    r"|Hugging Face|Apache Otava|Nordic PPK2|Monsoon PowerTool|SPEC PTDaemon|cannot-tell|not-\w+|float\d+"
)
"""What stays as it is: quoted commands, options, metavars, what holds ``=``, ``:``, ``/`` or ``.``, names and codes."""


def command_of(name: str) -> click.Command:
    found: click.Command | None = odb
    for word in name.split():
        assert isinstance(found, click.Group)
        found = found.get_command(Context(found), word)
    assert found is not None
    return found


def context_of(name: str, width: int = 78) -> Context:
    return Context(command_of(name), info_name=f"odb {name}".strip(), terminal_width=width)


def page(name: str, language: str, width: int = 78) -> str:
    with speaking(language):
        return context_of(name, width).get_help()


def records(name: str, language: str) -> list[tuple[str, str]]:
    """Names and help of every option."""
    context = context_of(name)
    with speaking(language):
        options = [p for p in context.command.get_params(context) if isinstance(p, click.Option)]
        return [record for option in options if (record := option.get_help_record(context))]


def examples(name: str, language: str) -> list[str]:
    """The lines of the epilog."""
    epilog = command_of(name).epilog
    with speaking(language):
        return say(epilog).splitlines() if epilog else []


@pytest.mark.parametrize("name", PAGES)
def test_korean_help_is_in_korean(name: str) -> None:
    """No two English words follow each other, but in names, codes and commands to type."""
    typed = ("    odb ", "    eval ")
    text = "\n".join(line for line in page(name, "ko").splitlines() if not line.startswith(typed))
    left = NAMES.sub("·", text)
    assert [] == re.findall(r"[A-Za-z]{2,} +[A-Za-z]{2,}", left)
    assert re.search("[가-힣]", text)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", PAGES)
def test_every_option_is_there_with_its_help(name: str, language: str) -> None:
    """Each of its names is in the help, and so are its words."""
    text = " ".join(page(name, language, 400).split())
    for names, told in records(name, language):
        assert " ".join(f"{names} {told}".split()) in text
        assert not told.startswith("cli.")


@pytest.mark.parametrize("name", PAGES)
def test_no_help_was_left_in_english(name: str) -> None:
    """Every option has words of its own in Korean, and the same names."""
    english, korean = records(name, "en"), records(name, "ko")
    assert [one.split()[0] for one, _ in english] == [one.split()[0] for one, _ in korean]
    assert [] == [names for (names, one), (_, other) in zip(english, korean, strict=True) if one == other]


@pytest.mark.parametrize("name", PAGES)
def test_examples_are_the_same_in_every_language(name: str) -> None:
    """What is typed is no language: only what stands beside it."""

    def typed(language: str) -> list[str]:
        lines = [line.strip() for line in examples(name, language)]
        return [re.split(r"  +", line)[0] for line in lines if line.startswith(("odb ", "eval "))]

    assert [typed("en")] * len(languages()) == [typed(language) for language in languages()]


@pytest.mark.parametrize("width", [50, 78])
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", PAGES)
def test_help_fits_the_terminal(name: str, language: str, width: int) -> None:
    """Options and paragraphs are wrapped by cells, of which a Korean character takes two; examples are left whole, and
    fit 78 cells. No control character is printed."""
    text = page(name, language, width)
    kept = {f"  {line}" for line in examples(name, language) if width < 78}
    too_wide = [line for line in text.splitlines() if line not in kept and cells(line) > width]
    assert [] == [line for line in too_wide if " " in line.strip()]
    assert [] == [line for line in text.splitlines() if not line.isprintable()]


@pytest.mark.parametrize("width", [50, 64, 77, 78, 100])
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", PAGES)
def test_the_usage_is_broken_between_words(name: str, language: str, width: int) -> None:
    """A choice that is longer than a line is broken behind its ``|``; lines stand below the first argument."""
    with speaking(language):
        context = context_of(name, width)
        head, words = f"{say('cli.usage.usage')} {context.command_path} ", context.command.collect_usage_pieces(context)
        lines = context.get_usage().splitlines()
    assert all(line.startswith(" " * cells(head)) and cells(line) <= width for line in lines[1:])
    parts = [line.strip() for line in (lines[0].removeprefix(head), *lines[1:])]
    text = "".join(part if part.endswith("|") else f"{part} " for part in parts)
    assert " ".join(words) == text.strip()


def test_descriptions_of_options_stand_in_one_column() -> None:
    """Counted in cells, though metavars are Korean."""
    lines = [line for line in page("run", "ko", 100).splitlines() if re.match(r"  -\S.*\S  +\S", line)]
    columns = {cells(line[: re.match(r"  -.*?\S  +", line).end()]) for line in lines}  # type: ignore[union-attr]
    assert 1 == len(columns)


def test_defaults_and_choices_are_stated() -> None:
    """As click would, in the language spoken."""
    assert "[default: 3.0]" in page("compare", "en")
    assert "[기본값: 3.0]" in page("compare", "ko")
    assert "[target|version|model]" in page("compare", "ko")
    assert "--repeats 정수" in page("run", "ko")
    assert "--repeats INTEGER" in page("run", "en")
    assert "{bash|zsh|fish}" in page("completion", "ko")


@pytest.mark.parametrize("language", languages())
def test_no_page_shows_the_code_of_a_missing_sentence(language: str) -> None:
    """Each command has its summary, and each option its help."""
    assert [] == [name for name in PAGES if re.search(r"\bcli\.(summary|help|epilog)\b", page(name, language))]
