"""What ``odb quantise`` is asked for, and the plan made from it: nothing is quantised here."""

from pathlib import Path

from msgspec import Struct

from bench.contracts import Artifact, Method, ModelRequest, Quantiser
from bench.errors import InputError, RunFailure, UnknownName
from bench.execution.model_files import ReadModelJob
from bench.execution.runner import JobRunner
from bench.plugins import Catalog, PluginRef, load
from bench.quantising.samples import DataAsk, Divided, Read, SamplesJob, divided
from bench.reading import exists, is_folder
from bench.suite.plan import FOLDER, files_taken
from bench.words import sentence

MIXED = 4
"""Layers that a try leaves in 16 bits, unless asked for another number."""
READ_SECONDS = 2.0  # that one sample may take


class QuantiseAsk(Struct, frozen=True, kw_only=True):
    """``quantiser``: the plugin; ``mixed``: how many layers of the result are left in 16 bits; ``max_size_bytes``: of
    all files of the result. ``timeout_s``: of one process."""

    source: str
    data: DataAsk
    quantiser: str = "onnx"
    scheme: str = "int8"
    shapes: dict[str, tuple[int, ...]] = {}
    mixed: int = 0
    max_size_bytes: int | None = None
    timeout_s: float | None = None


class QuantisePlan(Struct, frozen=True, kw_only=True):
    """What will be done: the model, the samples by their part, and the methods."""

    ask: QuantiseAsk
    plugin: PluginRef
    model: PluginRef
    artifact: Artifact
    read: Read
    parts: Divided
    methods: tuple[Method, ...]

    @property
    def mixed_layers(self) -> int:
        return self.ask.mixed or MIXED


def planned(ask: QuantiseAsk, jobs: JobRunner) -> QuantisePlan:
    """Read the model and the samples. Raises ``InputError`` for what cannot be used, ``RunFailure`` where a process
    fails for another reason."""
    try:
        return _planned(ask, jobs)
    except RunFailure as error:
        if error.kind == "bad_input":
            raise InputError(error.sentence, error.advice) from None
        raise


def _planned(ask: QuantiseAsk, jobs: JobRunner) -> QuantisePlan:
    plugin, quantiser = chosen_quantiser(ask, jobs.catalog)
    model = model_plugin(ask.source, jobs.catalog)
    if not exists(ask.data.path):
        raise InputError(sentence("quantise.no_such_data", data=ask.data.path), sentence("quantise.give_samples"))
    jobs.say(sentence("run.preparing_model"))
    artifact = read_model(model, ask.source, jobs, ask.shapes)
    quantiser.refuse(artifact, ask.scheme)
    if artifact.format not in quantiser.formats:
        raise other_format(artifact, quantiser, jobs.catalog)
    methods = tuple(quantiser.methods(artifact, ask.scheme))
    says = sentence("quantise.step.samples")
    job = SamplesJob(model, artifact=artifact, data=ask.data)
    read = jobs.settled(jobs.once(SamplesJob, "", lambda: job, READ_SECONDS * ask.data.most, says))
    return QuantisePlan(
        ask=ask,
        plugin=plugin,
        model=model,
        artifact=artifact,
        read=read,
        parts=divided(read.samples),
        methods=methods,
    )


def chosen_quantiser(ask: QuantiseAsk, catalog: Catalog) -> tuple[PluginRef, Quantiser]:
    """Raises ``UnknownName`` for a plugin or a scheme that there is none of."""
    plugin = catalog.find("quantisers", ask.quantiser)
    quantiser: Quantiser = load(plugin)
    if ask.scheme not in quantiser.schemes:
        raise UnknownName(sentence("quantise.scheme_of", quantiser=plugin.name), ask.scheme, quantiser.schemes)
    return plugin, quantiser


def model_plugin(source: str, catalog: Catalog) -> PluginRef:
    """The plugin that reads the user's file. Raises ``InputError`` for a built-in model, and for what none reads."""
    path = Path(source)
    if not exists(path) and source in catalog.names("models"):
        raise InputError(sentence("quantise.built_in", model=source), sentence("quantise.built_in.remedy"))
    taker = FOLDER if is_folder(path) else path.suffix.lower()
    if taker not in catalog.names("models"):
        raise InputError(sentence("quantise.not_a_model", file=path.name), files_taken(catalog))
    return catalog.find("models", taker)


def read_model(
    plugin: PluginRef, source: str, jobs: JobRunner, shapes: "dict[str, tuple[int, ...]] | None" = None
) -> Artifact:
    """Raises ``RunFailure`` for a file that cannot be used."""
    request = ModelRequest(source, shapes=shapes or {})
    return jobs.run(ReadModelJob(plugin, request=request, cache=jobs.cache))


def other_format(artifact: Artifact, quantiser: Quantiser, catalog: Catalog) -> InputError:
    """That the quantiser does not read the model's format, and which one does."""
    others = [ref.name for ref in catalog.of("quantisers") if artifact.format in load(ref).formats]
    message = sentence(
        "quantise.other_format", file=artifact.path.name, format=artifact.format, formats=quantiser.formats
    )
    if others:
        return InputError(message, sentence("quantise.use_other_quantiser", names=others))
    return InputError(message, sentence("quantise.export_as_onnx"))
