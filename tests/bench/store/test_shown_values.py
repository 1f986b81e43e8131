"""How the values of an edited record are shown."""

import pytest

from bench.record.summary import MetricFigure
from bench.store.derived import _said


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "true"),
        (1234567, "1,234,567"),
        (0.12345678, "0.123457"),
        ((0.25, 1.0), "[0.25,1.0]"),
        (MetricFigure(3.0), '{"value":3.0,"interval95":null}'),
        ("zzz", "zzz"),
    ],
)
def test_an_edited_value_is_shown_as_the_file_has_it(value: object, words: str) -> None:
    """A truth value is no number, and no class of this program is named."""
    assert words == str(_said(value))
