"""Journals: files of JSON objects, a line each, that are only added to, and are read after a process was killed or a
disk was bad.

Every line ends with the CRC-32 of what stands before it, as the field ``crc32`` of its object. A line without one is
taken as it is: a person may write it.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec.json import Decoder

from bench.reading import NOT_DECODED
from bench.words import Sentence, sentence

T = TypeVar("T")
_SUM = b',"crc32":"'
_ENDS_IN_A_SUM = re.compile(rb'"[0-9a-f]{8}"\}$')
"""Of a line of which the name of the field may be damaged."""


def line_of(value: Any) -> bytes:
    """A struct with at least one field as a line, with its checksum and the line break."""
    body = msgspec.json.encode(value)[:-1]
    return body + _SUM + b'%08x"}\n' % zlib.crc32(body)


def lines_in(data: bytes, decoder: Decoder[T]) -> Iterator[tuple[int, T | Sentence]]:
    """What each line holds, with its number from 1; or, of one that is damaged, why it is none. Empty lines are passed
    over."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            read: T | Sentence = _read(line.strip(), decoder)
            yield number, read


def _read(line: bytes, decoder: Decoder[T]) -> T | Sentence:
    body, named, stated = line.rpartition(_SUM)
    if (named or _ENDS_IN_A_SUM.search(line)) and stated != b'%08x"}' % zlib.crc32(body):
        return sentence("store.line_damaged")
    try:
        return decoder.decode(line)
    except NOT_DECODED as error:
        return sentence("store.line_not_read", reason=str(error)[:200])
