"""The reader of compiled catalogues gives what gettext gives, and refuses what is none."""

from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import pytest

from bench.words.compiled import CompiledCatalogue
from bench.words.compiling import FOLDER, BrokenCatalogue, compiled_file


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_reads_what_gettext_reads(language: str) -> None:
    """Every entry, and every plural form."""
    data = compiled_file(FOLDER / f"{language}.po").getvalue()
    known, ours = GNUTranslations(BytesIO(data)), CompiledCatalogue(data)
    entries = {key: text for key, text in known._catalog.items() if key}  # type: ignore[attr-defined]
    assert len(entries) > 500
    for key in entries:
        if isinstance(key, str):
            assert known.gettext(key) == ours.text(key)
        else:
            code = key[0]
            assert [known.ngettext(code, code, n) for n in range(30)] == [ours.plural(code, n) for n in range(30)]


def test_what_is_not_there_is_none() -> None:
    """Before the first id, between two, after the last, and of the other kind."""
    ours = CompiledCatalogue(compiled_file(FOLDER / "en.po").getvalue())
    assert [None] * 4 == [ours.text(code) for code in ("a", "error.known_", "zzz", "noun.query")]
    assert ours.plural("error.known", 1) is None


def test_a_language_with_three_forms(tmp_path: Path) -> None:
    """The rule of the header decides, as in Polish."""
    header = (
        'msgid ""\nmsgstr ""\n"Language: pl\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"\n\n'
    )
    entry = 'msgid "noun.query"\nmsgid_plural "noun.query"\nmsgstr[0] "a"\nmsgstr[1] "b"\nmsgstr[2] "c"\n'
    source = tmp_path / "pl.po"
    source.write_text(header + entry, encoding="utf-8")
    ours = CompiledCatalogue(compiled_file(source).getvalue())
    assert ["c", "a", "b", "c", "c", "b"] == [ours.plural("noun.query", n) for n in (0, 1, 2, 5, 12, 22)]


@pytest.mark.parametrize("data", [b"", b"no catalogue at all, but long enough", b"\xde\x12\x04\x95" + b"\xff" * 40])
def test_other_bytes_are_refused(data: bytes) -> None:
    """By a ``ValueError``, which names no file yet."""
    with pytest.raises(ValueError, match=r"magic|outside"):
        CompiledCatalogue(data)


@pytest.mark.parametrize("text", ['msgid "abc\nmsgstr "x"\n', 'msgid "abc"\nmsgstr "x\n', 'msgid abc"\nmsgstr "x"\n'])
def test_a_text_that_is_not_closed_is_named(text: str, tmp_path: Path) -> None:
    """A translator's slip does not turn the language into English."""
    source = tmp_path / "de.po"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(BrokenCatalogue, match=r"de\.po: [12]: msg"):
        compiled_file(source)
