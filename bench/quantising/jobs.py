"""What workers do: quantise by one method, and look at the layers of what came of it."""

from pathlib import Path

from msgspec import Struct

from bench.contracts import Artifact, LayerError, Model, ModelRequest, Quantiser, QuantiseRequest
from bench.jobs import Job, Worker
from bench.plugins import PluginRef, load


class LayerErrors(Struct, frozen=True):
    layers: tuple[LayerError, ...]


class QuantiseJob(Job[Artifact], frozen=True, kw_only=True):
    """Quantise by the request's method, and read what came of it with the plugin ``reader``."""

    request: QuantiseRequest
    reader: PluginRef

    def play(self, worker: Worker) -> Artifact:
        worker.announce("convert")
        quantiser: Quantiser = load(self.plugin)
        path = quantiser.quantise(self.request)
        model: Model = load(self.reader)
        return model.prepare(ModelRequest(str(path)), self.request.kept)


class LayersJob(Job[LayerErrors], frozen=True, kw_only=True):
    """Compare every layer of ``quantised``, which the request's method gave, with the float model's."""

    request: QuantiseRequest
    quantised: Path

    def play(self, worker: Worker) -> LayerErrors:
        worker.announce("check")
        quantiser: Quantiser = load(self.plugin)
        return LayerErrors(tuple(quantiser.layer_errors(self.request, self.quantised)))
