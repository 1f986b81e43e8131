"""The folder that ``onnxruntime_genai`` opens: a ``genai_config.json`` and the graph.

This project always makes it, with links to the model's files: from a folder of other people, only the part of the
configuration that ``config`` accepts is used, and for a plain ONNX file a configuration is written. The latter leaves
out fields that the file does not show and that a decoder with explicit names and shapes does not need: number of
attention heads, hidden size, and the ids of special tokens.
"""

import glob
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Artifact, CacheTensor, DecoderSpec, FixedInput, PositionInput
from bench.digest import sha256_of
from bench.errors import InputError, RunFailure
from bench.reading import read_object
from bench.targets.decoding import decoder_of, plain_cache, rows_of_logits
from bench.targets.grouped_attention import grouped, grouped_decoder, taken, with_grouped_facts
from bench.targets.ort_genai.config import Taken
from bench.targets.plain_decoder import PlainDecoder
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np


CONFIG = "genai_config.json"
NUMBER = re.compile(r"\d+")
KNOWN = frozenset((("num_logits_to_keep", "int64"),))
"""Inputs that steer a graph, by name and type, that onnxruntime-genai feeds by itself."""
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *("merges.txt", "tokenizer.model", "chat_template.jinja"),
)


def is_genai_folder(artifact: Artifact) -> bool:
    """Whether there is a ``genai_config.json`` next to the graph, and it refers to this graph; or it is itself what is
    opened."""
    file = artifact.path.parent / CONFIG
    if artifact.path.name == CONFIG:
        return True
    decoder = read_config(file)["model"].get("decoder") if file.is_file() else None
    return isinstance(decoder, dict) and decoder.get("filename") == artifact.path.name


def read_config(file: Path) -> dict[str, Any]:
    """The configuration; it has a ``model``. Raises ``RunFailure`` (``bad_input``) for anything else."""
    try:
        content = read_object(file, file.name)
    except InputError as error:
        raise RunFailure("bad_input", error.sentence, sentence("ort.genai.export_again"), "prepare") from None
    if not isinstance(content.get("model"), dict):
        raise RunFailure(
            "bad_input", sentence("ort.genai.no_model", file=file.name), sentence("ort.genai.export_again"), "prepare"
        )
    return content


def is_own(artifact: Artifact) -> bool:
    """Whether the configuration next to the graph equals, byte for byte, one that this module writes, so that other
    readers of JSON cannot find anything else in it."""
    file = artifact.path.parent / CONFIG
    if not is_genai_folder(artifact):
        return False
    return file.read_bytes() == Taken(read_config(file), file.parent, CONFIG).text().encode()


def own_folder(artifact: Artifact, folder: Path) -> Artifact:
    """Link the files of a folder that has a configuration into ``folder``, and write the accepted part of it.

    The artifact's files and those that the configuration names are linked, with their weights. Raises ``RunFailure``
    (``bad_input``) for a field that is not accepted.
    """
    source = artifact.path.parent
    taken = Taken(read_config(source / CONFIG), source, CONFIG)
    config = folder / CONFIG
    beside = (source / name for name in TOKENIZER_FILES)
    files = (artifact.path, *artifact.files, *(file for file in beside if file.is_file()))
    given = [f.relative_to(source) for f in files if f.is_relative_to(source) and f.name != CONFIG]
    named = [file for name in taken.files for file in _with_weights(source, name)]
    names = list(dict.fromkeys([*given, *named]))
    gone = next((name for name in names if not (source / name).is_file()), None)
    if gone is not None:
        raise RunFailure("bad_input", sentence("target.file_is_gone", file=gone.as_posix()), phase="prepare")
    link_all(source, folder, names)
    config.write_text(taken.text(), encoding="utf-8", newline="\n")
    linked = tuple(folder / name for name in names)
    first = artifact.path.name == CONFIG
    return _linked(artifact, (config, *linked) if first else (*linked, config), folder / artifact.path.name)


def _with_weights(source: Path, name: Path) -> list[Path]:
    """The file ``name`` of ``source``, and files named after it (``model.onnx.data``)."""
    place = (source / name).parent
    found = sorted(place.glob(f"{glob.escape(name.name)}*")) if place.is_dir() else []
    return [file.relative_to(source) for file in found if file.is_file()]


def _linked(artifact: Artifact, files: tuple[Path, ...], path: Path) -> Artifact:
    size = sum(file.stat().st_size for file in files)
    return replace(artifact, path=path, files=files, sha256=sha256_of(files), size_bytes=size)


