"""What quantising costs in quality: both models on the same labelled samples, which took no part in the making."""

from typing import TYPE_CHECKING

from bench.analysis.quality import compare, summarise
from bench.contracts import Artifact, OpenRequest
from bench.errors import OdbError
from bench.execution.references import reference_for
from bench.execution.runner import JobRunner
from bench.inputs.tensor_files import load_feeds
from bench.passes.judge import SAMPLE_SECONDS, JudgeJob
from bench.quantising.asked import QuantisePlan
from bench.quantising.outcome import Lost
from bench.quantising.samples import why_not_judged
from bench.suite.dataset_options import DatasetAsk
from bench.words import sentence

if TYPE_CHECKING:
    from bench.quality.judged import Judged


def lost(plan: QuantisePlan, quantised: Artifact, jobs: JobRunner) -> Lost:
    """Metrics of both, and the paired tests. Without labels the reason."""
    names = tuple(sorted(sample.name for sample in plan.parts.judging if sample.labelled))
    if not names:
        return Lost(reason=plan.read.unlabelled or sentence("quantise.no_labels"))
    jobs.say(sentence("run.judging_dataset"))
    data = plan.ask.data
    dataset = DatasetAsk(data.path, data.options, data.preprocessing, only=names)
    try:
        base, new = (_judged(plan, artifact, dataset, jobs) for artifact in (plan.artifact, quantised))
    except OdbError as error:
        return Lost(reason=why_not_judged(error))
    before, after = load_feeds(base.results), load_feeds(new.results)
    metrics = summarise(new.metrics, after, new.dataset.samples)
    if base.dataset.sha256 != new.dataset.sha256:
        return Lost(reason=sentence("quantise.other_samples_left_out"))
    return Lost(
        dataset=new.dataset.name,
        task=new.dataset.task,
        samples=new.dataset.samples,
        base=summarise(base.metrics, before, base.dataset.samples),
        new=metrics,
        paired=compare(metrics, before, after),
    )


def _judged(plan: QuantisePlan, artifact: Artifact, dataset: DatasetAsk, jobs: JobRunner) -> "Judged":
    found = reference_for(artifact, artifact, jobs.catalog)
    assert found is not None  # it ran both before
    request = found.request(OpenRequest(artifact, found.setup.device), artifact)
    job = JudgeJob(found.plugin, request=request, dataset=dataset, model=plan.model, made_for=plan.artifact)
    return jobs.run(job, SAMPLE_SECONDS * len(dataset.only))
