"""Which language is spoken, and what a sentence becomes in it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.words import Sentence, chosen, languages, say, sentence, speaking, units
from bench.words.catalogue import catalogue
from bench.words.language import current
from bench.words.particles import with_particles
from bench.words.rendering import shown


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ("ko", {"ODB_LANG": "en"}, "ko"),
        (None, {"ODB_LANG": "KO", "LANG": "en_US.UTF-8"}, "ko"),
        (None, {"LANG": "ko_KR.UTF-8"}, "ko"),
        (None, {"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, "en"),
        (None, {"LC_MESSAGES": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}, "ko"),
        (None, {"LANG": "xx_XX.UTF-8"}, "en"),
        (None, {}, "en"),
        ("ko-KR", {}, "ko"),
    ],
)
def test_the_language_is_that_of_option_variable_or_locale(
    given: str | None, environment: dict[str, str], expected: str
) -> None:
    """In this order."""
    assert expected == chosen(given, environment)


@pytest.mark.parametrize(("given", "environment"), [("xx", {}), (None, {"ODB_LANG": "xx"})])
def test_a_language_that_was_asked_for_has_to_exist(given: str | None, environment: dict[str, str]) -> None:
    """That of the locale need not."""
    with pytest.raises(KeyError):
        chosen(given, environment)


@pytest.mark.parametrize(
    ("form", "value", "english", "korean"),
    [
        ("percent", 0.0123, "1.2 %", "1.2%"),
        ("rough", 0.1234, "12 %", "12%"),
        ("rough", 0.01234, "1.2 %", "1.2%"),
        ("rough", 0.996, "100 %", "100%"),
        ("ns", 4_000_000, "4.00 ms", "4.00 ms"),
        ("limit", 0.03, "3 %", "3%"),
        ("limit", 0.125, "12.5 %", "12.5%"),
        ("clause", "It was so.", "It was so", "It was so"),
        ("change", 1.052, "+5.2 %", "+5.2%"),
        ("gap", 12345, "12\u202f345", "12,345"),
        (",", 12345, "12,345", "12,345"),
        (".2f", 1.234, "1.23", "1.23"),
        (".0%", 0.35, "35%", "35%"),
        (",.0f", 1_000_000.0, "1,000,000", "1,000,000"),
        (".3g", float("nan"), "nan", "nan"),
        (".3g", 7743.2, "7,740", "7,740"),
        (".3g", 999.6, "1,000", "1,000"),
        (".4g", 999.96, "1,000", "1,000"),
        (".4g", 999.94, "999.9", "999.9"),
        (".4g", 1234.0, "1,234", "1,234"),
        (".4g", 12340, "12,340", "12,340"),
        (",.6g", 26303.99, "26,304", "26,304"),
        (",g", 12_345_678, "12,345,700", "12,345,700"),
        ("+.6g", -1234.56, "-1,234.56", "-1,234.56"),
        ("g", 1234.5, "1234.5", "1234.5"),
        (".3g", 74.32, "74.3", "74.3"),
        (".3g", 0.0000012345, "1.23e-06", "1.23e-06"),
        ("+.2g", -5123.0, "-5,100", "-5,100"),
        ("+.2g", 5123, "+5,100", "+5,100"),
        ("g", 123456789.0, "123,457,000", "123,457,000"),
        (".3g", 1e16, "1e+16", "1e+16"),
        ("query", 1, "1 query", "쿼리 1개"),
        ("query", 3, "3 queries", "쿼리 3개"),
        ("query,", 12345, "12\u202f345 queries", "쿼리 12,345개"),
        ("and", ["a", "b", "c"], "a, b and c", "a, b 및 c"),
        ("", ["a", "b"], "a, b", "a, b"),
        ("clauses", ["a", "b", "c"], "a; b; c", "a; b; c"),
        ("sentences", ["A.", "B."], "A. B.", "A. B."),
        ("", 7, "7", "7"),
        ("", None, "None", "None"),
    ],
)
def test_a_figure_has_its_form(form: str, value: object, english: str, korean: str) -> None:
    """By the rules of the language."""
    assert english == shown(value, form, current())
    with speaking("ko"):
        assert korean == shown(value, form, current())


def test_a_sentence_goes_through_json_without_words() -> None:
    """And is said again in either language."""
    told = sentence("text.two", first=sentence("error.did_you_mean", name="ort"), second=["a", 1])
    read = msgspec.json.decode(msgspec.json.encode(told), type=Sentence)
    assert (told, "Did you mean ort? a, 1") == (read, str(read))
    with speaking("ko"):
        assert "ort[" not in str(read)
        assert "Did" not in str(read)


def test_paths_and_numbers_of_numpy_become_plain() -> None:
    """So that JSON can hold them."""
    np = pytest.importorskip("numpy")
    told = sentence("x", a=Path("x/y"), b=np.int64(3), c=("p", "q"), d=np.float64(0.5))
    assert {"a": "x/y", "b": 3, "c": ["p", "q"], "d": 0.5} == told.figures
    assert b"0.5" in msgspec.json.encode(told)


def test_a_code_of_a_later_version_is_shown_with_its_figures() -> None:
    """Nothing is lost."""
    assert "later.code (share=0.5)" == say("later.code", share=0.5)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, "verdict.short_generation"),
        ({"generated": 20}, "verdict.short_generation (generated=20)"),
        ({"made": 20, "asked": "x"}, "verdict.short_generation (made=20, asked=x)"),
    ],
)
def test_a_sentence_that_lacks_a_figure_is_its_code_and_figures(
    language: str, figures: dict[str, Any], expected: str
) -> None:
    """An edited record shows no placeholder, also in a sentence inside a sentence."""
    with speaking(language):
        assert expected == str(Sentence("verdict.short_generation", figures))
        told = sentence("cli.error", message=Sentence("verdict.short_generation", figures))
        assert str(told).endswith(expected)


@pytest.mark.parametrize("count", ["many", None])
def test_a_figure_that_does_not_fit_its_form_is_shown_as_it_is(count: object) -> None:
    """A record may be of another version, or edited: it is read all the same."""
    with speaking("en"):
        assert str(count) in str(Sentence("verdict.short_generation", {"generated": count, "asked": count}))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("모델[을/를]", "모델을"),
        ("지연시간[은/는]", "지연시간은"),
        ("CPU[을/를]", "CPU를"),
        ("서울[으로/로]", "서울로"),
        ("부산[으로/로]", "부산으로"),
        ("3[이/가]", "3이"),
        ("“mobilenet”[이/가]", "“mobilenet”이"),
        ("offline[을/를]", "offline을"),
        ("single[으로/로]", "single로"),
        ("cache[을/를]", "cache를"),
        ("'--dry-run'[으로/로]", "'--dry-run'으로"),
        ("-o page.html[을/를]", "-o page.html을"),
        ("`page.html`[을/를]", "`page.html`을"),
        ("--dataset[으로/로]", "--dataset으로"),
        ("quick[과/와]", "quick과"),
        ("strict[이/가]", "strict가"),
        ("running[은/는]", "running은"),
        ("float32[은/는]", "float32는"),
        ("IR[을/를]", "IR을"),
        ("IR[으로/로]", "IR로"),
        ("NPU[이/가]", "NPU가"),
        ("ort:cpu[은/는]", "ort:cpu는"),
        ("qnn[과/와]", "qnn과"),
        ("[1, 2] stays", "[1, 2] stays"),
    ],
)
def test_korean_particles_fit_the_sound_before_them(text: str, expected: str) -> None:
    """Hangul by its final consonant, digits by their names, Latin words by their last sound."""
    assert expected == with_particles(text)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", ["[은/는]", "{x}[을/를].onnx", "{n:query}", "%s", "{", "a'\"b"])
def test_a_name_that_is_like_a_mark_or_a_placeholder_stays(language: str, name: str) -> None:
    """Also inside a sentence that is inside another."""
    with speaking(language):
        assert name in say("error.did_you_mean", name=name)
        assert name in say("list.and", first=sentence("error.did_you_mean", name=name), last="y")


def test_particles_follow_a_name_that_ends_like_a_mark() -> None:
    """The mark of the template is filled in, that of the name is not."""
    assert "a[은/는]b를" == with_particles("[을/를]", "a[은/는]b")
    assert "모델[은/는] 서울로" == with_particles(" 서울[으로/로]", "모델[은/는]")


def test_a_broken_entry_of_a_third_language_is_shown_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown placeholders and braces that are not closed: the rest of the language is spoken all the same."""
    broken = {
        "error.did_you_mean": "Meinten Sie {nummer}?",
        "error.none_known": "Keiner {",
        "unit.percent": "{nummer} {",
        "unit.from_to": "{lo} bis {high}",
        "list.and": "{erste} und {last}",
        "unit.decimal": ",",
    }
    header = 'msgid ""\nmsgstr ""\n"Language: de\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    noun = 'msgid "noun.query"\nmsgid_plural "noun.query"\nmsgstr[0] "{m} Abfrage"\nmsgstr[1] "{m} Abfragen"\n\n'
    text = header + noun + "".join(f'msgid "{code}"\nmsgstr "{words}"\n\n' for code, words in broken.items())
    (tmp_path / "de.po").write_text(text, encoding="utf-8")
    monkeypatch.setenv("ODB_WORDS", str(tmp_path))
    catalogue.cache_clear()
    try:
        with speaking("de"):
            assert "Did you mean ort?" == say("error.did_you_mean", name="ort")
            assert "None is known." == say("error.none_known")
            assert "98,1 %" == units.percent(0.981).replace(units.NO_BREAK, " ")
            assert "+1,0 % to +5,2 %" == units.change_interval(1.01, 1.052).replace(units.NO_BREAK, " ")
            assert "2 queries" == units.counted(2, "query")
            assert "a and b" == shown(["a", "b"], "and", current())
            assert "2 queries" == shown(2, "query", current())
    finally:
        catalogue.cache_clear()


def test_a_third_language_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ODB_WORDS`` names its folder. What it lacks is in English; numbers have its signs."""
    header = 'msgid ""\nmsgstr ""\n"Language: de\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entries = {"error.did_you_mean": "Meinten Sie {name}?", "unit.decimal": ",", "unit.group": "."}
    text = header + "".join(f'msgid "{code}"\nmsgstr "{words}"\n\n' for code, words in entries.items())
    (tmp_path / "de.po").write_text(text, encoding="utf-8")
    monkeypatch.setenv("ODB_WORDS", str(tmp_path))
    catalogue.cache_clear()
    try:
        assert "de" in languages()
        with speaking("de"):
            assert "Meinten Sie ort?" == say("error.did_you_mean", name="ort")
            assert "None is known." == say("error.none_known")
            assert ("1,50", "1.234") == (shown(1.5, ".2f", current()), shown(1234, ",", current()))
    finally:
        catalogue.cache_clear()
