"""What the user says of a meter's log: where it is, how it is read, and how it is joined."""

import math
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from bench.errors import InputError, of_flag
from bench.power.alignment import MOST_DOUBT_S
from bench.power.log import PowerLog
from bench.power.mapping import KEYS, mapping_of, pairs_of, zone_named
from bench.power.mapping import Mapping as Columns
from bench.power.reading import read_log
from bench.words import sentence

WITHIN_S = 120.0
MOST_WITHIN_S = 86_400.0
MOST_IDLE_WATTS = 1e5
DEVICE = ("model", "serial", "calibrated")
"""What is kept of the meter: ``calibrated`` is a date, as a laboratory's certificate has it."""
METER_KEYS = (*DEVICE, "uncertainty")
LOG_KEYS = (*KEYS, *METER_KEYS, "channel", "clock_doubt", "within", "idle_watts")
NOTHING: Mapping[str, str] = MappingProxyType({})


class Meter(Struct, frozen=True):
    """``device``: of ``DEVICE``. ``uncertainty``: of its energy, a fraction."""

    device: Mapping[str, str] = NOTHING
    uncertainty: float | None = None


class LogAsk(Struct, frozen=True, kw_only=True):
    """``clock_doubt``: how well the clocks agree, in seconds; ``None``: the marker is looked for, within ``within_s``
    seconds of the log's own times. ``idle_watts``: to subtract instead of what the marker shows."""

    file: Path
    mapping: Columns | None = None
    channel: str = ""
    volts: str = ""
    zone: str = ""
    clock_doubt: float | None = None
    within_s: float = WITHIN_S
    idle_watts: float | None = None
    meter: Meter = Meter()

    def read(self, growing: bool = False) -> PowerLog:
        """Raises what ``read_log`` raises."""
        return read_log(
            self.file, self.mapping, channel=self.channel, volts=self.volts, zone=self.zone, growing=growing
        )


def parse_log(text: str, flag: str = "--meter-log") -> LogAsk:
    """``FILE[:key=value,…]``: ``spl.txt:zone=+09:00,uncertainty=0.5%`` or ``log.csv:time=t [s],power=P [W]``. Raises
    ``InputError`` naming ``flag``."""
    file, given = text, {}
    found = re.search(rf":(?=(?:{'|'.join(LOG_KEYS)})=)", text)
    found = found or re.search(r":(?=[A-Za-z_]+=)", text)  # of which the key is misspelt
    if found is not None and not is_there(Path(text)):
        file, given = text[: found.start()], pairs_of(text[found.end() :], flag, LOG_KEYS)
    if not file:
        raise InputError(of_flag(flag, sentence("power.no_file")), sentence("power.meter_log_example"))
    columns = {key: given[key] for key in KEYS if key in given}
    alone = {key: columns.pop(key) for key in ("volts", "zone") if key in columns and "time" not in columns}
    ask = LogAsk(
        file=Path(file),
        mapping=mapping_of(columns, flag) if columns else None,
        channel=given.get("channel", ""),
        volts=voltage(alone.get("volts", ""), flag),
        zone=alone.get("zone", ""),
        clock_doubt=_seconds(given, "clock_doubt", flag),
        within_s=_seconds(given, "within", flag) or WITHIN_S,
        idle_watts=_seconds(given, "idle_watts", flag),
        meter=meter_of({key: given[key] for key in METER_KEYS if key in given}, flag),
    )
    if ask.zone:
        zone_named(ask.zone)
    return checked(ask)


def is_there(path: Path) -> bool:
    """Whether there is anything of that name; none has a name that is too long."""
    try:
        return path.exists()
    except OSError:
        return False


def checked(ask: LogAsk) -> LogAsk:
    """Raises ``InputError`` for numbers that cannot be meant, naming their option."""
    if not 0 < ask.within_s <= MOST_WITHIN_S:
        raise InputError(of_flag("--within", sentence("power.join.bad_within", seconds=ask.within_s)))
    if ask.idle_watts is not None and not 0 <= ask.idle_watts < MOST_IDLE_WATTS:
        raise InputError(of_flag("--idle-watts", sentence("power.no_idle_watts", watts=ask.idle_watts)))
    if ask.clock_doubt is not None and not 0 <= ask.clock_doubt <= MOST_DOUBT_S:
        told = sentence("power.join.doubt_too_large", doubt_s=ask.clock_doubt, most_s=MOST_DOUBT_S)
        raise InputError(of_flag("--clock-doubt", told))
    return ask


def parse_meter(text: str | None, flag: str = "--meter") -> Meter:
    """``model=WT310,serial=91K,calibrated=2026-03-01,uncertainty=0.5%``. Raises ``InputError``."""
    return meter_of(pairs_of(text, flag, METER_KEYS), flag) if text else Meter()


def meter_of(given: Mapping[str, str], flag: str) -> Meter:
    device = {key: given[key] for key in DEVICE if key in given}
    if "calibrated" in device:
        try:
            date.fromisoformat(device["calibrated"])
        except ValueError:
            told = sentence("power.no_calibration_date", text=device["calibrated"])
            raise InputError(of_flag(flag, told), sentence("power.give_iso_date")) from None
    return Meter(device, _fraction(given["uncertainty"], flag) if "uncertainty" in given else None)


def _fraction(text: str, flag: str) -> float:
    """``0.5%`` as 0.005. A number without the sign is refused: 0.5 may be meant as either."""
    try:
        value = float(text.removesuffix("%")) / 100 if text.endswith("%") else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(of_flag(flag, sentence("power.no_uncertainty", text=text)))
    return value


def _seconds(given: Mapping[str, str], key: str, flag: str) -> float | None:
    if key not in given:
        return None
    try:
        return float(given[key])
    except ValueError:
        raise InputError(of_flag(flag, sentence("power.no_number", key=key, text=given[key]))) from None


def voltage(text: str, flag: str = "--volts") -> str:
    """Raises ``InputError`` for what is no positive number of volts."""
    try:
        fits = not text or 0 < float(text) < 1000
    except ValueError:
        fits = False
    if not fits:
        raise InputError(of_flag(flag, sentence("power.no_volts", text=text)))
    return text
