"""The pass that makes a model's files and inputs: once a suite for each model and its inputs."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, Describable, Model, ModelRequest, NamingTarget, Source, Tokenizer
from bench.errors import InputError, OdbError, RunFailure
from bench.inputs.batched import batched
from bench.inputs.chat import chatted, template_beside
from bench.inputs.conversations import continued, talked
from bench.inputs.images import IMAGE_SUFFIXES
from bench.inputs.prepared import InputsAsked, Prepared, prepared_tensors
from bench.inputs.prompts import Prompt, check_ids, prompt_facts, read_prompts, save_prompts
from bench.inputs.tensor_files import feeds_sha256, save_feeds
from bench.inputs.tokenizer_file import counted, longest, tokenizer_beside, tokenizer_of
from bench.jobs import Job, Runner, Worker
from bench.passes.evidence import Evidence
from bench.pipelines.asked import PipelineAsk, most_inputs
from bench.pipelines.opening import tried
from bench.pipelines.writing import tried_lines
from bench.plugins import PluginRef, load
from bench.quality.judging import first_samples
from bench.quality.text.files import Foreseen, foreseen_texts, samples_at_most
from bench.quality.text.limits import TextLimits
from bench.quality.text.sampling import sampling_of
from bench.record.inputs import FedInput, InputFacts, TemplateUsed
from bench.record.text import TokenizerUsed
from bench.scenarios.batches import batch_size, side_of
from bench.scenarios.kinds import kind_of
from bench.scenarios.text import turns_of
from bench.suite.dataset_options import DatasetAsk
from bench.suite.preprocessing import parse_preprocessing
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.suite.plan import ModelChoice, PlannedRun

CHECK_INPUTS = 4  # that outputs are compared on, unless asked otherwise


class PrepareJob(Job[Prepared], frozen=True, kw_only=True):
    """Make the model's artifact, and its inputs: of a ``dataset`` the first samples are taken. ``build``: whether to
    build a model that can be described instead; what is described cannot be opened. ``pipeline``: what the timed
    queries pass through, whose files are then the inputs."""

    request: ModelRequest
    cache: Path
    inputs: InputsAsked = InputsAsked()
    dataset: DatasetAsk | None = None
    build: bool = True
    pipeline: PipelineAsk | None = None

    def play(self, worker: Worker) -> Prepared:
        """Make the artifact; make its inputs, the user's own or seeded, one file a set."""
        worker.announce("prepare")
        artifact, asked = self._artifact(worker.folder), self.inputs
        if artifact.decoder is not None:
            return _prepared_text(self, artifact, artifact.decoder, worker.folder)
        refuse_prompts(asked, artifact.model_id)
        prepared = prepared_tensors(asked, artifact, worker.folder)
        if self.pipeline is not None:
            prepared = _piped(self.pipeline, self.plugin, prepared, asked.sets, worker.folder)
        if self.dataset is None:
            return prepared
        checks, samples = first_samples(self.dataset, self.plugin, artifact, asked.sets, worker.folder)
        return replace(prepared, checks=checks, check_source="dataset", dataset_samples=samples)

    def _artifact(self, folder: Path) -> Artifact:
        model: Model = load(self.plugin)
        if not self.build and isinstance(model, Describable):
            place = folder / "described"
            place.mkdir()
            described = model.described(self.request, place)
            if described is not None:
                return described
        return model.prepare(self.request, self.cache)


