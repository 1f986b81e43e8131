"""Asks a target, in a separate process, which of its settings may be tuned."""

from bench.contracts import Artifact, TunableTarget
from bench.contracts import Tunable as Tunable
from bench.jobs import Job, Worker
from bench.plugins import load


class TunablesJob(Job[tuple[Tunable, ...]], frozen=True, kw_only=True):
    """Which options of ``device`` may be tuned for ``artifact``? None of a target that does not say."""

    artifact: Artifact
    device: str

    def play(self, worker: Worker) -> tuple[Tunable, ...]:
        """May import the target's runtime."""
        worker.announce("start")
        target = load(self.plugin)
        return tuple(target.tunables(self.device, self.artifact)) if isinstance(target, TunableTarget) else ()
