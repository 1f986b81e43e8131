"""A built-in decoder small enough to be built, quantised and run in a moment. Loaded with --plugin by the tests."""

from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.llama import BuiltInDecoder


class SmallDecoder(BuiltInDecoder):
    """Two layers, 64 wide, a vocabulary of 512."""

    name = "small-decoder"
    summary = "a Llama of two layers (random weights)"

    def config(self) -> DecoderConfig:
        return DecoderConfig(dim=64, layers=2, heads=2, kv_heads=2, hidden=192, vocab=512, context=256, bos=1, eos=(2,))


PLUGINS = {"models": {"small-decoder": SmallDecoder}}
