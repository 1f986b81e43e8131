"""What is asked of a pipeline, and which files it takes."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct

from bench.contracts import Artifact, Scenario
from bench.errors import InputError
from bench.inputs.images import IMAGE_SUFFIXES
from bench.plugins import PluginRef
from bench.quality.dataset import read_listing
from bench.reading import is_file, is_folder
from bench.scenarios.staged import MOST_INPUTS, SPOTTING, TEXT
from bench.suite.dataset_options import DatasetAsk
from bench.words import sentence

AUTO, OWN = "auto", "own"
PICTURES = ("classification", "detection", "segmentation")
SOUND = SPOTTING
SUFFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**dict.fromkeys(PICTURES, IMAGE_SUFFIXES), SOUND: (".wav",), TEXT: (".txt",)}
)
"""Kind -> the files that it takes; ``own`` takes any."""
MOST_FILES = 100_000
"""Looked at in one folder."""

Item = TypeVar("Item")


class PipelineAsk(Struct, frozen=True, kw_only=True):
    """``kind``: as the scenario has it. ``folder``: of the files, or one file; of a dataset where ``labelled``.
    ``options``: the text of ``--dataset-options``. ``hop_ms``: between two windows of a recording. ``most``: inputs of
    a pass at most, evenly spaced among those that there are. ``chat``: a language model gets each line in its chat
    template."""

    kind: str
    folder: Path
    labelled: bool = False
    preprocessing: str = ""
    options: str = ""
    hop_ms: float | None = None
    most: int = MOST_INPUTS
    chat: bool = False


class PipelineOpening(Struct, frozen=True, kw_only=True):
    """What the process that measures needs to open one. ``files``: those that were tried and can be used. ``tokens``:
    that a language model generates for each input."""

    ask: PipelineAsk
    model: PluginRef
    artifact: Artifact
    files: tuple[Path, ...]
    tokens: int = 1


def most_inputs(scenario: Scenario) -> int:
    """Of a pass; all of a scenario that does not say."""
    return int(scenario.numbers("inputs")[0]) if "inputs" in scenario.own_parameters else MOST_INPUTS


def files_of(ask: PipelineAsk) -> tuple[Path, ...]:
    """Of ``every_file`` as many as are asked for."""
    return tuple(evenly(every_file(ask), ask.most))


def evenly(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most ``most`` of ``items``, evenly spaced, the first among them."""
    return items if len(items) <= most else [items[index * len(items) // most] for index in range(most)]


def every_file(ask: PipelineAsk) -> tuple[Path, ...]:
    """The files in the folder that the kind takes, by name. Raises ``InputError`` where there is none."""
    if is_file(ask.folder):
        return (ask.folder,)
    if not is_folder(ask.folder):
        raise InputError(sentence("pipeline.no_such_folder", folder=ask.folder.name), sentence("quality.check_path"))
    if ask.labelled:
        listing = read_listing(DatasetAsk(ask.folder, ask.options, ask.preprocessing), judged=False)
        return tuple(ask.folder / entry.file for entry in listing.entries)[:MOST_FILES]
    every = sorted(path for path in ask.folder.iterdir() if path.is_file() and not path.name.startswith("."))
    taken = wanted_suffixes(ask, every)
    found = [path for path in every if not taken or path.suffix.lower() in taken]
    if not found:
        raise InputError(
            sentence("pipeline.no_file_for", folder=ask.folder.name, kind=ask.kind, suffixes=taken),
            sentence("pipeline.give_inputs"),
        )
    return tuple(found[:MOST_FILES])


def wanted_suffixes(ask: PipelineAsk, every: "list[Path]") -> tuple[str, ...]:
    """The suffixes of the kind; of ``auto`` those of the first kind that has any file, and none of ``own``."""
    if ask.kind != AUTO:
        return SUFFIXES.get(ask.kind, ())
    present = {path.suffix.lower() for path in every}
    return next((suffixes for suffixes in SUFFIXES.values() if present & {*suffixes}), IMAGE_SUFFIXES)


def sha256_of_inputs(files: tuple[Path, ...]) -> str:
    """Of the names and contents, in the order in which they are taken."""
    digest = sha256()
    for path in files:
        digest.update(f"{path.name}\0".encode())
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()
