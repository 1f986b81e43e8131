"""Reads files from other people: only regular files, up to a maximum size, with errors that name the file.

Otherwise a pipe or a device would block the reader forever, and a file of any size would be read into memory.
"""

import codecs
import io
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import InputError
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MIB = 1 << 20
MOST_LABEL_BYTES = 1 << 30
"""Of the labels of a dataset: those of COCO's 118,287 images are half of it."""
MOST_CONFIG_BYTES = 64 * MIB
"""No configuration, label file or record that this tool reads is larger."""


NOT_DECODED = (ValueError, RecursionError)
"""What msgspec, ``json`` and ``tomllib`` raise for bytes that are not what was asked for: a ``ValueError``, also for
text that is not UTF-8 and for numbers of thousands of digits, and a ``RecursionError`` for thousands of brackets, also
in fields that nobody reads."""

CORRECT = sentence("reading.correct_or_write_again")


def read_bytes(path: Path, most_bytes: int = MOST_CONFIG_BYTES, name: str = "") -> bytes:
    """The file's content. Raises ``InputError`` naming it, as ``name`` if given: missing, not a regular file, or larger
    than ``most_bytes``."""
    said = name or str(path)
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            kind = sentence("reading.a_folder" if stat.S_ISDIR(facts.st_mode) else "reading.a_pipe_or_device")
            raise InputError(
                sentence("reading.not_a_regular_file", said=said, kind=kind), sentence("reading.give_regular_file")
            )
        if facts.st_size > most_bytes:
            raise InputError(
                sentence("reading.file_too_large", said=said, st_size=facts.st_size, most_bytes=most_bytes),
                sentence("reading.give_file_meant"),
            )
        return path.read_bytes()
    except OSError as error:  # a name that is too long among them
        raise InputError(sentence("reading.cannot_be_read", said=said, value=error.strerror or error)) from None
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise InputError(sentence("reading.name_cannot_be_read", said=said, error=error)) from None


