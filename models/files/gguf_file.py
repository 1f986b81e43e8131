"""The user's own GGUF file, a language model as llama.cpp reads it."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

from bench.contracts import Artifact, Format, ModelRequest, Task
from bench.words import sentence


class GgufFile:
    """A ``.gguf`` file of an architecture in ``bench.models.checkpoints.gguf.sizes``. The decoder made of it is an ONNX
    graph with the file's tokenizer beside it.

    Without a precision asked for, a quantised file keeps its own blocks and values; ``float32`` has the same values,
    each as a number.
    """

    summary = sentence("model.summary.gguf")
    task: Task = "text_generation"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ("float32", "float16", "int8", "int4")

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.checkpoints.gguf.opening import open_gguf
        from bench.models.checkpoints.prepared import prepare_checkpoint
        from bench.models.files.opening import checked_file

        path = checked_file(request, "onnx")
        return prepare_checkpoint(lambda: open_gguf(path), request, cache)

    def described(self, request: ModelRequest, folder: Path) -> Artifact:
        from bench.models.checkpoints.gguf.opening import open_gguf
        from bench.models.checkpoints.prepared import described_checkpoint
        from bench.models.files.opening import checked_file

        path = checked_file(request, "onnx")
        return described_checkpoint(lambda: open_gguf(path), request, folder)

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        from bench.models.altered.gguf_weights import StoredMatrix, altered_gguf
        from bench.models.checkpoints.gguf.header import read_header
        from bench.models.checkpoints.gguf.opening import open_gguf
        from bench.models.checkpoints.gguf.stored import kind_of
        from bench.models.files.opening import checked_file

        path = checked_file(request, "onnx")
        open_gguf(path)
        header, matrices = read_header(path), []
        for stored in header.tensors.values():
            if len(stored.shape) > 1:
                kind = kind_of(header, stored)
                matrices.append(StoredMatrix(stored.offset, prod(stored.shape) // kind.numbers, kind.n_bytes))
        return altered_gguf(path, matrices, folder, seed)
