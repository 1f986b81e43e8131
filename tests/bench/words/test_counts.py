"""Counts in English sentences: what is said of one thing is grammatical, too."""

import re

import pytest

from bench.words.compiling import FOLDER, read
from bench.words.rendering import MEASURES

COUNTS = r"\{(?:n|n_\w+|count|total|repeats|nights|minutes|turns|pauses|pairs|layers|dimensions|channels)\}"
"""Figures that are numbers wherever they stand; others may be text, such as a list."""
OF = r" of (?:the )?(?:\{[^}]*\}|\w+)"
UP_TO = r"(?: (?!and\b|or\b)[\w-]+){0,3}?"
PLURAL = r" (?:are|were|have|do|fit|need|differ|count)\b"
VERB = re.compile(rf"\{{\w+(?::(\w+?),?)?\}}(?:{OF})?{UP_TO}{PLURAL}")
SEVERAL = {
    "comparison.certainty.until",  # the verb is of the pairs
    "power.doubt.at_its_limit",  # readings in a row
    "power.doubt.stuck",
    "pytest.several_runs",
    "report.curves.thinned",  # of more points than a page shows
    "report.repeats.until",
}


@pytest.fixture(scope="module")
def words() -> tuple[dict[str, str], dict[str, str]]:
    """Nouns, plural -> name, and sentences."""
    nouns, sentences = {}, {}
    for message in read(FOLDER / "en.po"):
        if isinstance(message.id, tuple):
            one, several = (text.removeprefix("{n} ") for text in message.string)
            nouns |= {several: message.id[0]} if one != several else {}
        elif message.id:
            sentences[message.id] = message.string
    return nouns, sentences


def test_a_count_in_front_of_a_noun_takes_its_plural_from_the_catalogue(
    words: tuple[dict[str, str], dict[str, str]],
) -> None:
    """``{n} files`` would be "1 files": ``{n:file}``."""
    nouns, sentences = words
    plain = re.compile(rf"{COUNTS} ({'|'.join(sorted(map(re.escape, nouns), key=len, reverse=True))})\b")
    assert [] == [(code, found[0]) for code, text in sentences.items() if (found := plain.search(text))]


def test_no_verb_is_of_several_where_there_may_be_one(words: tuple[dict[str, str], dict[str, str]]) -> None:
    """Neither "1 record are …" nor "1 of 48 settings were …"."""
    nouns = {name.removeprefix("noun.") for name in words[0].values()} - set(MEASURES)
    found = [
        (code, match[0])
        for code, text in words[1].items()
        for match in VERB.finditer(text)
        if match[1] in nouns or (match[1] is None and " of " in match[0])
    ]
    assert [] == [one for one in found if one[0] not in SEVERAL]
