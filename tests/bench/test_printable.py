"""Text from others, as it may be shown."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.printable import clean, one_line, printable_json, visible

HOSTILE = "a\x1b]0;T\x07\x1b[2J\x9b31m\r\n\u202eb\u2066\u2028\ud800\x7f"


def test_a_message_is_one_line_of_visible_text() -> None:
    assert "a ]0;T [2J 31m b" == clean(HOSTILE)


def test_a_page_keeps_its_lines_and_loses_what_acts() -> None:
    """Thin spaces and letters of any script stay."""
    shown = "12\u202f345 \u00b5s 언어\n\t|\ufffd[31m\ufffd\ufffd"
    assert shown == visible("12\u202f345 \u00b5s 언어\n\t|\x1b[31m\u202e\r")


@given(st.text())
def test_json_loses_nothing_and_shows_nothing_that_acts(text: str) -> None:
    data = json.dumps({text: text}, ensure_ascii=False).encode("utf-8", "replace")
    shown = printable_json(data)
    assert json.loads(data) == json.loads(shown)
    assert shown.decode() == visible(shown.decode())


@given(st.text(alphabet=st.characters()))
def test_nothing_unprintable_is_left(text: str) -> None:
    assert clean(text).isprintable()
    visible(text).encode()


def test_an_error_holds_one_line_whoever_raises_it() -> None:
    """Also for a program that prints ``message`` itself; spaces in names stay."""
    error = InputError(f"a  b{HOSTILE}", f"remedy{HOSTILE}")
    assert (True, True, True) == (error.message.isprintable(), error.remedy.isprintable(), "a  b" in error.message)
    assert one_line(HOSTILE).isprintable()
