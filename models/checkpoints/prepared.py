"""Makes the artifact of a published language model: its graph, kept in the cache with its tokenizer beside it."""

from collections.abc import Callable
from pathlib import Path

from msgspec import to_builtins
from msgspec.structs import replace

from bench.contracts import Artifact, ModelRequest, Source
from bench.contracts.names import file_model_id, folder_model_id
from bench.digest import sha256_of_files
from bench.errors import InputError
from bench.models.build_cache import cached_build
from bench.models.built import built_decoder, checked_request
from bench.models.checkpoints.checkpoint import Checkpoint
from bench.models.onnx.decoder_layout import refuse_shapes
from bench.words import sentence

VERSION = 3  # raise it when a change alters the files written, companions included
PRECISIONS = ("float32", "float16", "int8", "int4")


def prepare_checkpoint(open_it: Callable[[], Checkpoint], request: ModelRequest, cache: Path) -> Artifact:
    """The artifact of the checkpoint that ``open_it`` opens, in the precision asked for or else in its own.

    In its own precision, if that is ``int8`` or ``int4``, every tensor keeps its own type and values. Built once for
    the contents of its files. Raises ``InputError`` for a format or precision that it does not come in, and for any
    shape.
    """
    from bench.models.sllm.decoder import write_checkpoint
    from bench.models.sllm.weights import keeps_values

    source = Path(request.source)
    name = folder_model_id(source) if source.is_dir() else file_model_id(source)
    refuse_shapes(name, request.shapes)
    checked_request(name, request, (), PRECISIONS)
    checkpoint = open_it()
    config, precision = checkpoint.config, request.precision or checkpoint.precision
    own = precision == checkpoint.precision
    if precision == "int4" != checkpoint.precision:
        _refuse_uneven(name, checkpoint)
    sha256 = sha256_of_files(checkpoint.files)
    recipe = {
        "version": VERSION,
        "precision": precision,
        "source": sha256,
        "config": to_builtins(config),
        "companions": sorted(checkpoint.companions),
    }

    def write(path: Path) -> None:
        write_checkpoint(config, checkpoint.tensors, path, precision, own)
        for file, contents in checkpoint.companions.items():
            path.with_name(file).write_bytes(contents())

    path = cached_build(cache, name, recipe, write)
    decoder = replace(config.spec, kv_dtype="float16" if precision == "float16" else "float32")
    beside = tuple(path.with_name(file) for file in checkpoint.companions)
    return replace(
        built_decoder(name, path, decoder, precision, config.parameters, beside),
        source=Source(
            format="huggingface" if source.is_dir() else "gguf",
            path=source,
            files=checkpoint.files,
            sha256=sha256,
            size_bytes=sum(file.stat().st_size for file in checkpoint.files),
            stored_as=checkpoint.stored_as,
            kept=keeps_values(checkpoint.tensors, precision, own),
        ),
    )


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