def genai_folder(artifact: Artifact, folder: Path, fused: bool = False) -> Artifact:
    """Link ``artifact``'s files, and a tokenizer in the same folder, into ``folder``, and write the configuration.
    With ``fused`` our plain decoder gets ``GroupQueryAttention``."""
    plain = taken(artifact) if fused else None
    if plain is not None:
        return _grouped_folder(artifact, plain, folder)
    decoder = decoder_of(artifact)
    plain_cache(decoder, "onnxruntime-genai")
    source = artifact.path.parent
    beside = [source / name for name in TOKENIZER_FILES if (source / name).is_file()]
    names = [file.relative_to(source) for file in (*artifact.files, *beside)]
    rows_of_logits(decoder, "onnxruntime-genai")
    steering = [spec for spec in decoder.fixed_inputs if (spec.name, spec.dtype) not in KNOWN]
    anew = bool(steering) or decoder.cache_position is not None
    link_all(source, folder, names[1:] if anew else names, symbolic=not anew)
    if anew:
        settle_inputs(artifact.path, folder / names[0], steering, decoder)
    config = folder / CONFIG
    text = Taken(configuration(decoder, artifact.path.name), source, CONFIG).text()
    config.write_text(text, encoding="utf-8", newline="\n")
    files = (*(folder / name for name in names), config)
    return _linked(artifact, files, files[0])


def _grouped_folder(artifact: Artifact, plain: PlainDecoder, folder: Path) -> Artifact:
    """The folder of our plain decoder with fused operators. Its weights are linked, next to the graph."""
    model = grouped(plain, decoder_of(artifact))
    decoder = grouped_decoder(decoder_of(artifact), model)
    source = artifact.path.parent
    beside = [source / name for name in TOKENIZER_FILES if (source / name).is_file()]
    names = list(dict.fromkeys(file.relative_to(source) for file in (*artifact.files, *beside)))
    link_all(source, folder, names[1:], symbolic=False)
    graph, config = folder / names[0], folder / CONFIG
    graph.write_bytes(model.SerializeToString(deterministic=True))
    text = Taken(configuration(decoder, artifact.path.name), source, CONFIG).text()
    config.write_text(text, encoding="utf-8", newline="\n")
    files = (*(folder / name for name in names), config)
    return replace(with_grouped_facts(_linked(artifact, files, files[0]), plain), decoder=decoder)


def configuration(decoder: DecoderSpec, file_name: str) -> dict[str, Any]:
    """``genai_config.json`` for a graph laid out as ``DecoderSpec`` says.

    ``type`` is llama's whatever the graph is: it stands for a decoder that takes these inputs and nothing else. Raises
    ``RunFailure`` for a cache whose names are not numbered by layer.
    """
    (past_key, present_key), (past_value, present_value) = numbered_names(decoder)
    inputs = {
        "input_ids": "input_ids",
        "attention_mask": "attention_mask",
        "past_key_names": past_key,
        "past_value_names": past_value,
    }
    if decoder.has_position_ids:
        inputs["position_ids"] = "position_ids"
    return {
        "model": {
            "type": "llama",
            "vocab_size": decoder.vocab_size,
            "context_length": decoder.context_length,
            "decoder": {
                "filename": file_name,
                "head_size": decoder.head_dim,
                "num_hidden_layers": decoder.layers,
                "num_key_value_heads": decoder.kv_heads,
                "inputs": inputs,
                "outputs": {
                    "logits": "logits",
                    "present_key_names": present_key,
                    "present_value_names": present_value,
                },
                "session_options": {"provider_options": []},
            },
        },
        "search": {
            "do_sample": False,
            "max_length": decoder.context_length,
            "past_present_share_buffer": decoder.shared_cache or decoder.past_length is not None,
        },
    }


def numbered_names(decoder: DecoderSpec) -> Sequence[tuple[str, str]]:
    """Names of the keys and of the values, past and present, with ``%d`` for the layer. Which of the two are the keys
    does not matter: each comes back under its own name. Raises ``RunFailure`` for names without such a pattern."""
    found: dict[tuple[str, str], set[str]] = {}
    for tensor in decoder.cache_tensors():
        numbers = NUMBER.findall(tensor.past)
        if len(numbers) == 1 and NUMBER.findall(tensor.present) == numbers:
            named = NUMBER.sub("%d", tensor.past), NUMBER.sub("%d", tensor.present)
            found.setdefault(named, set()).add(numbers[0])
    layers = {str(layer) for layer in range(decoder.layers)}
    if len(found) != 2 or any(numbers != layers for numbers in found.values()):
        raise RunFailure(
            "unsupported_format",
            sentence("ort.genai.cache_not_numbered", past=decoder.cache_tensors()[0].past),
            sentence("target.run_on_ort_or_genai"),
            "compile",
        )
    return list(found)


