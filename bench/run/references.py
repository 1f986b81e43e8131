"""Runs the reference that a measured run's outputs are compared with, in a process of its own, and compares.

The reference is the same artifact on another runtime, in float32 and without optimisations where there is such a one,
on the same inputs. Each target states for which formats it can be the reference, and with which device and options;
``reference_for`` has the order of preference, and the record names the one that served. Where the user names a float
model of the same task, that one takes the artifact's place. A reference that cannot run is no failure of the run: the
outputs are then unchecked, and the record says why.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.analysis.outputs.tolerance import rounds_as_int8
from bench.contracts import Artifact, ReferenceSetup, ReferenceTarget
from bench.errors import InputError, OdbError, RunFailure
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.jobs import Checked, CheckJob, Failed
from bench.plugins import Catalog, PluginRef, load
from bench.process.supervisor import run_job
from bench.quality.real_values import by_file_name, dequantised, feeds_for
from bench.record.record import Failure, Fidelity

if TYPE_CHECKING:
    import numpy as np


class Reference(Struct, frozen=True):
    """The target that serves, how it is set up, and what it is called: with its model, where that is another one."""

    plugin: PluginRef
    setup: ReferenceSetup
    name: str


def reference_for(artifact: Artifact, measured: Artifact, catalog: Catalog) -> Reference | None:
    """Which target runs ``artifact`` as the reference of ``measured``; ``None`` where none here reads its format.

    In order of preference: targets that ship with this project before others; among them one that computes the graph
    unoptimised before one in optimised float32; among these by name. A target that cannot be loaded is passed over.
    """
    refs = catalog.of("targets")
    for group in ([r for r in refs if r.built_in], [r for r in refs if not r.built_in]):
        offers = [(setup, ref) for ref in group if (setup := _offered(ref, artifact)) is not None]
        if offers:
            setup, ref = min(offers, key=lambda offer: (not offer[0].unoptimised, offer[1].name))
            other = artifact.sha256 != measured.sha256
            return Reference(ref, setup, f"{artifact.path.name} on {setup.name}" if other else setup.name)
    return None


def _offered(ref: PluginRef, artifact: Artifact) -> ReferenceSetup | None:
    try:
        target = load(ref)
    except OdbError:  # reported where it is listed or measured
        return None
    return target.reference_for(artifact.format, artifact.task) if isinstance(target, ReferenceTarget) else None


def no_reference(artifact: Artifact) -> Failed:
    """The event of a reference run where no target offers to be the reference of ``artifact``."""
    message = f"no reference runtime here opens {artifact.format}"
    remedy = "Install a target that offers a reference for this format; odb list targets shows what is there."
    return Failed(Failure("check", "unavailable", message, remedy))


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
            return "none", no_reference(artifact)
        request = msgspec.structs.replace(
            job.request, artifact=artifact, device=found.setup.device, options=found.setup.options
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
