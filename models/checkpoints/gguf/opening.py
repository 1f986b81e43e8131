"""Opens a GGUF file as a checkpoint: names, parts and order of its tensors as every reader gives them."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.errors import InputError
from bench.models.checkpoints.checkpoint import Checkpoint
from bench.models.checkpoints.expected import check_tensors, tensor_shapes
from bench.models.checkpoints.gguf.fields import naming
from bench.models.checkpoints.gguf.header import Header, read_header
from bench.models.checkpoints.gguf.rotation import DIVISORS, LONG, SHORT
from bench.models.checkpoints.gguf.sizes import ARCHITECTURES, decoder_config
from bench.models.checkpoints.gguf.stored import GgufTensor
from bench.models.checkpoints.tokenizer_files import tokenizer_files
from bench.models.sllm.config import DecoderConfig
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

PART = re.compile(r"-\d{5}-of-(\d{5})$")
ENDS = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight", "output.weight": "output.weight"}
LAYER = {
    "attention_norm": "attn_norm",
    "feed_forward_norm": "ffn_norm",
    "attention_output_norm": "post_attention_norm",
    "feed_forward_output_norm": "post_ffw_norm",
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.query_norm": "attn_q_norm",
    "attention.key_norm": "attn_k_norm",
    "attention.output": "attn_output",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}


class Place(NamedTuple):
    """Where a tensor lies: the file's name of it, and its rows there, from ``first`` on."""

    name: str
    shape: tuple[int, ...]
    first: int = 0


def open_gguf(path: Path) -> Checkpoint:
    """The language model of a GGUF file. Only its header is read now.

    Raises ``InputError`` naming the file and the field for a file that is damaged or one part of several, a model of
    another architecture, and a tensor or field that is missing, of another shape, or not understood; and if the library
    ``gguf`` is not installed.
    """
    _refuse_without_library(path)
    _refuse_part(path.name, PART.search(path.stem))
    header = read_header(path)
    if header.values.get("split.count", 1) not in (0, 1):
        raise _part(path.name)
    architecture = _architecture(header)
    config = decoder_config(header, architecture)
    places = _places(header, architecture, config)
    rotation = (SHORT, LONG) if SHORT in header.tensors else (DIVISORS,)
    divisors = [name for name in rotation if name in ARCHITECTURES[architecture].divisors]
    found = {name: tensor.shape for name, tensor in header.tensors.items() if name not in divisors}
    check_tensors(path.name, architecture, _stored_shapes(places), found)
    order = _halves_of_neighbours(config) if ARCHITECTURES[architecture].neighbours else None
    tensors = {
        name: GgufTensor(
            header,
            header.tensors[place.name],
            first=place.first,
            outputs=place.shape[0],
            order=order if ".attention.query." in name or ".attention.key." in name else None,
        )
        for name, place in places.items()
    }
    stored_as, bits = _most(tensors)
    return Checkpoint(
        architecture=architecture,
        config=config,
        tensors=tensors,
        precision=f"int{bits}" if bits else "float32",
        stored_as=stored_as,
        files=(path,),
        companions=_companions(header),
    )


def _companions(header: Header) -> Mapping[str, Callable[[], bytes]]:
    """The tokenizer's files. Their errors name the file."""

    def named(contents: Callable[[], bytes]) -> bytes:
        with naming(header.path.name):
            return contents()

    return {name: partial(named, contents) for name, contents in tokenizer_files(header).items()}


def _refuse_without_library(path: Path) -> None:
    from importlib.util import find_spec

    if find_spec("gguf") is None:
        raise InputError(sentence("gguf.library_missing", file=path.name), sentence("gguf.install"))


def _refuse_part(file: str, part: "re.Match[str] | None") -> None:
    if part and int(part[1]) > 1:
        raise _part(file)


def _part(file: str) -> InputError:
    return InputError(
        sentence("gguf.part_of_several", file=file),
        sentence(
            "gguf.merge_parts",
            first_part=PART.sub(r"-00001-of-\1", file.removesuffix(".gguf")) + ".gguf",
            whole="MODEL.gguf",
        ),
    )


def _architecture(header: Header) -> str:
    """Raises ``InputError`` for a file that is not a language model of one of ``ARCHITECTURES``."""
    file, kind = header.path.name, header.values.get("general.type", "model")
    if kind != "model":
        raise InputError(sentence("gguf.not_a_model", file=file, kind=str(kind)[:60]), sentence("gguf.name_the_model"))
    found = header.values.get("general.architecture")
    if found is None:
        raise header.refused("gguf.field_missing", field="general.architecture")
    if not isinstance(found, str) or found not in ARCHITECTURES:
        raise InputError(
            sentence("gguf.unknown_architecture", file=file, architecture=str(found)[:60], known=ARCHITECTURES),
            sentence("checkpoint.export_with_own_tool"),
        )
    return found


def _places(header: Header, architecture: str, config: DecoderConfig) -> Mapping[str, Place]:
    """Each tensor of the model by its name in ``checkpoint``."""
    places: dict[str, Place] = {}
    width, kv_width = config.heads * config.head_dim, config.kv_heads * config.head_dim
    behind = {"query": 0, "key": width, "value": width + kv_width}
    for name, shape in tensor_shapes(config).items():
        if name in ENDS:
            places[name] = Place(ENDS[name], shape)
            continue
        _, number, inner = name.split(".", 2)
        layer, (part, _, kind) = f"blk.{number}", inner.rpartition(".")
        field = part.removeprefix("attention.")
        if field in behind and f"{layer}.attn_qkv.{kind}" in header.tensors:
            places[name] = Place(f"{layer}.attn_qkv.{kind}", shape, behind[field])
        elif part in ("feed_forward.gate", "feed_forward.up") and ARCHITECTURES[architecture].gate_above_up:
            first = 0 if part == "feed_forward.gate" else config.hidden
            places[name] = Place(f"{layer}.ffn_up.weight", shape, first)
        else:
            places[name] = Place(f"{layer}.{LAYER[part]}.{kind}", shape)
    return places


def _stored_shapes(places: Mapping[str, Place]) -> dict[str, tuple[int, ...]]:
    """The shapes of the file's tensors by its names: parts that lie in one tensor follow each other."""
    shapes: dict[str, tuple[int, ...]] = {}
    for place in places.values():
        above = shapes.get(place.name, (0,))[0]
        shapes[place.name] = (above + place.shape[0], *place.shape[1:])
    return shapes


def _halves_of_neighbours(config: DecoderConfig) -> "np.ndarray[Any, Any]":
    """The rows of a head that rotates neighbours, in the order of one that rotates halves: 0, 2, 4 … then 1, 3, 5 …"""
    import numpy as np

    rotated = config.rotated or config.head_dim
    halves = np.arange(rotated).reshape(-1, 2).T.ravel()
    return np.concatenate((halves, np.arange(rotated, config.head_dim)))


def _most(tensors: Mapping[str, GgufTensor]) -> tuple[str, int | None]:
    """The type of most weights in the layers' matrices, and the bits of its codes."""
    counts: Counter[tuple[str, int | None]] = Counter()
    for name, tensor in tensors.items():
        if name.startswith("layers.") and len(tensor.shape) > 1:
            counts[tensor.stored_as, tensor.bits] += tensor.shape[0] * tensor.shape[1]
    return counts.most_common(1)[0][0]
