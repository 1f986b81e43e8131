"""Carries ``odb quantise`` out: every method is tried in a process of its own, on the same samples."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench import __version__
from bench.contracts import Artifact, LayerError, LineageStep, Method, Quantiser, QuantiseRequest
from bench.contracts.quantising.stated import encoded_steps
from bench.errors import OdbError
from bench.execution.runner import JobRunner
from bench.plugins import load
from bench.quantising.asked import QuantisePlan
from bench.quantising.comparing import Compared, Comparing
from bench.quantising.jobs import LayersJob, QuantiseJob
from bench.quantising.lineage import SUFFIXES, calibration_set, made_from, steps
from bench.quantising.losses import least
from bench.quantising.outcome import Quantised, Sampled, Try
from bench.quantising.placing import placed_on
from bench.quantising.quality import lost
from bench.words import Sentence, sentence

SAMPLE_SECONDS = 10.0
"""That one sample may take to calibrate on."""
LAYER_SAMPLES = 4
"""On which layers are compared: all values of both graphs are held at once."""
STEADY = {"PYTHONHASHSEED": "0"}
"""So that libraries which walk sets write the same bytes every time."""


class Candidate(Struct, frozen=True, kw_only=True):
    """One try with its files, if it gave any."""

    told: Try
    method: Method
    artifact: Artifact | None = None
    compared: Compared | None = None
    lineage: tuple[LineageStep, ...] = ()


class Carried(Struct, frozen=True):
    """The outcome, and the files of the chosen try, where the worker wrote them."""

    outcome: Quantised
    files: tuple[Path, ...]


def carry_out(plan: QuantisePlan, jobs: JobRunner) -> Carried:
    """Try every method, choose, look closely at what was chosen. Raises ``RunFailure`` where the float model itself
    does not run, or no method gives a model."""
    return _Quantising(plan, jobs).carried_out()


class _Quantising:
    def __init__(self, plan: QuantisePlan, jobs: JobRunner) -> None:
        self._plan, self._jobs = plan, jobs
        self._quantiser: Quantiser = load(plan.plugin)
        self._reader = jobs.catalog.find("models", SUFFIXES[self._quantiser.result])
        self._kept = jobs.folder()
        self._comparing = Comparing(plan, jobs)

    def carried_out(self) -> Carried:
        plan = self._plan
        self._comparing.float_model()
        methods = plan.methods
        count = len(methods) + (self._quantiser.widening(methods[0], ("",), plan.ask.scheme) is not None)
        tries: list[Candidate] = []
        for index, method in enumerate(methods):
            tries.append(self._tried(method, index + 1, count))
            _keep_outputs(tries, _chosen(tries))
        best = _chosen(tries)
        if best is None:
            return Carried(self._outcome(tries, None), ())
        layers = self._layers(tries[best])
        mixed = self._mixed(tries[best], layers, count)
        mixed_index = None
        if mixed is not None:
            mixed_index = len(tries)
            tries.append(mixed)
            if plan.ask.mixed and mixed.artifact is not None and mixed.told.fits:
                best = mixed_index
                layers = self._layers(tries[best])
        return self._closely(tries, best, mixed_index, layers)

    def _tried(self, method: Method, number: int, count: int) -> Candidate:
        plan, jobs = self._plan, self._jobs
        jobs.say(sentence("quantise.step.trying", number=number, count=count, method=method.name))
        lineage = steps(plan, self._quantiser, method)
        told = Try(method=method.name, options=method.options, widened=method.widened)
        try:
            request = self._request(method, lineage)
            samples_s = SAMPLE_SECONDS * len(request.samples)
            job = QuantiseJob(plan.plugin, request=request, reader=self._reader)
            artifact = jobs.settled(jobs.attempt(job, samples_s, environment=STEADY))
            compared = self._comparing.compared(artifact)
        except OdbError as error:
            return Candidate(told=replace(told, failure=error.sentence), method=method)
        limit = plan.ask.max_size_bytes
        told = replace(
            told,
            size_bytes=artifact.size_bytes,
            fits=limit is None or artifact.size_bytes <= limit,
            choosing=compared.choosing,
            judging=compared.judging,
        )
        return Candidate(told=told, method=method, artifact=artifact, compared=compared, lineage=lineage)

    def _request(self, method: Method, lineage: tuple[LineageStep, ...]) -> QuantiseRequest:
        plan = self._plan
        return QuantiseRequest(
            artifact=plan.artifact,
            scheme=plan.ask.scheme,
            method=method,
            samples=tuple(sample.path for sample in plan.parts.calibrating),
            lineage=encoded_steps(lineage),
            folder=self._jobs.folder(),
            kept=self._kept,
        )

    def _layers(self, candidate: Candidate) -> tuple[LayerError, ...]:
        """Of the samples that judge; where the library cannot tell, none."""
        plan, jobs = self._plan, self._jobs
        if candidate.artifact is None:
            return ()
        jobs.say(sentence("quantise.step.layers"))
        samples = tuple(sample.path for sample in plan.parts.judging[:LAYER_SAMPLES])
        request = replace(self._request(candidate.method, candidate.lineage), samples=samples)
        job = LayersJob(plan.plugin, request=request, quantised=candidate.artifact.path)
        try:
            return jobs.settled(jobs.attempt(job, SAMPLE_SECONDS * len(samples))).layers
        except OdbError:  # the result stands without them
            return ()

    def _mixed(self, best: Candidate, layers: Sequence[LayerError], count: int) -> Candidate | None:
        worst = [layer.name for layer in layers if layer.own_sqnr_db is not None][: self._plan.mixed_layers]
        method = self._quantiser.widening(best.method, worst, self._plan.ask.scheme)
        return None if method is None else self._tried(method, count, count)

    def _closely(self, tries: list[Candidate], best: int, mixed: int | None, layers: tuple[LayerError, ...]) -> Carried:
        plan, jobs, chosen = self._plan, self._jobs, tries[best]
        assert chosen.artifact is not None
        assert chosen.compared is not None
        outcome = replace(
            self._outcome(tries, best),
            mixed=mixed,
            layers=layers,
            agreement=self._comparing.agreement(chosen.compared, chosen.artifact),
            lineage=chosen.lineage,
            lost=lost(plan, chosen.artifact, jobs),
            placed=tuple(
                placed_on(check, plan, chosen.artifact, jobs, self._comparing)
                for check in self._quantiser.placements(plan.ask.scheme)
            ),
        )
        return Carried(outcome, chosen.artifact.files)

    def _outcome(self, tries: Sequence[Candidate], best: int | None) -> Quantised:
        plan = self._plan
        return Quantised(
            tool_version=__version__,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            quantiser=plan.plugin.name,
            scheme=plan.ask.scheme,
            source=made_from(plan.artifact),
            calibration=calibration_set(plan),
            sampled=sampled(plan),
            tries=tuple(candidate.told for candidate in tries),
            chosen=best,
            max_size_bytes=plan.ask.max_size_bytes,
            reference=self._comparing.name,
        )


def _keep_outputs(tries: Sequence[Candidate], chosen: int | None) -> None:
    """Remove the outputs of all tries but the chosen one: those of pictures take gigabytes."""
    for index, candidate in enumerate(tries):
        if index != chosen and candidate.compared is not None:
            for path in candidate.compared.outputs:
                path.unlink(missing_ok=True)


def _chosen(tries: Sequence[Candidate]) -> int | None:
    """The least loss on the samples for choosing, among the tries that fit."""
    return least([(one.told.fits and one.artifact is not None, one.told.choosing) for one in tries])


def sampled(plan: QuantisePlan) -> Sampled:
    read, parts = plan.read, plan.parts
    ordered = (*parts.calibrating, *parts.choosing, *parts.judging)
    used = len(read.samples) + read.duplicates + len(read.left_out)
    return Sampled(
        found=read.found,
        calibrating=len(parts.calibrating),
        choosing=len(parts.choosing) if parts.choosing != parts.calibrating else 0,
        judging=len(parts.judging),
        held_back=parts.held_back,
        duplicates=read.duplicates,
        unused=max(0, read.found - used),
        labelled=any(sample.labelled for sample in read.samples),
        left_out=read.left_out,
        hashes=tuple(dict.fromkeys(sample.sha256 for sample in ordered)),
    )


def why_none(outcome: Quantised) -> Sentence:
    """Why no try was chosen: too large, or none gave a model."""
    made = [one for one in outcome.tries if one.size_bytes is not None]
    if not made:
        return sentence("quantise.none_made", why=outcome.tries[0].failure)
    fitting = [one for one in made if one.fits]
    if not fitting:
        smallest = min(one.size_bytes or 0 for one in made)
        return sentence("quantise.none_fits", size_bytes=smallest, most_bytes=outcome.max_size_bytes or 0)
    return sentence("quantise.nothing_compared")