def _piped(ask: PipelineAsk, model: PluginRef, prepared: Prepared, sets: int, folder: Path) -> Prepared:
    """With the first inputs of the pipeline as what the model is fed."""
    artifact = prepared.artifact
    found = tried(ask, model, artifact, sets)
    paths: list[Path] = []
    for index, feeds in enumerate(found.feeds):
        paths.append(folder / f"pipeline-{index}.npz")
        save_feeds(paths[-1], feeds)
    source: Literal["image", "file"] = "image" if found.files[0].suffix.lower() in IMAGE_SUFFIXES else "file"
    first = found.feeds[0]
    facts = InputFacts(
        source,
        feeds_sha256(dict(first)),
        {name: tuple(int(side) for side in array.shape) for name, array in first.items()},
        str(parse_preprocessing(ask.preprocessing)) if source == "image" else "",
        tuple(FedInput(spec.name, spec.dtype, source) for spec in artifact.facts.inputs),
    )
    return replace(
        prepared,
        feeds=tuple(paths),
        inputs=facts,
        checks=tuple(paths),
        check_source=source,
        pipeline_files=found.files,
        not_taken=found.not_taken,
    )


def pipeline_ask(run: "PlannedRun") -> PipelineAsk | None:
    """The pipeline that the queries of ``run`` pass through. Raises ``RunFailure`` for a model without inputs."""
    ask, scenario = run.model.ask, run.scenario
    if not kind_of(scenario).staged:
        return None
    if not ask.pipeline_inputs and run.model.dataset is None:
        told = sentence("suite.pipeline_without_inputs"), sentence("pipeline.give_inputs")
        raise RunFailure("bad_input", *told, "prepare")
    labelled = not ask.pipeline_inputs
    hop = scenario.own_parameters.get("hop_ms")
    return PipelineAsk(
        kind=str(scenario.own_parameters.get("pipeline", "auto")),
        folder=run.model.dataset.folder if labelled and run.model.dataset is not None else Path(ask.pipeline_inputs),
        labelled=labelled,
        preprocessing=ask.preprocessing,
        options=ask.dataset_options,
        hop_ms=float(hop) if isinstance(hop, int | float) else None,
        most=most_inputs(scenario),
        chat=ask.chat,
    )


def refuse_prompts(asked: InputsAsked, model_id: str) -> None:
    """Raise ``InputError`` for prompts of a model that generates no text."""
    if asked.prompt_ids or asked.prompts:
        raise InputError(
            sentence("run.prompts_of_tensor_model", model_id=model_id),
            sentence("run.leave_prompts_out"),
        )


def _prepared_text(job: PrepareJob, artifact: Artifact, decoder: DecoderSpec, folder: Path) -> Prepared:
    asked = job.inputs
    if asked.files or (asked.preprocessing and job.dataset is None):
        raise InputError(
            sentence("run.input_of_decoder", model_id=artifact.model_id),
            sentence("run.leave_input_out"),
        )
    tokenizer, source = tokenizer_beside(artifact.path), artifact.source
    texts, foreseen = 0, Foreseen()
    if job.dataset is not None:
        sampling_of(job.dataset)
        texts = samples_at_most(job.dataset.folder, TextLimits())
        foreseen = _texts(job.dataset.folder, decoder, tokenizer, source)
    lines = None if job.pipeline is None else tried_lines(job.pipeline, artifact)
    prompts, template = _prompts(asked, artifact) if lines is None else (lines.prompts, lines.template)
    unfed = Prepared(
        artifact=artifact,
        dataset_samples=texts,
        question_tokens=foreseen.question_tokens,
        tokenizer=tokenizer,
        no_texts=foreseen.failure,
    )
    if not prompts:
        return unfed
    check_ids(prompts, decoder)
    path, known = folder / "prompts.json", counted(prompts, decoder, tokenizer, source)
    save_prompts(path, prompts)
    return replace(
        unfed,
        inputs=replace(prompt_facts(prompts), template=template),
        prompts=path,
        prompt_tokens=longest(prompts, known),
        counted=known,
        pipeline_files=() if lines is None else lines.files,
        not_taken=() if lines is None else lines.not_taken,
    )


