"""Numbers as people read them, in the language that is spoken. Every function takes ``None`` for "not measured" and
shows it as ``MISSING``. The decimal sign, the grouping and the place of a unit are entries of the catalogue
(``unit.…``)."""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bench import printable
from bench.printable import clean as clean  # the writers' name for it
from bench.words.language import current

MISSING = "–"
NO_BREAK = "\N{NO-BREAK SPACE}"
SHOWN = "ns|µs|ms|s|B|KiB|MiB|GiB|TiB|J|mJ|µJ|J·s|mJ·s|µJ·s|nJ·s|W|mW|h|%|×"
BEFORE_UNIT = rf"(?<=\d) (?=(?:{SHOWN})(?:[^\w.-]|[.,]?(?:\s|<|$)))"
"""The space between a number and its unit."""

_DURATIONS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
_QUANTITIES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_JOULES = ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"))
_JOULE_SECONDS = ((1.0, "J·s"), (1e-3, "mJ·s"), (1e-6, "µJ·s"), (1e-9, "nJ·s"))
_WATTS = ((1.0, "W"), (1e-3, "mW"), (1e-6, "µW"))
LEAST_WATTS = 0.0995
"""Below it a power is shown in mW, so that three digits are left."""
_RATES = {
    "queries/s": "unit.queries_per_s",
    "tokens/s": "unit.tokens_per_s",
    "samples/s": "unit.samples_per_s",
}


def localised(text: str) -> str:
    """``text``, a number as Python writes it, with the decimal and grouping signs of the language."""
    point, comma = _entry("unit.decimal"), _entry("unit.group")
    return text if (point, comma) == (".", ",") else text.translate({ord("."): point, ord(","): comma})


def _entry(code: str) -> str:
    found = current().template(code)
    if found is None:
        raise KeyError(code)
    return found


def _with(code: str, **parts: str) -> str:
    """An entry with numbers that are written already."""
    found = current().filled(code, **parts)
    if found is None:
        raise KeyError(code)
    return found


def together(text: str, space: str = NO_BREAK) -> str:
    """``text`` with ``space`` between each number and its unit, so that no line ends between them."""
    return re.sub(BEFORE_UNIT, space, str(text))


def digits(value: float) -> str:
    """Three significant digits without an exponent, two below 0.01; whole numbers from 100 on, grouped from 1,000."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.001:
        return localised(f"{value:.1e}")
    places = 2 if size < 9.995 else 1 if size < 99.95 else 0
    if size < 0.9995:
        places = 3 if size >= 0.00995 else 4
    return localised(f"{value:,.{places}f}")


def _scaled(value: float, scale: Iterable[tuple[float, str]]) -> str:
    factor, unit = next(((f, u) for f, u in scale if abs(value) >= f * 0.9995), (1.0, ""))
    if not unit and factor == 1.0:
        return digits(value) if value % 1 else f"{value:.0f}"
    return f"{digits(value / factor)} {unit}"


def duration(ns: float | None) -> str:
    """Nanoseconds as ``1.23 ms``."""
    if ns is None:
        return MISSING
    if ns == 0:
        return "0 ns"
    return f"{ns:.0f} ns" if abs(ns) < 999.5 else _scaled(ns, _DURATIONS)


def interval(low_ns: float, high_ns: float) -> str:
    """Two times in one unit, with as many places as it takes to tell them apart (at most four)."""
    factor, unit = next(((f, u) for f, u in _DURATIONS if abs(high_ns) >= f * 0.9995), (1.0, "ns"))
    low, high = low_ns / factor, high_ns / factor
    if unit == "ns":
        return f"{low:.0f} – {high:.0f} ns"
    first = 2 if high < 9.995 else 1 if high < 99.95 else 0
    places = next((p for p in range(first, 5) if f"{low:.{p}f}" != f"{high:.{p}f}"), first)
    return f"{localised(f'{low:,.{places}f}')} – {localised(f'{high:,.{places}f}')} {unit}"


def span(values: Iterable[float | None], show: Callable[[float | None], str]) -> str:
    """Minimum and maximum of several values, each shown by ``show``; one value if they look the same."""
    known = [v for v in values if v is not None]
    if not known:
        return MISSING
    low, high = show(min(known)), show(max(known))
    return low if low == high else f"{low} – {high}"


def size(count: float | None) -> str:
    """Bytes as ``12.3 MiB``."""
    if count is None:
        return MISSING
    return f"{localised(f'{count:,.0f}')} B" if abs(count) < 1024 else _scaled(count, _SIZES)


def quantity(value: float | None) -> str:
    """A plain number as ``3.50 M``."""
    return MISSING if value is None else _scaled(value, _QUANTITIES)


def joules(value: float | None) -> str:
    """Energy as ``12.3 mJ``."""
    if value is None:
        return MISSING
    return "0 J" if value == 0 else _scaled(value, _JOULES) if abs(value) >= 1e-6 else f"{localised(f'{value:.1e}')} J"


def figure(value: float | None, unit: str) -> str:
    """A figure of a record in the unit that it has there: ``bench.analysis.metrics.Unit``, ``decibels``, ``number``
    and the like."""
    return MISSING if value is None else _OF_METRICS[unit](value)


def metric_interval(low: float, high: float, unit: str) -> str:
    """The interval of a metric of that unit: ``1.02 – 1.07 ms``."""
    if unit == "ns":
        return interval(low, high)
    return f"{digits(low) if unit in _SHARED else figure(low, unit)} – {figure(high, unit)}"


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits and a unit: ``85.3 tokens/s``."""
    if value is None:
        return MISSING
    return _with(_RATES[unit], number=digits(value)) if unit in _RATES else f"{digits(value)} {unit}".rstrip()


