"""Opens a bundle, zipped or unpacked: its files in a private folder for as long as they are needed."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO

from msgspec import Struct

from bench.bundle.archive import (
    CHUNK_BYTES,
    MOST_BUNDLE_BYTES,
    MOST_FILES,
    contents,
    looks_like_archive,
    members_in,
    refuse_names,
)
from bench.bundle.names import MOST_PARTS
from bench.bundle.refused import NAMES, SIZES, refused
from bench.errors import InputError
from bench.reading import exists, is_file, is_folder
from bench.scratch import scratch_folder, sweep
from bench.words import sentence

PREFIX = "odb-bundle-"
DATA = "data"
MODELS = f"{DATA}/models/"
TAGS = ("bagit.txt", "manifest-sha256.txt")
"""By one of these a file or a folder is known as a bundle."""
SPARE_BYTES = 1 << 26
MOST_BESIDE_MODELS_BYTES = 1 << 32
"""Of everything but models together: records with the most samples that are read, a few hundred of them."""


class BundledFile(Struct, frozen=True):
    """``name``: relative to the bundle's top folder, with ``/``."""

    name: str
    size_bytes: int
    sha256: str


class Bundle(Struct, frozen=True):
    """A bundle's content in ``folder``, which exists as long as the bundle is open. ``name``: of its top folder.
    ``files``: by name, all there are; those of models are in ``folder`` only if they were asked for. ``zipped``: false
    of an unpacked one. ``sha256``: of its manifest, which covers every file in ``data``; empty without one."""

    name: str
    folder: Path
    files: Mapping[str, BundledFile]
    zipped: bool

    @property
    def data(self) -> Path:
        """The submission's folder, as ``bench.submission.assessment.assess`` takes it."""
        return self.folder / DATA

    @property
    def sha256(self) -> str:
        manifest = self.files.get("manifest-sha256.txt")
        return manifest.sha256 if manifest is not None else ""


@contextmanager
def open_bundle(path: Path, *, with_models: bool = True, with_parts: bool = False) -> Iterator[Bundle]:
    """The bundle at ``path``, a zip or a folder, copied to a private folder that is removed at the end. Nothing is
    checked but that it can be read safely; see ``bench.bundle.verification``. ``with_models``: whether the files of
    models are copied, too; ``with_parts``: if not, those of models of several files, whose common hash is known only
    from their contents.

    Raises ``InputError`` for what is no bundle, and ``RefusedBundle`` for an archive that is not byte for byte as
    ``odb pack`` writes it, for links, and for names that lead out of the folder or that some system cannot keep apart.
    """
    sweep(PREFIX)
    if is_folder(path):
        with scratch_folder(PREFIX) as scratch:
            yield _from_folder(path, scratch / "bundle", with_models, with_parts)
    else:
        with _opened(path) as stream, scratch_folder(PREFIX) as scratch:
            yield _from_archive(stream, scratch, with_models, with_parts)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if not is_file(path):
        code = "bundle.not_a_file" if exists(path) else "bundle.no_such_file"
        raise InputError(sentence(code, path=path), sentence("bundle.give_bundle"))
    with path.open("rb") as stream:
        if not looks_like_archive(stream):
            raise _no_bundle(path)
        yield stream


def _no_bundle(path: Path) -> InputError:
    return InputError(sentence("bundle.not_a_bundle", path=path), sentence("bundle.give_bundle"))


def _from_archive(stream: BinaryIO, scratch: Path, with_models: bool, with_parts: bool) -> Bundle:
    members = members_in(stream)
    tops = {member.name.partition("/")[0] for member in members}
    if len(tops) != 1 or any("/" not in member.name for member in members):
        raise refused(
            NAMES, "", sentence("bundle.several_tops", names=sorted(tops)[:5]), sentence("bundle.name_remedy")
        )
    (top,) = tops
    sizes = {member.name.removeprefix(f"{top}/"): member.size_bytes for member in members}
    _refuse_large(sizes)
    names = {member.name: member.name.removeprefix(f"{top}/") for member in members}
    copied = _copied_names(names.values(), with_models, with_parts)
    _refuse_full_disk(scratch, sum(m.size_bytes for m in members if names[m.name] in copied))
    files = {}
    for member, chunks in contents(stream, members):
        name = names[member.name]
        files[name] = _copied(name, chunks, scratch / "bundle" if name in copied else None)
    return Bundle(top, scratch / "bundle", files, zipped=True)


