"""A folder as a GenAI runtime takes it, the model with its configuration and tokenizer; or one that holds one model."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Alterable, Artifact, Describable, Format, Model, ModelRequest, Task
from bench.contracts.names import folder_model_id
from bench.errors import InputError
from bench.models.checkpoints.huggingface.folder import CONFIG, has_weights
from bench.models.checkpoints.huggingface.plugin import altered_folder, described_folder, prepare_folder
from bench.models.checkpoints.huggingface.shards import INDEX, safetensors_in
from bench.reading import read_object
from bench.words import sentence

ORT_GENAI, OPENVINO = "genai_config.json", "openvino_model.xml"
TOKENIZER_IR = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
BESIDE = (
    *(ORT_GENAI, "config.json", "generation_config.json"),
    *(name for xml in TOKENIZER_IR for name in (xml, xml.replace(".xml", ".bin"))),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *("merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json"),
)
UNDERSTOOD = sentence(
    "model.folder_understood", ort_genai=ORT_GENAI, openvino=OPENVINO, config=CONFIG, weights="*.safetensors"
)
KINDS = ("*.onnx", "*.tflite", "*.xml", "*.gguf")
PICKLED = ("pytorch_model*.bin", "*.pth", "*.pt")
"""Weights as Python objects: to read them is to run what the file says."""


class ModelFolder:
    """A folder with a ``genai_config.json`` and the ONNX decoder that it names, or with an ``openvino_model.xml``.
    Its files are the graph's, then the existing ones of ``BESIDE``, in that order. A decoder that only
    onnxruntime-genai can drive is opened by its configuration, which then comes first.

    Or a folder with a ``config.json`` and ``*.safetensors``, as Hugging Face publishes a language model: the decoder is
    made of them. Otherwise the only model file in it, or in its folder ``onnx``, is used as if it had been named. Its
    id is the folder's name.
    """

    summary = sentence("model.summary.folder")
    task: Task = "text_generation"
    formats: Sequence[Format] = ("openvino_ir", "onnx", "tflite")
    precisions: Sequence[str] = ()

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        folder, name, found = _opened(request)
        if has_weights(folder):
            return prepare_folder(folder, request, cache)
        if not found:
            model, file = _only_file(folder, name)
            return replace(model.prepare(replace(request, source=str(file)), cache), model_id=name)
        if len(found) > 1:
            raise InputError(
                sentence("model.folder_holds_both", name=name, ort_genai=ORT_GENAI, openvino=OPENVINO), UNDERSTOOD
            )
        artifact = _onnx(folder, request, cache) if found == [ORT_GENAI] else _ir(folder, request, cache)
        return _whole(artifact, folder, name)

    def described(self, request: ModelRequest, folder: Path) -> Artifact | None:
        """Of weights, and of a file whose plugin describes it; the other folders hold a graph."""
        source, name, found = _opened(request)
        if has_weights(source):
            return described_folder(source, request, folder)
        if found:
            return None
        model, file = _only_file(source, name)
        if not isinstance(model, Describable):
            return None
        artifact = model.described(replace(request, source=str(file)), folder)
        return None if artifact is None else replace(artifact, model_id=name)

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        """A folder with the model's name, its configuration and its tokenizer."""
        source, name, _ = _opened(request)
        if has_weights(source):
            return altered_folder(source, folder / name, seed)
        reader, graphs = _graphs_of(source, name)
        assert isinstance(reader, Alterable)
        for graph in graphs:
            place = folder / name / graph.relative_to(source).parent
            place.mkdir(parents=True, exist_ok=True)
            reader.altered(replace(request, source=str(graph)), place, seed)
        for file in BESIDE:
            if (source / file).is_file():
                shutil.copyfile(source / file, folder / name / file)
        return folder / name


def _opened(request: ModelRequest) -> tuple[Path, str, list[str]]:
    """The folder, its name, and what it has of ``ORT_GENAI`` and ``OPENVINO``. Raises ``InputError`` for none, and for
    one with both weights and graphs."""
    folder = Path(request.source)
    if not folder.is_dir():
        raise InputError(
            sentence("model.no_such_folder", folder_name=folder.name),
            sentence("model.check_path"),
        )
    name = folder_model_id(folder)
    found = [marker for marker in (ORT_GENAI, OPENVINO) if (folder / marker).is_file()]
    if has_weights(folder):
        _refuse_graphs(folder, name, found)
    return folder, name, found


def _graphs_of(folder: Path, name: str) -> tuple[Model, list[Path]]:
    """What reads the model in a folder without weights of Hugging Face, and its files. Raises ``InputError`` where
    there is none."""
    from bench.models.files.genai.graphs import decoder_graphs, graphs_beside
    from bench.models.files.ir_file import IrFile
    from bench.models.files.onnx_file import OnnxFile

    if (folder / ORT_GENAI).is_file():
        content = read_object(folder / ORT_GENAI, ORT_GENAI)
        return OnnxFile(), [
            folder / graph for graph in (*decoder_graphs(content, folder), *graphs_beside(content, folder))
        ]
    if (folder / OPENVINO).is_file():
        return IrFile(), [folder / OPENVINO]
    model, file = _only_file(folder, name)
    return model, [file]


