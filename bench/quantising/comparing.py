"""Runs the float model and each quantised one on the reference runtime, on the same samples, and compares."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from bench.analysis.outputs.fidelity import compare_outputs
from bench.contracts import Artifact, OpenRequest, Scenario, Tensors
from bench.errors import RunFailure
from bench.execution.references import Reference, no_reference, reference_for
from bench.execution.runner import JobRunner, failure_of
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.passes.check import CheckJob
from bench.passes.evidence import Checked
from bench.quality.real_values import by_file_name, dequantised, feeds_for
from bench.quantising.asked import QuantisePlan
from bench.quantising.losses import loss
from bench.quantising.outcome import Agreement, Loss
from bench.words import sentence

SAMPLE_SECONDS = 5.0


class Compared(Struct, frozen=True, kw_only=True):
    """The losses of one try, and its outputs: those for choosing first, then those for judging."""

    choosing: Loss | None
    judging: Loss | None
    outputs: tuple[Path, ...]


SCENARIO = Scenario()


class Comparing:
    """``name``: of the reference. The float model runs once."""

    def __init__(self, plan: QuantisePlan, jobs: JobRunner) -> None:
        self._plan, self._jobs = plan, jobs
        parts = plan.parts
        apart = parts.choosing if parts.held_back else ()
        self._samples = (*apart, *parts.judging)
        self._first_judging = len(apart)
        self._exact: tuple[Path, ...] = ()
        self.name = ""

    def float_model(self) -> None:
        """Raises ``RunFailure`` where it does not run, and where its outputs are drawn at random."""
        plan, artifact = self._plan, self._plan.artifact
        self._jobs.say(sentence("quantise.step.float"))
        if artifact.facts.draws:
            message = sentence("run.graph_draws_random_numbers", draws=artifact.facts.draws)
            raise RunFailure("bad_input", message, sentence("quantise.fix_the_seeds"), "check")
        reference, checked = self._run(artifact, tuple(sample.path for sample in self._samples), plan.artifact)
        self.name, self._exact = reference.name, checked.outputs

    def compared(self, quantised: Artifact) -> Compared:
        """Raises ``RunFailure`` where it does not run."""
        outputs = self._run(quantised, self.fitting(quantised), quantised)[1].outputs
        first, labels = self._first_judging, sorted(self._plan.artifact.facts.roles.labels)

        def part(paths: slice) -> Loss | None:
            exact = self._of(self._exact[paths], self._plan.artifact)
            return loss(exact, self._of(outputs[paths], quantised), labels)

        judging = part(slice(first, None))
        return Compared(choosing=part(slice(0, first)) if first else judging, judging=judging, outputs=outputs)

    def fitting(self, quantised: Artifact, most: int | None = None) -> tuple[Path, ...]:
        """The samples as ``quantised`` takes them, the first ``most`` of those that judge or all."""
        samples = self._samples if most is None else self._samples[self._first_judging :][:most]
        paths = tuple(sample.path for sample in samples)
        wanted = {spec.name: spec.dtype for spec in quantised.facts.inputs}
        if wanted == {spec.name: spec.dtype for spec in self._plan.artifact.facts.inputs}:
            return paths
        folder = self._jobs.folder()
        for index, path in enumerate(paths):
            feeds = feeds_for(load_feeds(path), self._plan.artifact, quantised)
            save_feeds(folder / f"inputs-{index}.npz", feeds)
        return tuple(folder / f"inputs-{index}.npz" for index in range(len(paths)))

    def agreement(self, compared: Compared, quantised: Artifact) -> Agreement:
        """Of the samples that judge, on the reference."""
        return self.agreeing(self.name, compared.outputs[self._first_judging :], quantised, "int8")

    def agreeing(self, target: str, outputs: Sequence[Path], quantised: Artifact, precision: str) -> Agreement:
        """How ``outputs`` of the quantised model, of the first samples that judge, agree with the float model's."""
        exact = self._exact[self._first_judging :][: len(outputs)]
        roles = self._plan.artifact.facts.roles
        found = compare_outputs(
            list(self._of(exact, self._plan.artifact)),
            list(self._of(outputs, quantised)),
            precision,
            self.name,
            True,
            roles.bounded,
            roles.labels,
        )
        return Agreement(
            target=target,
            inputs=found.inputs,
            ok=found.ok,
            cosine_min=found.cosine_min,
            sqnr_db_min=found.sqnr_db_min,
            reason=found.reason,
        )

    def _of(self, paths: Sequence[Path], artifact: Artifact) -> Iterator[Tensors]:
        """Outputs by the names in the float model."""
        specs, names = artifact.facts.outputs, self._plan.artifact.facts.outputs
        for path in paths:
            yield by_file_name(dequantised(by_file_name(load_feeds(path), specs), specs), names)

    def _run(self, artifact: Artifact, feeds: tuple[Path, ...], measured: Artifact) -> tuple[Reference, Checked]:
        found = reference_for(artifact, measured, self._jobs.catalog)
        if found is None:
            raise failure_of(no_reference(artifact))
        request = found.request(OpenRequest(artifact, found.setup.device), artifact)
        job = CheckJob(found.plugin, request=request, scenario=SCENARIO, feeds=feeds, seed=0)
        return found, self._jobs.run(job, SAMPLE_SECONDS * len(feeds))
