"""Compares how a run was judged with the reference on the same samples, which is judged once a suite."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.analysis.quality import compare, summarise
from bench.contracts import Artifact, Tensors
from bench.execution.references import no_reference, reference_for
from bench.execution.twins import float32_twin, named_twin
from bench.inputs.tensor_files import load_feeds
from bench.jobs import Failed, Runner
from bench.passes.evidence import Evidence, Judgement, known
from bench.passes.judge import JudgeJob, judged_request, seconds_for
from bench.printable import counted
from bench.quality.boxes import load_boxes, worst
from bench.quality.judged import Judged
from bench.quality.text.beside import beside_reference, with_pace
from bench.quality.text.limits import limits_for
from bench.record.quality import BoxedPicture, Paired, Quality, QualityReference
from bench.record.shown.redact import option_without_paths
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OF_AN_IMAGE = "image_ap"
"""The metric by which images with boxes are told apart."""


def compare_quality(so_far: Evidence, jobs: Runner) -> Evidence:
    """Adds the quality that the results of a run come to, with that of the reference and the loss against it: of the
    float model that was named, else of the same file."""
    judged = so_far.judged
    if judged is None:
        return so_far
    results = load_feeds(judged.results)
    run, artifact = so_far.run, known(so_far.prepared).artifact
    quality = with_pace(_quality(judged, results, run.target.id), judged, run.target.device.emulated)
    arrays: dict[str, NDArray[np.generic]] = {quality.samples[name]: array for name, array in results.items()}

    def with_reference(
        reference: QualityReference, paired: tuple[Paired, ...] = (), answer: Judged | None = None
    ) -> Evidence:
        pictures = _pictures(judged, known(run.model.dataset).folder, answer)
        whole = replace(quality, reference=reference, paired=paired, pictures=pictures)
        return replace(so_far, judgement=Judgement(whole, arrays))

    if not judged.metrics and artifact.decoder is None:
        return with_reference(QualityReference("none", reason=sentence("run.logits_not_shown")))
    twin = named_twin(run, artifact, jobs)
    if twin is None and artifact.decoder is not None:
        twin = float32_twin(run, artifact, jobs)
    name, answer = _reference(so_far, judged, twin or artifact, jobs)
    if not isinstance(answer, Judged):
        return with_reference(QualityReference(name, reason=answer.failure.sentence))
    theirs = load_feeds(answer.results)
    reference = QualityReference(
        name,
        answer.artifact_sha256,
        summarise(answer.metrics, theirs, answer.dataset.samples),
        samples={metric: f"quality_reference_{metric}" for metric in theirs},
    )
    arrays.update({reference.samples[metric]: array for metric, array in theirs.items()})
    if judged.windows is None and answer.dataset.sha256 != quality.dataset.sha256:
        samples = counted(answer.dataset.samples, "sample")
        reason = sentence("run.evaluated_on_others", samples=samples, samples_2=quality.dataset.samples)
        return with_reference(replace(reference, reason=reason))
    quality, more = beside_reference(quality, judged, answer)
    arrays.update(more)
    if not judged.metrics:
        reference = replace(reference, reason=sentence("run.logits_not_shown"))
    return with_reference(reference, compare(quality.metrics, theirs, results), answer)


def _pictures(judged: Judged, folder: Path, reference: Judged | None) -> tuple[BoxedPicture, ...]:
    """Of a detector the images that differ most from ``reference``, which judged the same samples."""
    if judged.boxes is None:
        return ()
    beside = None
    if reference is not None and reference.boxes is not None:
        beside = load_boxes(reference.boxes), load_feeds(reference.results)[OF_AN_IMAGE]
    return worst(load_boxes(judged.boxes), load_feeds(judged.results)[OF_AN_IMAGE], folder, beside)


def _quality(judged: Judged, results: Tensors, target_id: str) -> Quality:
    """Of one target, not yet compared with a reference's."""
    return Quality(
        judged.dataset,
        judged.artifact_sha256,
        target_id,
        {key: option_without_paths(value) for key, value in judged.facts.options_effective.items()},
        summarise(judged.metrics, results, judged.dataset.samples),
        samples={name: f"quality_{name}" for name in results},
    )


def _reference(so_far: Evidence, judged: Judged, artifact: Artifact, jobs: Runner) -> tuple[str, Judged | Failed]:
    """What the reference is called, and how ``artifact`` is judged on it: once a suite for the same samples."""
    prepared, run, dataset = known(so_far.prepared), so_far.run, known(so_far.run.model.dataset)
    made_for, windows, limits = prepared.artifact, judged.windows, limits_for(run.target.device.emulated)
    found = reference_for(artifact, made_for, jobs.catalog)
    if found is None:
        return "none", no_reference(artifact)
    job = JudgeJob(
        found.plugin,
        request=judged_request(
            found.request(known(so_far.opening).request, artifact), made_for, limits, prepared.question_tokens
        ),
        dataset=dataset,
        model=run.model.plugin,
        made_for=made_for,
        windows=windows,
        tokenizer=prepared.tokenizer,
        limits=limits,
    )
    cut = None if windows is None else sha256(windows.read_bytes()).hexdigest()
    key = artifact.sha256, made_for.sha256, tuple(sorted(artifact.shapes.items())), dataset, cut
    says = sentence("run.judging_reference")
    return found.name, jobs.once(JudgeJob, key, lambda: job, seconds_for(prepared, emulated=False), says).answer
