"""Tables with a column of times and one of power, or of current: any of them by a mapping, some by their header.

ppk2       Nordic's Power Profiler: ``Timestamp(ms),Current(uA)[,D0-D7]``; it does not measure the voltage. Seen in
           NordicSemiconductor/pc-nrfconnect-ppk, src/components/SaveChoiceDialog and users' files
monsoon    Monsoon's PowerTool: ``Time (s),Main Avg Current (mA),Main Avg Power (mW),Main Avg Voltage (V)`` in W or
           mW by version, and the same of ``USB`` and ``Aux``. Seen in users' programs that read it
hwinfo     HWiNFO: ``Date,Time,…,"CPU Package Power [W]",…``, in the user's encoding, local time, names that occur
           twice, and the header again at the end. What it shows is the chip's own estimate, the mean since its last
           look
live       what ``bench.power.live`` writes
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.digest import sha256_of
from bench.errors import InputError, of_flag
from bench.power.doubt import Doubt
from bench.power.log import Clock, PowerLog, StandsFor, Tier, within_reach
from bench.power.mapping import (
    AMPERES,
    DECIMALS,
    READINGS,
    SECONDS,
    VOLTS,
    WATTS,
    Mapping,
    seconds_since_first,
    unit_of,
    zone_named,
)
from bench.power.tables import Table, is_number, numbers_at
from bench.words import sentence

MONSOON = re.compile(r"(Main|USB|Aux) Avg Power \(m?W\)")
HWINFO_FIRST = ("CPU Package Power [W]", "Total System Power [W]")
MOST_SECONDS = 1e20
"""In any unit of time; more is damage."""
HWINFO_DATE = "%d.%m.%Y %H:%M:%S.%f"


LIVE = ("time [ns]", "power [W]")
"""What this project writes while it reads a meter: the end of each interval since 1970, and the mean power in it."""


class Known(Struct, frozen=True):
    """A format that its header shows. ``mapping``: of the header and the voltage that the user gave. ``stands_for``:
    what its readings are. ``unix``: its times count from 1970."""

    name: str
    fits: Callable[[Sequence[str]], bool]
    mapping: Callable[[Sequence[str], str], Mapping]
    stands_for: StandsFor
    tier: Tier = "meter"
    unix: bool = False


def _ppk2(header: Sequence[str], volts: str) -> Mapping:
    return Mapping(time="Timestamp(ms)", current="Current(uA)", volts=volts)


def _monsoon(header: Sequence[str], volts: str) -> Mapping:
    return Mapping(time="Time (s)", power=next(name for name in header if MONSOON.fullmatch(name)))


def _live(header: Sequence[str], volts: str) -> Mapping:
    return Mapping(time=LIVE[0], power=LIVE[1])


def _hwinfo(header: Sequence[str], volts: str) -> Mapping:
    powers = [name for name in header if name.endswith("[W]")]
    return Mapping(
        date="Date",
        time="Time",
        format=HWINFO_DATE,
        power=next((name for name in HWINFO_FIRST if name in powers), powers[0]),
    )


KNOWN = (
    Known("ppk2", lambda header: tuple(header[:2]) == ("Timestamp(ms)", "Current(uA)"), _ppk2, "moment"),
    Known(
        "monsoon",
        lambda header: header[0] == "Time (s)" and any(MONSOON.fullmatch(name) for name in header),
        _monsoon,
        "moment",
    ),
    Known(
        "hwinfo",
        lambda header: tuple(header[:2]) == ("Date", "Time") and any(name.endswith("[W]") for name in header),
        _hwinfo,
        "before",
        "sensor",
    ),
    Known("live", lambda header: tuple(header) == LIVE, _live, "before", unix=True),
)


ANY = Known("table", lambda header: True, lambda header, volts: Mapping(time=""), "")
"""A table whose columns the user states."""


def known_of(header: Sequence[str]) -> Known | None:
    return next((known for known in KNOWN if known.fits(header)), None)


def read(path: Path, table: Table, mapping: Mapping, known: Known) -> PowerLog:
    """The log that ``mapping`` finds in ``table``. Raises ``InputError`` naming the column or the line."""
    if mapping.current and not mapping.volts:
        raise InputError(
            sentence("power.no_voltage", file=path.name, column=mapping.current), sentence("power.give_volts")
        )
    given = float(mapping.volts) if mapping.volts and is_number(mapping.volts) else None
    column = mapping.power or mapping.current
    wanted = [column] + ([mapping.volts] if mapping.volts and given is None else [])
    places = [table.place_of(name) for name in wanted]
    times = _Times(path.name, table, mapping)
    seconds, values, overflows = times.with_values(places)
    if len(seconds) == 0:
        raise InputError(sentence("power.no_reading", file=path.name, column=column), sentence("power.give_table"))
    watts = values[:, 0] * _factor(path, column, mapping)
    if mapping.current:
        volts = given if given is not None else values[:, 1] * (unit_of(mapping.volts, "", VOLTS) or 1.0)
        watts = watts * volts
    watts, beyond = within_reach(watts)
    overflows += beyond
    return PowerLog(
        name=path.name,
        sha256=sha256_of([path]),
        size_bytes=path.stat().st_size,
        format=known.name,
        channel=column,
        channels=tuple(
            named for named, name in zip(table.names, table.header, strict=True) if unit_of(name, "", WATTS) is not None
        ),
        seconds=seconds - seconds[0],
        watts=watts,
        clock="utc" if known.unix else times.clock,
        tier=known.tier,
        stands_for=READINGS[mapping.reading] if mapping.reading else known.stands_for,
        began=datetime.fromtimestamp(float(seconds[0]), UTC).isoformat() if known.unix else times.began,
        volts=given if mapping.current else None,
        doubts_of_reader=(Doubt("beyond_range", True, {"n": overflows}),) if overflows else (),
    )


def _factor(path: Path, column: str, mapping: Mapping) -> float:
    stated, units = (mapping.power_unit, WATTS) if mapping.power else (mapping.current_unit, AMPERES)
    factor = unit_of(column.rpartition("#")[0] or column, stated, units)
    if factor is None:
        key = "power_unit" if mapping.power else "current_unit"
        raise InputError(
            sentence("power.no_unit", file=path.name, column=column),
            sentence("power.give_unit", key=key, units=list(units)),
        )
    return factor


class _Times:
    """How the times of a table are read."""

    def __init__(self, file: str, table: Table, mapping: Mapping) -> None:
        self._file, self._table, self._mapping = file, table, mapping
        self._zone: tzinfo | None = zone_named(mapping.zone) if mapping.zone else None
        self._decimal = DECIMALS.get(mapping.decimal, "")
        self.clock: Clock = "relative"
        self.began = ""

    def with_values(self, places: Sequence[int]) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]":
        """float64 [n] seconds, float64 [n, places], and how many cells were beyond the meter's range."""
        at = self._table.place_of(self._mapping.time)
        first = next((row for _, row in self._table.rows() if len(row) > at and row[at].strip()), None)
        if first is None:
            return np.empty(0), np.empty((0, len(places))), 0
        if self._mapping.date or self._mapping.format or not is_number(first[at].strip()):
            return self._dated(at, places)
        if self._zone is not None:
            raise InputError(of_flag("--zone", sentence("power.times_are_numbers", file=self._file)))
        found, lines, overflows = numbers_at(self._table, [at, *places], decimal=self._decimal)
        without = np.flatnonzero(~(np.abs(found[:, 0]) < MOST_SECONDS))
        if without.size:
            raise InputError(
                sentence("power.no_time", file=self._file, line=lines[int(without[0])], column=self._mapping.time),
                sentence("power.cut_or_mapping"),
            )
        factor = unit_of(self._mapping.time, self._mapping.time_unit, SECONDS)
        if factor is None:
            raise InputError(
                sentence("power.no_unit", file=self._file, column=self._mapping.time),
                sentence("power.give_unit", key="time_unit", units=list(SECONDS)),
            )
        return found[:, 0] * factor, found[:, 1:], overflows

    def _dated(self, at: int, places: Sequence[int]) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]":
        date = self._table.place_of(self._mapping.date) if self._mapping.date else None
        numbers, lines, overflows = numbers_at(
            self._table, places, (at,) if date is None else (date, at), decimal=self._decimal
        )
        wanted, moments = set(lines), []
        for line, row in self._table.rows():
            if line in wanted:
                text = row[at].strip() if date is None else f"{row[date].strip()} {row[at].strip()}"
                moments.append(self._moment(text, line))
        if not moments:
            return np.empty(0), numbers, overflows
        first = moments[0]
        other = next((at for at, each in enumerate(moments) if (each.tzinfo is None) != (first.tzinfo is None)), None)
        if other is not None:
            raise InputError(
                sentence("power.zone_of_some", file=self._file, line=lines[other]), sentence("power.cut_or_mapping")
            )
        self.clock = "local" if first.tzinfo is None else "utc"
        self.began = first.isoformat(timespec="milliseconds")
        return seconds_since_first(moments), numbers, overflows

    def _moment(self, text: str, line: int) -> datetime:
        form = self._mapping.format
        try:
            if not form:
                moment = datetime.fromisoformat(text)
            elif form.endswith(".%f") and "." not in text.rsplit(" ", 1)[-1]:
                moment = datetime.strptime(text, form.removesuffix(".%f"))
            else:
                moment = datetime.strptime(text, form)
        except ValueError:
            shown = form or "ISO 8601"
            raise InputError(
                sentence("power.no_date", file=self._file, line=line, text=text[:40], form=shown),
                sentence("power.give_format"),
            ) from None
        if self._zone is None:
            return moment
        if moment.tzinfo is not None:
            raise InputError(of_flag("--zone", sentence("power.times_have_zone", file=self._file)))
        return moment.replace(tzinfo=self._zone)


def remarks(text: str) -> dict[str, str]:
    """``# key: value`` in the lines before the header."""
    lines = (line[1:].partition(":") for line in text.split("\n", 16) if line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in lines if value.strip()}


def chosen(mapping: Mapping, channel: str) -> Mapping:
    """``mapping`` with another column of power."""
    return replace(mapping, power=channel, current="", volts="") if channel else mapping
