"""Every sentence is in every language, with the same figures; and the code says no sentence that is in none."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages import Catalog

from bench.words.compiling import FOLDER, read, sorted_text
from bench.words.rendering import LISTS, MEASURES, NOUN

ROOT = Path(__file__).resolve().parents[3]
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.po"))
FORMAT = re.compile(r"[+ ]?[0-9]*,?(\.[0-9]+)?[dfgeEx%]?")
OWN_USE = re.compile(r"(unit|list|noun|text)\..+|language\.name")
"""Entries that ``bench.words`` itself looks up."""


@cache
def catalog(language: str) -> Catalog:
    return read(FOLDER / f"{language}.po")


def texts(language: str) -> Mapping[str, tuple[str, ...]]:
    """Code -> its texts, several where it has plural forms."""
    found = {}
    for message in catalog(language):
        if message.id:
            code = message.id if isinstance(message.id, str) else message.id[0]
            found[code] = (message.string,) if isinstance(message.string, str) else tuple(message.string)
    return found


def placeholders(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def forms(text: str) -> Iterator[str]:
    yield from (form for _, name, form, _ in Formatter().parse(text) if name is not None and form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_missing(language: str) -> None:
    """A catalogue has every code that English has, no other, and words for each."""
    assert texts("en").keys() == texts(language).keys()
    assert [] == [code for code, words in texts(language).items() if not all(words)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_has_the_same_figures_in_every_language(language: str) -> None:
    """Words may stand in another order; nothing is left out or added."""
    english = texts("en")
    wrong = {
        code: sorted(expected ^ placeholders(text))
        for code, words in texts(language).items()
        for expected in [placeholders(english[code][-1])]
        for text in words
        if placeholders(text) != expected
    }
    assert {} == wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_forms_are_known(language: str) -> None:
    """A placeholder's form is a format of Python, a measure, a list or a noun of the catalogue."""
    nouns = {code.removeprefix("noun.") for code in texts(language) if code.startswith("noun.")}
    wrong = [
        (code, form)
        for code, words in texts(language).items()
        for text in words
        for form in forms(text)
        if form not in MEASURES and form not in LISTS and not FORMAT.fullmatch(form)
        if not ((noun := re.fullmatch(NOUN, form)) and noun[1] in nouns)
    ]
    assert [] == wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_in_order(language: str) -> None:
    """Sorted by code, as ``python -m bench.words`` leaves them."""
    assert sorted_text(FOLDER / f"{language}.po") == (FOLDER / f"{language}.po").read_text(encoding="utf-8")


def said() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the sources that says something, with its file."""
    for folder in ("bench", "models", "targets", "reports"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            words = {name for node in ast.walk(tree) for name in imported(node)} & {"say", "sentence", "Sentence"}
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.args
                    and node.func.id in words
                ):
                    yield path.relative_to(ROOT).as_posix(), node


def imported(node: ast.AST) -> Iterator[str]:
    """What is imported of ``bench.words``."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench.words"):
        yield from (alias.name for alias in node.names)


def literal(node: ast.expr) -> Iterator[str]:
    """The codes that an argument can be: a string, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literal(node.body)
        yield from literal(node.orelse)


def test_every_sentence_that_is_said_has_words_and_its_figures() -> None:
    """The figures that the code gives are those that the words ask for."""
    english, wrong = texts("en"), []
    for path, call in said():
        for code in literal(call.args[0]):
            given = frozenset(word.arg for word in call.keywords)
            if code not in english:
                wrong.append((path, code, "is in no catalogue"))
            elif None not in given and isinstance(call.func, ast.Name) and call.func.id != "Sentence":
                lacking = placeholders(english[code][-1]) - given
                wrong += [(path, code, f"lacks {sorted(lacking)}")] if lacking else []
    assert [] == wrong


def test_every_sentence_is_said_somewhere() -> None:
    """No entry is left over: its code, or the beginning of it in a template of codes, stands in the sources."""
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("bench", "models", "targets", "reports")
        for pattern in ("*.py", "*.j2")
        for path in sorted((ROOT / folder).rglob(pattern))
    )
    whole = set(re.findall(r"[\"']([a-z_]+(?:\.[\w-]+)+)[\"']", sources))
    families = tuple(re.findall(r"[\"']([a-z_]+(?:\.[\w-]+)*\.)\{", sources)) or "\0"
    left = [c for c in texts("en") if c not in whole and not c.startswith(families) and not OWN_USE.fullmatch(c)]
    assert [] == left
