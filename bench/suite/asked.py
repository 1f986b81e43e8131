"""A planned run as the record keeps what was asked for: ``bench.record.asked.Asked``."""

import os
from pathlib import Path
from typing import Literal

from bench.digest import sha256_of_file
from bench.record.asked import Asked, NamedFile
from bench.suite.plan import FOLDER, PlannedRun
from bench.suite.suite import is_file


def asked_of(run: PlannedRun) -> Asked:
    """What was requested in ``run``. Reads all files except the model, to hash them; the model has a hash already."""
    ask = run.model.ask
    kind: Literal["built_in", "file", "folder"] = "file" if is_file(ask.source) else "built_in"
    if run.model.plugin.name == FOLDER:
        kind = "folder"
    return Asked(
        kind=kind,
        model=NamedFile(ask.source if kind == "built_in" else _name(ask.source)),
        format=ask.format,
        precision=ask.precision,
        shapes=dict(ask.shapes),
        inputs={name: _named(file) for name, file in ask.inputs.items()},
        preprocessing=ask.preprocessing,
        prompt_ids=ask.prompt_ids,
        prompts=_named(ask.prompts) if ask.prompts else None,
        dataset=NamedFile(_name(ask.dataset)) if ask.dataset else None,
        dataset_options=ask.dataset_options,
        reference=_named(ask.reference) if ask.reference else None,
        lanes=run.scenario.lanes,
        check_inputs=run.check_inputs,
        max_seconds=run.max_seconds,
        plugins=_plugin_files(run),
        settings=run.settings,
        chat=ask.chat,
        stop=ask.stop,
        profile=run.profile,
        pipeline_inputs=_named(ask.pipeline_inputs) if ask.pipeline_inputs else None,
    )


def _plugin_files(run: PlannedRun) -> tuple[str, ...]:
    plugins = run.model.plugin, run.target.plugin, run.player
    return tuple(dict.fromkeys(Path(ref.location).name for ref in plugins if ref is not None and ref.from_file))


def _name(path: str) -> str:
    """The last part of ``path``, also of ``.`` and ``llm/.``. A link keeps its own name: where it leads, as into a
    cache of downloads, the file may be named by a hash and have no suffix."""
    return Path(os.path.abspath(path)).name


def _named(file: str) -> NamedFile:
    path = Path(file)
    try:
        return NamedFile(path.name, sha256_of_file(path), path.stat().st_size)
    except OSError:
        return NamedFile(_name(file))
