"""What a compiled context (QNN's context binary) says of its graphs, read by QNN's own library.

``libQnnSystem.so`` reads a context without a device. Its types are those of the QNN SDK's System/QnnSystemContext.h,
version 3, and HTP/QnnHtpSystemContext.h; a library or a context of another version gives no figures, not wrong ones.
The header states VTCM in MB; libQnnHtp 2.51 writes bytes.

The context begins with a page about it, among others the number of the SoC. The rest is the program. In it stands the
compiler's configuration as text, twice: the name of the part, its clocks, its bandwidth, the size of its caches. What
follows from them for the program, as the order and the place of its operators, is in the bytes around it. So the
checksum leaves out page and text, and nothing else.
"""

import ctypes
import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from bench.contracts import Compiled

INTERFACE_VERSION, BINARY_VERSION, GRAPH_VERSION, BLOB_VERSION = 1, 3, 3, 1
LEAST_BYTES = 1 << 16  # a VTCM below this is stated in MB
OF_CHIP = re.compile(rb";vtcm_size=(\d{4,12});")
"""The VTCM of the SoC in that configuration, in bytes."""
FIRST, PART = b"OpO=", b"soc_type="
"""How the compiler's configuration begins, and what stands in it. Zeros fill it up: its length moves nothing."""


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("patch", ctypes.c_uint32))


class _Interface(ctypes.Structure):
    _fields_ = (
        ("backend", ctypes.c_uint32),
        ("provider", ctypes.c_char_p),
        ("version", _Version),
        ("create", ctypes.c_void_p),
        ("binary_info", ctypes.c_void_p),
        ("metadata", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


class _Graph(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("inputs", ctypes.c_uint32),
        ("input", ctypes.c_void_p),
        ("outputs", ctypes.c_uint32),
        ("output", ctypes.c_void_p),
        ("updateables", ctypes.c_uint32),
        ("updateable", ctypes.c_void_p),
        ("blob_size", ctypes.c_uint32),
        ("blob", ctypes.c_void_p),
        ("start", ctypes.c_uint32),
        ("end", ctypes.c_uint32),
    )


class _Binary(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint64),  # 32 bits, and as many to align the union that follows
        ("backend", ctypes.c_uint32),
        ("build", ctypes.c_char_p),
        ("core_api", _Version),
        ("backend_api", _Version),
        ("soc_version", ctypes.c_char_p),
        ("blob_version", _Version),
        ("blob_size", ctypes.c_uint64),
        ("tensors", ctypes.c_uint32),
        ("tensor", ctypes.c_void_p),
        ("graphs", ctypes.c_uint32),
        ("graph", ctypes.POINTER(_Graph)),
    )


class _Sizes(ctypes.Structure):
    """What the HTP adds to a graph: the first version, and behind it, since 2.40, a second."""

    _fields_ = (
        ("version", ctypes.c_uint32),
        ("spill_fill", ctypes.c_uint64),
        ("vtcm", ctypes.c_uint32),
        ("optimisation", ctypes.c_uint32),
        ("dlbc", ctypes.c_uint8),
        ("hvx_threads", ctypes.c_uint64),
    )


class _MoreSizes(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint32),
        ("k_tile", ctypes.c_uint64),
        ("v_tile", ctypes.c_uint64),
        ("shares_io", ctypes.c_uint32),
        ("io", ctypes.c_uint64),
        ("op_data", ctypes.c_uint64),
        ("constants", ctypes.c_uint64),
        ("ddr_tensors", ctypes.c_uint64),
        ("shared_weights", ctypes.c_uint64),
    )


def compiled_in(folder: Path, library: Path) -> Compiled:
    """Of all contexts in ``folder``; ``library`` is ``libQnnSystem``. Sizes of several graphs are added, but for VTCM,
    of which each graph has the whole while it runs."""
    binaries = [path.read_bytes() for path in sorted(folder.glob("*.bin"))]
    if not binaries:
        return Compiled()
    told = [_told(data, library) for data in binaries]
    size = sum(len(data) for data in binaries)
    program = _program(binaries, [blob for blob, _ in told])
    sizes = [one for _, graphs in told for one in graphs]
    if not sizes or any(not graphs for _, graphs in told):
        return Compiled(size_bytes=size, program_sha256=program)
    more = [second for _, second in sizes]
    return Compiled(
        size_bytes=size,
        spill_fill_bytes=sum(int(first.spill_fill) for first, _ in sizes),
        vtcm_of_chip_bytes=_of_chip(binaries),
        vtcm_bytes=max(_bytes(int(first.vtcm)) for first, _ in sizes) or None,
        constant_bytes=sum(int(one.constants + one.shared_weights) for one in more if one) if all(more) else None,
        io_bytes=sum(int(one.io) for one in more if one) if all(more) else None,
        program_sha256=program,
    )


