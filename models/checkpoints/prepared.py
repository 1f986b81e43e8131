"""Makes the artifact of a published language model: its graph, kept in the cache with its tokenizer beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec import to_builtins
from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, ModelRequest, Source
from bench.contracts.names import file_model_id, folder_model_id
from bench.digest import sha256_of_files
from bench.errors import InputError
from bench.models.build_cache import cached_build
from bench.models.built import built_decoder, checked_request, described_decoder
from bench.models.checkpoints.checkpoint import Checkpoint
from bench.models.onnx.decoder_layout import refuse_shapes
from bench.words import sentence

VERSION = 5  # raise it when a change alters the files written, companions included
PRECISIONS = ("float32", "float16", "int8", "int4")


class Asked(NamedTuple):
    """A checkpoint in the precision that is asked for, else in its own. ``own``: whether it is its own."""

    name: str
    source: Path
    checkpoint: Checkpoint
    precision: str
    own: bool

    @property
    def decoder(self) -> DecoderSpec:
        return replace(self.checkpoint.config.spec, kv_dtype="float16" if self.precision == "float16" else "float32")

    def made_from(self, sha256: str) -> Source:
        """``sha256``: of the checkpoint's files."""
        from bench.models.sllm.weights import keeps_values

        checkpoint = self.checkpoint
        return Source(
            format="huggingface" if self.source.is_dir() else "gguf",
            path=self.source,
            files=checkpoint.files,
            sha256=sha256,
            size_bytes=sum(file.stat().st_size for file in checkpoint.files),
            stored_as=checkpoint.stored_as,
            kept=keeps_values(checkpoint.tensors, self.precision, self.own),
        )


def prepare_checkpoint(open_it: Callable[[], Checkpoint], request: ModelRequest, cache: Path) -> Artifact:
    """The artifact of the checkpoint that ``open_it`` opens, in the precision asked for or else in its own.

    In its own precision, if that is ``int8`` or ``int4``, every tensor keeps its own type and values. Built once for
    the contents of its files. Raises ``InputError`` for a format or precision that it does not come in, and for any
    shape.
    """
    from bench.models.sllm.decoder import write_checkpoint

    asked = _asked(open_it, request)
    checkpoint, precision = asked.checkpoint, asked.precision
    config, sha256 = checkpoint.config, sha256_of_files(checkpoint.files)
    recipe = {
        "version": VERSION,
        "precision": precision,
        "source": sha256,
        "config": to_builtins(config),
        "companions": sorted(checkpoint.companions),
    }

    def write(path: Path) -> None:
        write_checkpoint(config, checkpoint.tensors, path, precision, asked.own)
        _write_companions(checkpoint, path.parent)

    path = cached_build(cache, asked.name, recipe, write)
    beside = tuple(path.with_name(file) for file in checkpoint.companions)
    artifact = built_decoder(asked.name, path, asked.decoder, precision, config.parameters, beside)
    return replace(artifact, source=asked.made_from(sha256))


def described_checkpoint(open_it: Callable[[], Checkpoint], request: ModelRequest, folder: Path) -> Artifact:
    """What ``prepare_checkpoint`` would make, as ``Describable.described``: from the headers of the files alone."""
    asked = _asked(open_it, request)
    beside = _write_companions(asked.checkpoint, folder)
    parameters = asked.checkpoint.config.parameters
    artifact = described_decoder(asked.name, folder, asked.decoder, asked.precision, parameters, beside)
    return replace(artifact, source=asked.made_from(""))


def _asked(open_it: Callable[[], Checkpoint], request: ModelRequest) -> Asked:
    source = Path(request.source)
    name = folder_model_id(source) if source.is_dir() else file_model_id(source)
    refuse_shapes(name, request.shapes)
    checked_request(name, request, (), PRECISIONS)
    checkpoint = open_it()
    precision = request.precision or checkpoint.precision
    if precision == "int4" != checkpoint.precision:
        _refuse_uneven(name, checkpoint)
    return Asked(name, source, checkpoint, precision, precision == checkpoint.precision)


def _write_companions(checkpoint: Checkpoint, folder: Path) -> tuple[Path, ...]:
    for file, contents in checkpoint.companions.items():
        (folder / file).write_bytes(contents())
    return tuple(folder / file for file in checkpoint.companions)


def _refuse_uneven(name: str, checkpoint: Checkpoint) -> None:
    """Raise ``InputError`` for a matrix of a layer that is rounded to int4 and whose rows are no whole blocks."""
    from bench.models.sllm.weights import BLOCK

    for tensor, shape in checkpoint.config.tensors.items():
        in_layer = tensor.startswith("layers.") and len(shape) > 1
        if in_layer and shape[1] % BLOCK and checkpoint.tensors[tensor].bits != 4:
            raise InputError(
                sentence("checkpoint.uneven_blocks", name=name, tensor=tensor, width=shape[1], block=BLOCK),
                sentence("checkpoint.choose_precision"),
            )
