"""Runs the reference that a measured run's outputs are compared with, in a separate process, and compares.

The reference is the same artifact on another runtime, in float32 and without optimisations if available, on the same
inputs. Each target states for which formats it can be the reference, and with which device and options;
``reference_for`` has the order of preference, and the record names the one that was used. If the user names a float
model of the same task, it replaces the artifact. If the reference cannot run, the run does not fail: the outputs are
then unchecked, and the record says why.
"""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.outputs.tolerance import rounds_as_int8
from bench.contracts import Artifact, OpenRequest, ReferenceSetup, ReferenceTarget, Tensors
from bench.errors import InputError, OdbError, RunFailure
from bench.execution.twins import named_twin
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.jobs import Failed, Runner
from bench.passes.check import CheckJob
from bench.passes.evidence import Checked, Evidence, known
from bench.plugins import Catalog, PluginRef, load
from bench.quality.real_values import by_file_name, dequantised, feeds_for
from bench.record.record import Failure, Fidelity
from bench.words import Sentence, sentence


class Reference(Struct, frozen=True):
    """The target that serves, how it is set up, and what it is called: with its model, where that is another one."""

    plugin: PluginRef
    setup: ReferenceSetup
    name: str

    def request(self, of: OpenRequest, artifact: Artifact) -> OpenRequest:
        """``of``, with ``artifact`` on this target, which keeps no compiled models."""
        device, options = self.setup.device, self.setup.options
        return replace(of, artifact=artifact, device=device, options=options, compile_cache=None)


def reference_for(artifact: Artifact, measured: Artifact, catalog: Catalog) -> Reference | None:
    """Which target runs ``artifact`` as the reference of ``measured``; ``None`` where none here reads its format, and
    for a decoder that only one runtime can drive: it would be its own reference.

    In order of preference: targets that ship with this project before others; among them one that computes the graph
    unoptimised before one in optimised float32; among these by name. A target that cannot be loaded is passed over.
    """
    if artifact.decoder is not None and artifact.decoder.runtime:
        return None
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
    decoder = artifact.decoder
    if decoder is not None and decoder.runtime:
        message = sentence("run.no_reference_drives_decoder", runtime=decoder.runtime, why=decoder.only_there)
        return Failed(Failure("check", "unavailable", message, sentence("run.name_reference_in_other_form")))
    message = sentence("run.no_reference_opens_format", artifact_format=artifact.format)
    remedy = sentence("run.install_reference")
    return Failed(Failure("check", "unavailable", message, remedy))


def why_not_run(failure: Failure) -> Sentence:
    """What kept the reference from running, and what would let it."""
    code = "run.reference_did_not_run_remedy" if failure.advice else "run.reference_did_not_run"
    return sentence(code, message=failure.sentence, remedy=failure.advice)


def compare_tensors(so_far: Evidence, jobs: Runner) -> Evidence:
    """Adds the fidelity of a model's outputs, of one that generates no text."""
    if known(so_far.checked).text is not None:
        return so_far
    jobs.say(sentence("run.checking_against_reference"))
    prepared = known(so_far.prepared)
    fidelity = _fidelity(so_far, named_twin(so_far.run, prepared.artifact, jobs), jobs)
    return replace(so_far, fidelity=replace(fidelity, inputs_source=prepared.check_source))


def _fidelity(so_far: Evidence, twin: Artifact | None, jobs: Runner) -> Fidelity:
    """Of what was checked, against ``twin`` where a float model was named. When no reference can run, says why
    instead."""
    from bench.analysis.outputs.fidelity import compare_outputs

    checked, measured = known(so_far.checked), known(so_far.prepared).artifact
    if measured.facts.draws:
        said = sentence("run.graph_draws_random_numbers", draws=measured.facts.draws)
        return Fidelity("none", reason=said)
    name, reference = _reference(so_far, twin or measured, jobs)
    if isinstance(reference, Failed):
        return Fidelity(name, reason=why_not_run(reference.failure))

    def real(artifact: Artifact, found: Checked) -> list[Tensors]:
        specs = artifact.facts.outputs
        named = [by_file_name(load_feeds(path), specs) for path in found.outputs]
        return [by_file_name(dequantised(outputs, specs), measured.facts.outputs) for outputs in named]

    specs = (*measured.facts.inputs, *measured.facts.outputs)
    coarse = rounds_as_int8(specs, measured.precision, float_reference=twin is not None)
    roles = measured.facts.roles
    sides = real(twin or measured, reference), real(measured, checked)
    precision = checked.facts.executed_precision
    found = compare_outputs(*sides, precision, name, coarse, roles.bounded, roles.labels)
    return replace(found, float_reference=twin is not None)


def _reference(so_far: Evidence, artifact: Artifact, jobs: Runner) -> tuple[str, Checked | Failed]:
    """What the reference is called, and what ``artifact`` gives on it: once a suite for the same inputs."""
    measured, scenario, seed = known(so_far.prepared).artifact, known(so_far.scenario), so_far.run.seed
    feeds = known(so_far.prepared).checks[: len(known(so_far.checked).outputs)]
    found = reference_for(artifact, measured, jobs.catalog)
    if found is None:
        return "none", no_reference(artifact)

    def job() -> CheckJob:
        return CheckJob(
            found.plugin,
            request=found.request(known(so_far.opening).request, artifact),
            scenario=scenario,
            feeds=feeds if artifact.sha256 == measured.sha256 else _converted(feeds, measured, artifact, jobs.folder()),
            seed=seed,
            again=False,
        )

    key = "tensors", artifact.sha256, tuple(sorted(artifact.shapes.items())), feeds, scenario, seed
    return found.name, jobs.once(CheckJob, key, job, says=sentence("run.checking_against_reference")).answer


def _converted(feeds: tuple[Path, ...], measured: Artifact, artifact: Artifact, folder: Path) -> tuple[Path, ...]:
    """The same inputs as the float model ``artifact`` takes them. Raises ``RunFailure`` where it takes others."""
    paths = []
    try:
        for index, path in enumerate(feeds):
            paths.append(folder / f"inputs-{index}.npz")
            save_feeds(paths[-1], feeds_for(load_feeds(path), measured, artifact))
    except InputError as error:
        raise RunFailure("bad_input", error.message, error.remedy, "check") from None
    return tuple(paths)
