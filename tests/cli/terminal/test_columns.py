"""Rows as aligned text."""

from bench.cli.terminal.columns import columns


def test_columns_are_aligned() -> None:
    """Each column is as wide as its widest cell; nothing trails."""
    assert columns(["name", "what"], [["a", "b"], ["long name", ""]], 80) == "name       what\na          b\nlong name"


def test_the_widest_column_is_wrapped() -> None:
    """What does not fit goes on in the next line of the same column; the first column stays whole."""
    text = columns(["name", "what"], [["a-very-long-name-indeed", "one two three four five six"]], 40)
    assert text == (
        "name                     what\na-very-long-name-indeed  one two three\n" + " " * 25 + "four five six"
    )
