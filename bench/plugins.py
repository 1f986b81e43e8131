"""Finds plugins late: by entry point, or in a file given with ``--plugin``.

``discover`` reads only names and does not import plugins, so listing is cheap. ``load`` imports one. A plugin file
declares what it offers in a module-level dict, by kind and name::

    PLUGINS = {"targets": {"mychip": MyChip}, "models": {"tiny": Tiny}}
"""

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from bench.entry_points import entry_points
from bench.errors import InputError, OdbError, PluginError, UnknownName
from bench.words import sentence

Kind = Literal[
    "models",
    "targets",
    "reports",
    "sensors",
    "scenarios",
    "dossiers",
    "reviews",
    "gates",
    "histories",
    "preflights",
    "tunings",
    "runners",
    "quantisers",
    "quantisations",
    "racks",
]
DISTRIBUTION = "ondevice-bench"
KINDS: tuple[Kind, ...] = get_args(Kind)
WRITERS: tuple[Kind, ...] = ("reports", "dossiers", "reviews", "gates", "histories", "preflights", "tunings", "racks")
"""Of these a format is chosen."""


class PluginRef(Struct, frozen=True):
    """Where one plugin is. ``location``: ``module:Class``, or the path of a plugin file. ``provider``: who ships it.
    ``python``: the interpreter whose environment it is used in; ``""`` for this one."""

    kind: Kind
    name: str
    location: str
    provider: str
    from_file: bool = False
    python: str = ""

    @property
    def built_in(self) -> bool:
        """Whether it ships with this project."""
        return self.provider == DISTRIBUTION


class Catalog(Struct, frozen=True):
    """Every plugin known, by kind and name; only plugin files are imported at this point."""

    refs: tuple[PluginRef, ...]

    def names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(sorted(r.name for r in self.refs if r.kind == kind))

    def of(self, kind: Kind) -> tuple[PluginRef, ...]:
        return tuple(sorted((r for r in self.refs if r.kind == kind), key=lambda r: r.name))

    def find(self, kind: Kind, name: str) -> PluginRef:
        """The plugin of that name. Raises ``UnknownName`` with the nearest."""
        for ref in self.refs:
            if ref.kind == kind and ref.name == name:
                return ref
        raise UnknownName("--format" if kind in WRITERS else kind.rstrip("s"), name, self.names(kind))

    def with_targets_in(self, python: str) -> "Catalog":
        """The same plugins, the targets used in another interpreter's environment, with the runtimes that it has."""
        return Catalog(tuple(replace(r, python=python) if r.kind == "targets" else r for r in self.refs))


def discover(files: Sequence[Path] = ()) -> Catalog:
    """All installed plugins and those of ``files``. A file's plugin wins over an installed one of the same name."""
    refs: dict[tuple[Kind, str], PluginRef] = {}
    kinds: dict[str, Kind] = {f"ondevice_bench.{kind}": kind for kind in KINDS}
    for entry in entry_points(tuple(kinds)):
        kind = kinds[entry.group]
        refs[kind, entry.name] = PluginRef(kind, entry.name, entry.value, entry.provider)
    for file in files:
        for kind, names in _declared(file).items():
            for name in names:
                refs[kind, name] = PluginRef(kind, name, str(Path(file).resolve()), Path(file).name, from_file=True)
    return Catalog(tuple(refs.values()))


def load(ref: PluginRef) -> Any:
    """Import the plugin and make one instance. Raises ``PluginError`` naming the plugin and what it raised."""
    try:
        if ref.from_file:
            factory = _declared(Path(ref.location))[ref.kind][ref.name]
        else:
            module, _, attribute = ref.location.partition(":")
            factory = getattr(import_module(module), attribute)
        return factory()
    except OdbError:
        raise
    except Exception as error:
        raise PluginError(
            sentence(
                "plugin.plugin_cannot_loaded",
                ref_name=ref.name,
                provider=ref.provider,
                value=type(error).__name__,
                error=error,
            ),
            sentence("plugin.correct_uninstall_other_plugins_work"),
        ) from error


def _declared(file: Path) -> dict[Kind, dict[str, Any]]:
    module = _module_of(Path(file).resolve())
    declared = getattr(module, "PLUGINS", None)
    if not isinstance(declared, dict) or not declared or not set(declared) <= set(KINDS):
        raise InputError(
            sentence("plugin.plugin_no_plugins_found", file_name=file.name),
            sentence("plugin.declare_what_file_offers_plugins", kinds=KINDS),
        )
    return declared


@cache
def _module_of(file: Path) -> ModuleType:
    if not file.is_file():
        raise InputError(
            sentence("plugin.plugin_no_such_file", file_name=file.name), sentence("suite.path_relative_current_folder")
        )
    name = f"ondevice_bench_plugin_{file.stem}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(sentence("plugin.plugin_not_python_file", file_name=file.name))
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(
            sentence("plugin.plugin_raised_import", file_name=file.name, value=type(error).__name__, error=error),
            sentence("plugin.correct_file_run_again"),
        ) from error
    return module