def settle_inputs(source: Path, target: Path, steering: Sequence[FixedInput], decoder: DecoderSpec) -> None:
    """Write the graph with its control inputs computed inside: a constant, whether the past has a length, or the places
    of the new tokens behind it. Its external data stays next to it."""
    import numpy as np
    import onnx

    model, cache = onnx.load(str(source), load_external_data=False), decoder.cache_tensors()[0]
    position = decoder.cache_position
    settled = {spec.name for spec in (*steering, *(() if position is None else (position,)))}
    kept = [value for value in model.graph.input if value.name not in settled]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    nodes: list[onnx.NodeProto] = []
    for spec in steering:
        if spec.value is not None:
            _constant(model.graph, spec.name, np.full(spec.shape, spec.value, np.dtype(spec.dtype)))
            _one_position(model.graph.output)
            continue
        length = _size(model.graph, nodes, spec.name, cache.past, np.full(spec.shape, cache.length_axis, np.int64))
        none = _constant(model.graph, f"{spec.name}.none", np.array(0))
        nodes.append(onnx.helper.make_node("Greater", [length, none], [spec.name]))
    if position is not None:
        _settle_position(model.graph, nodes, position, cache)
    for place, node in enumerate(nodes):
        model.graph.node.insert(place, node)
    onnx.save_model(model, str(target))


def _settle_position(graph: Any, nodes: list[Any], position: PositionInput, cache: CacheTensor) -> None:
    """Append what computes the places of the new tokens, in the input's own type and shape."""
    import numpy as np
    from onnx import helper

    name = position.name
    axis = np.full(() if position.every_token else position.fed(1), cache.length_axis, np.int64)
    found = _size(graph, nodes, name, cache.past, axis)
    if position.every_token:
        tokens = _size(graph, nodes, f"{name}.tokens", "input_ids", np.array(1, np.int64))
        one, end, places = _constant(graph, f"{name}.one", np.array(1)), f"{name}.end", f"{name}.places"
        nodes.append(helper.make_node("Add", [found, tokens], [end]))
        nodes.append(helper.make_node("Range", [found, end, one], [places]))
        found = places
    nodes.append(
        helper.make_node("Cast", [found], [name], to=helper.np_dtype_to_tensor_dtype(np.dtype(position.dtype)))
    )


def _size(graph: Any, nodes: list[Any], name: str, of: str, axis: "np.ndarray[Any, Any]") -> str:
    """Append what gives the size of ``of`` along ``axis``, in its shape; returns its name, which begins with
    ``name``."""
    from onnx import helper

    shape, size = f"{name}.shape", f"{name}.length"
    nodes.append(helper.make_node("Shape", [of], [shape]))
    nodes.append(helper.make_node("Gather", [shape, _constant(graph, f"{name}.axis", axis)], [size]))
    return size


def _constant(graph: Any, name: str, value: "np.ndarray[Any, Any]") -> str:
    from onnx import numpy_helper

    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _one_position(outputs: Any) -> None:
    """State that the logits are those of one position: the runtime makes their buffer by what is stated."""
    logits = next(value for value in outputs if value.name == "logits")
    logits.type.tensor_type.shape.dim[1].Clear()
    logits.type.tensor_type.shape.dim[1].dim_value = 1


def link_all(source: Path, folder: Path, names: Iterable[Path], symbolic: bool = True) -> None:
    """All ``names`` below ``source`` into ``folder``, all in one way: ONNX Runtime requires weights to be next to their
    graph after links are followed. Symbolic links, unless the graph is no link; hard ones where those need a privilege
    (Windows); copies where neither can be made."""
    wanted = tuple(names)
    ways: tuple[Callable[[Path, Path], object], ...] = (*((os.symlink,) if symbolic else ()), os.link, shutil.copyfile)
    for way in ways:
        try:
            for name in wanted:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                way((source / name).absolute(), folder / name)
        except OSError:
            if way is shutil.copyfile:
                raise
            for name in wanted:
                (folder / name).unlink(missing_ok=True)
        else:
            return
