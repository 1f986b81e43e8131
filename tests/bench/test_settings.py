"""Settings: one row gives a flag, a key of a suite, a field of the record, and the flag of the command to run again."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench import settings
from bench.errors import InputError, UnknownName
from bench.settings import LONGEST_NS, Setting, duration_ns, duration_text

PACE = Setting("pace", "pace_ns", "TIME", "A time.", "33ms", duration_ns, duration_text)


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A table of one setting."""
    monkeypatch.setattr(settings, "SETTINGS", (PACE,))
    return PACE


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("33ms", 33_000_000),
        ("33 ms", 33_000_000),
        ("0.5s", 500_000_000),
        ("16.667ms", 16_667_000),
        ("250us", 250_000),
        ("250µs", 250_000),
        ("250μs", 250_000),
        ("1ns", 1),
        ("1e3us", 1_000_000),
        ("86400s", LONGEST_NS),
    ],
)
def test_a_time_has_a_number_and_a_unit(text: str, ns: int) -> None:
    """Exactly, with or without a space between the two."""
    assert ns == duration_ns(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("33", "no unit"),
        ("0", "no unit"),
        ("0ms", "above 0"),
        ("-1ms", "above 0"),
        ("33 lightyears", "unknown unit lightyears"),
        ("33MS", "unknown unit MS"),
        ("nan", "a number and its unit"),
        ("nanms", "a number and its unit"),
        ("inf s", "a number and its unit"),
        ("", "a number and its unit"),
        ("ms", "a number and its unit"),
        ("3,5ms", "a number and its unit"),
        ("0.2ns", "at least 1 ns"),
        ("86401s", "at most one day"),
        ("1e999s", "at most one day"),
        ("1e999999s", "a number and its unit"),
        ("9" * 50 + "ns", "a number and its unit"),
    ],
)
def test_what_is_no_time_is_refused(text: str, why: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(InputError, match=why):
        duration_ns(text)


@given(st.integers(1, LONGEST_NS))
def test_a_time_is_read_back_as_it_was_written(ns: int) -> None:
    """Every nanosecond, so that a command to run again asks for the same."""
    assert ns == duration_ns(duration_text(ns))


def test_a_time_is_written_as_a_person_writes_it() -> None:
    """In the largest unit that leaves 1 or more before the point."""
    assert ["33ms", "16.667ms", "1s", "100s", "999ns"] == [
        duration_text(ns) for ns in (33_000_000, 16_667_000, 10**9, 10**11, 999)
    ]


def test_a_row_gives_flag_key_and_field(pace: Setting, tmp_path: Path) -> None:
    """The flag replaces the key of the suite."""
    from bench.cli.against.suites import applied
    from bench.plugins import discover
    from bench.suite.suite import load_suite

    file = tmp_path / "suite.toml"
    file.write_text('pace = "2 ms"\n')
    suite = load_suite(file)
    assert {"pace_ns": 2_000_000} == suite.settings
    assert {"pace_ns": 3_000_000} == applied(suite, {"pace": "3ms"}, discover()).settings
    assert suite.settings == applied(suite, {"pace": None}, discover()).settings


@pytest.mark.parametrize("text", ["pace = 33", 'pace = "soon"', "pace = -1", "pace = nan", "pace = [1]"])
def test_a_wrong_key_of_a_suite_names_the_file(pace: Setting, tmp_path: Path, text: str) -> None:
    """And the key, with an example."""
    from bench.suite.suite import load_suite

    file = tmp_path / "suite.toml"
    file.write_text(f"{text}\n")
    with pytest.raises(InputError, match=r"suite\.toml: pace") as caught:
        load_suite(file)
    assert "--pace 33ms" in caught.value.remedy


def test_a_suite_cannot_set_the_fields_themselves(tmp_path: Path) -> None:
    """They are keys of their own."""
    from bench.suite.suite import load_suite

    file = tmp_path / "suite.toml"
    file.write_text("[settings]\npace_ns = 1\n")
    with pytest.raises(UnknownName, match="settings"):
        load_suite(file)


def test_the_flag_stands_in_the_help(pace: Setting) -> None:
    """With its metavar and what it is about."""
    import click

    from bench.cli.options import setting_options

    @click.command()
    @setting_options
    def command(**given: str | None) -> None:
        click.echo(settings.asked_settings(given))

    runner = CliRunner()
    assert "--pace TIME" in runner.invoke(command, ["--help"]).output
    assert "{'pace_ns': 33000000}\n" == runner.invoke(command, ["--pace", "33ms"]).output
    assert "{}\n" == runner.invoke(command, []).output


@pytest.mark.parametrize("value", [0, -5, "33ms", 1.5, True, LONGEST_NS + 1, 10**30])
def test_a_record_with_a_value_that_nobody_can_ask_for_is_refused(pace: Setting, value: object) -> None:
    """It was edited."""
    with pytest.raises(InputError, match=r"asked\.settings\.pace_ns is"):
        settings.check_settings({"pace_ns": value})


def test_a_setting_of_another_version_is_read_and_not_measured_again(pace: Setting) -> None:
    """Nothing is known of it, so a run without it would be another."""
    settings.check_settings({"of_tomorrow": 3})
    with pytest.raises(UnknownName, match="of_tomorrow"):
        settings.check_known_settings({"of_tomorrow": 3}, "here")
    settings.check_known_settings({"pace_ns": 3}, "here")


def test_words_and_flags(pace: Setting) -> None:
    """As reports and the command to run again have them."""
    assert "pace 33ms" == settings.setting_words({"pace_ns": 33_000_000, "other": 1})
    assert "" == settings.setting_words({"pace_ns": 33_000_000}, "deadline")
    assert {"--pace": "33ms"} == settings.setting_flags({"pace_ns": 33_000_000})
