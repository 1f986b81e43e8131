"""What a script gives to the functions of ``import bench``: a wrong type is refused by the name of the argument, before
anything else is done."""

import os
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any

import msgspec

from bench.errors import InputError
from bench.words import sentence

PATH = (str, os.PathLike)


class WrongType(InputError, TypeError):
    """The argument of a function of ``import bench`` is of a type that it does not take."""

    def __init__(self, argument: str, expected: str, given: object) -> None:
        super().__init__(
            sentence("scripting.wrong_type", argument=argument, expected=expected, given=type(given).__name__)
        )


def checked(argument: str, value: object, kinds: type | tuple[type, ...], expected: str) -> None:
    """Raises ``WrongType`` for a value of none of ``kinds``. ``expected``: what it has to be, as Python names it."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        raise WrongType(argument, expected, value)


def one_or_several(argument: str, value: Any, kinds: tuple[type, ...], expected: str) -> list[Any]:
    """``value`` if it is of ``kinds``, otherwise its items. Raises ``WrongType``, also for an item."""
    if isinstance(value, kinds):
        return [value]
    if not isinstance(value, Collection) or isinstance(value, Mapping | bytes | str):
        raise WrongType(argument, expected, value)
    for place, item in enumerate(value):
        checked(f"{argument}[{place}]", item, kinds, expected)
    return list(value)


def at_least_one(argument: str, value: Any, kinds: tuple[type, ...], expected: str) -> list[Any]:
    """As ``one_or_several``. Raises ``InputError`` for none: a script that computed an empty list does not mean
    everything."""
    found = one_or_several(argument, value, kinds, expected)
    if not found:
        raise InputError(sentence("scripting.empty", argument=argument), sentence("scripting.empty.remedy"))
    return found


def checked_fraction(argument: str, value: object) -> None:
    """Raises ``WrongType`` for what is no number."""
    checked(argument, value, Real, "float")


def names_in(argument: str, value: Any, expected: str = "Collection[str]") -> list[str]:
    """Several names; the letters of one text are none. Raises ``WrongType``."""
    if not isinstance(value, Collection) or isinstance(value, Mapping | bytes | str):
        raise WrongType(argument, expected, value)
    for place, item in enumerate(value):
        checked(f"{argument}[{place}]", item, str, "str")
    return list(value)


def converted(argument: str, value: Any, kind: Any) -> Any:
    """``value`` as ``kind``, a type that ``msgspec`` knows; numbers of NumPy are numbers. Raises ``WrongType``."""
    number = value
    if type(value) not in (bool, int, float) and isinstance(value, Real):
        number = int(value) if isinstance(value, Integral) else float(value)
    try:
        return msgspec.convert(number, kind)
    except msgspec.ValidationError:
        raise WrongType(argument, _named(kind), value) from None


def _named(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
