"""What keeps a pipeline of several graphs from being run as it was asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.contracts import Artifact, DecoderSpec
from bench.errors import RunFailure
from bench.reading import read_object
from bench.targets.ort_genai import windows
from bench.words import sentence

PLACE = "model.decoder.pipeline"


def refuse_unfit(artifact: Artifact, decoder: DecoderSpec, target: str, options: Mapping[str, str]) -> None:
    """Raise ``RunFailure`` for a graph that was compiled for a device, for a cache that the runtime would have to move
    along, which onnxruntime-genai 0.18 does not do on the CPU, and for a stage whose own session options would be used
    in place of ``options``."""
    compiled = next((stage for stage in decoder.stages if stage.compiled), None)
    if compiled is not None:
        raise RunFailure(
            "unsupported_format",
            sentence(
                "ort.genai.stage_is_compiled",
                model_id=artifact.model_id,
                graph=compiled.file,
                field=f"{PLACE}.{compiled.name}",
                source=compiled.compiled,
                target=target,
            ),
            sentence("ort.genai.export_uncompiled", source=compiled.compiled),
            "plan",
        )
    if windows.slides_cache(decoder):
        raise RunFailure(
            "unsupported_format",
            sentence(
                "ort.genai.cache_not_moved", model_id=artifact.model_id, target=target, tensor=decoder.cache[0].past
            ),
            sentence("ort.genai.export_shared_cache"),
            "plan",
        )
    stated = dict(_stated(read_object(artifact.path, artifact.path.name))) if options else {}
    option = next((name for name in options if name in stated), None)
    if option is not None:
        raise RunFailure(
            "bad_input",
            sentence("ort.genai.stage_states_option", field=stated[option], option=option),
            sentence("ort.genai.remove_from_stage", field=stated[option]),
            "plan",
        )


def _stated(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The session options that stages state for themselves, each with its field."""
    pipeline = content["model"]["decoder"]["pipeline"]
    for group in pipeline if isinstance(pipeline, list) else [pipeline]:
        for name, stage in group.items():
            for option in stage.get("session_options", {}):
                yield option, f"{PLACE}.{name}.session_options.{option}"
