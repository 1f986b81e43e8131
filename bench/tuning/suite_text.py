"""The setting that was found, as a suite that ``odb run`` takes; comments say what was found."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.contracts import Scenario
from bench.submission.toml_text import changed_fields, toml_value
from bench.suite.suite import ModelAsk, Suite, is_file
from bench.tuning.result import Tuning
from bench.tuning.space import BATCH
from bench.words import say
from bench.words.cells import wrapped

COLUMNS = 100
SHARED = ("preset", "repeats", "seed", "max_seconds", "timeout_s", "check_inputs", "strict_placement")
"""Fields of a suite that stay as they were asked for."""


def suite_text(tuning: Tuning, suite: Suite, folder: Path) -> str:
    """``suite``: the one that was tuned, whose files were found from here. ``folder``: where the text will be a file;
    files are named relative to it."""
    (model,), (target,) = suite.models, suite.targets
    asked = changed_fields(suite)
    best = {name: value for name, value in tuning.best.items() if name != BATCH}
    options = {**suite.options, **target.options, **best}
    model = replace(model, shapes=tuning.shapes or model.shapes)
    scenario = replace(suite.scenarios[0] if suite.scenarios else Scenario(), name=tuning.scenario)
    lines = [
        *_comments(tuning),
        f"name = {toml_value(f'{tuning.model} {tuning.target} {tuning.goal}')}",
        *(f"{name} = {toml_value(asked[name])}" for name in SHARED if name in asked),
        *_table("models", changed_fields(_beside(model, folder))),
        *_table("targets", {"id": target.id, **({"options": options} if options else {})}),
        *_table("scenarios", {"name": scenario.name, **changed_fields(scenario)}),
    ]
    return "\n".join(lines) + "\n"


def _comments(tuning: Tuning) -> Iterator[str]:
    told = say(
        "tune.suite.made",
        when=tuning.created_utc,
        model=tuning.model,
        target=tuning.target,
        goal=say(f"tune.goal.{tuning.goal}"),
        budget=tuning.budget_ns,
    )
    for text in (told, str(tuning.reason), say("tune.suite.use")):
        yield from (f"# {line}" for line in wrapped(text, COLUMNS - 2))
    yield ""


def _beside(model: ModelAsk, folder: Path) -> ModelAsk:
    """With its files as they are found from ``folder``."""

    def own(path: str) -> str:
        return os.path.relpath(path, folder) if path else ""

    named = is_file(model.source) or Path(model.source).is_dir()
    return replace(
        model,
        source=_with_folder(own(model.source)) if named else model.source,
        inputs={name: own(path) for name, path in model.inputs.items()},
        prompts=own(model.prompts),
        dataset=own(model.dataset),
        reference=own(model.reference),
    )


def _with_folder(path: str) -> str:
    """A bare name in a suite is a built-in model's."""
    return path if is_file(path) else f".{os.sep}{path}"


def _table(name: str, fields: dict[str, Any]) -> list[str]:
    return ["", f"[[{name}]]", *(f"{key} = {toml_value(value)}" for key, value in fields.items())]
