"""Runs the reference that a measured run's outputs are compared with, in a process of its own, and compares.

The reference is the same artifact on another runtime, in float32 and without optimisations, on the same inputs: ONNX
Runtime's CPU with graph optimisation off; for formats it does not read, OpenVINO's CPU in float32. Where the user names
a float model of the same task, that one takes the artifact's place. A reference that cannot run is no failure of the
run: the outputs are then unchecked, and the record says why.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.analysis.outputs.tolerance import rounds_as_int8
from bench.contracts import Artifact
from bench.errors import InputError, RunFailure
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.jobs import Checked, CheckJob, Failed
from bench.plugins import Catalog, PluginRef, load
from bench.process.supervisor import run_job
from bench.quality.real_values import by_file_name, dequantised, feeds_for
from bench.record.record import Failure, Fidelity

if TYPE_CHECKING:
    import numpy as np


class ReferenceTarget(Struct, frozen=True):
    """A target that may serve, and the options under which it does."""

    plugin: str
    device: str
    options: dict[str, str]
    name: str


class Reference(Struct, frozen=True):
    """The one that serves, and what it is called: with its model, where that is another one."""

    target: ReferenceTarget
    plugin: PluginRef
    name: str


REFERENCES = (
    ReferenceTarget(
        "ort", "cpu", {"graph_optimization_level": "ORT_DISABLE_ALL"}, "ort:cpu, fp32, graph optimisation off"
    ),
    ReferenceTarget(
        "openvino", "CPU", {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}, "openvino:CPU, f32"
    ),
)
"""The first that opens the artifact's format is the reference; the second is for formats the first cannot read."""


def reference_for(artifact: Artifact, measured: Artifact, catalog: Catalog) -> Reference | None:
    """Which target runs ``artifact`` as the reference of ``measured``; ``None`` where none here reads its format."""
    for target in REFERENCES:
        if target.plugin not in catalog.names("targets"):
            continue
        plugin = catalog.find("targets", target.plugin)
        if artifact.format in load(plugin).formats:
            other = artifact.sha256 != measured.sha256
            return Reference(target, plugin, f"{artifact.path.name} on {target.name}" if other else target.name)
    return None


def why_not_run(failure: Failure) -> str:
    """What kept the reference from running, and what would let it."""
    said = f"the reference did not run: {failure.message.rstrip('.')}"
    return f"{said}. {failure.remedy.rstrip('.')}" if failure.remedy else said


class References:
    """Runs a reference once for each artifact and inputs, and compares others with it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._done: dict[tuple[Any, ...], tuple[str, Checked | Failed]] = {}

    def compare(
        self,
        job: CheckJob,
        checked: Checked,
        deadline_s: float,
        folder: Callable[[], Path],
        twin: Artifact | None = None,
    ) -> Fidelity:
        """Fidelity of what ``job`` produced, against ``twin`` where a float model was named. When no reference can
        run, says why instead."""
        from bench.analysis.outputs.fidelity import compare_outputs

        measured = job.request.artifact
        if measured.facts.draws:
            said = (
                f"the graph draws random numbers ({', '.join(measured.facts.draws)}): no two runs give the same values"
            )
            return Fidelity("none", reason=said)
        name, reference = self._reference(job, twin or measured, deadline_s, folder)
        if isinstance(reference, Failed):
            return Fidelity(name, reason=why_not_run(reference.failure))
        precision = checked.facts.executed_precision

        def real(artifact: Artifact, event: Checked) -> "list[dict[str, np.ndarray[Any, Any]]]":
            specs = artifact.facts.outputs
            named = [by_file_name(outputs, specs) for outputs in _outputs(event)]
            return [by_file_name(dequantised(outputs, specs), measured.facts.outputs) for outputs in named]

        specs = (*measured.facts.inputs, *measured.facts.outputs)
        coarse = rounds_as_int8(specs, measured.precision, float_reference=twin is not None)
        roles = measured.facts.roles
        sides = real(twin or measured, reference), real(measured, checked)
        found = compare_outputs(*sides, precision, name, coarse, roles.bounded, roles.labels)
        return msgspec.structs.replace(found, float_reference=twin is not None)

    def _reference(
        self, job: CheckJob, artifact: Artifact, deadline_s: float, folder: Callable[[], Path]
    ) -> tuple[str, Checked | Failed]:
        key = (artifact.sha256, tuple(sorted(artifact.shapes.items())), job.feeds, job.scenario, job.seed)
        if key not in self._done:
            self._done[key] = self._run(job, artifact, deadline_s, folder)
        return self._done[key]

    def _run(
        self, job: CheckJob, artifact: Artifact, deadline_s: float, folder: Callable[[], Path]
    ) -> tuple[str, Checked | Failed]:
        found = reference_for(artifact, job.request.artifact, self._catalog)
        if found is None:
            message = f"no reference runtime here opens {artifact.format}"
            return "none", Failed(Failure("check", "unavailable", message, "Install openvino."))
        request = msgspec.structs.replace(
            job.request, artifact=artifact, device=found.target.device, options=found.target.options
        )
        feeds = job.feeds
        if artifact.sha256 != job.request.artifact.sha256:
            try:
                feeds = _converted(job, artifact, folder())
            except InputError as error:
                raise RunFailure("bad_input", error.message, error.remedy, "check") from None
        asked = CheckJob(folder(), found.plugin, request, job.scenario, feeds, job.seed)
        event = run_job(asked, deadline_s).event
        assert isinstance(event, Checked | Failed)
        return found.name, event


def _converted(job: CheckJob, artifact: Artifact, folder: Path) -> tuple[Path, ...]:
    """The same inputs as the float model takes them. Raises ``InputError``."""
    paths = []
    for index, path in enumerate(job.feeds):
        paths.append(folder / f"inputs-{index}.npz")
        save_feeds(paths[-1], feeds_for(load_feeds(path), job.request.artifact, artifact))
    return tuple(paths)


def _outputs(checked: Checked) -> "list[dict[str, np.ndarray[Any, Any]]]":
    return [dict(load_feeds(path)) for path in checked.outputs]
