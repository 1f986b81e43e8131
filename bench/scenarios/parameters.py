"""The values of a scenario's parameters: read from text and from tables, checked, and written again.

``-s name:key=value,key=value`` separates both pairs and the items of a list by commas; an item without ``=`` belongs to
the list before it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from bench.contracts import Parameter
from bench.contracts.scenario import Value
from bench.errors import InputError, UnknownName
from bench.words import Sentence, sentence

SECONDS: Mapping[str, float] = MappingProxyType(
    {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
)
"""Units of a duration, which a value may have as its suffix: ``33ms``."""
LONGEST_LIST = 64
UNBOUNDED = 1_000_000_000
"""A parameter that states no upper bound has this one."""


def named(parameters: Iterable[Parameter], key: str) -> Parameter | None:
    """The parameter that ``key`` means, by its name or its short name."""
    return next((one for one in parameters if key in (one.name, one.short) and key), None)


def names(parameters: Iterable[Parameter]) -> list[str]:
    """What a person may write: the short name where there is one."""
    return [one.short or one.name for one in parameters]


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values of ``key=value,key=value``; ``("", text)`` for what is no pair."""
    found: list[list[str]] = []
    for piece in text.split(","):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if equals:
            found.append([key, value])
        elif found and key:
            found[-1][1] += f",{key}"
        else:
            found.append(["", piece])
    return ((key, value) for key, value in found)


def value_from(origin: Sentence | str, parameter: Parameter, raw: object) -> object:
    """What ``raw``, of a command line or a file, means: ``"33ms"`` is 33 where the unit is ms, ``"1s,10s"`` is a list,
    ``"2.0"`` and ``"2e0"`` are the whole number 2. What it cannot be is left as it is, for ``check``. Raises
    ``InputError`` for text that is no such value."""
    if isinstance(raw, list | tuple) and parameter.many:
        return tuple(_item(origin, parameter, one) for one in raw)
    if isinstance(raw, str) and parameter.many:
        return tuple(_item(origin, parameter, one.strip()) for one in raw.split(","))
    return _item(origin, parameter, raw)


def _item(origin: Sentence | str, parameter: Parameter, raw: object) -> object:
    if isinstance(raw, str) and raw not in parameter.words:
        if not parameter.numeric:
            raise _unknown_word(origin, parameter, raw)
        raw = _number(origin, parameter, raw)
    return int(raw) if isinstance(raw, float) and raw.is_integer() and abs(raw) <= UNBOUNDED else raw


def _number(origin: Sentence | str, parameter: Parameter, text: str) -> int | float:
    """A number, of so many digits at most as all bounds have, in the parameter's unit."""
    number, suffix = text, ""
    if parameter.unit in SECONDS:
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz").rstrip()
        suffix = text[len(number) :].strip()
    try:
        value = int(number) if number.lstrip("+-").isdecimal() and len(number) <= 20 else float(number)
        seconds = SECONDS[suffix] if suffix else None
    except (ValueError, KeyError):
        raise InputError(_expected(origin, parameter, text), _bounds(parameter)) from None
    if seconds is None or suffix == parameter.unit:
        return value
    converted = value * seconds / SECONDS[parameter.unit]
    nearest = round(converted) if math.isfinite(converted) else 0
    return nearest if math.isclose(converted, nearest, rel_tol=1e-12) and nearest else converted


def _unknown_word(origin: Sentence | str, parameter: Parameter, text: str) -> InputError:
    """With the nearest of the words that the parameter may be."""
    told = sentence("scenario.expected_word", origin=origin, words=list(parameter.words), text=text)
    return InputError(told, UnknownName(parameter.name, text, parameter.words).advice)


def _expected(origin: Sentence | str, parameter: Parameter, text: str) -> Sentence:
    if parameter.words:
        words = ", ".join(parameter.words)
        return sentence("scenario.expected_number_or_word", origin=origin, words=words, text=text)
    if parameter.unit in SECONDS:
        return sentence("scenario.expected_duration", origin=origin, unit=parameter.unit, text=text)
    return sentence("scenario.expected_number_not", origin=origin, text=text)


