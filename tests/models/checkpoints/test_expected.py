"""A file has exactly the tensors of its model, or the error names those that differ."""

from math import prod

import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.models.checkpoints.expected import check_tensors, tensor_shapes
from bench.models.sllm.config import DecoderConfig

PLAIN = DecoderConfig(dim=16, layers=2, heads=4, kv_heads=2, hidden=24, vocab=32, context=64)
RICH = replace(PLAIN, layers=1, tied=False, qkv_bias=True, query_key_norm=True, output_norms=True, head_width=6)


@pytest.mark.parametrize("config", [PLAIN, RICH])
def test_the_tensors_hold_all_parameters(config: DecoderConfig) -> None:
    """Their elements are what ``parameters`` counts from the sizes alone."""
    assert sum(prod(shape) for shape in tensor_shapes(config).values()) == config.parameters


def test_shapes_are_outputs_by_inputs() -> None:
    """A head's width need not be dim / heads."""
    shapes = tensor_shapes(RICH)
    assert shapes["layers.0.attention.query.weight"] == (24, 16)
    assert shapes["layers.0.attention.output.weight"] == (16, 24)
    assert shapes["layers.0.attention.key_norm.weight"] == (6,)


def test_a_file_with_exactly_the_tensors_passes() -> None:
    """Whatever their order."""
    shapes = tensor_shapes(RICH)
    check_tensors("m.gguf", "qwen3", shapes, dict(reversed(shapes.items())))


def test_missing_left_over_and_misshapen_tensors_are_named() -> None:
    """With the names that the file uses."""
    assert refusal({"a": (2, 3)}) == "m.gguf: 1 tensor of the model missing: b"
    assert refusal({"a": (3, 2), "b": (4,)}) == "m.gguf: a has the shape [3, 2], not [2, 3]"
    left = {"a": (2, 3), "b": (4,), "c": (1,), "d": (1,)}
    assert refusal(left) == "m.gguf: 2 tensors with no place in a llama model: c, d"


def refusal(found: dict[str, tuple[int, ...]]) -> str:
    with pytest.raises(InputError) as error:
        check_tensors("m.gguf", "llama", {"a": (2, 3), "b": (4,)}, found)
    return error.value.message
