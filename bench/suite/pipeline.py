"""``[pipeline]`` of a suite, and ``--pipeline`` with ``--inputs``: the stages around every model's network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from bench.contracts import Scenario
from bench.errors import InputError
from bench.reading import exists, with_slashes
from bench.scenarios.kinds import kind_of
from bench.scenarios.staged import PIPELINES, refuse_hop
from bench.words import sentence

END_TO_END = "end-to-end"
TABLE = "pipeline"


class Fed(Protocol):
    """A model of a suite, as far as it says what it is fed."""

    @property
    def pipeline_inputs(self) -> str: ...
    @property
    def dataset(self) -> str: ...


Asked = TypeVar("Asked", bound=Struct)


class PipelineTable(Struct, frozen=True, forbid_unknown_fields=True):
    """``kind``, ``hop_ms``: parameters of the scenario. The rest is of every model that does not say it itself:
    ``inputs``: a folder or a file; ``preprocessing`` and ``options`` as ``preprocessing`` and ``dataset_options`` of a
    model."""

    kind: str = "auto"
    inputs: str = ""
    preprocessing: str = ""
    options: str = ""
    hop_ms: float | None = None


def scenario_of(table: PipelineTable) -> dict[str, Any]:
    """The scenario as a table of ``[[scenarios]]``."""
    given: dict[str, Any] = {"name": END_TO_END, "pipeline": table.kind}
    return given if table.hop_ms is None else {**given, "hop_ms": table.hop_ms}


def with_table(model: Asked, table: PipelineTable, folder: Path) -> Asked:
    """``model``, a ``ModelAsk``, with what the table says of every model. ``folder``: of the suite."""
    inputs = str(folder / with_slashes(folder, table.inputs)) if table.inputs else ""
    said = {"pipeline_inputs": inputs, "preprocessing": table.preprocessing, "dataset_options": table.options}
    return msgspec.structs.replace(model, **{name: getattr(model, name) or value for name, value in said.items()})


def check_inputs(models: Sequence[Fed], scenarios: Sequence[Scenario]) -> None:
    """Raise ``InputError`` for inputs that are not there, where there are none for a scenario that needs them, and for
    a ``hop_ms`` that a scenario's pipeline does not use."""
    for model in models:
        if model.pipeline_inputs and not exists(Path(model.pipeline_inputs)):
            raise InputError(
                sentence("suite.pipeline_no_such_inputs", inputs=model.pipeline_inputs),
                sentence("suite.path_relative_current_folder"),
            )
    for scenario in scenarios:
        given = scenario.own_parameters
        if kind_of(scenario).staged and given.get("pipeline") in PIPELINES:
            refuse_hop(str(given["pipeline"]), given.get("hop_ms"))
    staged = any(kind_of(scenario).staged for scenario in scenarios)
    fed = any(model.pipeline_inputs or model.dataset for model in models)
    if staged and not fed:
        raise InputError(sentence("suite.pipeline_without_inputs"), sentence("pipeline.give_inputs"))


def asked_pipeline(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The scenario that ``--pipeline`` and ``--inputs`` ask for, as ``-s`` takes it; none where they are not given, or
    another flag says it."""
    if given.get("pipeline") is not None:
        return (f"{END_TO_END}:pipeline={given['pipeline']}",)
    named = [text.partition(":")[0].strip() for text in given["scenarios"]]
    return (END_TO_END,) if given.get("pipeline_inputs") and END_TO_END not in named else ()