def _refuse_graphs(folder: Path, name: str, markers: Sequence[str]) -> None:
    """Raise ``InputError`` for graphs beside the weights that a graph could be made of: the user chooses."""
    graphs = [str(file.relative_to(folder)) for place in _places(folder) for file in _graphs_in(place)]
    graph = next(iter([*graphs, *markers]), None)
    if graph is not None:
        weights = next((file.name for file in safetensors_in(folder)), INDEX)
        raise InputError(
            sentence("model.folder_holds_graphs_and_weights", name=name, graph=graph, weights=weights),
            sentence("model.name_graph_or_weights", graph=graph, weights=weights),
        )


def _places(folder: Path) -> tuple[Path, ...]:
    return (folder, folder / "onnx")


def _graphs_in(place: Path) -> list[Path]:
    files = (file for kind in KINDS for file in sorted(place.glob(kind)))
    shown = (file for file in files if not file.name.startswith("."))  # macOS adds ._model.onnx
    found = [file for file in shown if file.is_file() and file.name not in TOKENIZER_IR]
    return [file for file in found if file.suffix != ".xml" or file.with_suffix(".bin").is_file()]


def _only_file(folder: Path, name: str) -> tuple[Model, Path]:
    """The one model in the folder, and what takes it. Raises ``InputError`` naming all where there are several."""
    from bench.models.files.gguf_file import GgufFile
    from bench.models.files.ir_file import IrFile
    from bench.models.files.onnx_file import OnnxFile
    from bench.models.files.tflite_file import TfliteFile

    for place in _places(folder):
        models = _graphs_in(place)
        if len(models) == 1:
            (file,) = models
            takers: tuple[Model, ...] = (OnnxFile(), TfliteFile(), IrFile(), GgufFile())
            return takers[KINDS.index(f"*{file.suffix}")], file
        if models:
            listed = ", ".join(str(file.relative_to(folder)) for file in models[:6]) + (" …" if len(models) > 6 else "")
            raise InputError(
                sentence("model.folder_holds_several", name=name, n_models=len(models), listed=listed), UNDERSTOOD
            )
    pickled = next((file.name for kind in PICKLED for file in sorted(folder.glob(kind))), None)
    if pickled is not None:
        raise InputError(
            sentence("model.folder_holds_pickled_weights", name=name, file=pickled),
            sentence("model.convert_to_safetensors"),
        )
    raise InputError(sentence("model.folder_holds_no_model", name=name), UNDERSTOOD)


def _onnx(folder: Path, request: ModelRequest, cache: Path) -> Artifact:
    """Of the graph that the configuration names; where this project cannot drive it, of all that the runtime opens."""
    from bench.models.files.decoder_config import genai_context
    from bench.models.files.genai.graphs import decoder_graphs, graphs_beside, is_pipeline, why_not_driven
    from bench.models.files.genai.runtime_decoder import pipeline_artifact, runtime_artifact
    from bench.models.files.onnx_file import ReadGraph, described, read_graph
    from bench.models.files.opening import checked_file, reading

    def read(name: str) -> ReadGraph:
        path = checked_file(replace(request, source=str(folder / name)), "onnx")
        with reading(path, "ONNX"):
            return read_graph(path)

    config = folder / ORT_GENAI
    content = read_object(config, ORT_GENAI)
    names = decoder_graphs(content, folder)
    if is_pipeline(content):
        opened = {name: read(name) for name in (*names, *graphs_beside(content, folder))}
        return pipeline_artifact(config, opened, request, content)
    graph = read(names[0])
    why = why_not_driven(folder / names[0], graph.model.graph)
    if why is not None:
        return runtime_artifact(config, [graph, *map(read, graphs_beside(content, folder))], request, why)
    with reading(folder / names[0], "ONNX"):
        artifact = described(folder / names[0], graph, request)
    assert artifact.decoder is not None
    context = genai_context(config) or artifact.decoder.context_length
    return replace(artifact, decoder=replace(artifact.decoder, context_length=context))


def _ir(folder: Path, request: ModelRequest, cache: Path) -> Artifact:
    from bench.models.files.ir_file import IrFile

    artifact = IrFile().prepare(replace(request, source=str(folder / OPENVINO)), cache)
    there = [name for name in TOKENIZER_IR if (folder / name).is_file()]
    if len(there) == 1 and artifact.decoder is not None:  # others need none
        missing = next(name for name in TOKENIZER_IR if name not in there)
        raise InputError(
            sentence("model.missing_beside", resolve_name=folder.resolve().name, missing=missing, there=there[0]),
            sentence("model.copy_both_or_neither"),
        )
    return artifact


def _whole(artifact: Artifact, folder: Path, name: str) -> Artifact:
    """``artifact`` under the folder's name, with all the files of the folder that the runtime reads."""
    from bench.digest import sha256_of

    beside = (folder / file for file in BESIDE)
    files = (*artifact.files, *(file for file in beside if file.is_file() and file not in artifact.files))
    size = sum(file.stat().st_size for file in files)
    return replace(artifact, model_id=name, files=files, sha256=sha256_of(files), size_bytes=size)
