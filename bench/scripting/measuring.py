"""``bench.run``: measures models on targets. ``odb run`` calls it too."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict, Unpack

from msgspec.structs import fields, replace

from bench.contracts import Scenario
from bench.errors import OdbError, UnknownName
from bench.execution.suite_run import Listener, run_suite
from bench.plugins import Catalog, discover
from bench.record.record import RecordedRun
from bench.record.runner import FleetDevice
from bench.scenarios.kinds import parse_scenario, scenario_name
from bench.scripting.arguments import PATH, WrongType, at_least_one, checked, converted
from bench.scripting.places import cache_folder, paths_of, results_folder
from bench.scripting.progress import Progress, listener_of
from bench.settings import named_settings
from bench.store.records import prepare_folder
from bench.store.unfinished import recover
from bench.suite.scenario_choice import kind_named
from bench.suite.suite import ModelAsk, Suite, TargetAsk, check, load_suite
from bench.words import sentence

Folder = str | os.PathLike[str]
Model = str | os.PathLike[str] | ModelAsk
Target = str | TargetAsk


class Asked(TypedDict, total=False):
    """What a run may be asked for besides models and targets: fields of ``bench.Suite``, which documents them.
    ``settings``: by the names of their flags, as text: ``{"deadline": "33ms"}``."""

    preset: str
    repeats: int
    max_seconds: float
    seed: int
    check_inputs: int
    timeout_s: float
    options: dict[str, str]
    strict_placement: bool
    settings: Mapping[str, str]


def run(
    models: Suite | Model | Sequence[Model] | None = None,
    targets: Target | Sequence[Target] | None = None,
    *,
    scenarios: str | Scenario | Sequence[str | Scenario] | None = None,
    out: Folder | None = None,
    plugins: Catalog | Folder | Sequence[Folder] = (),
    progress: Listener | Callable[[Progress], None] | None = None,
    cache: Folder | None = None,
    **asked: Unpack[Asked],
) -> list[RecordedRun]:
    """Measures every model on every target, and returns one run for each pair, in the order of the plan.

    ``models``: names of built-in models, files, or ``ModelAsk`` for a model with shapes, inputs or a dataset of its
    own; a ``Suite`` or a suite's ``.toml`` file; left out, the built-in models. ``targets``: ``plugin:device``; left
    out, all that this machine has. ``scenarios``: as ``odb run -s`` takes them (``"offline:lanes=4"``). An empty list
    is refused.

    ``out``: the folder of the records, each of which is on disk when its run ends; without one
    ``odb-results/<time>``. ``plugins``: plugin files besides the installed plugins, or a catalogue of all.
    ``progress``: called for each event, between timed parts and not in them. ``cache``: where built models are kept.

    What a killed run left unfinished in ``out`` is made a record first. A run that fails or does not fit is returned,
    too: ``record.status`` is ``failed`` or ``skipped``, with the reason in ``record.failure``. Raises
    ``bench.errors.InputError`` for what cannot be planned; for an argument of a wrong type it is a ``TypeError`` as
    well. ``KeyboardInterrupt`` writes what there is of every run that had begun, and is raised again.
    """
    for name, path in (("out", out), ("cache", cache)):
        if path is not None:
            checked(name, path, PATH, "str | os.PathLike")
    if progress is not None and not isinstance(progress, Listener) and not callable(progress):
        raise WrongType("progress", "Callable[[Progress], None]", progress)
    catalog = plugins if isinstance(plugins, Catalog) else discover(_plugin_files(plugins))
    suite = _asked_suite(models, targets, scenarios, catalog, asked)
    listener = listener_of(progress)
    return measure(suite, catalog, out, cache=cache, listener=listener)


def measure(
    suite: Suite,
    catalog: Catalog,
    out: Folder | None = None,
    *,
    cache: Folder | None = None,
    listener: Listener | None = None,
    fleet: FleetDevice | None = None,
) -> list[RecordedRun]:
    """``run`` of a suite that is made already. ``fleet``: the device and the order that the records are of."""
    check(suite, catalog)
    folder = prepare_folder(results_folder(None if out is None else Path(out)))
    recover(folder)
    try:
        return run_suite(
            suite,
            catalog,
            folder,
            cache=cache_folder() if cache is None else Path(cache),
            listener=listener,
            fleet=fleet,
        )
    except (KeyboardInterrupt, OdbError):
        remove_empty(folder)
        raise


def remove_empty(folder: Path) -> None:
    """Remove the folder if nothing was measured."""
    with suppress(OSError):
        folder.rmdir()


def _plugin_files(plugins: Folder | Sequence[Folder]) -> list[Path]:
    return paths_of(at_least_one("plugins", plugins, PATH, "str | os.PathLike | Catalog") if plugins else ())


def _asked_suite(
    models: Suite | Model | Sequence[Model] | None,
    targets: Target | Sequence[Target] | None,
    scenarios: str | Scenario | Sequence[str | Scenario] | None,
    catalog: Catalog,
    asked: Asked,
) -> Suite:
    suite = _suite_of(models, catalog)
    changes: dict[str, Any] = {}
    for name, value in asked.items():
        if name not in Asked.__annotations__:
            raise UnknownName(sentence("scripting.argument"), name, Asked.__annotations__)
        changes[name] = converted(name, value, TYPES[name])
    if "settings" in asked:
        changes["settings"] = {**suite.settings, **named_settings(changes["settings"])}
    if "options" in asked:
        changes["options"] = {**suite.options, **changes["options"]}
    if targets is not None:
        chosen = at_least_one("targets", targets, (str, TargetAsk), "str | TargetAsk")
        changes["targets"] = tuple(TargetAsk(one) if isinstance(one, str) else one for one in chosen)
    if scenarios is not None:
        played = at_least_one("scenarios", scenarios, (str, Scenario), "str | Scenario")
        changes |= {"scenarios": tuple(_scenario(one, catalog) for one in played), "scenario_models": ()}
    return replace(suite, **changes)


TYPES: Mapping[str, Any] = {field.name: field.type for field in fields(Suite)} | {"settings": dict[str, str]}
"""What the arguments of ``Asked`` are: fields of a suite, and settings as text."""


def _suite_of(models: Suite | Model | Sequence[Model] | None, catalog: Catalog) -> Suite:
    if models is None:
        return Suite()
    if isinstance(models, Suite):
        return models
    if isinstance(models, str | os.PathLike) and Path(models).suffix == ".toml":
        return load_suite(Path(models), catalog)
    named = at_least_one("models", models, (*PATH, ModelAsk), "str | os.PathLike | ModelAsk | Suite")
    return Suite(models=tuple(one if isinstance(one, ModelAsk) else ModelAsk(os.fspath(one)) for one in named))


def _scenario(asked: str | Scenario, catalog: Catalog) -> Scenario:
    return parse_scenario(asked, kind_named(scenario_name(asked), catalog)) if isinstance(asked, str) else asked
