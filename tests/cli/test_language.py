"""``--lang``, as a person types it: a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

HEADER = 'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
CHOOSING = ("ODB_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
BARE = {name: value for name, value in os.environ.items() if name not in CHOOSING}


def odb(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        env={**BARE, "LANG": "C.UTF-8", **environment},
        check=False,
    )


def catalogue(folder: Path, language: str, **words: str) -> None:
    entries = "".join(f'msgid "{code.replace("__", ".")}"\nmsgstr "{text}"\n\n' for code, text in words.items())
    (folder / f"{language}.po").write_text(HEADER.format(language=language) + entries, encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--lang", "ko", "list", "--help"], {}),
        (["list", "--lang", "ko", "--help"], {}),
        (["list", "--help", "--lang=ko"], {}),
        (["list", "--help"], {"ODB_LANG": "ko_KR"}),
        (["list", "--help"], {"LANG": "ko_KR.UTF-8"}),
        (["--lang", "en", "list", "--lang", "ko", "--help"], {"ODB_LANG": "en"}),
    ],
)
def test_the_language_may_be_given_anywhere(arguments: list[str], environment: dict[str, str]) -> None:
    """Before the command, after it, after the help, by a variable or by the locale; the last ``--lang`` counts."""
    done = odb(*arguments, **environment)
    assert (0, "사용법: odb list [옵션]") == (done.returncode, " ".join(done.stdout.split()[:4]))


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["--lang", "xx", "list"], {}, "odb: error: unknown language in --lang: xx\n     Known: en, ko.\n"),
        (["list", "models", "--lang="], {}, "odb: error: unknown language in --lang:\n     Known: en, ko.\n"),
        (
            ["list", "models"],
            {"ODB_LANG": "kp"},
            "odb: error: unknown language in ODB_LANG: kp\n     Did you mean ko?\n",
        ),
        (["--lang", "xx", "list"], {"LANG": "ko_KR.UTF-8"}, "odb: 오류: 알 수 없는 언어(--lang): xx\n"),
    ],
)
def test_a_language_that_is_not_there_is_named(
    arguments: list[str], environment: dict[str, str], expected: str
) -> None:
    """Status 2, with the option or the variable that asked for it; in the language of the locale."""
    done = odb(*arguments, **environment)
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(expected)


def test_a_third_language_shows_in_the_help(tmp_path: Path) -> None:
    """One file in the folder of ``ODB_WORDS``; what it lacks is in English."""
    words = {
        "cli__help__run__model": "Name eines Modells.",
        "cli__usage__usage": "Aufruf:",
        "language__name": "Deutsch",
    }
    catalogue(tmp_path, "de", **words)
    done = odb("run", "--lang", "de", "--help", ODB_WORDS=str(tmp_path))
    assert (0, "") == (done.returncode, done.stderr)
    assert "Aufruf: odb run" in done.stdout
    assert "Name eines Modells." in done.stdout
    assert "Fix an input's shape," in done.stdout
    assert "Language: de, en, ko." in done.stdout


def test_an_entry_that_cannot_be_filled_in_is_in_english(tmp_path: Path) -> None:
    """A translator's slip in one entry costs no command."""
    catalogue(tmp_path, "de", cli__help__lang="Sprache: {names", cli__help__json="Zahlen {x:q}")
    done = odb("doctor", "--lang", "de", "--help", ODB_WORDS=str(tmp_path))
    assert 0 == done.returncode
    assert "Language: de, en, ko." in done.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [("de.po", b"hello\n"), ("de.po", b'msgid "a"\nmsgstr "\xff"\n'), ("de.mo", b"no catalogue"), ("de.mo", b"")],
)
def test_a_catalogue_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    """Status 2, with the file; other languages work as before."""
    (tmp_path / name).write_bytes(content)
    done = odb("list", "models", "--lang", "de", ODB_WORDS=str(tmp_path))
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"odb: error: {tmp_path / name}: cannot be read as a catalogue: ")
    assert 0 == odb("list", "--help", "--lang", "ko", ODB_WORDS=str(tmp_path)).returncode


def test_a_folder_of_catalogues_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Status 2, rather than a language that is unknown; in the language of the locale."""
    gone = str(tmp_path / "gone")
    done = odb("list", "models", "--lang", "de", ODB_WORDS=gone)
    assert (2, f"odb: error: ODB_WORDS {gone}: no such folder") == (done.returncode, done.stderr.splitlines()[0])
    done = odb("list", "models", ODB_WORDS=gone, LANG="ko_KR.UTF-8")
    assert f"odb: 오류: ODB_WORDS {gone}: 그런 폴더가 없습니다" == done.stderr.splitlines()[0]


@pytest.mark.parametrize(("typed", "expected"), [("odb run --lang ", {"en", "ko"}), ("odb --lang k", {"ko"})])
def test_the_shell_completes_languages(typed: str, expected: set[str]) -> None:
    """The value of ``--lang``, before and after the command."""
    count = str(len(typed.split()) - (not typed.endswith(" ")))
    done = odb(_ODB_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=count)
    assert expected == {line.removeprefix("plain,") for line in done.stdout.splitlines()}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_help_reads_one_compiled_catalogue(language: str) -> None:
    """``odb --help`` imports neither Babel nor msgspec, and reads English beside Korean only where that lacks words."""
    code = (
        "import sys; sys.argv[0] = 'odb'\n"
        "from bench.cli.group import carried_out\nfrom bench.words.catalogue import catalogue\ncarried_out()\n"
        "print(sorted({'babel', 'msgspec', 'rich', 'numpy'} & sys.modules.keys()), catalogue.cache_info().currsize)"
    )
    subprocess.run([sys.executable, "-m", "bench.words"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", code, "--lang", language, "--help"], capture_output=True, text=True, check=True
    )
    assert "[] 1" == done.stdout.splitlines()[-1]
