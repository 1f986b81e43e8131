"""Finds the files that a record names: by their hash, near the record and in the current folder.

A record names files without their folders; a name that leads elsewhere is refused. What came with a record or a suite
is taken only where it lies in its folder, not through a link out of it, and only with the hash that the record states.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path, PureWindowsPath

from msgspec import Struct

from bench.digest import sha256_of_file, sha256_of_files
from bench.errors import InputError
from bench.reading import refuse_outside
from bench.record.asked import NamedFile
from bench.words import Sentence, sentence

DEPTH = 3
"""How many folders deep the current folder is searched."""
MOST_ENTRIES = 5_000
SUFFIXES = {"onnx": (".onnx",), "openvino_ir": (".xml",), "tflite": (".tflite",)}
MADE_FROM = (".gguf", ".safetensors")
"""Files with weights and no graph: a model is made from them."""


def is_made_from(source: Path) -> bool:
    """Whether a model's files are made from it: a file, or a folder with files, that hold weights and no graph. Only
    then a precision can be chosen."""
    files = _entries(source) if source.is_dir() else [source]
    return any(file.suffix.lower() in MADE_FROM and not file.name.startswith(".") for file in files)


class NotFound(InputError):
    """A file that a record names lies nowhere that was searched, or only another of its name does."""


class Places(Struct, frozen=True):
    """Where to look. ``own``: folders of the user, the current one first. ``sent``: folders that may come from other
    people: the record's, the suite's, and those in the suite's paths, even if one of them is also the user's.
    ``files``: files that the user or the suite named, which are always opened. ``only_files``: do not search for the
    model elsewhere."""

    own: tuple[Path, ...]
    sent: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    only_files: bool = False

    def named(self, name: str) -> Iterator[Path]:
        """Files and folders of that name."""
        yield from (file for file in self.files if file.name == name)
        for place in (*self.own, *self.sent):
            if (place / name).exists() and self._may_be_taken(place / name, place):
                yield place / name

    def of_kind(self, suffixes: Sequence[str]) -> Iterator[Path]:
        """Files that end so, in the places themselves, then below the current folder."""
        yield from (file for file in self.files if file.suffix.lower() in suffixes)
        for place in (*self.own, *self.sent):
            yield from (
                file
                for file in _entries(place)
                if file.suffix.lower() in suffixes and file.is_file() and self._may_be_taken(file, place)
            )
        yield from _below(self.own[0], suffixes)

    def links_out(self, name: str) -> list[Path]:
        """What is there under that name, and is not taken because it leads out of a folder that was sent."""
        there = ((place, place / name) for place in (*self.own, *self.sent))
        return [file for place, file in there if file.exists() and not self._may_be_taken(file, place)]

    def _may_be_taken(self, file: Path, place: Path) -> bool:
        """A link of the user's may lead anywhere, one in a folder that was sent only within it."""
        sent = {folder.resolve() for folder in self.sent}
        return place.resolve() not in sent or file.resolve().is_relative_to(place.resolve())


def found_file(named: NamedFile, origin: str, places: Places, flag: str) -> Path:
    """The file of that hash, under its name or another; a folder, which has none, by its name. ``origin``: the record's
    field; ``flag``: with which the user may name it himself. Raises ``NotFound``, and ``InputError`` for a name that
    leads elsewhere."""
    name = checked_name(named.name, origin)
    there = list(places.named(name))
    if named.sha256 is None:
        if there:
            return there[0]
    else:
        suffixes = (Path(name).suffix.lower(),)
        for file in (*there, *places.of_kind(suffixes)):
            if file.is_file() and _is_it(file, named):
                return file
    if there:
        raise NotFound(
            sentence("suite.not_record_sha_differs", origin=origin, there=there[0], name=name),
            sentence("suite.name_it", flag=flag),
        )
    raise NotFound(
        sentence("text.at", where=origin, message=missing(name, places)),
        sentence("suite.put_into_current_folder", name=name, flag=flag),
    )


def missing(name: str, places: Places) -> Sentence:
    """Where a file was looked for, and what was found there and not taken."""
    said = sentence("suite.file_not_found_nearby", name=name)
    links = places.links_out(name)
    return sentence("suite.link_leads_out", said=said, links=links[0]) if links else said


def checked_name(name: str, origin: str) -> str:
    """``name`` if it is a file's name without a folder. Raises ``InputError`` naming ``origin``."""
    refuse_outside(name, origin=origin)
    if not name or name in (".", "..") or name != PureWindowsPath(name).name or name != Path(name).name:
        raise InputError(sentence("suite.not_a_file_name", origin=origin, name=name), sentence("suite.record_edited"))
    return name


def found_model(names: Sequence[str], sha256: str, size_bytes: int | None, origin: str, places: Places) -> Path:
    """The model file of that hash, first under one of ``names``. A model whose hash is known only after it is prepared
    (a folder, weights in separate files) is found by its name. Raises ``InputError``."""
    for name in names:
        checked_name(name, origin)
    by_name = [file for name in names for file in places.named(name)]
    suffixes = {Path(name).suffix.lower() for name in names} - {""}
    others = places.of_kind(tuple(suffixes))
    if places.only_files:
        by_name, others = list(places.files), iter(())
    unproven: list[Path] = []
    for file in chain(by_name, others):
        proof = _proof(file, sha256, size_bytes)
        if proof:
            return file
        if proof is None and file in by_name:
            unproven.append(file)
    if unproven:
        return unproven[0]
    remedy = sentence("suite.name_base_model")
    if by_name:
        wrong = by_name[0]
        begins = sha256_of_files(model_files(wrong))[:12] if wrong.is_file() else "otherwise"
        raise InputError(
            sentence(
                "suite.not_the_file_measured",
                origin=origin,
                wrong_name=wrong.name,
                begins=begins,
                sha256=sha256[:12],
            ),
            remedy,
        )
    raise InputError(sentence("text.at", where=origin, message=missing(names[0], places)), remedy)


def _is_it(file: Path, named: NamedFile) -> bool:
    try:
        alike = named.size_bytes in (None, file.stat().st_size)
        return alike and sha256_of_file(file) == named.sha256
    except OSError:
        return False


def _proof(file: Path, sha256: str, size_bytes: int | None) -> bool | None:
    """Whether it is that model; ``None`` if this is known only after preparing it."""
    if file.is_dir():
        return None
    try:
        if file.suffix.lower() == ".safetensors":  # the hash is that of all files of its folder
            return None
        parts = model_files(file)
        size = sum(part.stat().st_size for part in parts)
        if size_bytes is not None and size != size_bytes:
            return None if size < size_bytes and file.suffix.lower() == ".onnx" else False
        return sha256_of_files(parts) == sha256
    except OSError:
        return False


def model_files(file: Path) -> tuple[Path, ...]:
    """The file, and the weights of an OpenVINO IR."""
    weights = file.with_suffix(".bin")
    return (file, weights) if file.suffix.lower() == ".xml" and weights.is_file() else (file,)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _below(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Files that end so, some folders deep, in the order of their names; not in hidden folders, nor through links."""
    left = MOST_ENTRIES
    for place, folders, files in os.walk(folder):
        deep = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if deep < DEPTH else []
        left -= len(files) + len(folders)
        found = (Path(place) / file for file in sorted(files) if Path(file).suffix.lower() in suffixes)
        yield from (file for file in found if not file.is_symlink())
        if left <= 0:
            return
