"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.words import speaking, units


@pytest.mark.parametrize(
    ("expected", "ns"),
    [
        ("–", None),
        ("0 ns", 0),
        ("95 ns", 95),
        ("999 ns", 999),
        ("1.00 µs", 999.6),
        ("1.23 ms", 1_234_567),
        ("12.3 ms", 12_345_678),
        ("999 ms", 999_400_000),
        ("1.00 s", 999_600_000),
        ("123 s", 123_400_000_000),
        ("9,876 s", 9_876_400_000_000),
        ("-1.23 ms", -1_234_567),
    ],
)
def test_duration_has_three_digits_and_a_unit(expected: str, ns: float | None) -> None:
    """A time is scaled to the unit that gives it three digits."""
    assert expected == units.duration(ns)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("0.0015", 0.0015),
        ("0.0099", 0.00994),
        ("0.010", 0.00996),
        ("0.012", 0.0123),
        ("0.123", 0.1234),
        ("1.00", 0.9996),
    ],
)
def test_a_small_number_keeps_two_digits(expected: str, value: float) -> None:
    """0.002 would be a third more than 0.0015."""
    assert (expected, f"-{expected}") == (units.digits(value), units.digits(-value))


@pytest.mark.parametrize(
    ("expected", "count"),
    [("–", None), ("0 B", 0), ("1,023 B", 1023), ("1.00 KiB", 1024), ("1,010 MiB", 1_059_061_760)],
)
def test_size_is_binary(expected: str, count: int | None) -> None:
    """Bytes are counted in powers of 1024, and say so."""
    assert expected == units.size(count)


@pytest.mark.parametrize(
    ("expected", "low", "high"),
    [
        ("3.20 – 3.25 ms", 3_200_000, 3_250_000),
        ("3.2001 – 3.2002 ms", 3_200_100, 3_200_200),
        ("0.90 – 1.10 ms", 900_000, 1_100_000),
        ("90 – 95 ns", 90, 95),
        ("4.00 – 4.00 s", 4_000_000_000, 4_000_000_001),
        ("999 – 1,001 s", 999_000_000_000, 1_001_000_000_000),
    ],
)
def test_interval_shows_what_tells_its_ends_apart(expected: str, low: int, high: int) -> None:
    """Both ends share a unit, and get more places while they look the same."""
    assert expected == units.interval(low, high)


def test_many_percent_are_grouped() -> None:
    """As other numbers are."""
    assert ("1,250.0 %", "1,250 %", "1,250 %") == (units.percent(12.5), units.rough_percent(12.5), units.limit(12.5))
    assert "1,250.0 – 2,500.0 %" == units.percent_span(12.5, 25.0)
    assert "+1,250.0 points" == units.points(12.5)


@pytest.mark.parametrize(
    ("expected", "share"),
    [("–", None), ("0 %", 0.0), ("100 %", 1.0), ("> 99.9 %", 0.99999), ("< 0.1 %", 0.0001), ("98.1 %", 0.981)],
)
def test_percent_never_rounds_to_all_or_none(expected: str, share: float | None) -> None:
    """One node of ten thousand that fell back must not vanish in 100 %."""
    assert expected == units.percent(share)


@pytest.mark.parametrize(
    ("expected", "value"), [("–", None), ("1.000000", 1.0), ("> 0.999999", 0.99999999), ("0.999980", 0.99998)]
)
def test_similarity_never_rounds_up_to_one(expected: str, value: float | None) -> None:
    """Only equal directions have a cosine of 1."""
    assert expected == units.similarity(value)


@pytest.mark.parametrize(
    ("expected", "value"), [("–", None), ("0", 0), ("12", 12), ("3.50 M", 3_504_872), ("1.20 G", 1_200_000_000)]
)
def test_quantity_scales(expected: str, value: float | None) -> None:
    """Parameters and MACs are shown in thousands, millions, and so on."""
    assert expected == units.quantity(value)


