"""Reads the header of a GGUF file: its named values, and where its tensors lie.

Source: ggml-org/ggml, docs/gguf.md. The file may be damaged or made to do harm: every count and length is checked
against the bytes that are left before anything is allocated, and long lists stay in the file until they are asked for.
"""

import struct
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.errors import InputError
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_HEADER_BYTES = 1 << 28
"""A vocabulary of 256,000 tokens and its merges are a thirtieth of it."""
MOST_TENSORS, MOST_VALUES, MOST_TEXTS = 1 << 17, 1 << 16, 1 << 22
MOST_TEXT_BYTES = 1 << 24
MOST_NAME_BYTES = (1 << 16) - 1
MOST_DIMENSIONS = 4
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
ALIGNMENT = 32
DAMAGED = sentence("gguf.download_again")


class StoredList(Struct, frozen=True):
    """A list of the header that stays in the file. ``kind``: the type of its items in GGUF's numbers."""

    kind: int
    count: int
    offset: int


class StoredTensor(Struct, frozen=True):
    """A tensor's place. ``shape``: the longest stride first, as in numpy. ``kind``: its type in ggml's numbers."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class Header(Struct, frozen=True):
    """What stands in front of the data. ``values``: bool, int, float, str, or ``StoredList``. Offsets are from the
    beginning of the file, of ``size_bytes``."""

    path: Path
    size_bytes: int
    values: Mapping[str, "bool | int | float | str | StoredList"]
    tensors: Mapping[str, StoredTensor]

    def texts(self, field: str) -> list[str]:
        """A list of strings, such as ``tokenizer.ggml.tokens``. Raises ``InputError`` if it is none."""
        stored = self._list(field)
        if stored.kind != STRING:
            raise self.refused("gguf.not_a_list_of_texts", field=field)
        with self.path.open("rb") as file:
            file.seek(stored.offset)
            cursor = _Cursor(file, self.path, self.size_bytes)
            cursor.field = field
            return [cursor.text() for _ in range(stored.count)]

    def numbers(self, field: str) -> "np.ndarray[Any, Any]":
        """A list of numbers or truth values. Raises ``InputError`` if it is none."""
        import numpy as np

        stored = self._list(field)
        if stored.kind not in SCALARS:
            raise self.refused("gguf.not_a_list_of_numbers", field=field)
        kind = np.dtype("<" + SCALARS[stored.kind])
        found: np.ndarray[Any, Any] = np.fromfile(self.path, kind, stored.count, offset=stored.offset)
        return found

    def refused(self, code: str, /, **figures: Any) -> InputError:
        """The error ``code``, which names the file, with its remedy, or that of a damaged file."""
        return InputError(sentence(code, file=self.path.name, **figures), DAMAGED)

    def _list(self, field: str) -> StoredList:
        stored = self.values.get(field)
        if not isinstance(stored, StoredList):
            raise self.refused("gguf.not_a_list", field=field)
        return stored


def read_header(path: Path) -> Header:
    """The header of the regular file ``path``. Raises ``InputError`` naming the file and the field."""
    try:
        with path.open("rb") as file:
            return _read(file, path, path.stat().st_size)
    except OSError as error:
        raise InputError(sentence("reading.cannot_be_read", said=path.name, value=error.strerror or error)) from None


class _Cursor:
    """Reads one after the other, never beyond the end. ``field``: what is read, for errors."""

    def __init__(self, file: BufferedReader, path: Path, size_bytes: int) -> None:
        self._file, self._path, self._size = file, path, size_bytes
        self.place = file.tell()
        self.field: Sentence | str = "GGUF"

    def error(self, code: str, /, remedy: Sentence = DAMAGED, **figures: Any) -> InputError:
        return InputError(sentence(code, file=self._path.name, field=self.field, **figures), remedy)

    def take(self, n_bytes: int) -> bytes:
        self.room(n_bytes)
        found = self._file.read(n_bytes)
        if len(found) != n_bytes:
            raise self.error("gguf.ends_early", size=self._size)
        self.place += n_bytes
        return found

    def room(self, n_bytes: int) -> None:
        """Raise unless so many bytes follow, and still belong to a header."""
        if self.place + n_bytes > self._size:
            raise self.error("gguf.ends_early", size=self._size)
        if self.place + n_bytes > MOST_HEADER_BYTES:
            raise self.error("gguf.header_too_long", most_bytes=MOST_HEADER_BYTES)

    def many(self, count: int, least_bytes: int, most: int) -> None:
        """Raise unless ``count`` things of at least so many bytes can follow, and are no more than ``most``."""
        self.room(count * least_bytes)
        if count > most:
            raise self.error("gguf.too_many", count=count, most=most)

    def skip(self, n_bytes: int) -> None:
        self.room(n_bytes)
        self._file.seek(n_bytes, 1)
        self.place += n_bytes

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self, most_bytes: int = MOST_TEXT_BYTES) -> str:
        length = self.number("Q")
        if length > most_bytes:
            raise self.error("gguf.text_too_long", length=length, most_bytes=most_bytes)
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise self.error("gguf.text_not_utf8") from None

    def value(self) -> "bool | int | float | str | StoredList":
        kind = self.number("I")
        if kind in SCALARS:
            number: bool | int | float = self.number(SCALARS[kind])
            return number
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            return self._list()
        raise self.error("gguf.unknown_value_type", kind=kind)

    def _list(self) -> StoredList:
        kind, count = self.number("I"), self.number("Q")
        stored = StoredList(kind, count, self.place)
        if kind == STRING:
            self.many(count, 8, MOST_TEXTS)
            for _ in range(count):
                self.skip(self.number("Q"))
        elif kind in SCALARS:
            self.skip(struct.calcsize("<" + SCALARS[kind]) * count)
        else:
            raise self.error("gguf.unknown_value_type", kind=kind)
        return stored


def _read(file: BufferedReader, path: Path, size_bytes: int) -> Header:
    cursor = _Cursor(file, path, size_bytes)
    if size_bytes < 24 or cursor.take(4) != MAGIC:
        raise InputError(sentence("gguf.not_gguf", file=path.name), sentence("gguf.check_download"))
    version = cursor.number("I")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS
        code = "gguf.big_endian" if swapped else "gguf.unknown_version"
        raise cursor.error(code, sentence("gguf.convert_again"), version=version, versions=VERSIONS)
    n_tensors, n_values = cursor.number("Q"), cursor.number("Q")
    cursor.field = sentence("gguf.count_of_tensors")
    cursor.many(n_tensors, 24, MOST_TENSORS)
    cursor.field = sentence("gguf.count_of_values")
    cursor.many(n_values, 13, MOST_VALUES)
    values: dict[str, bool | int | float | str | StoredList] = {}
    for index in range(n_values):
        cursor.field = sentence("gguf.value_number", number=index + 1)
        name = cursor.text(MOST_NAME_BYTES)
        cursor.field = name or cursor.field
        if name in values:
            raise cursor.error("gguf.field_twice")
        values[name] = cursor.value()
    places = _tensors(cursor, n_tensors)
    alignment = values.get("general.alignment", ALIGNMENT)
    cursor.field = "general.alignment"
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
        raise cursor.error("gguf.bad_alignment")
    start = -(-cursor.place // alignment) * alignment
    tensors = {}
    for tensor in places:
        cursor.field = tensor.name
        if tensor.offset % alignment:
            raise cursor.error("gguf.tensor_not_aligned", offset=tensor.offset, alignment=alignment)
        if tensor.name in tensors:
            raise cursor.error("gguf.field_twice")
        tensors[tensor.name] = StoredTensor(tensor.name, tensor.shape, tensor.kind, start + tensor.offset)
    return Header(path, size_bytes, values, tensors)


def _tensors(cursor: _Cursor, count: int) -> list[StoredTensor]:
    """Name, shape, type and offset from the beginning of the data, as they are written."""
    found = []
    for index in range(count):
        cursor.field = sentence("gguf.tensor_number", number=index + 1)
        name = cursor.text(MOST_NAME_BYTES)
        cursor.field = name or cursor.field
        rank = cursor.number("I")
        if not 1 <= rank <= MOST_DIMENSIONS:
            raise cursor.error("gguf.bad_rank", rank=rank)
        shape = tuple(cursor.number("Q") for _ in range(rank))
        if 0 in shape:
            raise cursor.error("gguf.empty_tensor", shape=list(shape))
        found.append(StoredTensor(name, shape[::-1], cursor.number("I"), cursor.number("Q")))
    return found
