"""Writes a bundle's archive, and reads one of which every byte is as it would have been written."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from msgspec import Struct

from bench.bundle.names import MOST_NAME_BYTES, colliding, wrong_name
from bench.bundle.refused import ARCHIVE, NAMES, SIZES, refused
from bench.bundle.zip_format import (
    CENTRAL,
    END,
    END_64,
    LOCATOR,
    Damaged,
    Member,
    directory,
    end,
    local_header,
    members_of,
    offsets,
    place_of_directory,
)
from bench.errors import InputError
from bench.words import sentence

CHUNK_BYTES = 1 << 20
MOST_FILES = 20_000
MOST_BUNDLE_BYTES = 1 << 35
REMEDY = sentence("bundle.archive_remedy")

Content = bytes | Path
"""Of a file that is packed: its bytes, or where they are."""


class Measured(Struct, frozen=True):
    """The content of one file, and what its bytes are."""

    content: Content
    size_bytes: int
    crc: int
    sha256: str


def measured(content: Content) -> Measured:
    """``content`` with its size and hashes. Raises ``OSError``."""
    digest, crc, size_bytes = sha256(), 0, 0
    for chunk in chunks(content):
        digest.update(chunk)
        crc, size_bytes = crc32(chunk, crc), size_bytes + len(chunk)
    return Measured(content, size_bytes, crc, digest.hexdigest())


def chunks(content: Content) -> Iterator[bytes]:
    """The bytes of ``content``, a part at a time. Raises ``OSError``."""
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def write_archive(stream: BinaryIO, files: "dict[str, Measured]", told: Callable[[int], None] = lambda n: None) -> None:
    """The archive of ``files`` by name, in the order of the names' bytes. ``told`` is called with the bytes written
    since the last time. Raises ``InputError`` for a file that is no longer what was measured."""
    names = sorted(files, key=str.encode)
    members = [Member(name, files[name].size_bytes, files[name].crc) for name in names]
    for member in members:
        stream.write(local_header(member))
        digest = sha256()
        for chunk in chunks(files[member.name].content):
            digest.update(chunk)
            stream.write(chunk)
            told(len(chunk))
        if digest.hexdigest() != files[member.name].sha256:
            raise InputError(sentence("bundle.changed_while_packed", file=member.name), sentence("bundle.pack_again"))
    stream.write(directory(members))


def looks_like_archive(stream: BinaryIO) -> bool:
    """Whether the file at least begins or ends like a zip and names a file of a bag."""
    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    first = stream.read(4)
    stream.seek(max(0, size_bytes - (1 << 22)))
    tail = stream.read(1 << 22)
    zipped = first[:2] == b"PK" or b"PK\5\6" in tail[-(1 << 16) :]
    return zipped and any(name in tail for name in (b"bagit.txt", b"manifest-sha256.txt"))


def members_in(stream: BinaryIO) -> list[Member]:
    """The members of the archive, in order. Raises ``RefusedBundle`` where the directory is not byte for byte as
    ``write_archive`` writes it, or lists what no bundle may hold."""
    size_bytes = stream.seek(0, os.SEEK_END)
    if size_bytes > MOST_BUNDLE_BYTES:
        raise refused(
            SIZES, "", sentence("bundle.too_large", most_bytes=MOST_BUNDLE_BYTES), sentence("bundle.ask_smaller")
        )
    try:
        members, stated = _listed(stream, size_bytes)
    except Damaged:
        raise refused(ARCHIVE, "", sentence("bundle.no_directory"), REMEDY) from None
    refuse_names([member.name for member in members])
    *_, offset = offsets(members)
    if [*members] != sorted(members, key=lambda member: member.name.encode()):
        raise refused(ARCHIVE, "", sentence("bundle.not_sorted"), REMEDY)
    if directory(members) != stated or offset + len(stated) != size_bytes:
        raise refused(ARCHIVE, "", sentence("bundle.directory_differs"), REMEDY)
    return members


def _listed(stream: BinaryIO, size_bytes: int) -> tuple[list[Member], bytes]:
    """What the directory lists, and all bytes from its begin on."""
    most = END.size + LOCATOR.size + END_64.size
    stream.seek(max(0, size_bytes - most))
    count, directory_bytes, offset = place_of_directory(stream.read(most))
    if count > MOST_FILES:
        raise refused(
            SIZES, "", sentence("bundle.too_many_files", count=count, most=MOST_FILES), sentence("bundle.ask_smaller")
        )
    longest = count * (CENTRAL.size + MOST_NAME_BYTES + 28)
    rest = len(end(count, directory_bytes, offset))
    if directory_bytes > longest or offset + directory_bytes + rest != size_bytes:
        raise Damaged("directory")
    stream.seek(offset)
    stated = stream.read(size_bytes - offset)
    members = members_of(stated[:directory_bytes])
    if len(members) != count:
        raise Damaged("directory")
    return members, stated


def refuse_names(names: Sequence[str]) -> None:
    """Raise ``RefusedBundle`` for names that no bundle may hold."""
    remedy = sentence("bundle.name_remedy")
    for name in names:
        wrong = wrong_name(name)
        if wrong is not None:
            raise refused(NAMES, name[:MOST_NAME_BYTES], wrong, remedy)
    pair = colliding(names)
    if pair is not None:
        raise refused(NAMES, pair[1], sentence("bundle.names_collide", first=pair[0], second=pair[1]), remedy)


def contents(stream: BinaryIO, members: Sequence[Member]) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Each member with its bytes, which must be used up before the next. Raises ``RefusedBundle`` where the bytes
    before a member are not as ``write_archive`` writes them, or its content has another CRC."""
    stream.seek(0)
    for member in members:
        header = local_header(member)
        if stream.read(len(header)) != header:
            raise refused(ARCHIVE, member.name, sentence("bundle.header_differs"), REMEDY)
        yield member, _content(stream, member)


def _content(stream: BinaryIO, member: Member) -> Iterator[bytes]:
    left, crc = member.size_bytes, 0
    while left:
        chunk = stream.read(min(left, CHUNK_BYTES))
        if not chunk:
            break
        left, crc = left - len(chunk), crc32(chunk, crc)
        yield chunk
    if left or crc != member.crc:
        raise refused(ARCHIVE, member.name, sentence("bundle.content_damaged"), REMEDY)
