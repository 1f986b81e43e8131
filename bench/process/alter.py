"""The job that makes a copy of a model file with permuted weights, for the audit of ``odb reproduce --altered``."""

from pathlib import Path

from msgspec import Struct

from bench.contracts import Alterable, ModelRequest
from bench.errors import InputError
from bench.jobs import Job, Worker
from bench.plugins import load
from bench.words import sentence


class Altered(Struct, frozen=True):
    """The copy, in the job's folder."""

    path: Path


class AlterJob(Job[Altered], frozen=True, kw_only=True):
    """Write the copy of the model that ``request`` names into the job's folder."""

    request: ModelRequest
    seed: int

    def play(self, worker: Worker) -> Altered:
        """Raises ``InputError`` for a model that is no file whose weights can be permuted."""
        worker.announce("prepare")
        model = load(self.plugin)
        if not isinstance(model, Alterable):
            name = Path(self.request.source).name
            raise InputError(
                sentence("model.cannot_be_altered", model=name), sentence("model.cannot_be_altered.remedy")
            )
        folder = worker.folder / "altered"
        folder.mkdir(exist_ok=True)
        return Altered(model.altered(self.request, folder, self.seed))