def is_file(path: Path) -> bool:
    """Whether there is a regular file of that name; also of a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name; also of a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether there is anything of that name; also of a name that nothing can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_text(path: Path, most_bytes: int = MOST_CONFIG_BYTES, name: str = "") -> str:
    """The file's text: UTF-8 with or without a byte-order mark, or UTF-16 with one, as Windows writes it. Raises
    ``InputError`` as ``read_bytes`` does, and where it is neither, naming the place."""
    data = read_bytes(path, most_bytes, name)
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        code = "reading.line_not_utf16" if wide else "reading.line_not_utf8"
        message = sentence(code, value=name or path, line=line, data=data[error.start])
        raise InputError(message, sentence("reading.save_as_utf8")) from None


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers. They end as in files (LF, CR LF, CR): JSON texts may contain
    any other separator of Unicode."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def lone_surrogate(text: str) -> str:
    """The first code unit that is half a character, as ``\\ud800``; empty if there is none."""
    found = next((letter for letter in text if "\ud800" <= letter <= "\udfff"), "")
    return f"\\u{ord(found):04x}" if found else ""


def read_object(path: Path, name: str = "") -> dict[str, Any]:
    """The JSON object in a model's configuration. Read as Python's own ``json`` writes it: NaN, Infinity and integers
    of any size occur in such files (``"time_step_limit": [0.0, Infinity]``). Raises ``InputError`` as ``read_bytes``
    does, and if it is not JSON, nested too deeply or not an object."""
    data, said = read_bytes(path, name=name), name or str(path)
    try:
        found = json.loads(data)
    except NOT_DECODED as error:
        raise InputError(
            sentence("reading.not_json", source=said, short=_short(error)), sentence("reading.repair_file_remove")
        ) from None
    if not isinstance(found, dict):
        raise InputError(sentence("reading.not_a_json_object", said=said), sentence("reading.repair_file_remove"))
    return found


def json_of(data: bytes, source: str, remedy: Sentence | str = CORRECT, bounded: bool = True) -> Any:
    """``data`` as JSON, with or without a byte-order mark, its numbers floats or, unless not ``bounded``, within 64
    bits. Raises ``InputError`` naming ``source``, and the field of a number that is too large."""
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            data = data.decode("utf-16").encode()
        found = msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8))
    except NOT_DECODED as error:
        raise InputError(sentence("reading.not_json", source=source, short=_short(error)), remedy) from None
    if bounded and LONG_NUMBER.search(data):
        _refuse_long_numbers(found, source, remedy)
    return found


LONG_NUMBER = re.compile(rb"(?<![.\d])\d{19}")
LONGEST_INTEGER = (1 << 63) - 1


def _refuse_long_numbers(value: Any, source: str, remedy: Sentence | str, field: str = "$") -> None:
    if isinstance(value, int) and abs(value) > LONGEST_INTEGER:
        raise InputError(sentence("reading.integer_over_64_bits", source=source, field=field), remedy)
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        _refuse_long_numbers(item, source, remedy, f"{field}.{key}" if isinstance(value, dict) else f"{field}[{key}]")


def _short(error: Exception) -> Sentence | str:
    """What is wrong: this module's own sentence, or the beginning of a library's."""
    if error.args and isinstance(error.args[0], Sentence):
        return error.args[0]
    return str(error)[:200] or type(error).__name__


DEEP_KEY = re.compile(r"""(?<![\w.\-"'])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")
"""Of TOML: no field lies that deep."""


def refuse_deep_keys(text: str, origin: str) -> None:
    """Raise ``InputError`` naming ``origin`` and the line for TOML with a key of very many parts: the time of Python's
    reader grows with the square of their number."""
    deep = DEEP_KEY.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        raise InputError(sentence("reading.key_too_deep", file=origin, line=line), CORRECT)


# ------------------------------------------------------------------------------------------------------ arrays


NUMBERS = re.compile(
    r"\{'descr': '([<>|][iufb][1248])', 'fortran_order': (True|False), 'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \}\s*"
)
"""The header of an array of plain numbers as numpy writes it; nothing else is evaluated."""


def arrays_in(data: bytes, most_bytes: Mapping[str, int] | int, source: str) -> "dict[str, Array]":
    """The arrays of the archive (``.npz``) ``data`` that ``most_bytes`` names, as far as they exist; read-only. If
    ``most_bytes`` is a number, all of its arrays, with so many bytes together. Raises ``InputError`` naming ``source``
    if it is not an archive of plain numbers, and, before unpacking, for an array with more bytes than allowed."""
    remedy = sentence("reading.damaged_measure_again")
    try:
        _refuse_large_directory(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        wanted = members if isinstance(most_bytes, int) else {k: members[k] for k in most_bytes if k in members}
        left = most_bytes if isinstance(most_bytes, int) else 0
        for key, info in wanted.items():
            most = left if isinstance(most_bytes, int) else most_bytes[key]
            if info.file_size > most:
                message = sentence("reading.member_too_large", key=key, file_size=info.file_size, most_bytes=most)
                raise InputError(f"{source}: {message}", remedy)
            left -= info.file_size
        return {key: array_of(_member(data, info), key) for key, info in wanted.items()}
    except InputError:
        raise
    except Exception as error:  # zipfile raises whatever it meets in a damaged file
        raise InputError(
            sentence("reading.not_an_archive_of_arrays", source=source, short=_short(error)), remedy
        ) from None


MOST_DIRECTORY_BYTES = 4 * MIB
"""Of the list of an archive's members: that of a record's longest is a tenth of it."""


def _refuse_large_directory(data: bytes) -> None:
    """Raise ``ValueError`` for an archive whose list of members would take much memory to read: each entry of 46 bytes
    becomes an object."""
    end = data.rfind(b"PK\5\6", max(0, len(data) - (1 << 16) - 22))
    far = end >= 20 and data[end - 20 : end - 16] == b"PK\6\7"
    if end >= 0 and (far or int.from_bytes(data[end + 12 : end + 16], "little") > MOST_DIRECTORY_BYTES):
        raise ValueError(sentence("reading.directory_too_large", most_bytes=MOST_DIRECTORY_BYTES))


def _member(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """The member unpacked, never more of it than it says it has."""
    begin = info.header_offset
    header = data[begin : begin + 30]
    if header[:4] != b"PK\x03\x04" or info.flag_bits & 1 or info.compress_type not in (0, 8):
        raise ValueError(sentence("reading.member_encrypted_or_packed", filename=info.filename))
    begin += 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = data[begin : begin + info.compress_size]
    found = packed if info.compress_type == 0 else zlib.decompressobj(-15).decompress(packed, info.file_size + 1)
    if len(found) != info.file_size or zlib.crc32(found) != info.CRC:
        raise ValueError(sentence("reading.member_damaged", filename=info.filename))
    return found


def array_of(npy: bytes, name: str) -> "Array":
    """The array of a ``.npy`` file's bytes, read-only. Raises ``ValueError`` naming it for anything but plain
    numbers."""
    import numpy as np

    width = {1: 2, 2: 4, 3: 4}.get(npy[6] if len(npy) > 10 else 0)
    if npy[:6] != b"\x93NUMPY" or width is None:
        raise ValueError(sentence("reading.not_a_numpy_array", name=name))
    begin = 8 + width
    end = begin + int.from_bytes(npy[8:begin], "little")
    header = npy[begin : min(end, begin + 4096)].decode("latin-1")
    found = NUMBERS.fullmatch(header)
    if found is None:
        raise ValueError(sentence("reading.not_plain_numbers", name=name, strip=header.strip()[:80]))
    kind, by_columns, lengths = found.groups()
    shape = tuple(int(length) for length in lengths.split(",") if length.strip())
    dtype = np.dtype(kind)
    if len(shape) > 32 or prod(shape) * dtype.itemsize != len(npy) - end:
        raise ValueError(
            sentence("reading.array_of_other_size", name=name, shape=str(list(shape)), n_npy=len(npy) - end)
        )
    order: Any = "F" if by_columns == "True" else "C"
    return np.frombuffer(npy, dtype, offset=end).reshape(shape, order=order)


def leads_outside(name: str) -> bool:
    """Whether a path does not stay below the folder it is relative to, in the notation of any system: it is absolute,
    has a drive, or has ``..``."""
    windows = PureWindowsPath(name)
    return bool(windows.drive or windows.root or PurePosixPath(name).is_absolute() or ".." in windows.parts)


def refuse_outside(name: str, *, origin: str) -> None:
    """Raise ``InputError`` for a path that ``leads_outside``, or that begins with ``~``. ``origin``: file and field."""
    if leads_outside(name) or name.startswith("~") or "\0" in name:
        raise InputError(
            sentence("reading.path_leads_out", origin=origin, name=name),
            sentence("reading.only_relative_paths"),
        )


DEVICES = frozenset(("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))))


def names_a_device(name: str) -> bool:
    """Whether Windows takes a file of that name for a device, as it does whatever stands behind the first dot."""
    return name.partition(".")[0].strip().casefold() in DEVICES


def with_slashes(folder: Path, name: str) -> str:
    """``name``, relative to ``folder``, as every system reads it: backslashes are taken for Windows' separators, except
    where a file has them in its name."""
    if "\\" not in name or (os.sep == "/" and exists(folder / name)):
        return name
    return name.replace("\\", "/")
