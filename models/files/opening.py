"""What the user's own files have in common, whatever their format. Messages carry file names, never folders."""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.contracts import Artifact, DecoderSpec, Format, GraphFacts, ModelRequest
from bench.contracts.names import file_model_id
from bench.digest import sha256_of
from bench.errors import InputError
from bench.reading import is_file, is_folder

DAMAGED = "Download or export it again; a file cut short is the usual cause."
LFS_POINTER = b"version https://git-lfs"
# What readers raise where an offset leads out of the file, a name is no text, a node lacks what its operator must have.
READING_ERRORS = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


# first bytes of what is mistaken for a model, and what it is
SIGNATURES = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"<?xml": "XML, as an OpenVINO IR; name it .xml",
    b"<net": "an OpenVINO IR; name it .xml",
    b"<!DOC": "a web page, not the download itself",
    b"<html": "a web page, not the download itself",
}


def contents(path: Path) -> str:
    """The actual type of the file, to be added to a message; empty if its first bytes do not show it."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if start[4:8] == b"TFL3":
        return ", it holds a TFLite model; name it .tflite"
    return next((f", it holds {what}" for bytes_, what in SIGNATURES.items() if start.startswith(bytes_)), "")


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Whatever fails in the block for the file's contents becomes an ``InputError`` that says so."""
    try:
        yield
    except READING_ERRORS as error:
        raise InputError(f"{path.name}: is a damaged {kind} file: {error}", DAMAGED) from error


def checked_file(request: ModelRequest, file_format: Format) -> Path:
    """The path the request names. Raises ``InputError`` unless it is a file with content, to be read as
    ``file_format``."""
    path = Path(request.source)
    if request.format not in (None, file_format):
        raise InputError(
            f"{path.name}: is {file_format}, asked for as {request.format}",
            f"Leave the format out, or convert the file to {request.format} first.",
        )
    if is_folder(path):
        raise InputError(f"{path.name}: is a folder", "Name the model file inside it.")
    if not is_file(path):
        raise InputError(f"{path.name}: no such file", "Check the path; it is relative to the current folder.")
    try:
        with path.open("rb") as stream:
            start = stream.read(len(LFS_POINTER))
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read: {error.strerror}") from None
    if not start:
        raise InputError(f"{path.name}: is empty", "Download or export it again.")
    if start == LFS_POINTER:
        raise InputError(f"{path.name}: is a Git LFS pointer, not the model itself", "Fetch it with: git lfs pull")
    return path


def file_artifact(
    request: ModelRequest,
    file_format: Format,
    files: tuple[Path, ...],
    precision: str,
    facts: GraphFacts,
    shapes: Mapping[str, tuple[int, ...]],
    decoder: DecoderSpec | None = None,
) -> Artifact:
    """The artifact of the user's ``files``, the one to open first. Its id is that file's (``bench.contracts.names``).

    Raises ``InputError`` when a precision was asked for that is not the file's.
    """
    path = files[0]
    if request.precision not in (None, precision):
        raise InputError(
            f"{path.name}: its weights are {precision or 'of a type that it does not tell'}, asked for in "
            f"{request.precision}",
            "Leave the precision out, or convert the file first.",
        )
    return Artifact(
        model_id=file_model_id(path),
        task="text_generation" if decoder else "tensor",
        format=file_format,
        precision=precision,
        path=path,
        files=files,
        sha256=sha256_of(files),
        size_bytes=sum(file.stat().st_size for file in files),
        facts=facts,
        shapes={} if decoder else dict(shapes),
        decoder=decoder,
    )


def stored_precision(weights: str | None, facts: GraphFacts) -> str:
    """The weights' precision; of a graph without weights, its first input's type."""
    return weights or (facts.inputs[0].dtype if facts.inputs else "float32")
