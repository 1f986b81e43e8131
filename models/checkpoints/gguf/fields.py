"""The values of a GGUF header by type, and which of them were used."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.errors import InputError
from bench.models.checkpoints.gguf.header import Header, StoredList
from bench.words import Sentence, sentence

NO_EFFECT = frozenset(
    (
        "vocab_size",
        "tensor_data_layout",
        "attention.layer_norm_epsilon",
        "rope.scaling.finetuned",
        "rope.dimension_sections",
    )
)
"""Fields of an architecture that change nothing in the architectures read here."""

MOST_LAYERS = 1 << 14


class Fields:
    """The fields of one architecture, named without it (``attention.head_count`` for ``llama.attention.head_count``).

    Everything raises ``InputError`` naming the file and the field."""

    def __init__(self, header: Header, architecture: str) -> None:
        self.header, self._prefix = header, f"{architecture}."
        self._used: set[str] = set()

    def has(self, name: str) -> bool:
        return self._value(name) is not None

    def count(self, name: str, default: int | None = None, most: int = (1 << 31) - 1) -> int:
        """A whole number from 1 to ``most``. A list of them with one for each layer must hold the same ones."""
        value = self._uniform(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self.refused(name, "gguf.count_expected", most=most)
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number above 0."""
        value = self._uniform(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
            raise self.refused(name, "gguf.number_expected")
        return shortest(float(value))

    def off(self, name: str) -> bool:
        """Whether the field is missing or says that something is not there: 0, False."""
        value = self._value(name)
        return not value and not isinstance(value, str)

    def text(self, name: str, default: str) -> str:
        value = self._value(name)
        if value is not None and not isinstance(value, str):
            raise self.refused(name, "gguf.text_expected")
        return default if value is None else value

    def flags(self, name: str) -> Sequence[bool]:
        """A list of truth values."""
        return [bool(value) for value in self._list(name)]

    def is_list(self, name: str) -> bool:
        return isinstance(self._value(name), StoredList)

    def token(self, name: str, vocab: int) -> int | None:
        """The id of a token, of a field with its full name; ``None`` without it."""
        value = self.header.values.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < vocab):
            raise InputError(
                sentence(
                    "gguf.token_outside", file=self.header.path.name, field=name, value=self.shown(value), vocab=vocab
                ),
                sentence("gguf.convert_again"),
            )
        return value

    def refuse_others(self) -> None:
        """Raise for a field of the architecture that was not asked for: it may change what the model computes."""
        for name in self.header.values:
            short = name.removeprefix(self._prefix)
            if short != name and short not in self._used and short not in NO_EFFECT and not self.off(short):
                raise InputError(
                    sentence(
                        "gguf.field_not_understood",
                        file=self.header.path.name,
                        field=name,
                        value=self.shown(self.header.values[name]),
                    ),
                    sentence("checkpoint.model_differs"),
                )

    def refused(self, name: str, code: str, **figures: Any) -> InputError:
        """The error ``code`` about a field, of which the value is wrong or missing."""
        field, file = self._prefix + name, self.header.path.name
        value = self.header.values.get(field)
        if value is None:
            return InputError(sentence("gguf.field_missing", file=file, field=field), sentence("gguf.convert_again"))
        return InputError(
            sentence(code, file=file, field=field, value=self.shown(value), **figures), sentence("gguf.convert_again")
        )

    @staticmethod
    def shown(value: Any) -> str:
        return f"[{value.count}]" if isinstance(value, StoredList) else str(value)[:60]

    def _value(self, name: str) -> "bool | int | float | str | StoredList | None":
        self._used.add(name)
        return self.header.values.get(self._prefix + name)

    def _uniform(self, name: str) -> "bool | int | float | str | StoredList | None":
        value = self._value(name)
        if not isinstance(value, StoredList):
            return value
        different = sorted(set(self._list(name)))
        if len(different) != 1:
            raise self.refused(name, "gguf.layers_differ")
        found: int | float = different[0]
        return found

    def _list(self, name: str) -> list[Any]:
        stored = self._value(name)
        if not isinstance(stored, StoredList) or stored.count > MOST_LAYERS:
            raise self.refused(name, "gguf.one_for_each_layer", layers=MOST_LAYERS)
        numbers: list[Any] = self.header.numbers(self._prefix + name).tolist()
        return numbers


@contextmanager
def naming(file: str) -> Iterator[None]:
    """The errors of the block name ``file`` in front."""
    try:
        yield
    except InputError as error:
        told = error.sentence
        if isinstance(told, Sentence) and "file" in told.figures:
            raise
        raise InputError(sentence("text.at", where=file, message=error.sentence), error.advice) from None


def shortest(value: float) -> float:
    """The number with the fewest digits that is stored as the same float32: 1e-05 for 9.999999747378752e-06."""
    import numpy as np

    return float(str(np.float32(value))) if float(np.float32(value)) == value else value
