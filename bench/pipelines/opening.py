"""Opens a pipeline around a session, and tries its inputs before anything is timed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from bench.contracts import Artifact, Pipeline, PipelinedModel, Tensors, TensorSession
from bench.contracts.answers import refill_of
from bench.errors import InputError, problem_of
from bench.measure.staged.queries import Staged
from bench.measure.text_driver import OpenedText
from bench.pipelines.asked import (
    AUTO,
    OWN,
    SOUND,
    SUFFIXES,
    PipelineAsk,
    PipelineOpening,
    evenly,
    files_of,
)
from bench.pipelines.named import Stages, ToldPipeline, facts_of
from bench.pipelines.pictures import PicturePipeline
from bench.pipelines.sound import SoundPipeline
from bench.pipelines.texts import TextPipeline
from bench.pipelines.writing import open_writing
from bench.plugins import PluginRef, load
from bench.quality.real_values import by_file_name, dequantised
from bench.record.inputs import NotTaken
from bench.scenarios.staged import TEXT, refuse_hop
from bench.words import sentence

Make = Callable[[PipelineAsk, Artifact], Pipeline]
READY: Mapping[str, Make] = MappingProxyType({SOUND: SoundPipeline, TEXT: TextPipeline})
"""Of the kinds that are not of photographs."""


class Tried(Struct, frozen=True):
    """``files``: those that can be used, ``not_taken`` the others. ``feeds``: the tensors of the first inputs."""

    files: tuple[Path, ...]
    not_taken: tuple[NotTaken, ...]
    feeds: tuple[Tensors, ...]


def pipeline_of(ask: PipelineAsk, model: PluginRef, artifact: Artifact) -> Pipeline:
    """The pipeline that is asked for; ``auto`` is the model's own where it has one, else that of its files. Raises
    ``InputError``, also for a ``hop_ms`` that it does not use."""
    plugin = load(model)
    own = isinstance(plugin, PipelinedModel)
    if ask.kind == OWN and not own:
        raise InputError(
            sentence("pipeline.none_of_its_own", model_id=artifact.model_id), sentence("pipeline.say_kind")
        )
    if own and isinstance(plugin, PipelinedModel) and ask.kind in (AUTO, OWN):
        refuse_hop(OWN, ask.hop_ms)
        return plugin.pipeline(artifact)
    kind = ask.kind
    if kind == AUTO and artifact.facts.inputs:
        suffix = files_of(ask)[0].suffix.lower()
        kind = next((name for name in READY if suffix in SUFFIXES[name]), AUTO)
    refuse_hop(kind, ask.hop_ms)
    return READY.get(kind, PicturePipeline)(ask, artifact)


def tried(ask: PipelineAsk, model: PluginRef, artifact: Artifact, sets: int) -> Tried:
    """Decode and preprocess the first input of each file. Raises ``InputError`` where none can be used, and for tensors
    that the model does not take."""
    pipeline = pipeline_of(ask, model, artifact)
    files: list[Path] = []
    left: list[NotTaken] = []
    feeds: list[Tensors] = []
    for file in files_of(ask):
        try:
            made = pipeline.preprocess(pipeline.decode(pipeline.inputs([file])[0]))
        except InputError as error:
            left.append(NotTaken(file.name, problem_of(error)))
            continue
        refuse_wrong(made, artifact)
        files.append(file)
        if len(feeds) < sets:
            feeds.append(made)
    if not files:
        first = left[0]
        raise InputError(
            sentence("pipeline.no_input_left", folder=ask.folder.name, file=first.file, why=first.reason),
            sentence("pipeline.give_inputs"),
        )
    return Tried(tuple(files), tuple(left), tuple(feeds))


def refuse_wrong(feeds: Tensors, artifact: Artifact) -> None:
    """Raise ``InputError`` for what ``preprocess`` returned: not the model's inputs, or of other shapes or types."""
    wanted = {spec.name: (spec.dtype, list(artifact.shapes[spec.name])) for spec in artifact.facts.inputs}
    found = {name: (str(array.dtype), list(array.shape)) for name, array in feeds.items()}
    if found != wanted:
        raise InputError(
            sentence("pipeline.wrong_shape", stage="preprocess", wanted=_told(wanted), found=_told(found)),
            sentence("pipeline.see_pipelines"),
        )


def _told(tensors: Mapping[str, tuple[str, Sequence[Any]]]) -> list[str]:
    return [f"{name} {dtype} {shape}" for name, (dtype, shape) in tensors.items()]


def open_staged(asked: PipelineOpening, session: TensorSession | OpenedText) -> Staged:
    """The stages around ``session``; of tensors its inputs are bound. One query has been answered. Raises
    ``InputError`` naming the stage that cannot use what it gets, with the shapes wanted and found."""
    if isinstance(session, OpenedText):
        return open_writing(asked, session)
    artifact = asked.artifact
    pipeline = pipeline_of(asked.ask, asked.model, artifact)
    if isinstance(pipeline, PicturePipeline):
        pipeline.prepare_by(session)
    every = pipeline.inputs(asked.files)
    items = evenly(every, asked.ask.most)
    specs = artifact.facts.outputs
    names = [spec.name for spec in artifact.facts.inputs]
    theirs = [spec.name for spec in session.inputs]

    def fed(feeds: Tensors) -> Tensors:
        return (
            feeds
            if names == theirs or set(names) == set(theirs)
            else dict(zip(theirs, (feeds[name] for name in names), strict=True))
        )

    feeds = pipeline.preprocess(pipeline.decode(items[0]))
    call = session.bind(fed(feeds))
    refill = refill_of(session)

    def preprocess(decoded: Any) -> tuple[Any, Tensors]:
        return decoded, pipeline.preprocess(decoded)

    def bound(feeds: Tensors) -> None:
        session.bind(feeds)()

    def refilled(feeds: Tensors, refill: Callable[[Tensors], None]) -> None:
        refill(feeds)
        call()

    run = bound if refill is None else partial(refilled, refill=refill)

    def infer(made: tuple[Any, Tensors]) -> tuple[Any, Tensors]:
        run(fed(made[1]))
        return made[0], session.results()

    def postprocess(answered: tuple[Any, Tensors]) -> Any:
        outputs = dequantised(by_file_name(answered[1], specs), specs)
        return pipeline.postprocess(outputs, answered[0])

    steps = (pipeline.decode, preprocess, infer, postprocess)
    value: Any = items[0]
    for step in steps:
        value = step(value)
    told = pipeline.stages() if isinstance(pipeline, ToldPipeline) else Stages()
    kind = pipeline.kind if isinstance(pipeline, ToldPipeline) else OWN
    facts = facts_of(asked, kind, told, items, len(every), bound_each=refill is None)
    return Staged(items, steps, facts, call)
