"""The untimed passes that make a model's files and inputs, and the form that a target opens."""

import msgspec

from bench.contracts import Artifact, ConvertingTarget, DecoderSpec, Target
from bench.errors import InputError
from bench.inputs.prepared import prepared_tensors
from bench.inputs.prompts import check_ids, longest, prompt_facts, read_prompts, save_prompts
from bench.jobs import Converted, ConvertJob, Prepared, PrepareJob
from bench.plugins import load
from bench.quality.judging import first_samples
from bench.quality.texts import text_files


def prepare(job: PrepareJob) -> Prepared:
    """Make the artifact; make its inputs, the user's own or seeded, one file a set."""
    artifact = load(job.plugin).prepare(job.request, job.cache)
    if artifact.decoder is not None:
        return _prepared_text(job, artifact, artifact.decoder)
    if job.prompt_ids or job.prompts:
        raise InputError(
            f"--prompt-ids, --prompts: do not apply to {artifact.model_id}, which generates no text",
            "Leave them out; --input gives a tensor model its inputs.",
        )
    prepared = prepared_tensors(job, artifact)
    if job.dataset is None:
        return prepared
    checks, samples = first_samples(job, artifact)
    return msgspec.structs.replace(prepared, checks=checks, check_source="dataset", dataset_samples=samples)


def _prepared_text(job: PrepareJob, artifact: Artifact, decoder: DecoderSpec) -> Prepared:
    if job.input_files or (job.preprocessing and job.dataset is None):
        raise InputError(
            f"--input: does not apply to {artifact.model_id}, a decoder; its prompt is seeded",
            "Leave it out; --prompt-tokens sets the prompt's length, --prompt-ids and --prompts give your own.",
        )
    texts = 0 if job.dataset is None else len(text_files(job.dataset.folder))
    if job.dataset is not None and job.dataset.options:
        raise InputError("--dataset-options: do not apply to the texts of a language model", "Leave them out.")
    prompts = read_prompts(job.prompt_ids, job.prompts, artifact.model_id)
    if not prompts:
        return Prepared(artifact, (), None, dataset_samples=texts)
    check_ids(prompts, decoder)
    path = job.folder / "prompts.json"
    save_prompts(path, prompts)
    return Prepared(artifact, (), prompt_facts(prompts), (), "", texts, path, longest(prompts))


def convert(job: ConvertJob) -> Converted:
    """What the target opens instead of the artifact; the artifact itself where it needs nothing else."""
    target: Target = load(job.plugin)
    if not isinstance(target, ConvertingTarget):
        return Converted(job.artifact)
    folder = job.folder / "converted"
    folder.mkdir()
    return Converted(target.convert(job.artifact, folder))
