"""What the user's own files have in common, whatever their format. Messages carry file names, never folders."""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.contracts import Artifact, DecoderSpec, Format, GraphFacts, ModelRequest
from bench.contracts.names import file_model_id
from bench.contracts.quantising.stated import lineage_of
from bench.digest import sha256_of
from bench.errors import InputError
from bench.reading import is_file, is_folder
from bench.words import Sentence, sentence, words_of

DAMAGED = sentence("model.download_or_export_again")
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
    b"\xff\xd8\xff": "model.contents.jpeg",
    b"\x89PNG": "model.contents.png",
    b"PK\x03\x04": "model.contents.zip",
    b"<?xml": "model.contents.xml",
    b"<net": "model.contents.ir",
    b"<!DOC": "model.contents.web_page",
    b"<html": "model.contents.web_page",
}


def contents(path: Path) -> Sentence | str:
    """What the file's first bytes show it to be, to be added to a message; empty if they do not show it."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if start[4:8] == b"TFL3":
        return sentence("model.contents.tflite")
    return next((sentence(code) for bytes_, code in SIGNATURES.items() if start.startswith(bytes_)), "")


def not_a_file_of(path: Path, kind: str) -> Sentence:
    """That the file is none of ``kind`` (``onnx``, ``tflite``), and what it is, if its first bytes show that."""
    what = contents(path)
    if what:
        return sentence(f"model.not_a_file_but.{kind}", file=path.name, what=what)
    return sentence(f"model.not_a_file.{kind}", file=path.name)


@contextmanager
def reading(path: Path, kind: Sentence | str) -> Iterator[None]:
    """Whatever fails in the block for the file's contents becomes an ``InputError`` that says so."""
    try:
        yield
    except READING_ERRORS as error:
        raise InputError(
            sentence("model.damaged_file", file=path.name, kind=kind, error=words_of(error)), DAMAGED
        ) from error


def checked_file(request: ModelRequest, file_format: Format) -> Path:
    """The path the request names. Raises ``InputError`` unless it is a file with content, to be read as
    ``file_format``."""
    path = Path(request.source)
    if request.format not in (None, file_format):
        raise InputError(
            sentence("model.another_format", file=path.name, file_format=file_format, format=request.format),
            sentence("model.leave_format_out", format=request.format),
        )
    if is_folder(path):
        raise InputError(sentence("model.is_a_folder", file=path.name), sentence("model.name_model_file_inside"))
    if not is_file(path):
        raise InputError(sentence("model.no_such_file", file=path.name), sentence("model.check_path"))
    try:
        with path.open("rb") as stream:
            start = stream.read(len(LFS_POINTER))
    except OSError as error:
        raise InputError(sentence("model.cannot_be_read", file=path.name, strerror=error.strerror)) from None
    if not start:
        raise InputError(sentence("model.empty", file=path.name), sentence("model.download_export_again"))
    if start == LFS_POINTER:
        raise InputError(sentence("model.git_lfs_pointer", file=path.name), sentence("model.fetch_with_git_lfs"))
    return path


def file_artifact(
    request: ModelRequest,
    file_format: Format,
    files: tuple[Path, ...],
    precision: str,
    facts: GraphFacts,
    shapes: Mapping[str, tuple[int, ...]],
    decoder: DecoderSpec | None = None,
    lineage: str = "",
) -> Artifact:
    """The artifact of the user's ``files``, the one to open first. Its id is that file's (``bench.contracts.names``).
    ``lineage``: what the file itself states of it.

    Raises ``InputError`` when a precision was asked for that is not the file's.
    """
    path = files[0]
    if request.precision not in (None, precision):
        code = "model.weights_in_another_precision" if precision else "model.weights_of_unknown_type"
        raise InputError(
            sentence(code, file=path.name, precision=precision, asked=request.precision),
            sentence("model.leave_precision_out"),
        )
    sha256 = sha256_of(files)
    return Artifact(
        model_id=file_model_id(path),
        task="text_generation" if decoder else "tensor",
        format=file_format,
        precision=precision,
        path=path,
        files=files,
        sha256=sha256,
        size_bytes=sum(file.stat().st_size for file in files),
        facts=facts,
        shapes={} if decoder else dict(shapes),
        decoder=decoder,
        lineage=lineage_of(path, sha256, lineage),
    )


def stored_precision(weights: str | None, facts: GraphFacts) -> str:
    """The weights' precision; of a graph without weights, its first input's type."""
    return weights or (facts.inputs[0].dtype if facts.inputs else "float32")