def _of_chip(binaries: Sequence[bytes]) -> int | None:
    found = {int(match[1]) for data in binaries for match in OF_CHIP.finditer(data)}
    return found.pop() if len(found) == 1 else None


def _bytes(vtcm: int) -> int:
    return vtcm if vtcm >= LEAST_BYTES else vtcm << 20


def _program(binaries: Sequence[bytes], blobs: Sequence[int]) -> str:
    """The checksum of the programs; empty where one cannot be told from what stands around it."""
    digest = sha256()
    for data, blob in zip(binaries, blobs, strict=True):
        if not 0 < blob <= len(data):
            return ""
        program = data[len(data) - blob :]
        texts = list(_configurations(program))
        if not texts:
            return ""
        last = 0
        for start, end in texts:
            digest.update(program[last:start])
            last = end
        digest.update(program[last:])
        digest.update(b"\x00next\x00")
    return digest.hexdigest()


def _configurations(program: bytes) -> Iterator[tuple[int, int]]:
    """Where the compiler's configuration stands, with the zeros that fill it up."""
    at = 0
    while (start := program.find(FIRST, at)) >= 0:
        end = program.find(b"\x00", start)
        end = len(program) if end < 0 else end
        if PART in program[start:end]:
            while end < len(program) and program[end] == 0:
                end += 1
            yield start, end
        at = max(end, start + 1)


@cache
def _interface(library: Path) -> _Interface | None:
    """The functions of the library; ``None`` where it is missing, or of another version."""
    try:
        loaded = ctypes.CDLL(str(library))
        providers, count = ctypes.POINTER(ctypes.POINTER(_Interface))(), ctypes.c_uint32()
        status = loaded.QnnSystemInterface_getProviders(ctypes.byref(providers), ctypes.byref(count))
    except (OSError, AttributeError):
        return None
    if status or not count.value:
        return None
    found = providers[0].contents
    return found if found.version.major == INTERFACE_VERSION and found.create and found.metadata else None


def _told(data: bytes, library: Path) -> tuple[int, list[tuple[_Sizes, _MoreSizes | None]]]:
    """Size of the program in ``data``, and what is stated of each graph; nothing where the context cannot be read."""
    interface = _interface(library)
    if interface is None:
        return 0, []
    handle, binary = ctypes.c_void_p(), ctypes.POINTER(_Binary)()
    create = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.POINTER(ctypes.c_void_p))(interface.create)
    read = ctypes.CFUNCTYPE(
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_uint64,
        ctypes.POINTER(ctypes.POINTER(_Binary)),
    )(interface.metadata)
    free = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(interface.free)
    if create(ctypes.byref(handle)):
        return 0, []
    try:
        if read(handle, data, len(data), ctypes.byref(binary)) or not binary:
            return 0, []
        found = binary.contents
        if found.version & 0xFFFFFFFF != BINARY_VERSION:
            return 0, []
        graphs = [found.graph[index] for index in range(found.graphs)]
        sizes = [_sizes(graph) for graph in graphs]
        return int(found.blob_size), [one for one in sizes if one is not None] if None not in sizes else []
    finally:
        free(handle)


def _sizes(graph: _Graph) -> tuple[_Sizes, _MoreSizes | None] | None:
    """Copies: the library frees its own."""
    if graph.version != GRAPH_VERSION or not graph.blob or graph.blob_size < ctypes.sizeof(_Sizes):
        return None
    blob = ctypes.string_at(graph.blob, graph.blob_size)
    first = _Sizes.from_buffer_copy(blob)
    if first.version != BLOB_VERSION:
        return None
    if len(blob) < ctypes.sizeof(_Sizes) + ctypes.sizeof(_MoreSizes):
        return first, None
    second = _MoreSizes.from_buffer_copy(blob, ctypes.sizeof(_Sizes))
    return first, second if second.version == BLOB_VERSION + 1 else None