@pytest.mark.parametrize(
    ("expected", "value"), [("–", None), ("0 J", 0.0), ("46.4 mJ", 0.0464), ("1.5e-09 J", 1.5e-9), ("12.0 J", 12.0)]
)
def test_joules_scale(expected: str, value: float | None) -> None:
    """Energy is shown in joules or parts of one."""
    assert expected == units.joules(value)


@pytest.mark.parametrize(
    ("expected", "values"), [("–", [None, None]), ("2 ns", [2, None, 2]), ("1 ns – 3 ns", [3, None, 1])]
)
def test_span_skips_what_is_not_known(expected: str, values: list[int | None]) -> None:
    """The range of several repeats leaves out those that have no value."""
    assert expected == units.span(values, units.duration)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("2026-05-04 10:11 UTC", "2026-05-04T10:11:12Z"),
        ("2026-05-04 08:11 UTC", "2026-05-04T10:11:12+02:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_when_is_utc(expected: str, text: str) -> None:
    """Times of every zone are shown in one; what is no time is left alone."""
    assert expected == units.when(text)


def test_clean_removes_escapes_and_line_breaks() -> None:
    """Escape sequences, direction marks and line breaks of a log cannot act on the reader's screen."""
    assert "a [31mb c d" == units.clean("a\x1b[31mb\r\nc\u202ed")


@given(st.text())
def test_clean_text_is_printable_and_settled(text: str) -> None:
    """Whatever goes in, one printable line comes out, and cleaning it again changes nothing."""
    once = units.clean(text)
    assert (True, once) == (once.isprintable(), units.clean(once))


@given(st.floats(min_value=1, max_value=1e15))
def test_duration_is_close_to_what_it_shows(ns: float) -> None:
    """The text stands for the number to half a unit of its third digit."""
    shown, unit = units.duration(ns).split()
    factor = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}[unit]
    assert float(shown.replace(",", "")) * factor == pytest.approx(ns, rel=0.006, abs=0.5)


@pytest.mark.parametrize(
    ("english", "korean", "count", "one", "many"),
    [
        ("1 query", "쿼리 1개", 1, "query", "queries"),
        ("12\N{NARROW NO-BREAK SPACE}345 prompt tokens", "프롬프트 토큰 12,345개", 12_345, "prompt token", ""),
        ("2 widgets", "2 widgets", 2, "widget", ""),
    ],
)
def test_a_count_has_the_noun_of_the_catalogue(english: str, korean: str, count: int, one: str, many: str) -> None:
    """Where the catalogue has none, the one that is given."""
    assert english == units.counted(count, one, many)
    with speaking("ko"):
        assert korean == units.counted(count, one, many)
    assert "3.50 M parameters" == units.counted(3_504_872, "parameter", shown=units.quantity(3_504_872))


@pytest.mark.parametrize(
    ("english", "korean", "low", "high"),
    [
        ("75.8 – 100 %", "75.8 – 100%", 0.758, 1.0),
        ("< 0.1 – 12.0 %", "< 0.1 – 12.0%", 0.0001, 0.12),
        ("0 – > 99.9 %", "0 – > 99.9%", 0.0, 0.9999),
    ],
)
def test_two_fractions_share_their_sign(english: str, korean: str, low: float, high: float) -> None:
    """The sign stands once, at the end."""
    assert english == units.percent_span(low, high)
    with speaking("ko"):
        assert korean == units.percent_span(low, high)


def test_rates_have_the_units_of_the_language() -> None:
    """Queries and tokens are words; a unit of physics is the same everywhere."""
    shown = [(85.31, "tokens/s"), (612.0, "queries/s"), (3.9, "W"), (None, "tokens/s")]
    assert ["85.3 tokens/s", "612 queries/s", "3.90 W", "–"] == [units.number(v, unit) for v, unit in shown]
    with speaking("ko"):
        assert ["85.3 토큰/s", "612 쿼리/s", "3.90 W", "–"] == [units.number(v, unit) for v, unit in shown]
