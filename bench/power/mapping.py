"""Which columns of a table hold time and power, and in what units: stated by the user or by a known format."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.errors import InputError, UnknownName, of_flag
from bench.power.log import StandsFor
from bench.words import Sentence, sentence

KEYS = (
    "time",
    "date",
    "format",
    "zone",
    "power",
    "current",
    "volts",
    "time_unit",
    "power_unit",
    "current_unit",
    "reading",
    "decimal",
)
READINGS: dict[str, StandsFor] = {"moment": "moment", "mean": "before", "mean_after": "after"}
"""What ``reading`` may be: power at the time, or the mean of the time since the reading before or until the next."""
DECIMALS = {"point": ".", "comma": ","}
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
WATTS = {"W": 1.0, "mW": 1e-3, "uW": 1e-6, "µW": 1e-6, "nW": 1e-9, "kW": 1e3}
AMPERES = {"A": 1.0, "mA": 1e-3, "uA": 1e-6, "µA": 1e-6, "nA": 1e-9}
VOLTS = {"V": 1.0, "mV": 1e-3}
UNIT = re.compile(r"[(\[]\s*([A-Za-zµμ]{1,3})\s*[)\]]\s*$")
"""The unit at the end of a column's name, in brackets."""


class Mapping(Struct, frozen=True, kw_only=True):
    """Columns by name. ``time`` alone is a number in ``time_unit`` or a date with time; with ``date``, a time of day.
    ``format``: of dates, as ``datetime.strptime`` takes it; empty: ISO 8601. Power is ``power``, or ``current`` times
    ``volts``, which is a column's name or a number. A unit that is not stated is read from the column's name. ``zone``:
    of the times, as ``+09:00`` or ``Asia/Seoul``. ``reading``: of ``READINGS``; ``decimal``: of ``DECIMALS``; empty: as
    the file shows."""

    time: str
    date: str = ""
    format: str = ""
    zone: str = ""
    power: str = ""
    current: str = ""
    volts: str = ""
    time_unit: str = ""
    power_unit: str = ""
    current_unit: str = ""
    reading: str = ""
    decimal: str = ""


def parse_mapping(text: str) -> Mapping:
    """``time=COLUMN,power=COLUMN[,…]``; a column whose name has a comma stands in double quotes. Raises
    ``InputError``."""
    return mapping_of(pairs_of(text, "--mapping", KEYS), "--mapping")


def pairs_of(text: str, flag: str, keys: Sequence[str]) -> dict[str, str]:
    """``key=value,…``, each of ``keys`` once at the most. Raises ``InputError`` naming ``flag``."""
    given: dict[str, str] = {}
    for part in _parts(text):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise InputError(of_flag(flag, sentence("power.mapping_part", part=part)), _example())
        if key not in keys:
            raise UnknownName(sentence("power.mapping_key"), key, keys)
        if key in given:
            raise InputError(of_flag(flag, sentence("power.mapping_twice", key=key)), _example())
        given[key] = value
    return given


def mapping_of(given: dict[str, str], flag: str) -> Mapping:
    """Raises ``InputError`` naming ``flag`` for what is no mapping."""
    if "time" not in given or ("power" in given) == ("current" in given):
        raise InputError(of_flag(flag, sentence("power.mapping_lacks")), _example())
    if "current" in given and "volts" not in given:
        raise InputError(of_flag(flag, sentence("power.mapping_lacks_volts")), _example())
    for key, units in (("time_unit", SECONDS), ("power_unit", WATTS), ("current_unit", AMPERES)):
        if key in given and given[key] not in units:
            raise UnknownName(sentence("power.unit_of", key=key), given[key], units)
    for key, words in (("reading", READINGS), ("decimal", DECIMALS)):
        if key in given and given[key] not in words:
            raise UnknownName(sentence("power.value_of", key=key), given[key], words)
    return Mapping(**given)


def _parts(text: str) -> list[str]:
    found = re.findall(r'((?:[^,"]|"[^"]*")+)', text)
    return [part.replace('"', "").strip() for part in found if part.strip()]


def _example() -> Sentence:
    return sentence("power.mapping_example")


def with_zone(mapping: Mapping, zone: str) -> Mapping:
    return replace(mapping, zone=zone) if zone else mapping


def unit_of(column: str, stated: str, units: dict[str, float]) -> float | None:
    """The factor of a column's unit: of the stated one, else of that in its name; ``None`` where neither says."""
    if stated:
        return units[stated]
    found = UNIT.search(column)
    return units.get(found[1].replace("μ", "µ")) if found else None


def seconds_since_first(moments: Sequence[datetime]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """float64 [n]. Each by its own offset from UTC: the difference of two times of one zone takes no notice of an hour
    that the clock was changed by between them. Times at the ends of the calendar have no UTC, and a difference."""
    naive = [each.replace(tzinfo=None) for each in moments]
    offsets = [each.utcoffset() or timedelta() for each in moments]
    steps = [(naive[at] - naive[0]) - (offsets[at] - offsets[0]) for at in range(len(moments))]
    return np.array([step.total_seconds() for step in steps], np.float64)


def zone_named(name: str) -> tzinfo:
    """``UTC``, an offset such as ``+09:00``, or a name such as ``Asia/Seoul``. Raises ``InputError``."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    offset = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", name)
    if offset and int(offset[2]) < 24 and int(offset[3]) < 60:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-size if offset[1] == "-" else size)
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except Exception:  # no such zone, no list of zones on this machine, or a name that is no name
        raise InputError(of_flag("--zone", sentence("power.no_zone", name=name)), sentence("power.give_zone")) from None
