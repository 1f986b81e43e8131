"""Judges a run on its dataset, and the reference on the same samples, each once and in a process of its own."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.analysis.quality import compare, summarise
from bench.contracts import Artifact
from bench.inputs.tensor_files import load_feeds
from bench.jobs import Failed, Judged, JudgeJob
from bench.plugins import Catalog
from bench.printable import counted
from bench.process.supervisor import JobResult, run_job
from bench.record.quality import Quality, QualityReference
from bench.record.redact import option_without_paths
from bench.run.references import reference_for

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SAMPLE_SECONDS = 5.0  # that one sample may take, on average: an emulator needs one or two


class Judgement(Struct, frozen=True):
    """``arrays``: per-sample results by their keys in ``samples.npz``, which ``quality.arrays`` names."""

    quality: Quality
    arrays: Any


class Evaluations:
    """Judges the reference once for each artifact and dataset."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._done: dict[tuple[Any, ...], tuple[str, JobResult | None]] = {}

    def judge(
        self,
        job: JudgeJob,
        twin: Artifact | None,
        target_id: str,
        deadline_s: float,
        folder: Callable[[], Path],
        settled: Callable[[JobResult], Any],
    ) -> Judgement:
        """Quality of ``job``'s target, with its loss against the reference: ``twin`` where a float model was named,
        else the same file. ``settled`` keeps the log of the target's own job, and raises ``RunFailure`` where that
        cannot be judged."""
        event = settled(run_job(job, deadline_s))
        assert isinstance(event, Judged)
        results = _load(event)
        quality = Quality(
            event.dataset,
            event.artifact_sha256,
            target_id,
            {key: option_without_paths(value) for key, value in event.facts.options_effective.items()},
            summarise(event.metrics, results, event.dataset.samples),
            samples={name: f"quality_{name}" for name in results},
        )
        arrays = {quality.samples[name]: array for name, array in results.items()}
        if not event.metrics:
            why = "this engine does not show its logits, so perplexity cannot be judged"
            return Judgement(msgspec.structs.replace(quality, reference=QualityReference("none", reason=why)), arrays)
        asked = msgspec.structs.replace(job, windows=event.windows)
        judgement = self._against_reference(quality, results, asked, twin, deadline_s, folder)
        return msgspec.structs.replace(judgement, arrays={**arrays, **judgement.arrays})

    def _against_reference(
        self,
        quality: Quality,
        results: "dict[str, Array]",
        job: JudgeJob,
        twin: Artifact | None,
        deadline_s: float,
        folder: Callable[[], Path],
    ) -> Judgement:
        """``quality`` with the reference's, and the arrays of the reference's results."""
        name, result = self._reference(job, twin or job.made_for, deadline_s, folder)
        event = result.event if result is not None else None
        if not isinstance(event, Judged):
            why = event.failure.message if isinstance(event, Failed) else "no reference runtime here opens it"
            return Judgement(msgspec.structs.replace(quality, reference=QualityReference(name, reason=why)), {})
        theirs = _load(event)
        reference = QualityReference(
            name,
            event.artifact_sha256,
            summarise(event.metrics, theirs, event.dataset.samples),
            samples={metric: f"quality_reference_{metric}" for metric in theirs},
        )
        arrays = {reference.samples[metric]: array for metric, array in theirs.items()}
        if job.windows is None and event.dataset.sha256 != quality.dataset.sha256:
            samples = counted(event.dataset.samples, "sample")
            reason = f"it was evaluated on {samples}, this run on {quality.dataset.samples}"
            reference = msgspec.structs.replace(reference, reason=reason)
            return Judgement(msgspec.structs.replace(quality, reference=reference), arrays)
        paired = compare(quality.metrics, theirs, results)
        return Judgement(msgspec.structs.replace(quality, reference=reference, paired=paired), arrays)

    def _reference(
        self, job: JudgeJob, artifact: Artifact, deadline_s: float, folder: Callable[[], Path]
    ) -> tuple[str, JobResult | None]:
        cut = None if job.windows is None else sha256(job.windows.read_bytes()).hexdigest()
        key = (artifact.sha256, job.made_for.sha256, tuple(sorted(artifact.shapes.items())), job.dataset, cut)
        if key not in self._done:
            self._done[key] = self._run(job, artifact, deadline_s, folder)
        return self._done[key]

    def _run(
        self, job: JudgeJob, artifact: Artifact, deadline_s: float, folder: Callable[[], Path]
    ) -> tuple[str, JobResult | None]:
        found = reference_for(artifact, job.made_for, self._catalog)
        if found is None:
            return "none", None
        request = msgspec.structs.replace(
            job.request, artifact=artifact, device=found.setup.device, options=found.setup.options
        )
        asked = msgspec.structs.replace(job, folder=folder(), plugin=found.plugin, request=request, foreseen=False)
        return found.name, run_job(asked, deadline_s)


def _load(event: Judged) -> "dict[str, Array]":
    return load_feeds(event.results)
