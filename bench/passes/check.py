"""The untimed pass that shows where a model runs and what comes out."""

from pathlib import Path

from msgspec.structs import replace

from bench.contracts import OpenRequest, Scenario, Target, TensorSession
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.jobs import Job, Runner, Worker
from bench.measure.phases import untimed
from bench.measure.text_driver import OpenedText, open_session
from bench.passes.evidence import Checked, Evidence, known
from bench.passes.foresee import converts
from bench.plugins import load
from bench.words import sentence


class CheckJob(Job[Checked], frozen=True, kw_only=True):
    """Where does it run, and what comes out? Outputs go to ``outputs-<i>.npz``.

    ``emulated``: an answer takes long, and memory says nothing. Of text: ``prompts`` are the user's own; ``forced``
    holds the ids (int64 [n]) whose logits are wanted, ``None``: those of the first prompt and what was generated after
    it; ``tokenizer``: the model's ``tokenizer.json``, for a session without a tokenizer of its own. ``foreseen``: a
    ``ForeseeJob`` has asked the target already whether it takes the model. ``again``: whether the first input set, or
    the first prompt, is run twice, to see whether what comes out repeats.
    """

    request: OpenRequest
    scenario: Scenario
    feeds: tuple[Path, ...]
    seed: int
    prompts: Path | None = None
    forced: Path | None = None
    emulated: bool = False
    foreseen: bool = False
    tokenizer: Path | None = None
    again: bool = True

    def play(self, worker: Worker) -> Checked:
        """Open with inspection on, run every input set once and the first twice, keep what came out."""
        from bench.passes.text_check import check_text

        target: Target = load(self.plugin)
        if not self.foreseen:
            target.check(self.request.artifact, self.request.device, self.request.options)
        session = open_session(target, replace(self.request, inspect=True), untimed(worker.announce))
        worker.announce("check")
        if not isinstance(session, OpenedText):
            return _check_tensors(self, session, worker.folder)
        found = check_text(
            session,
            self.request,
            self.scenario,
            seed=self.seed,
            prompts=self.prompts,
            forced=self.forced,
            tokenizer=self.tokenizer,
            emulated=self.emulated,
            again=self.again,
            folder=worker.folder,
        )
        return Checked(session.facts(), session.placement(), (), found.token_ids, found.text, found.determinism)


def _check_tensors(job: CheckJob, session: TensorSession, folder: Path) -> Checked:
    from bench.passes.determinism import compare_tensors

    outputs: list[Path] = []
    for index, path in enumerate(job.feeds):
        session.bind(load_feeds(path))()
        outputs.append(folder / f"outputs-{index}.npz")
        save_feeds(outputs[-1], session.results())
    determinism = None
    if outputs and job.again:
        session.bind(load_feeds(job.feeds[0]))()
        found = compare_tensors(load_feeds(outputs[0]), session.results(), session.facts().executed_precision)
        determinism = replace(found, draws=job.request.artifact.facts.draws)
    return Checked(session.facts(), session.placement(), tuple(outputs), determinism=determinism)


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """Placement, outputs, and whether they repeat; before any time is spent on measuring."""
    jobs.say(sentence("run.checking_placement_outputs"))
    return replace(so_far, checked=jobs.run(check_job(so_far)))


def check_job(so_far: Evidence, again: bool = True) -> CheckJob:
    """The check of what was prepared, opened as the next process of the run opens it. ``again``: as in ``CheckJob``."""
    run, prepared = so_far.run, known(so_far.prepared)
    emulated = run.target.device.emulated
    inputs = run.check_inputs or (1 if emulated else len(prepared.checks))
    return CheckJob(
        run.target.plugin,
        request=known(so_far.opening).for_process(),
        scenario=known(so_far.scenario),
        feeds=prepared.checks[:inputs],
        seed=run.seed,
        prompts=prepared.prompts,
        emulated=emulated,
        foreseen=converts(run.target, prepared.artifact),
        tokenizer=prepared.tokenizer,
        again=again,
    )
