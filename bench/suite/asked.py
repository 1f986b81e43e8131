"""A planned run as the record keeps what was asked for: ``bench.record.asked.Asked``."""

from pathlib import Path
from typing import Literal

from bench.digest import sha256_of_file
from bench.record.asked import Asked, NamedFile
from bench.suite.plan import FOLDER, PlannedRun
from bench.suite.suite import is_file


def asked_of(run: PlannedRun) -> Asked:
    """What was asked for in ``run``. Reads the files beside the model, to hash them; the model has a hash already."""
    ask = run.model.ask
    kind: Literal["built_in", "file", "folder"] = "file" if is_file(ask.source) else "built_in"
    if run.model.plugin.name == FOLDER:
        kind = "folder"
    return Asked(
        kind=kind,
        model=NamedFile(ask.source if kind == "built_in" else Path(ask.source).resolve().name),
        format=ask.format,
        precision=ask.precision,
        shapes=dict(ask.shapes),
        inputs={name: _named(file) for name, file in ask.inputs.items()},
        preprocessing=ask.preprocessing,
        prompt_ids=ask.prompt_ids,
        prompts=_named(ask.prompts) if ask.prompts else None,
        dataset=NamedFile(Path(ask.dataset).resolve().name) if ask.dataset else None,
        dataset_options=ask.dataset_options,
        reference=_named(ask.reference) if ask.reference else None,
        lanes=run.scenario.lanes,
        check_inputs=run.check_inputs,
        max_seconds=run.max_seconds,
    )


def _named(file: str) -> NamedFile:
    path = Path(file)
    try:
        return NamedFile(path.name, sha256_of_file(path), path.stat().st_size)
    except OSError:
        return NamedFile(path.name)
