"""Compiled contexts in a compile cache, and whether one is what would be compiled now.

The provider opens any context that it is given: one for another SoC runs on the emulator as if it were the right one,
and nothing shows that a file has changed since it was written. So a context is kept with what it was made of (the
model, its shapes, options, SoC and versions) and the hash of each of its files. Where one of them differs, or a file is
missing, the graph is compiled again, and the cache counts as cold.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.contracts import Artifact, CompileCache
from bench.digest import sha256_of_file
from bench.entry_points import versions
from bench.reading import NOT_DECODED

DISTRIBUTIONS = ("onnxruntime", "onnxruntime-qnn")
Key = dict[str, object]


def key_of(
    artifact: Artifact,
    options: Mapping[str, str],
    dimensions: Mapping[str, int] | None,
    backend: Path,
    soc: str,
) -> Key:
    """What a context is made of. ``options``: of session and provider. ``dimensions``: sizes of symbolic dimensions;
    ``None``: the artifact's shapes are fixed. ``backend``: the library that compiles; ``soc``: that it compiles for."""
    return {
        "model": artifact.sha256,
        "shapes": {name: list(shape) for name, shape in sorted(artifact.shapes.items())},
        "dimensions": dict(sorted((dimensions or {}).items())),
        "options": dict(sorted(options.items())),
        "soc": soc,
        "versions": versions(DISTRIBUTIONS),
        "backend": [backend.name, backend.stat().st_size if backend.is_file() else 0],
    }


class KeptContext:
    """The context of the graph ``name`` in ``folder``. ``found``: it is there, whole, and of this ``key``."""

    def __init__(self, folder: Path, name: str, key: Key) -> None:
        self._folder, self._name, self._key = folder, name, key
        self.path = folder / f"{name}_ctx.onnx"
        self._seal = folder / f"{name}_ctx.json"
        self.found = self._is_whole()
        if not self.found:
            self._remove()

    def options(self) -> dict[str, str]:
        """Session options that have it written, where it was not found."""
        return {} if self.found else {"ep.context_enable": "1", "ep.context_file_path": str(self.path)}

    def keep(self) -> None:
        """To be called when the session has written it."""
        if not self.found and self.path.is_file():
            told = {"key": self._key, "files": {file.name: sha256_of_file(file) for file in self._files()}}
            self._seal.write_text(json.dumps(told), encoding="utf-8")

    def _files(self) -> list[Path]:
        """The graph, and the binary beside it where that is not embedded."""
        return sorted(file for file in self._folder.glob(f"{self._name}_ctx*") if file != self._seal)

    def _is_whole(self) -> bool:
        try:
            told = json.loads(self._seal.read_bytes())
            if told["key"] != json.loads(json.dumps(self._key)):
                return False
            held: Mapping[str, str] = told["files"]
            return self.path.name in held and all(
                sha256_of_file(self._folder / Path(name).name) == sha256 for name, sha256 in held.items()
            )
        except (OSError, *NOT_DECODED, KeyError, TypeError, AttributeError):
            return False

    def _remove(self) -> None:
        """What is left of another: the provider does not write over a file."""
        for file in (self._seal, *self._files()):
            file.unlink(missing_ok=True)


def state_of(contexts: Sequence[KeptContext | None]) -> CompileCache:
    """``warm`` where all contexts of a session were found. To be asked before they are compiled."""
    kept = [context for context in contexts if context is not None]
    if not kept:
        return "none"
    return "warm" if all(context.found for context in kept) else "cold"


def keep(contexts: Sequence[KeptContext | None]) -> None:
    """Keep those that a session has written, outside of anything timed."""
    for context in contexts:
        if context is not None:
            context.keep()
