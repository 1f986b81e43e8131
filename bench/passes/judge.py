"""The untimed pass that judges the answers on a dataset: per-sample results, and metrics of them all."""

from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, OpenRequest, Target, TensorSession
from bench.inputs.prepared import Prepared
from bench.jobs import Job, Runner, Worker
from bench.measure.phases import untimed
from bench.measure.text_driver import open_tensors, open_text
from bench.passes.evidence import Evidence, known
from bench.plugins import PluginRef, load
from bench.quality.judged import Judged, ToJudge
from bench.quality.judging import judge
from bench.quality.text.limits import TextLimits, limits_for
from bench.quality.texts import judge_texts
from bench.suite.dataset_options import DatasetAsk
from bench.words import sentence

SAMPLE_SECONDS = 5.0  # that one sample may take, on average: an emulator needs one or two
EMULATED_TEXT_SECONDS = 120.0
"""That a window, a prompt or a question may take on an emulator, on average: with 135 million weights it took
10 to 30 on two cores."""


class JudgeJob(Job[Judged], frozen=True, kw_only=True):
    """How good are the answers on a dataset? Per-sample results go to ``results.npz``.

    ``model``, ``made_for``, ``windows``, ``prompts``, ``limits``, ``tokenizer``: as in
    ``bench.quality.judged.ToJudge``. ``foreseen``: another pass has asked the target already whether it takes the
    model.
    """

    request: OpenRequest
    dataset: DatasetAsk
    model: PluginRef
    made_for: Artifact
    windows: Path | None = None
    foreseen: bool = False
    tokenizer: Path | None = None
    prompts: Path | None = None
    limits: TextLimits = TextLimits()

    def play(self, worker: Worker) -> Judged:
        """Open the model, run each sample once, keep how good the answer was."""
        asked = ToJudge(
            request=self.request,
            dataset=self.dataset,
            model=self.model,
            made_for=self.made_for,
            windows=self.windows,
            folder=worker.folder,
            tokenizer=self.tokenizer,
            prompts=self.prompts,
            limits=self.limits,
        )
        if self.made_for.task == "tensor":
            return judge(asked, lambda: self._tensors(worker))
        session = open_text(self._target(), self.request, untimed(worker.announce))
        worker.announce("judge")
        return judge_texts(asked, session)

    def _tensors(self, worker: Worker) -> TensorSession:
        session = open_tensors(self._target(), self.request, untimed(worker.announce))
        worker.announce("judge")
        return session

    def _target(self) -> Target:
        target: Target = load(self.plugin)
        if not self.foreseen:
            target.check(self.request.artifact, self.request.device, self.request.options)
        return target


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """How good the answers are on the user's dataset, if there is one."""
    run, prepared = so_far.run, known(so_far.prepared)
    dataset, artifact = run.model.dataset, prepared.artifact
    if dataset is None:
        return so_far
    jobs.say(sentence("run.judging_dataset"))
    limits = limits_for(run.target.device.emulated)
    job = JudgeJob(
        run.target.plugin,
        request=judged_request(known(so_far.opening).for_process(), artifact, limits, prepared.question_tokens),
        dataset=dataset,
        model=run.model.plugin,
        made_for=artifact,
        foreseen=True,
        tokenizer=prepared.tokenizer,
        prompts=prepared.prompts,
        limits=limits,
    )
    return replace(so_far, judged=jobs.run(job, seconds_for(prepared, run.target.device.emulated)))


def seconds_for(prepared: Prepared, emulated: bool) -> float:
    """That evaluating may take beyond a run's deadline."""
    samples = prepared.dataset_samples
    if not emulated or prepared.artifact.decoder is None:
        return SAMPLE_SECONDS * samples
    return EMULATED_TEXT_SECONDS * min(samples, limits_for(emulated).samples or samples)


def judged_request(request: OpenRequest, artifact: Artifact, limits: TextLimits, question_tokens: int) -> OpenRequest:
    """``request`` with room for a window of text, for the longest question, and for what is generated after a prompt of
    the request's length, in whole prompt graphs where the context allows it. ``artifact``: what the samples are made
    for."""
    if artifact.decoder is None:
        return request
    context = artifact.decoder.context_length
    window = min(limits.window, context)
    at_once = max(1, min(limits.at_once, window // 2))
    longest = max(window, question_tokens, request.decode_context + limits.generated)
    room = min(-(-longest // at_once) * at_once, context)
    return replace(request, prompt_tokens=at_once, decode_context=room, stop_tokens=())
