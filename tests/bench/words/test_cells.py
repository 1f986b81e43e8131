"""Text by the cells it takes at a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cli.terminal.columns import columns
from bench.words.cells import cells, narrowed, padded, widened, wrapped


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("abc", 3), ("모델", 4), ("모델 a", 6), ("…–µ", 3), ("한", 2), ("e\u0301", 1), ("中文", 4)],
)
def test_a_wide_character_takes_two_cells(text: str, expected: int) -> None:
    """Also one of Hangul that is written letter by letter, as macOS names files; a combining mark takes none."""
    assert expected == cells(text)


def test_lines_are_broken_and_filled_by_cells() -> None:
    """Between words."""
    assert ["모델을", "측정 a"] == wrapped("모델을 측정 a", 7)
    assert "모델  |" == padded("모델", 6) + "|"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_what_is_widened_comes_back(text: str) -> None:
    """Whatever is in it."""
    if "\ufdd0" not in text:
        assert text == narrowed(widened(text))


def test_a_table_is_aligned_in_cells() -> None:
    """Its columns begin at the same cell in every line, wrapped or not."""
    table = columns(["이름", "내용"], [["a", "모델 하나"], ["한국어", "b"]], 80)
    assert ["이름    내용", "a       모델 하나", "한국어  b"] == table.splitlines()
    narrow = columns(["이름", "내용"], [["a", "가나다라 마바사아 자차카타"]], 22)
    assert ["이름  내용", "a     가나다라", "      마바사아", "      자차카타"] == narrow.splitlines()
