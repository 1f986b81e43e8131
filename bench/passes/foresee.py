"""The pass that asks the target whether it takes a model, before anything is converted or opened."""

from typing import TYPE_CHECKING

from bench.contracts import Artifact, ConvertingTarget
from bench.jobs import Job, Runner, Worker
from bench.passes.evidence import Evidence, known
from bench.plugins import load

if TYPE_CHECKING:
    from bench.suite.plan import TargetChoice


class ForeseeJob(Job[None], frozen=True, kw_only=True):
    """Whether the target accepts the artifact with these options, as far as it is known without opening it."""

    artifact: Artifact
    device: str
    options: dict[str, str]

    def play(self, worker: Worker) -> None:
        """Raises what the target does; it returns nothing where it takes the model."""
        load(self.plugin).check(self.artifact, self.device, self.options)


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """Adds nothing. Only a target that converts the model is asked here: any other is asked by the check."""
    artifact, target = known(so_far.prepared).artifact, so_far.run.target
    if converts(target, artifact):
        ask(target, artifact, jobs)
    return so_far


def ask(target: "TargetChoice", artifact: Artifact, jobs: Runner) -> None:
    """Raises ``RunFailure`` for a model that the target does not take with its options."""
    job = ForeseeJob(target.plugin, artifact=artifact, device=target.device.name, options=target.options)
    jobs.settled(jobs.once(ForeseeJob, repr(job), lambda: job))


def converts(asked: "TargetChoice", artifact: Artifact) -> bool:
    """Whether the target may open ``artifact`` in another form."""
    target = load(asked.plugin)
    return isinstance(target, ConvertingTarget) and target.converts(artifact, asked.device.name, asked.options)
