"""A comparison in Korean has no English but names, codes, flags and units, whatever its answer."""

import html as markup
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import compared_runs
import msgspec
import pytest

from bench.comparison.comparison import compare_all
from bench.comparison.folders import Findings
from bench.comparison.observe import observe
from bench.comparison.outcome import OPEN
from bench.comparison.rules import RULES
from bench.reports.comparisons import html, markdown, terminal
from bench.reports.comparisons import json as comparison_json
from bench.words import Sentence, rendering, speaking

ENGLISH = re.compile(r"(?<![\w:./=-])[A-Za-z]{2,}(?:[ \u00a0]+[A-Za-z]{2,})+(?![\w=]|:\w)")
"""Two English words or more, one after another."""

NAMES = ("a device that does nothing", "a processor", "an OS", "odb run", "odb compare")
"""What the made records call their devices, and commands."""

WRITERS = {"html": html.render, "md": markdown.render, "terminal": terminal.render}


@cache
def findings() -> Findings:
    return compared_runs.findings()


def written(form: str, language: str) -> str:
    with speaking(language):
        return WRITERS[form](findings()).decode()


def read(form: str, text: str) -> str:
    """What a reader reads: of a page also what drawings hold and what is read out, one element a line."""
    if form == "html":
        text = re.sub(r"<(style|code)\b.*?</\1>", "\n", text, flags=re.DOTALL)
        spoken = re.findall(r'(?:aria-label|title|data-target)="([^"]*)"', text)
        text = re.sub(r"</?(?:wbr|span class=\"whole\"|b|strong)>", "", text)
        text = markup.unescape("\n".join([*spoken, re.sub(r"<[^>]+>", "\n", text)]))
    if form == "md":
        text = markup.unescape(re.sub(r"\\|\*\*", "", text)).replace(" | ", "\n")
    return re.sub(r"  +", "\n", text) if form == "terminal" else text


def english(text: str) -> list[str]:
    for name in NAMES:
        text = text.replace(name, "–").replace(name.replace(" ", "\u00a0"), "–")
    return sorted({found[0] for found in ENGLISH.finditer(text)})


@pytest.mark.parametrize("form", list(WRITERS))
def test_a_korean_comparison_has_no_english(form: str) -> None:
    """Every kind of answer, every rule, records without a partner and some that cannot be read."""
    text = read(form, written(form, "ko"))
    assert re.search("[가-힣]{2}", text)
    assert [] == english(text)


@pytest.mark.parametrize("form", list(WRITERS))
def test_english_would_be_seen(form: str) -> None:
    """The same reader finds it in the English comparison."""
    assert len(english(read(form, written(form, "en")))) > 100


def test_the_made_pairs_have_every_answer() -> None:
    """Each word, each name of what is open, each answer of the rules, and each rule itself."""
    found = findings().comparisons
    words = {change.word for pair in found for change in pair.changes}
    assert {"faster", "slower", "better", "worse", "same", "cannot_tell"} == words
    assert {"comparable", "comparable_with_caveats", "not_comparable"} == {p.comparability.answer for p in found}
    codes = {reason.code for pair in found for reason in pair.comparability.reasons}
    subjects = {difference.what for pair in found for difference in pair.comparability.differences}
    assert [] == [rule.code for rule in RULES if rule.code not in codes and rule.name not in subjects]
    names = {name for pair in found if (name := comparison_json.not_decided(pair)) is not None}
    assert set(OPEN) == names | {"unmatched"}
    qualities = {change.word for pair in found if pair.quality is not None for change in pair.quality.changes}
    assert {"worse", "same", "cannot_tell"} <= qualities


def test_json_is_the_same_in_every_language() -> None:
    """Scripts read stable words; sentences are codes with figures, which can be read back."""
    with speaking("en"):
        english_document = comparison_json.render(findings())
    with speaking("ko"):
        document = comparison_json.render(findings())
    assert english_document == document
    assert re.search("[가-힣]", document.decode().replace("둘째", "")) is None
    told = list(sentences(json.loads(document)))
    assert len(told) > 500
    with speaking("ko"):
        said = [str(msgspec.convert(one, Sentence)) for one in told]
    assert [] == [one for one in said if english(one)]


def sentences(part: Any) -> Iterator[dict[str, Any]]:
    """Every sentence of a document."""
    if isinstance(part, dict) and part.keys() == {"code", "figures"}:
        yield part
    elif isinstance(part, dict | list):
        for one in part.values() if isinstance(part, dict) else part:
            yield from sentences(one)


def test_comparing_puts_nothing_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand records are compared before a writer says anything of them: no sentence is rendered for each."""

    def refuse(*arguments: object) -> str:
        raise AssertionError(f"rendered: {arguments[0]}")

    monkeypatch.setattr(rendering, "rendered", refuse)
    made = [(observe(base), observe(new)) for base, new in compared_runs.pairs().values()]
    assert len(made) == len(compare_all(made))
