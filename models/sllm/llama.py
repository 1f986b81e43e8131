"""Built-in small language models: published architectures with seeded weights.

The weights are random, so the text means nothing; the work per token is that of a trained model of the same sizes.
Sizes and constants are those of each model's own ``config.json``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Artifact, DecoderSpec, Format, ModelRequest, Task
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.models.sllm.config import DecoderConfig

VERSION = 2  # raise it when a change alters the files written


class BuiltInDecoder:
    """A decoder of ``name``'s sizes, in any of four precisions (``bench.models.sllm.weights`` has their layouts)."""

    name: str
    summary: Sentence | str
    task: Task = "text_generation"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ("float32", "float16", "int8", "int4")

    def config(self) -> "DecoderConfig":
        raise NotImplementedError

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        return prepare_decoder(self.name, self.config(), request, cache)

    def described(self, request: ModelRequest, folder: Path) -> Artifact:
        from bench.models.built import described_decoder

        config = self.config()
        precision, decoder = asked_decoder(self.name, config, request)
        return described_decoder(self.name, folder, decoder, precision, config.parameters)


class Llama15M(BuiltInDecoder):
    """The sizes of llama2.c's stories15M: 15,191,712 parameters. Context 2048 tokens, where the original has 256."""

    name = "llama-15M"
    default = True
    summary = sentence("model.summary.llama_15m")

    def config(self) -> "DecoderConfig":
        from bench.models.sllm.config import DecoderConfig

        return DecoderConfig(
            dim=288, layers=6, heads=6, kv_heads=6, hidden=768, vocab=32_000, context=2048, bos=1, eos=(2,)
        )


class SmolLM2(BuiltInDecoder):
    """SmolLM2-135M: 134,515,008 parameters, grouped-query attention with 9 heads on 3. Context 8192 tokens."""

    name = "smollm2-135M"
    summary = sentence("model.summary.smollm2_135m")

    def config(self) -> "DecoderConfig":
        from bench.models.sllm.config import DecoderConfig

        return DecoderConfig(
            dim=576,
            layers=30,
            heads=9,
            kv_heads=3,
            hidden=1536,
            vocab=49_152,
            context=8192,
            rope_theta=100_000.0,
            bos=0,
            eos=(0,),
        )


class Qwen25(BuiltInDecoder):
    """Qwen2.5-0.5B: 494,032,768 parameters, 14 heads on 2, biases on query, key and value. Context 32,768 tokens."""

    name = "qwen2.5-0.5B"
    summary = sentence("model.summary.qwen25_05b")

    def config(self) -> "DecoderConfig":
        from bench.models.sllm.config import DecoderConfig

        return DecoderConfig(
            dim=896,
            layers=24,
            heads=14,
            kv_heads=2,
            hidden=4864,
            vocab=151_936,
            context=32_768,
            qkv_bias=True,
            rope_theta=1_000_000.0,
            epsilon=1e-6,
            bos=151_643,
            eos=(151_643,),
        )


class Llama32(BuiltInDecoder):
    """Llama-3.2-1B: 1,235,814,400 parameters, 32 heads on 8, stretched rotations. Context 131,072 tokens."""

    name = "llama-3.2-1B"
    summary = sentence("model.summary.llama32_1b")

    def config(self) -> "DecoderConfig":
        from bench.models.sllm.config import DecoderConfig, RopeScaling

        return DecoderConfig(
            dim=2048,
            layers=16,
            heads=32,
            kv_heads=8,
            hidden=8192,
            vocab=128_256,
            context=131_072,
            rope_theta=500_000.0,
            rope_scaling=RopeScaling(32.0, 1.0, 4.0, 8192),
            bos=128_000,
            eos=(128_001,),
        )


def prepare_decoder(name: str, config: "DecoderConfig", request: ModelRequest, cache: Path) -> Artifact:
    """The artifact of a decoder of these sizes. Raises ``InputError`` as ``asked_decoder`` does."""
    from msgspec import to_builtins

    from bench.models.build_cache import cached_build
    from bench.models.built import built_decoder
    from bench.models.sllm.decoder import write_decoder

    precision, decoder = asked_decoder(name, config, request)
    recipe = {"version": VERSION, "precision": precision, "seed": request.seed, "config": to_builtins(config)}
    path = cached_build(cache, name, recipe, lambda path: write_decoder(config, request.seed, path, precision))
    return built_decoder(name, path, decoder, precision, config.parameters)


def asked_decoder(name: str, config: "DecoderConfig", request: ModelRequest) -> "tuple[str, DecoderSpec]":
    """The precision, and the decoder's interface in it.

    Raises ``InputError`` for a format or precision it does not come in, and for any shape: the scenario chooses prompt
    and context.
    """
    from msgspec.structs import replace

    from bench.models.built import PRECISION, checked_request
    from bench.models.onnx.decoder_layout import refuse_shapes

    refuse_shapes(name, request.shapes)
    checked_request(name, request, (), BuiltInDecoder.precisions)
    precision = request.precision or PRECISION
    return precision, replace(config.spec, kv_dtype="float16" if precision == "float16" else "float32")
