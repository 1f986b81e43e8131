"""The format of a report against the name of its file, and where it is written."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli.compare_command import command as compare_command
from bench.cli.output_format import checked_output, chosen_format
from bench.cli.report_command import command as report_command
from bench.cli.run_command import show
from bench.errors import InputError
from bench.plugins import discover
from bench.scripting.places import results_folder
from bench.store.records import save
from bench.testing.records import fake_run

SUFFIXES = {"csv": ".csv", "html": ".html", "json": ".json", "md": ".md", "terminal": ".txt"}


@pytest.mark.parametrize(
    ("given", "as_json", "name", "expected"),
    [
        (None, False, None, "terminal"),
        (None, False, "page.html", "html"),
        (None, False, "PAGE.HTML", "html"),
        (None, False, "page.htm", "html"),
        (None, False, "page.markdown", "md"),
        (None, False, "notes.txt", "terminal"),
        (None, False, "notes", "terminal"),
        (None, True, "list.json", "json"),
        ("html", False, "page.html", "html"),
        ("html", False, "page.HTM", "html"),
        ("md", False, "notes.txt", "md"),
        ("md", False, "notes", "md"),
        ("md", False, "summary.step", "md"),
        ("md", False, None, "md"),
        ("json", True, None, "json"),
        ("own", False, "x.own", "own"),
    ],
)
def test_the_format_that_is_written(given: str | None, as_json: bool, name: str | None, expected: str) -> None:
    """What is said, else what the suffix says; a text file, a name without a suffix and a suffix that is nobody's take
    any format that is said."""
    assert expected == chosen_format(given, as_json, Path(name) if name else None, SUFFIXES)


@pytest.mark.parametrize(
    ("given", "as_json", "name", "words"),
    [
        ("md", False, "x.html", ("ends in .html is expected to be html", "--format md", "name the file x.md")),
        ("html", False, "x.md", ("ends in .md is expected to be md", "--format html", "name the file x.html")),
        ("terminal", False, "x.json", ("expected to be json", "--format terminal", "name the file x.txt")),
        ("own", False, "x.htm", ("ends in .htm is expected to be html", "--format own asks for own")),
        (None, True, "x.csv", ("expected to be csv", "Leave out --json, or name the file x.json")),
        ("md", True, None, ("--json and --format md", "Leave one of them out")),
        (None, False, "x.pdf", ("no format has files that end in .pdf", ".csv, .html, .json, .md, .txt", "--format")),
    ],
)
def test_what_contradicts_is_refused(
    given: str | None, as_json: bool, name: str | None, words: tuple[str, ...]
) -> None:
    """A file that is not what its name says is opened by the wrong program: both are named, with the way out."""
    with pytest.raises(InputError) as caught:
        chosen_format(given, as_json, Path(name) if name else None, SUFFIXES)
    said = f"{caught.value.message} {caught.value.remedy}"
    assert [] == [word for word in words if word not in said]


def test_two_writers_of_one_suffix() -> None:
    """A page of somebody's own plugin may end in .html, too."""
    assert "mypage" == chosen_format("mypage", False, Path("x.html"), {**SUFFIXES, "mypage": ".html"})


def test_where_it_is_written(tmp_path: Path) -> None:
    """``-`` is stdout; a file that is there is replaced only if that was said, and a folder never."""
    there = tmp_path / "there.md"
    there.write_text("mine")
    assert (None, None, there) == (
        checked_output(None, False),
        checked_output(Path("-"), False),
        checked_output(there, True),
    )
    with pytest.raises(InputError, match="exists already"):
        checked_output(there, False)
    with pytest.raises(InputError, match="is a folder") as caught:
        checked_output(tmp_path, True)
    assert "report.html" in caught.value.remedy


def test_records_go_into_a_folder(tmp_path: Path) -> None:
    """A name for the page is not taken for that of the folder, unless there is such a folder."""
    assert ("odb-results", Path("nights/1.5")) == (results_folder(None).parts[0], results_folder(Path("nights/1.5")))
    with pytest.raises(InputError, match="names the folder for records") as caught:
        results_folder(Path("page.html"))
    assert "odb report page -o page.html" in caught.value.remedy
    (tmp_path / "old.json").mkdir()
    assert tmp_path / "old.json" == results_folder(tmp_path / "old.json")


@pytest.mark.parametrize("command", [report_command, compare_command])
def test_both_commands_keep_to_it(tmp_path: Path, command: object) -> None:
    """Refused with nothing written; what the suffix says is written; ``-o -`` is stdout."""
    import numpy as np

    folders = []
    for name in ("a", "b"):
        run = fake_run(name, [np.full(20, 1_000_000 + i) for i in range(5)])
        (tmp_path / name).mkdir()
        save(tmp_path / name, run.record, run.samples)
        folders.append(str(tmp_path / name))
    page = tmp_path / "page.html"

    def asked(*arguments: str) -> object:
        return CliRunner().invoke(command, [*folders, *arguments], standalone_mode=False)  # type: ignore[arg-type]

    refused = asked("--format", "md", "-o", str(page)).exception  # type: ignore[attr-defined]
    assert (InputError, False) == (type(refused), page.exists())
    assert asked("-o", str(page)).exception is None  # type: ignore[attr-defined]
    assert page.read_text().startswith("<!doctype html>")
    assert asked("--json", "-o", "-").stdout.lstrip()[0] in "[{"  # type: ignore[attr-defined]
    assert not Path("-").exists()


@pytest.mark.parametrize("error", [InputError("No space left"), ValueError("a plugin"), KeyboardInterrupt()])
def test_a_page_that_is_not_written_takes_nothing_else(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was measured is printed, whatever becomes of the page; a full disk is told when all is said."""

    def fails(*given: object) -> None:
        raise error

    monkeypatch.setattr("bench.cli.run_command.write_page", fails)
    run, page = fake_run("net", [np.full(20, 9_000_000)] * 2), tmp_path / "report.html"
    if isinstance(error, InputError):
        assert error is show([run], page, discover(), as_json=False)
    else:
        with pytest.raises(type(error)):
            show([run], page, discover(), as_json=False)
    printed = capsys.readouterr().out
    assert "Runs: 1 measured on devices" in printed
    assert str(page) not in printed
