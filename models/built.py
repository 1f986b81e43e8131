"""What every built-in model does around its own graph: check the request, describe the file it wrote."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, GraphFacts, ModelRequest, Shapes, TensorSpec
from bench.digest import sha256_of
from bench.errors import InputError
from bench.models.build_cache import FILE_NAME
from bench.models.shapes import resolve_shapes
from bench.words import sentence

PRECISION = "float32"


def checked_request(
    name: str, request: ModelRequest, inputs: Sequence[TensorSpec], precisions: Sequence[str] = (PRECISION,)
) -> dict[str, tuple[int, ...]]:
    """The shapes to build for. Raises ``InputError`` for a format, precision or shape the model does not come in."""
    if request.format not in (None, "onnx"):
        raise InputError(
            sentence("model.format_not_offered", name=name, format=request.format),
            sentence("model.format_is_onnx"),
        )
    if request.precision not in (None, *precisions):
        known = (
            sentence("model.precision_is", precision=PRECISION)
            if len(precisions) == 1
            else sentence("model.precisions_are", precisions=precisions)
        )
        raise InputError(sentence("model.precision_not_offered", name=name, precision=request.precision), known)
    return resolve_shapes(name, inputs, request.shapes, side=request.side)


def built_artifact(
    name: str, path: Path, shapes: Shapes, precision: str = PRECISION, beside: Sequence[Path] = ()
) -> Artifact:
    """The artifact of a tensor model that was written to ``path``, with the file of weights next to it, if any, and the
    files ``beside``.

    The graph alone is read into memory, and the files once for their checksum.
    """
    import onnx

    from bench.models.onnx.facts import onnx_facts
    from bench.models.onnx.weights import data_file

    files = (*(file for file in (path, data_file(path)) if file.is_file()), *beside)
    return Artifact(
        model_id=name,
        task="tensor",
        format="onnx",
        precision=precision,
        path=path,
        files=files,
        sha256=sha256_of(files),
        size_bytes=sum(file.stat().st_size for file in files),
        facts=onnx_facts(onnx.load(path, load_external_data=False), shapes),
        shapes=dict(shapes),
    )


def built_decoder(
    name: str, path: Path, decoder: DecoderSpec, precision: str, parameters: int, beside: Sequence[Path] = ()
) -> Artifact:
    """The artifact of a decoder that was written to ``path``; its shapes stay dynamic. See ``one_token_shapes``."""
    from bench.models.onnx.decoder_layout import one_token_shapes

    artifact = built_artifact(name, path, one_token_shapes(decoder), precision, beside)
    facts = replace(artifact.facts, parameters=parameters)
    return replace(artifact, task="text_generation", decoder=decoder, shapes={}, facts=facts)


def described_artifact(name: str, folder: Path, facts: GraphFacts, shapes: Shapes) -> Artifact:
    """What is known of a float32 tensor model before it is built; as ``Describable.described``."""
    path = folder / FILE_NAME
    return Artifact(
        model_id=name,
        task="tensor",
        format="onnx",
        precision=PRECISION,
        path=path,
        files=(path,),
        sha256="",
        size_bytes=0,
        facts=facts,
        shapes=dict(shapes),
    )


def described_decoder(
    name: str, folder: Path, decoder: DecoderSpec, precision: str, parameters: int, beside: Sequence[Path] = ()
) -> Artifact:
    """What is known of a decoder before it is built, with the files ``beside``; as ``Describable.described``."""
    artifact = described_artifact(name, folder, GraphFacts((), (), parameters=parameters), {})
    return replace(
        artifact,
        task="text_generation",
        precision=precision,
        decoder=decoder,
        files=(artifact.path, *beside),
    )
