"""Reads single fields of a model's configuration, each with its type and range."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from bench.errors import InputError
from bench.words import Sentence, sentence

MOST = 1 << 30
"""No size of a language model is larger."""
RANGE = (1e-15, 1e15)
"""Of its other numbers, none of which is near these."""


class Fields:
    """The fields of one JSON object. An absent field and ``null`` are the same, as they are to transformers.

    Every method raises ``InputError`` naming the file and the field, where the value has another type or range, and
    where it is absent and there is no ``default``.
    """

    def __init__(self, values: Mapping[str, Any], file: str, inside: str = "") -> None:
        self.values, self.file, self._inside = values, file, inside

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    @overload
    def integer(self, key: str, default: int = ..., least: int = ..., most: int = ...) -> int: ...
    @overload
    def integer(self, key: str, default: None, least: int = ..., most: int = ...) -> int | None: ...
    def integer(self, key: str, default: int | None = -1, least: int = 1, most: int = MOST) -> int | None:
        """A whole number from ``least`` to ``most``. Without a ``default`` (-1) the field is required."""
        if key not in self:
            return self._absent(key) if default == -1 else default
        value = self.values[key]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, sentence("checkpoint.whole_number", least=least, most=most))
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number above 0, within ``RANGE``."""
        if key not in self:
            return self._absent(key) if default is None else default
        value = self.values[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not _in_range(value):
            raise self.wrong(key, sentence("checkpoint.number_above_0"))
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        if key not in self:
            return default
        value = self.values[key]
        if not isinstance(value, bool):
            raise self.wrong(key, sentence("checkpoint.true_or_false"))
        return value

    def text(self, key: str, default: str | None = None) -> str:
        if key not in self:
            return self._absent(key) if default is None else default
        value = self.values[key]
        if not isinstance(value, str):
            raise self.wrong(key, sentence("checkpoint.text"))
        return value

    def inner(self, key: str) -> "Fields | None":
        """The object in this field, ``None`` if there is none."""
        if key not in self:
            return None
        value = self.values[key]
        if not isinstance(value, dict):
            raise self.wrong(key, sentence("checkpoint.object"))
        return Fields(value, self.file, f"{self._inside}{key}.")

    def numbers(self, key: str, length: int) -> tuple[float, ...]:
        """A list of ``length`` numbers above 0."""
        value = self.values.get(key)
        kinds = (int, float)
        if not isinstance(value, list) or len(value) != length or not all(type(one) in kinds for one in value):
            raise self.wrong(key, sentence("checkpoint.list_of_numbers", length=length))
        if not all(_in_range(one) for one in value):
            raise self.wrong(key, sentence("checkpoint.list_of_numbers", length=length))
        return tuple(float(one) for one in value)

    def choices(self, key: str, length: int, allowed: Sequence[object]) -> list[Any] | None:
        """A list of ``length`` or more values of ``allowed``: its first ``length``."""
        if key not in self:
            return None
        value = self.values[key]
        if not isinstance(value, list) or len(value) < length or any(one not in allowed for one in value):
            listed = ", ".join(json.dumps(one) for one in allowed)
            raise self.wrong(key, sentence("checkpoint.list_of_choices", length=length, listed=listed))
        return value[:length]

    def tokens(self, key: str) -> tuple[int, ...]:
        """Ids of tokens: a whole number or a list of them."""
        value = self.values.get(key)
        found = value if isinstance(value, list) else [] if value is None else [value]
        if not all(type(token) is int and 0 <= token <= MOST for token in found):
            raise self.wrong(key, sentence("checkpoint.ids_of_tokens"))
        return tuple(found)

    def refuse_unless(self, key: str, *harmless: object) -> None:
        """Raise ``InputError`` for a value that changes the arithmetic in a way that is not computed."""
        value = self.values.get(key)
        if value is not None and value not in harmless:
            raise self.refused(key)

    def refused(self, key: str, remedy: Sentence | None = None) -> InputError:
        return InputError(
            sentence("checkpoint.field_not_computed", **self._said(key)),
            remedy or sentence("checkpoint.model_differs"),
        )

    def wrong(self, key: str, wanted: Sentence) -> InputError:
        return InputError(
            sentence("checkpoint.field_wrong", wanted=wanted, **self._said(key)),
            sentence("model.correct_config_line", key=key, name=self.file),
        )

    def _absent(self, key: str) -> Any:
        raise InputError(
            sentence("checkpoint.field_missing", file=self.file, field=self._inside + key),
            sentence("checkpoint.download_again"),
        )

    def _said(self, key: str) -> dict[Literal["file", "field", "value"], str]:
        value = json.dumps(self.values.get(key))
        short = value if len(value) <= 80 else f"{value[:80]} …"
        return {"file": self.file, "field": self._inside + key, "value": short}


def _in_range(value: float) -> bool:
    return RANGE[0] <= value <= RANGE[1]
