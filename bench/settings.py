"""Settings of a whole run in one table: from a row follow the flag of ``odb run``, the key of a suite, the field of
``plan.asked.settings`` in the record, and what reports and the command to run again say of it.

A setting changes no measurement by itself: it is for a metric that needs to know what the user wants.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from bench.errors import InputError, UnknownName
from bench.words import sentence

Value = int | float | str


class Setting(NamedTuple):
    """``name``: of the flag, without its dashes, and of the suite's key. ``field``: in the record, with its unit.
    ``parse``: the value of what the user wrote; raises ``InputError`` with what is wrong with it. ``text``: the value
    as the user may write it, which ``parse`` reads back. ``metavar`` and ``about`` (a code) are for ``--help``."""

    name: str
    field: str
    metavar: str
    about: str
    example: str
    parse: Callable[[str], Value]
    text: Callable[[Any], str]

    @property
    def parameter(self) -> str:
        """As click calls the flag."""
        return self.name.replace("-", "_")


# ------------------------------------------------------------------------------------------------------ times

UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
LONGEST_NS = 86_400 * UNITS["s"]
_TIME = re.compile(r"([+-]?\d{1,30}(?:\.\d{0,30})?(?:e[+-]?\d{1,3})?)\s*([a-zA-Zµμ]{0,20})", re.ASCII)


def duration_ns(text: str) -> int:
    """``33ms``, ``0.5 s`` or ``250us`` in nanoseconds. Raises ``InputError``."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise InputError(sentence("settings.no_time", units=list(UNITS)))
    number, unit = found[1], found[2].replace("µ", "u").replace("μ", "u")
    if unit not in UNITS:
        if unit:
            raise InputError(sentence("settings.unknown_unit", unit=unit, units=list(UNITS)))
        raise InputError(sentence("settings.no_unit", units=list(UNITS)))
    amount = Decimal(number) * UNITS[unit]
    if not 0 < amount <= LONGEST_NS:
        raise InputError(sentence("settings.time_bounds"))
    ns = round(amount)
    if not ns:
        raise InputError(sentence("settings.least_time"))
    return ns


def duration_text(ns: int) -> str:
    """``33ms``: exact, in the largest unit that leaves 1 or more before the point."""
    unit = next((unit for unit, size in UNITS.items() if ns >= size), "ns")
    return f"{(Decimal(ns) / UNITS[unit]).normalize():f}{unit}"


# ------------------------------------------------------------------------------------------------------ a battery

MOST_WH = 1e6


def watt_hours(text: str) -> float:
    """``54`` or ``54.5Wh``: what a battery holds. Raises ``InputError``."""
    try:
        value = float(text.strip().removesuffix("Wh").strip())
    except ValueError:
        raise InputError(sentence("settings.no_watt_hours")) from None
    if not 0 < value <= MOST_WH:
        raise InputError(sentence("settings.watt_hours_bounds", most_wh=MOST_WH))
    return value


def watt_hours_text(value: float) -> str:
    """``54Wh``: exact."""
    return f"{value:.17g}Wh" if float(f"{value:g}") != value else f"{value:g}Wh"


# ------------------------------------------------------------------------------------------------------ the table

SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="deadline",
        field="deadline_ns",
        metavar="TIME",
        about="cli.help.run.deadline",
        example="33ms",
        parse=duration_ns,
        text=duration_text,
    ),
    Setting(
        name="battery-wh",
        field="battery_wh",
        metavar="WH",
        about="cli.help.run.battery_wh",
        example="54Wh",
        parse=watt_hours,
        text=watt_hours_text,
    ),
)
"""Every setting, in the order of ``--help``."""


def asked_settings(given: Mapping[str, Any], origin: str = "--{name}") -> dict[str, Value]:
    """The settings among the flags ``given``, by the names of their parameters. Raises ``InputError``, which names the
    setting by ``origin``."""
    texts = {setting: given.get(setting.parameter) for setting in SETTINGS}
    return {s.field: _parsed(origin.format(name=s.name), s, text) for s, text in texts.items() if text is not None}


def named_settings(given: Mapping[str, Any]) -> dict[str, Value]:
    """The settings that a script ``given`` by the names of their flags. Raises ``InputError``, also for an unknown
    name: a run without that setting is another run."""
    known = [setting.name for setting in SETTINGS]
    for name in given:
        if name.replace("_", "-") not in known:
            raise UnknownName(sentence("settings.setting"), name, known)
    named = {name.replace("-", "_"): value for name, value in given.items()}
    return asked_settings(named, 'settings["{name}"]')


def setting_names() -> frozenset[str]:
    """The keys of a suite that are settings."""
    return frozenset(setting.name for setting in SETTINGS)


def suite_settings(table: Mapping[str, Any], origin: str) -> dict[str, Value]:
    """The settings among the keys of a suite. Raises ``InputError`` naming ``origin`` and the key."""
    return {s.field: _parsed(f"{origin}: {s.name}", s, table[s.name]) for s in SETTINGS if s.name in table}


def check_settings(asked: Mapping[str, Any]) -> None:
    """Raises ``InputError`` for a setting of a record that nobody can have asked for. One that this version does not
    know says nothing here."""
    for setting in SETTINGS:
        if setting.field in asked and not _fits(setting, asked[setting.field]):
            shown = str(asked[setting.field])[:80]
            raise InputError(sentence("settings.no_value", field=setting.field, value=shown))


def check_known_settings(asked: Mapping[str, Any], origin: str) -> None:
    """Raises ``UnknownName`` for a setting that this version does not know: a run without it is another run."""
    known = [setting.field for setting in SETTINGS]
    for field in asked:
        if field not in known:
            raise UnknownName(
                sentence("settings.setting_in", origin=origin), field, known, sentence("settings.upgrade")
            )


def setting_fields(names: Iterable[str]) -> tuple[str, ...]:
    """The fields of the settings of these names. Raises ``KeyError``."""
    fields = {setting.name: setting.field for setting in SETTINGS}
    return tuple(fields[name] for name in names)


def setting_flags(asked: Mapping[str, Any]) -> dict[str, str]:
    """Flag -> value, of the settings in ``asked``."""
    return {f"--{s.name}": s.text(asked[s.field]) for s in SETTINGS if s.field in asked}


def setting_words(asked: Mapping[str, Any], *names: str) -> str:
    """``deadline 33ms``: the settings in ``asked``, or those of ``names`` among them."""
    wanted = [s for s in SETTINGS if s.field in asked and (not names or s.name in names)]
    return ", ".join(f"{s.name} {s.text(asked[s.field])}" for s in wanted)


def setting_values(asked: Mapping[str, Any], *names: str) -> str:
    """``33ms``: the same without names, for the heading of a column."""
    return ", ".join(s.text(asked[s.field]) for s in SETTINGS if s.field in asked and s.name in names)


def _parsed(origin: str, setting: Setting, text: Any) -> Value:
    try:
        return setting.parse(text if isinstance(text, str) else str(text))
    except InputError as error:
        told = sentence("settings.cannot_read", origin=origin, value=str(text)[:80], why=error.sentence)
        raise InputError(told, sentence("settings.example", flag=setting.name, value=setting.example)) from None


def _fits(setting: Setting, value: Any) -> bool:
    try:
        again = setting.parse(setting.text(value))
    except (InputError, ValueError, TypeError, ArithmeticError):
        return False
    return again == value and type(again) is type(value)