def _refuse_large(sizes: Mapping[str, int]) -> None:
    """Raise ``RefusedBundle`` where the files beside the models are larger than any records are."""
    if sum(size for name, size in sizes.items() if not name.startswith(MODELS)) > MOST_BESIDE_MODELS_BYTES:
        told = sentence("bundle.too_large_beside_models", most_bytes=MOST_BESIDE_MODELS_BYTES)
        raise refused(SIZES, "", told, sentence("bundle.ask_smaller"))


def _copied_names(names: Iterable[str], with_models: bool, with_parts: bool) -> set[str]:
    """The files that are written to the private folder."""
    found = [*names]
    counted = Counter(name.split("/")[2] for name in found if name.startswith(MODELS))
    several = {model for model, count in counted.items() if with_parts and count > 1}
    return {name for name in found if with_models or not name.startswith(MODELS) or name.split("/")[2] in several}


def _refuse_full_disk(folder: Path, size_bytes: int) -> None:
    free_bytes = disk_usage(folder).free
    if size_bytes + SPARE_BYTES > free_bytes:
        message = sentence("bundle.disk_full", folder=folder.parent, size_bytes=size_bytes, free_bytes=free_bytes)
        raise InputError(message, sentence("bundle.disk_full.remedy"))


def _copied(name: str, chunks: Iterable[bytes], folder: Path | None) -> BundledFile:
    """The facts of the file that ``chunks`` give; it is written below ``folder``, unless that is ``None``."""
    digest, size_bytes = sha256(), 0
    place = Path(os.devnull) if folder is None else folder / name
    if folder is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as copy:
        for chunk in chunks:
            digest.update(chunk)
            size_bytes += len(chunk)
            copy.write(chunk)
    return BundledFile(name, size_bytes, digest.hexdigest())


# ------------------------------------------------------------------------------------------------ an unpacked bundle


def _from_folder(path: Path, copy: Path, with_models: bool, with_parts: bool) -> Bundle:
    if not any(is_file(path / name) for name in TAGS):
        raise _no_bundle(path)
    sizes = dict(islice(_walked(path, ""), MOST_FILES + 1))
    refuse_names([*sizes])
    if len(sizes) > MOST_FILES or sum(sizes.values()) > MOST_BUNDLE_BYTES:
        told = sentence("bundle.too_large", most_bytes=MOST_BUNDLE_BYTES)
        raise refused(SIZES, "", told, sentence("bundle.ask_smaller"))
    _refuse_large(sizes)
    copied = _copied_names(sizes, with_models, with_parts)
    _refuse_full_disk(copy.parent, sum(sizes[name] for name in copied))
    files = {
        name: _copied(name, _of_file(path / name, sizes[name]), copy if name in copied else None)
        for name in sorted(sizes, key=str.encode)
    }
    return Bundle(path.resolve().name, copy, files, zipped=False)


def _walked(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    """The files below ``folder`` with their sizes. Raises ``RefusedBundle`` for links, pipes and devices."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                if prefix.count("/") >= MOST_PARTS:
                    raise refused(NAMES, name, sentence("bundle.name_too_long"), sentence("bundle.name_remedy"))
                yield from _walked(folder / entry.name, f"{name}/")
            elif stat.S_ISREG(facts.st_mode):
                yield name, facts.st_size
            else:
                raise refused(NAMES, name, sentence("bundle.not_plain"), sentence("bundle.not_plain.remedy"))


def _of_file(path: Path, size_bytes: int) -> Iterator[bytes]:
    """The content, never more of it than there was when it was listed, nor through a link made since."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        left = size_bytes
        while left and (chunk := stream.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
