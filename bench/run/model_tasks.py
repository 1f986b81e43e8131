"""What a model does, known before a suite is planned: of a built-in from its plugin, of the user's from its file."""

from collections.abc import Sequence
from pathlib import Path

from bench.contracts import Artifact, ModelRequest, Task
from bench.jobs import Job, Worker
from bench.plugins import Catalog, load
from bench.run.probe import temporary_workspace
from bench.run.runner import JobRunner
from bench.run.workbench import Bench
from bench.suite.plan import OWN_MODELS, choose_models
from bench.suite.suite import ModelAsk, Suite


class ReadModelJob(Job[Artifact], frozen=True, kw_only=True):
    """Read a model's file, and make nothing to feed it."""

    request: ModelRequest
    cache: Path

    def play(self, worker: Worker) -> Artifact:
        worker.announce("prepare")
        artifact: Artifact = load(self.plugin).prepare(self.request, self.cache)
        return artifact


def tasks_of_models(asks: Sequence[ModelAsk], catalog: Catalog, cache: Path) -> list[Task]:
    """The task of each model. Files are read, in processes of their own. Raises ``UnknownName``, ``InputError``, and
    ``RunFailure`` for a file that cannot be read."""
    if not asks:
        return []
    suite = Suite(models=tuple(asks))
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, Path("/"))
        jobs = JobRunner(bench, {}, bench.deadline_s)
        found: list[Task] = []
        for ask, ref in choose_models(suite, catalog):
            if ref.name.startswith(OWN_MODELS):
                request = ModelRequest(ask.source, ask.format, ask.precision, ask.shapes, 0)
                found.append(jobs.run(ReadModelJob(ref, request=request, cache=cache)).task)
            else:
                found.append(load(ref).task)
        return found