def _bounds(parameter: Parameter) -> Sentence:
    """What may be written instead."""
    known = {"name": parameter.short or parameter.name, "least": parameter.least, "most": parameter.most}
    if parameter.words:
        return sentence("scenario.bounds_or_words", words=list(parameter.words), **known)
    if parameter.unit in SECONDS:
        example = f"{max(10, math.ceil(parameter.least))}{parameter.unit}"
        return sentence("scenario.bounds.duration", unit=parameter.unit, example=example, **known)
    return sentence("scenario.bounds" if parameter.most < UNBOUNDED else "scenario.bounds.least", **known)


def check(origin: Sentence | str, parameter: Parameter, value: object) -> None:
    """Raise ``InputError`` for a value that the parameter cannot have."""
    if not parameter.many:
        _check_item(origin, parameter, value)
        return
    if not isinstance(value, tuple) or not 1 <= len(value) <= LONGEST_LIST:
        raise InputError(
            sentence("scenario.not_a_list", origin=origin, name=parameter.name, most=LONGEST_LIST),
            sentence("scenario.list_bounds", name=parameter.short or parameter.name, most=LONGEST_LIST),
        )
    twice = next((one for index, one in enumerate(value) if one in value[:index]), None)
    if twice is not None:
        raise InputError(
            sentence("scenario.value_twice", origin=origin, name=parameter.name, value=_with_unit(parameter, twice)),
            sentence("scenario.give_once"),
        )
    for one in value:
        _check_item(origin, parameter, one)


def _check_item(origin: Sentence | str, parameter: Parameter, value: object) -> None:
    name, least, most = parameter.name, parameter.least, parameter.most
    if value in parameter.words:
        return
    if not parameter.numeric:
        raise _unknown_word(sentence("scenario.item", origin=origin, name=name), parameter, text_of(value))
    if not isinstance(value, int | float) or isinstance(value, bool):
        told = _expected(sentence("scenario.item", origin=origin, name=name), parameter, text_of(value))
        raise InputError(told, _bounds(parameter))
    if not math.isfinite(value) or (parameter.whole and value != int(value)):
        code = "scenario.not_a_whole_number" if parameter.whole else "scenario.not_a_finite_number"
        raise InputError(sentence(code, origin=origin, name=name, value=value), _bounds(parameter))
    if value < least:
        said = sentence("scenario.below_minimum", origin=origin, name=name, least=least, value=value)
        raise InputError(said, _bounds(parameter))
    if value > most:
        raise InputError(sentence("scenario.above_maximum", origin=origin, name=name, most=most), _bounds(parameter))


def _with_unit(parameter: Parameter, value: object) -> str:
    """As a person writes it: ``1000ms``."""
    return f"{text_of(value)}{parameter.unit if parameter.unit in SECONDS else ''}"


def text_of(value: object) -> str:
    """A value as ``-s`` takes it, without its unit."""
    return ",".join(map(text_of, value)) if isinstance(value, tuple | list) else f"{value}"


def shown_of(parameters: Iterable[Parameter], values: Mapping[str, Value]) -> Sequence[str]:
    """``key=value`` of each as a person writes it, by the short key and a duration with its unit: ``rate=30``,
    ``idle=1s,10s``. A key without a short one names its unit: ``minutes=20``. A name that is no parameter's is left as
    it is."""
    known = {parameter.name: parameter for parameter in parameters}
    return [_shown(known.get(name), name, value) for name, value in values.items()]


def _shown(parameter: Parameter | None, name: str, value: object) -> str:
    key, unit = name, ""
    if parameter is not None and parameter.short:
        key, unit = parameter.short, parameter.unit if parameter.unit in SECONDS else ""
    items = value if isinstance(value, tuple | list) else (value,)
    return f"{key}=" + ",".join(text_of(one) if isinstance(one, str) else f"{text_of(one)}{unit}" for one in items)


def texts_of(values: Mapping[str, Value]) -> Sequence[str]:
    """``key=value`` of each."""
    return [f"{name}={text_of(value)}" for name, value in values.items()]
