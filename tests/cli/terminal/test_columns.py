"""Rows as aligned text."""

import os
import shutil
import sys

import pytest

from bench.cli.terminal.columns import columns, terminal_width


def test_columns_are_aligned() -> None:
    """Each column is as wide as its widest cell; nothing trails."""
    assert columns(["name", "what"], [["a", "b"], ["long name", ""]], 80) == "name       what\na          b\nlong name"


def test_the_widest_column_is_wrapped() -> None:
    """What does not fit goes on in the next line of the same column; the first column stays whole."""
    text = columns(["name", "what"], [["a-very-long-name-indeed", "one two three four five six"]], 40)
    assert text == (
        "name                     what\na-very-long-name-indeed  one two three\n" + " " * 25 + "four five six"
    )


def test_only_the_columns_that_are_named_are_wrapped() -> None:
    """A figure with its unit stays in one line; where nothing may be wrapped, the table is wider."""
    row = ["a name of five words", "33.1 – 35.2 dB"]
    assert columns(["name", "interval"], [row], 30, wrapping=(0,)) == (
        "name            interval\na name of five  33.1 – 35.2 dB\nwords"
    )
    assert "a name of five words  33.1 – 35.2 dB" in columns(["name", "interval"], [row], 30, wrapping=())


@pytest.mark.parametrize("stated", ["", "0", "-3", "wide", "57"])
def test_the_width_is_that_of_shutil(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    """``COLUMNS`` where it is a positive number, else the terminal's, else 80."""
    monkeypatch.setenv("COLUMNS", stated)
    assert terminal_width() == shutil.get_terminal_size().columns


@pytest.mark.parametrize(("columns_of_terminal", "expected"), [(132, 132), (0, 80)])
def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, columns_of_terminal: int, expected: int) -> None:
    """Some report no columns at all."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "__stdout__", sys.__stderr__)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns_of_terminal, 24)))
    assert terminal_width() == expected