def percent(share: float | None) -> str:
    """A fraction as ``98.1 %``. Only exactly 1 is 100 %, only exactly 0 is 0 %."""
    return MISSING if share is None else _percent(_hundredths(share))


def percent_span(low: float, high: float) -> str:
    """Two fractions as ``75.8 – 100 %``."""
    return f"{localised(_hundredths(low))} – {percent(high)}"


def _hundredths(share: float) -> str:
    """A fraction in percent, without the sign."""
    if share in (0.0, 1.0):
        return f"{share * 100:.0f}"
    if 0.9995 <= share < 1:
        return "> 99.9"
    return "< 0.1" if 0 < share < 0.0005 else f"{share * 100:,.1f}"


def rough_percent(share: float | None) -> str:
    """A fraction as ``12 %``, to two significant digits; from a tenth on as a whole number."""
    if share is None:
        return MISSING
    return _percent(f"{100 * share:.2g}" if abs(share) < 0.1 else f"{100 * share:,.0f}")


def limit(share: float | None) -> str:
    """A fraction that someone chose, as ``3 %``, ``0.5 %``: all its digits, and none that are not needed."""
    return MISSING if share is None else _percent(f"{100 * share:,.10g}")


def clause(told: object) -> str:
    """A sentence without its full stop, to stand inside another."""
    return str(told).rstrip().removesuffix(".")


def phase(name: object) -> str:
    """A phase of a run: ``first inference`` of ``first_inference``."""
    return current().template(f"report.phase.{name}") or clean(name).replace("_", " ")


def _percent(number: str) -> str:
    return _with("unit.percent", number=localised(number))


def percent_change(ratio: float | None) -> str:
    """A ratio as ``+5.2 %``; from twofold on as ``2.41×``."""
    if ratio is None:
        return MISSING
    if ratio >= 2:
        return f"{digits(ratio)}×"
    change = 100 * (ratio - 1)
    places = 1 if abs(change) >= 0.95 else 2
    text = f"{change:+.{places}f}"
    return _percent("+0.00" if text == "-0.00" else text.replace("-", "−"))


def points(difference: float | None) -> str:
    """A difference of two fractions as ``+1.2 points``, to two significant digits below 1."""
    if difference is None:
        return MISSING
    size = abs(100 * difference)
    places = 1 if size >= 0.95 or not size else min(6, 1 - math.floor(math.log10(size)))
    text = localised(f"{100 * difference:+,.{places}f}")
    return _with("unit.points", number=text.replace("-", "−"))


def points_interval(low: float, high: float) -> str:
    """An interval of a difference of fractions: ``+0.8 points to +1.6 points``."""
    return _with("unit.from_to", low=points(low), high=points(high))


def change_interval(low: float, high: float) -> str:
    """An interval of a ratio: ``+1.0 % to +5.2 %``; ``1.61× to 2.41×`` where it reaches twofold."""
    if high >= 2:
        return _with("unit.from_to", low=f"{digits(low)}×", high=f"{digits(high)}×")
    return _with("unit.from_to", low=percent_change(low), high=percent_change(high))


def similarity(value: float | None) -> str:
    """A cosine to six places, never rounded up to 1."""
    if value is None:
        return MISSING
    text = f"{value:.6f}"
    return f"> {localised('0.999999')}" if value < 1 and text == "1.000000" else localised(text)


def grouped(value: int | None) -> str:
    """A count in groups of three: ``12 345``, with thin gaps in English."""
    return MISSING if value is None else f"{value:,}".replace(",", _entry("unit.gap"))


def counted(value: int, one: str, many: str = "", shown: str = "") -> str:
    """A count with thin gaps and its noun: ``1 query``, ``12 345 queries``. The noun is the entry ``noun.one`` of the
    catalogue; without one, ``one`` and ``many`` (where it is not ``one`` with an s) are it. ``shown``: the count as it
    is to be written."""
    number = shown or grouped(value)
    known = current().counted_as(f"noun.{one.replace(' ', '_')}", value, number)
    return printable.counted(value, one, many, number) if known is None else known


def when(created_utc: str) -> str:
    """An ISO 8601 time as ``2026-05-04 10:11 UTC``; anything else as it is, cleaned."""
    try:
        moment = datetime.fromisoformat(created_utc)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the last day of the year 9999 in another time zone
        return clean(created_utc)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


_OF_METRICS: dict[str, Callable[[float], str]] = {
    "ns": duration,
    "bytes": size,
    "joules": joules,
    "joule_seconds": lambda value: "0 J·s" if value == 0 else _scaled(value, _JOULE_SECONDS),
    "hours": lambda value: number(value, "h"),
    "cpu_seconds": lambda seconds: duration(seconds * 1e9),
    "queries_per_s": lambda rate: number(rate, "queries/s"),
    "tokens_per_s": lambda rate: number(rate, "tokens/s"),
    "samples_per_s": lambda rate: number(rate, "samples/s"),
    "fraction": percent,
    "decibels": lambda value: number(value, "dB"),
    "watts": lambda value: _scaled(value, _WATTS) if 1e-6 <= abs(value) < LEAST_WATTS else number(value, "W"),
    "mhz": lambda value: number(value, "MHz"),
    "celsius": lambda value: number(value, "°C"),
    "number": quantity,
    "ratio": lambda value: f"{digits(value)}×",
}
_SHARED = frozenset({"queries_per_s", "tokens_per_s", "samples_per_s"})
"""Units that are written once for both bounds of an interval."""
