"""The bytes of a bundle's archive, apart from the files in it.

A bundle is a zip (PKWARE APPNOTE 6.3.10) whose members are stored and not compressed, so that its bytes do not depend
on a compression library, and unpacking cannot make it larger. Members stand one after the other in the order of their
names, without times, comments or gaps; zip64 fields stand where a size needs them and nowhere else. So one content has
exactly one archive, and a reader can demand every byte of it.
"""

import struct
from collections.abc import Iterator, Sequence

from msgspec import Struct

FULL, FULL_COUNT = 0xFFFFFFFF, 0xFFFF
"""What a field holds whose value stands in the zip64 fields."""
LARGEST, MOST_MEMBERS = FULL - 1, FULL_COUNT - 1
"""The largest values without zip64 fields."""
VERSION, VERSION_64 = 20, 45
UNIX = 3 << 8
UTF8 = 1 << 11
MIDNIGHT, FIRST_DAY = 0, 0x21
"""1 January 1980, the first day that a zip knows."""
REGULAR_FILE = 0o100644 << 16
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")


class Member(Struct, frozen=True):
    """``size_bytes`` of content with the CRC-32 ``crc``."""

    name: str
    size_bytes: int
    crc: int


class Damaged(ValueError):
    """The bytes are not those of a zip as bundles have it."""


def local_header(member: Member) -> bytes:
    """What stands before the content of ``member``."""
    large, encoded = member.size_bytes > LARGEST, member.name.encode()
    size = FULL if large else member.size_bytes
    extra = struct.pack("<2H2Q", 1, 16, member.size_bytes, member.size_bytes) if large else b""
    facts = (VERSION_64 if large else VERSION, _flags(encoded), 0, MIDNIGHT, FIRST_DAY, member.crc, size, size)
    return LOCAL.pack(b"PK\3\4", *facts, len(encoded), len(extra)) + encoded + extra


def central_header(member: Member, offset: int) -> bytes:
    """The entry of the directory at the end for ``member``, whose local header is at ``offset``."""
    large, far, encoded = member.size_bytes > LARGEST, offset > LARGEST, member.name.encode()
    values = ([member.size_bytes] * 2 if large else []) + ([offset] if far else [])
    extra = struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    size = FULL if large else member.size_bytes
    version = VERSION_64 if values else VERSION
    facts = (UNIX | version, version, _flags(encoded), 0, MIDNIGHT, FIRST_DAY, member.crc, size, size)
    rest = (len(encoded), len(extra), 0, 0, 0, REGULAR_FILE, FULL if far else offset)
    return CENTRAL.pack(b"PK\1\2", *facts, *rest) + encoded + extra


def end(count: int, size_bytes: int, offset: int) -> bytes:
    """What stands after a directory of ``count`` entries that begins at ``offset``."""
    found = b""
    if count > MOST_MEMBERS or offset > LARGEST or size_bytes > LARGEST:
        found = END_64.pack(b"PK\6\6", 44, UNIX | VERSION_64, VERSION_64, 0, 0, count, count, size_bytes, offset)
        found += LOCATOR.pack(b"PK\6\7", 0, offset + size_bytes, 1)
    shown = FULL_COUNT if count > MOST_MEMBERS else count
    sizes = (FULL if size_bytes > LARGEST else size_bytes, FULL if offset > LARGEST else offset)
    return found + END.pack(b"PK\5\6", 0, 0, shown, shown, *sizes, 0)


def offsets(members: Sequence[Member]) -> Iterator[int]:
    """Where the local header of each member is, and at last where the directory is."""
    at = 0
    for member in members:
        yield at
        at += len(local_header(member)) + member.size_bytes
    yield at


def directory(members: Sequence[Member]) -> bytes:
    """Everything after the last member's content."""
    *begins, offset = offsets(members)
    entries = b"".join(central_header(member, at) for member, at in zip(members, begins, strict=True))
    return entries + end(len(members), len(entries), offset)


def place_of_directory(tail: bytes) -> tuple[int, int, int]:
    """Count, size and offset of the directory, by the last bytes of an archive. Raises ``Damaged``."""
    if len(tail) < END.size or tail[-END.size :][:4] != b"PK\5\6":
        raise Damaged("end")
    *_, count, size_bytes, offset, _ = END.unpack(tail[-END.size :])
    if count == FULL_COUNT or FULL in (size_bytes, offset):
        far = tail[-END.size - LOCATOR.size - END_64.size :]
        if len(far) != END.size + LOCATOR.size + END_64.size or far[:4] != b"PK\6\6":
            raise Damaged("end")
        *_, count, size_bytes, offset = END_64.unpack(far[: END_64.size])
    return count, size_bytes, offset


def members_of(entries: bytes) -> list[Member]:
    """The members that a directory lists. Raises ``Damaged``. Whether each entry is as it would be written here is
    shown by writing it again."""
    found, at = [], 0
    while at < len(entries):
        if len(entries) - at < CENTRAL.size or entries[at : at + 4] != b"PK\1\2":
            raise Damaged("directory")
        *_, crc, _, size_bytes, long_name, long_extra, _, _, _, _, _ = CENTRAL.unpack_from(entries, at)
        begin = at + CENTRAL.size
        extra = entries[begin + long_name : begin + long_name + long_extra]
        if size_bytes == FULL:
            if len(extra) < 12:
                raise Damaged("directory")
            (size_bytes,) = struct.unpack_from("<Q", extra, 4)
        try:
            name = entries[begin : begin + long_name].decode()
        except UnicodeDecodeError:
            raise Damaged("directory") from None
        found.append(Member(name, size_bytes, crc))
        at = begin + long_name + long_extra
    return found


def _flags(name: bytes) -> int:
    return 0 if name.isascii() else UTF8
