"""The graphs that a ``genai_config.json`` names, and whether this project can drive its decoder by itself."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import DecoderSpec
from bench.errors import InputError
from bench.reading import is_file, leads_outside
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import onnx

FILE = "genai_config.json"
NOT_OF_TEXT = ("encoder", "joiner", "vad")
"""Sections of models that answer a recording or a sentence of another language, not a prompt."""


def decoder_graphs(content: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """The files of the decoder's graphs, relative to ``folder``: one, or those of a pipeline in order. Raises
    ``InputError`` naming the field where one is missing or outside the folder."""
    model = content.get("model")
    decoder = model.get("decoder") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(decoder, dict):
        raise InputError(sentence("model.no_model_decoder", ort_genai=FILE), sentence("model.export_folder_again"))
    if not is_pipeline(content):
        return _checked([("model.decoder.filename", decoder.get("filename"))], folder)
    stages = list(_filenames(decoder.get("pipeline"), "model.decoder.pipeline"))
    return _checked(stages or [("model.decoder.pipeline", None)], folder)


def is_pipeline(content: Mapping[str, Any]) -> bool:
    """Whether the decoder is several graphs, one after the other."""
    model = content["model"]
    return model.get("type") == "decoder-pipeline" or "pipeline" in model["decoder"]


def graphs_beside(content: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """The files of the graphs that the runtime opens beside the decoder's (``embedding``, ``vision``, ``speech``).
    Raises ``InputError`` as ``decoder_graphs`` does, and for a model that does not continue text."""
    model = content["model"]
    other = next((name for name in NOT_OF_TEXT if name in model), None)
    if other is not None:
        raise InputError(
            sentence("model.does_not_continue_text", ort_genai=FILE, section=other),
            sentence("model.name_folder_of_text"),
        )
    sections = {key: value for key, value in model.items() if key != "decoder"}
    return _checked(list(_filenames(sections, "model")), folder)


def _filenames(value: object, field: str) -> Iterator[tuple[str, object]]:
    """Every field ``filename`` below ``value``, in the order of the file."""
    left: list[tuple[str, str, object]] = [("", field, value)]
    while left:
        key, place, held = left.pop()
        if key == "filename":
            yield place, held
            continue
        inner: list[tuple[str, str, object]] = []
        if isinstance(held, list):
            inner = [("", f"{place}[{index}]", item) for index, item in enumerate(held)]
        elif isinstance(held, dict):
            inner = [(name, f"{place}.{name}", item) for name, item in held.items()]
        left.extend(reversed(inner))


def _checked(named: Sequence[tuple[str, object]], folder: Path) -> tuple[str, ...]:
    for field, name in named:
        if not isinstance(name, str) or not name:
            raise InputError(
                sentence("model.graph_file_missing", ort_genai=FILE, field=field),
                sentence("model.field_names_onnx_file"),
            )
        if leads_outside(name):
            raise InputError(
                sentence("model.graph_file_leads_out", ort_genai=FILE, field=field, name=name),
                sentence("model.put_onnx_inside"),
            )
        if not is_file(folder / name):
            raise InputError(
                sentence("model.graph_file_not_there", ort_genai=FILE, field=field, name=name),
                sentence("model.put_beside_or_correct", name=name, ort_genai=FILE),
            )
    return tuple(dict.fromkeys(str(name) for _, name in named))


def why_not_driven(path: Path, graph: "onnx.GraphProto") -> Sentence | str | None:
    """Why this project cannot drive the graph at ``path`` as a decoder by itself; ``None`` where it can.

    Raises ``InputError`` for a configuration beside it with a wrong field.
    """
    from bench.models.files.decoder_config import decoder_facts
    from bench.models.onnx.decoder_layout import decoder_spec
    from bench.models.onnx.facts import input_specs, output_specs

    inputs, facts = input_specs(graph), decoder_facts(path)
    try:
        found: DecoderSpec | None = decoder_spec(path.name, inputs, output_specs(graph), facts.vocab_size)
    except InputError as error:
        return error.sentence
    if found is not None:
        return None
    names: Sequence[str] = [spec.name for spec in inputs[:4]]
    return sentence(
        "model.graph_not_a_supported_decoder", ort_genai=FILE, graph_name=path.name, inputs=", ".join(names)
    )
