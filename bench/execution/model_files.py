"""What is known of a model before a suite is measured: what it does, and its checksum. Files are read in processes of
their own; of a built-in model the plugin says what it does."""

from collections.abc import Sequence
from pathlib import Path

from bench.contracts import Artifact, ModelRequest, Task
from bench.errors import OdbError
from bench.execution.probe import temporary_workspace
from bench.execution.runner import JobRunner, Memo
from bench.execution.workbench import Bench
from bench.jobs import Job, Worker
from bench.plugins import Catalog, PluginRef, load
from bench.suite.plan import OWN_MODELS, ModelChoice, choose_models
from bench.suite.suite import ModelAsk, Suite
from bench.words import Sentence


class ReadModelJob(Job[Artifact], frozen=True, kw_only=True):
    """Read a model's file, or build a built-in model, and make nothing to feed it."""

    request: ModelRequest
    cache: Path

    def play(self, worker: Worker) -> Artifact:
        worker.announce("prepare")
        artifact: Artifact = load(self.plugin).prepare(self.request, self.cache)
        return artifact


def tasks_of_models(asks: Sequence[ModelAsk], catalog: Catalog, cache: Path) -> list[Task]:
    """The task of each model. Raises ``UnknownName``, ``InputError``, and ``RunFailure`` for a file that cannot be
    read."""
    if not asks:
        return []
    suite, memo = Suite(models=tuple(asks)), Memo()
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, Path("/"))
        return [_task(bench, ask, ref, memo) for ask, ref in choose_models(suite, catalog)]


def _task(bench: Bench, ask: ModelAsk, ref: PluginRef, memo: Memo) -> Task:
    if not ref.name.startswith(OWN_MODELS):
        task: Task = load(ref).task
        return task
    return _read(bench, ref, ModelRequest(ask.source, ask.format, ask.precision, ask.shapes, 0), memo).task


def inputs_of_models(asks: Sequence[ModelAsk], catalog: Catalog, cache: Path) -> list[frozenset[str] | None]:
    """The names of each model's inputs, whether or not it has all those that shapes are asked for; ``None`` of a model
    that cannot be read. Raises ``UnknownName`` for a model that there is not."""
    suite, memo = Suite(models=tuple(asks)), Memo()
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, Path("/"))
        return [_inputs(bench, ask, ref, memo) for ask, ref in choose_models(suite, catalog)]


def _inputs(bench: Bench, ask: ModelAsk, ref: PluginRef, memo: Memo) -> frozenset[str] | None:
    shapes = dict(ask.shapes)
    while True:
        try:
            found = _read(bench, ref, ModelRequest(ask.source, ask.format, ask.precision, dict(shapes), 0), memo)
        except OdbError as error:
            said = error.sentence if isinstance(error.sentence, Sentence) else None
            if said is not None and said.code == "error.unknown" and said.figures.get("name") in shapes:
                del shapes[str(said.figures["name"])]
            elif said is not None and said.code == "model.shape_of_decoder" and shapes:
                shapes = {}
            else:
                return None
        else:
            return frozenset(spec.name for spec in found.facts.inputs)


def checksum_of(bench: Bench, model: ModelChoice, seed: int, memo: Memo) -> str | None:
    """The checksum of the model as it is now; a built-in one is built if it is not in the cache. ``None`` where it
    cannot be read: the run says why. ``memo``: what was read before."""
    try:
        return _read(bench, model.plugin, model.request(seed), memo).sha256
    except OdbError:
        return None


def files_read(bench: Bench, model: ModelChoice, seed: int, memo: Memo) -> tuple[Path, ...]:
    """The files that are read of the user's own model; none of a built-in. Raises ``InputError``, and ``RunFailure``,
    for a model that cannot be read."""
    if not model.plugin.name.startswith(OWN_MODELS):
        return ()
    artifact = _read(bench, model.plugin, model.request(seed), memo)
    return artifact.files if artifact.source is None else artifact.source.files


def _read(bench: Bench, plugin: PluginRef, request: ModelRequest, memo: Memo) -> Artifact:
    jobs = JobRunner(bench, memo, bench.deadline_s)
    job = ReadModelJob(plugin, request=request, cache=bench.cache)
    return jobs.settled(jobs.once(ReadModelJob, repr(job), lambda: job))
