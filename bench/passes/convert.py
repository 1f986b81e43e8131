"""The pass that makes the form of a model that its target opens, where that is another than the model's own."""

from msgspec.structs import replace

from bench.contracts import Artifact, ConvertingTarget, Target
from bench.jobs import Job, Runner, Worker
from bench.passes.evidence import Evidence, known
from bench.passes.foresee import converts
from bench.plugins import load
from bench.words import sentence


class ConvertJob(Job[Artifact], frozen=True, kw_only=True):
    """Make what the target opens out of an artifact that it only opens in another form."""

    artifact: Artifact
    device: str
    options: dict[str, str]

    def play(self, worker: Worker) -> Artifact:
        """What the target opens instead of the artifact; the artifact itself where it needs nothing else."""
        worker.announce("convert")
        target: Target = load(self.plugin)
        if not isinstance(target, ConvertingTarget):
            return self.artifact
        folder = worker.folder / "converted"
        folder.mkdir()
        return target.convert(self.artifact, folder, self.device, self.options)


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """What is opened instead of the artifact; nothing where the target opens that itself."""
    artifact, target, opening = known(so_far.prepared).artifact, so_far.run.target, known(so_far.opening)
    plugin, device, options = target.plugin, target.device.name, target.options
    if not converts(target, artifact):
        return so_far
    key = (
        plugin,
        device,
        artifact.format,
        artifact.sha256,
        tuple(sorted(artifact.shapes.items())),
        tuple(sorted(options.items())),
    )
    job = ConvertJob(plugin, artifact=artifact, device=device, options=options)
    opened = jobs.settled(jobs.once(ConvertJob, key, lambda: job, says=sentence("run.converting_model")))
    if opened == artifact:
        return so_far
    request = replace(opening.request, artifact=opened)
    return replace(so_far, opened=opened, opening=replace(opening, request=request))