def _texts(folder: Path, decoder: DecoderSpec, file: Path | None, source: Source | None) -> Foreseen:
    """What the tokenizer in ``file`` makes of the texts in ``folder``."""

    def tokenizer() -> tuple[Tokenizer | None, TokenizerUsed | None]:
        try:
            return tokenizer_of(None, file, source)
        except InputError as error:
            raise RunFailure("bad_input", error.sentence, error.advice, "prepare") from None

    return foreseen_texts(folder, decoder, cache(tokenizer))


def _prompts(asked: InputsAsked, artifact: Artifact) -> tuple[tuple[Prompt, ...], TemplateUsed | None]:
    """The user's prompts, in the model's chat template where that was asked for."""
    prompts = read_prompts(asked.prompt_ids, asked.prompts, artifact.model_id)
    if not asked.chat:
        if any(prompt.messages for prompt in prompts):
            raise InputError(sentence("input.messages_without_chat"), sentence("input.give_chat"))
        return continued(prompts, asked.turns) if prompts and asked.turns else prompts, None
    template = template_beside(artifact.path)
    if template is None:
        raise InputError(
            sentence("input.no_template", model_id=artifact.model_id),
            sentence("input.put_template_beside"),
        )
    made = talked(prompts, template, asked.turns) if asked.turns else chatted(prompts, template)
    return made, template.used


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """The model and its inputs."""
    run = so_far.run
    prepared = made(run, run.model, jobs)
    return replace(so_far, prepared=prepared, device_name=device_name(run, prepared.artifact))


def made(run: "PlannedRun", choice: "ModelChoice", jobs: Runner, build: bool = True) -> Prepared:
    """The model of ``choice``, with the inputs of ``run``. ``build``: as in ``PrepareJob``. Raises ``RunFailure`` for a
    model that does not take as many samples at once, or pictures as large, as the scenario asks for."""
    size = batch_size(run.scenario)
    request = replace(choice.request(run.seed), side=side_of(run.scenario))
    if size is None:
        return _made(run, choice, request, jobs, build)
    single = _made(run, choice, request, jobs, build=False, fed=False).artifact
    if single.decoder is not None:  # which the scenario is not for, as is said when that is asked
        return _made(run, choice, request, jobs, build)
    return _made(run, choice, replace(request, shapes=batched(single, size)), jobs, build)


def _made(
    run: "PlannedRun", choice: "ModelChoice", request: ModelRequest, jobs: Runner, build: bool, fed: bool = True
) -> Prepared:
    """``fed``: with the inputs that were asked for, or with seeded ones, to see what the model takes."""
    job = PrepareJob(
        choice.plugin,
        request=request,
        cache=jobs.cache,
        inputs=inputs_asked(run, choice) if fed else InputsAsked(sets=1),
        dataset=run.model.dataset if fed else None,
        build=build,
        pipeline=pipeline_ask(run) if choice == run.model else None,
    )
    return jobs.settled(jobs.once(PrepareJob, repr(job), lambda: job, says=sentence("run.preparing_model")))


def inputs_asked(run: "PlannedRun", choice: "ModelChoice") -> InputsAsked:
    """What the model of ``choice`` is to be fed in ``run``."""
    ask = choice.ask
    return InputsAsked(
        files=tuple(f"{name}={path}" if name else path for name, path in ask.inputs.items()),
        preprocessing=ask.preprocessing,
        sets=run.check_inputs or CHECK_INPUTS,
        seed=run.seed,
        prompt_ids=ask.prompt_ids,
        prompts=ask.prompts,
        chat=ask.chat,
        turns=turns_of(run.scenario),
    )


def device_name(run: "PlannedRun", artifact: Artifact | None = None) -> Sentence | str:
    """The name of the device, where the target knows it before it opens a model; else empty. ``artifact``: the model,
    once it has been read."""
    asked = run.target
    try:
        target = load(asked.plugin)
        return target.name_of(asked.device.name, asked.options, artifact) if isinstance(target, NamingTarget) else ""
    except OdbError:  # the run reports what is wrong
        return ""
