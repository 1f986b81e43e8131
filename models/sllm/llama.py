"""Built-in small language models: Llama's architecture with seeded weights.

The weights are random, so the text means nothing; the work per token is that of a trained model of the same sizes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Artifact, Format, ModelRequest, Task

if TYPE_CHECKING:
    from bench.models.sllm.decoder import DecoderConfig

VERSION = 1  # raise it when a change alters the file written


class Llama15M:
    """The sizes of llama2.c's stories15M: 15,191,712 parameters. Context 2048 tokens."""

    summary = "Llama with 15.2 M parameters, 6 layers, vocabulary 32,000, KV cache (random weights)"
    task: Task = "text_generation"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ("float32",)

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.sllm.decoder import DecoderConfig

        config = DecoderConfig(dim=288, layers=6, heads=6, kv_heads=6, hidden=768, vocab=32_000, context=2048)
        return prepare_decoder("llama-15M", config, request, cache)


def prepare_decoder(name: str, config: "DecoderConfig", request: ModelRequest, cache: Path) -> Artifact:
    """The artifact of a decoder of these sizes.

    Raises ``InputError`` for a format or precision it does not come in, and for any shape: the scenario chooses prompt
    and context.
    """
    from msgspec import to_builtins

    from bench.models.build_cache import cached_build
    from bench.models.built import PRECISION, built_decoder, checked_request
    from bench.models.decoder_layout import refuse_shapes
    from bench.models.sllm.decoder import write_decoder

    refuse_shapes(name, request.shapes)
    checked_request(name, request, ())
    recipe = {"version": VERSION, "precision": PRECISION, "seed": request.seed, "config": to_builtins(config)}
    path = cached_build(cache, name, recipe, lambda path: write_decoder(config, request.seed, path))
    return built_decoder(name, path, config.spec, config.parameters)
