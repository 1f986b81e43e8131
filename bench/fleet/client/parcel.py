"""What goes with an order: the files that one model of a suite needs, by hash, and how the suite names them there.

A built-in model and a built-in dataset need no files: every device makes them. Names are relative to the order's
folder, with ``/``: ``model/net.onnx``, ``dataset/labels.json``.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.bundle.names import wrong_name
from bench.contracts.quantising.stated import sidecar_of
from bench.digest import sha256_of_file
from bench.errors import InputError
from bench.fleet.orders import OrderFile
from bench.reading import is_folder
from bench.suite.built_in_datasets import BUILT_IN
from bench.suite.suite import ModelAsk
from bench.suite.text_files import files_beside
from bench.words import sentence

MOST_FILES = 200_000


class Parcel(Struct, frozen=True):
    """``ask``: the model as the order's suite names it. ``files``: what it needs, and ``places``: where each of them
    is here, by its hash. ``code``: those of ``files`` that are plugins."""

    ask: ModelAsk
    files: tuple[OrderFile, ...] = ()
    places: dict[str, Path] = {}
    code: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of all files, those of the same content once."""
        return sum({file.sha256: file.size_bytes for file in self.files}.values())


def parcel_of(ask: ModelAsk, read: Sequence[Path] = (), plugins: Sequence[Path] = ()) -> Parcel:
    """``read``: the files that were read of the user's own model; none of a built-in. ``plugins``: plugin files that it
    needs. Raises ``InputError`` for a file that cannot be read or lies outside the folder of its model."""
    packing = _Packing()
    named = replace(
        ask,
        source=packing.model(ask.source, read) if read else ask.source,
        inputs={name: packing.one(f"inputs/{n}", Path(path)) for n, (name, path) in enumerate(ask.inputs.items())},
        prompts=packing.one("prompts", Path(ask.prompts)) if ask.prompts else "",
        dataset=packing.dataset(ask.dataset),
        reference=packing.model_like("reference", Path(ask.reference)) if ask.reference else "",
        pipeline_inputs=packing.any("pipeline", Path(ask.pipeline_inputs)) if ask.pipeline_inputs else "",
    )
    code = tuple(packing.one("plugins", plugin) for plugin in plugins)
    return replace(packing.parcel(named), code=code)


class _Packing:
    """Collects files under their names in the order's folder."""

    def __init__(self) -> None:
        self._named: dict[str, Path] = {}

    def parcel(self, ask: ModelAsk) -> Parcel:
        files, places = [], {}
        for name, path in self._named.items():
            try:
                sha256, size_bytes = sha256_of_file(path), path.stat().st_size
            except OSError as error:
                told = sentence("reading.cannot_be_read", said=str(path), value=error.strerror or error)
                raise InputError(told) from None
            files.append(OrderFile(name=name, sha256=sha256, size_bytes=size_bytes))
            places[sha256] = path
        return Parcel(ask, tuple(files), places)

    def one(self, room: str, file: Path) -> str:
        """A file by its own name; returns the name in the order's folder."""
        return self._add(f"{room}/{file.name}", file)

    def any(self, room: str, path: Path) -> str:
        """A file, or a folder with all that is in it."""
        return self._folder(room, path) if is_folder(path) else self.one(room, path)

    def dataset(self, named: str) -> str:
        if not named or (named in BUILT_IN and not is_folder(Path(named))):
            return named
        return self._folder("dataset", Path(named))

    def model(self, source: str, read: Sequence[Path]) -> str:
        """The model's own files, and those beside it. ``read``: those that were read of it."""
        path = Path(source)
        if is_folder(path) or path.suffix.lower() == ".safetensors":
            name = self.model_like("model", path)
        else:
            name = self._with_company("model", path, read)
        return name

    def model_like(self, room: str, path: Path) -> str:
        """A model that nobody has read yet: with what usually belongs to it."""
        if is_folder(path):
            return self._folder(room, path)
        if path.suffix.lower() == ".safetensors":
            return f"{self._folder(room, path.absolute().parent)}/{path.name}"
        return self._with_company(room, path, _usual_company(path))

    def _with_company(self, room: str, path: Path, company: Sequence[Path]) -> str:
        path = path.absolute()
        base = path.parent.parent if path.parent.name == "onnx" else path.parent
        extra = [*files_beside(path), sidecar_of(path)]
        for file in (path, *company, *(one for one in extra if one.is_file())):
            inside = os.path.relpath(file.absolute(), base)
            if inside.startswith("..") or os.path.isabs(inside):
                raise InputError(sentence("fleet.client.file_outside", file=file.name, model=path.name))
            self._add(f"{room}/{Path(inside).as_posix()}", file)
        return f"{room}/{path.relative_to(base).as_posix()}"

    def _folder(self, room: str, folder: Path) -> str:
        """All files of a folder, but hidden ones; returns the folder's name in the order's."""
        folder = folder.absolute()
        name = f"{room}/{Path(os.path.normpath(folder)).name}"
        for file in _below(folder):
            self._add(f"{name}/{file.relative_to(folder).as_posix()}", file)
        return name

    def _add(self, name: str, file: Path) -> str:
        wrong = wrong_name(name)
        if wrong is not None:
            raise InputError(wrong, sentence("fleet.client.rename", file=file.name))
        self._named[name] = file
        if len(self._named) > MOST_FILES:
            told = sentence("fleet.client.too_many_files", most=MOST_FILES)
            raise InputError(told, sentence("fleet.client.too_many_files.remedy"))
        return name


def _usual_company(path: Path) -> list[Path]:
    """Weights beside a graph: ``.bin`` of an IR, ``.data`` of an ONNX file."""
    usual = (path.with_suffix(".bin"), path.with_name(f"{path.name}.data"), path.with_name(f"{path.name}_data"))
    return [file for file in usual if file.is_file()]


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))
