"""A GGUF file is opened as the model that was written into it: sizes, names, and the order of rows."""

import math
from pathlib import Path

import numpy as np
import pytest
from made_gguf import made_gguf
from msgspec.structs import replace

from bench.models.checkpoints.gguf.opening import open_gguf

ARCHITECTURES = ("llama", "qwen2", "qwen3", "gemma3", "phi3", "smollm3")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_made_file_gives_what_was_written(tmp_path: Path, architecture: str) -> None:
    """Heads that rotate neighbours are reordered, fused matrices are taken apart, norms are as they are."""
    made = made_gguf(tmp_path, architecture)
    checkpoint = open_gguf(made.path)
    assert (architecture, made.config) == (checkpoint.architecture, checkpoint.config)
    assert ("F32", "float32", (made.path,)) == (checkpoint.stored_as, checkpoint.precision, checkpoint.files)
    assert made.tensors.keys() == checkpoint.tensors.keys()
    for name, expected in made.tensors.items():
        tensor = checkpoint.tensors[name]
        assert expected.shape == tensor.shape
        np.testing.assert_array_equal(tensor.rows(0, len(expected)), expected, name)


@pytest.mark.parametrize("architecture", ["llama", "phi3"])
def test_any_rows_are_those_of_the_whole(tmp_path: Path, architecture: str) -> None:
    """Rows in the middle of a head, and of a matrix that is a part of another."""
    made = made_gguf(tmp_path, architecture)
    tensors = open_gguf(made.path).tensors
    for name in ("layers.1.attention.query.weight", "layers.1.attention.key.weight", "layers.0.feed_forward.up.weight"):
        whole = made.tensors[name]
        for start, stop in ((0, 1), (5, 27), (15, 17), (31, 32), (7, 7)):
            np.testing.assert_array_equal(tensors[name].rows(start, stop), whole[start:stop])


@pytest.mark.real
def test_the_real_file(realdata: Path) -> None:
    """SmolLM2-135M-Instruct: the sizes are those of its config.json, and the values those of the library."""
    import gguf

    path = realdata / "llm" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    checkpoint = open_gguf(path)
    config = checkpoint.config
    assert (576, 30, 9, 3, 1536, 49152) == (
        *(config.dim, config.layers, config.heads, config.kv_heads, config.hidden, config.vocab),
    )
    assert (8192, 100_000.0, 1e-5, True) == (config.context, config.rope_theta, config.epsilon, config.tied)
    assert ((2, 0), 1, "Q4_1", "int4") == (config.eos, config.bos, checkpoint.stored_as, checkpoint.precision)
    assert 134_515_008 == config.parameters
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    down, query, table = stored["blk.3.ffn_down.weight"], stored["blk.3.attn_q.weight"], stored["token_embd.weight"]
    found = checkpoint.tensors["layers.3.feed_forward.down.weight"].rows(0, 576)
    np.testing.assert_array_equal(found, gguf.dequantize(down.data, down.tensor_type))
    expected = gguf.dequantize(query.data, query.tensor_type)
    found = checkpoint.tensors["layers.3.attention.query.weight"].rows(0, 576)
    np.testing.assert_array_equal(found.reshape(9, 2, 32, 576).swapaxes(1, 2).reshape(576, 576), expected)
    found = checkpoint.tensors["embedding.weight"].rows(40_000, 40_100)
    np.testing.assert_array_equal(found, gguf.dequantize(table.data[40_000:40_100], table.tensor_type))


def test_llama_3_divisors(tmp_path: Path) -> None:
    """The rotation's divisors of Llama 3.1 lie in a tensor."""
    divisors = np.array([1, 1, 1.5, 2, 4, 8, 8, 8], np.float32)
    config = open_gguf(made_gguf(tmp_path, tensors={"rope_freqs.weight": divisors}).path).config
    assert (1, 1, 1.5, 2, 4, 8, 8, 8) == config.rope_divisors


def test_linear_scaling_divides_every_frequency(tmp_path: Path) -> None:
    """Gemma 3 scales its full layers by 8; its sliding layers are not scaled."""
    values = {"gemma3.rope.scaling.type": "linear", "gemma3.rope.scaling.factor": 8.0}
    made = made_gguf(tmp_path, "gemma3", values=values)
    config = open_gguf(made.path).config
    assert (8.0,) * 16 == config.rope_divisors
    np.testing.assert_allclose(config.frequencies("full"), made.config.frequencies("full") / 8)
    np.testing.assert_allclose(config.frequencies("sliding"), made.config.frequencies("sliding"))


def test_a_quantised_file_states_its_own_precision(tmp_path: Path) -> None:
    """That of the layers' matrices: the embedding of a small model may be larger than they are."""
    config = replace(made_gguf(tmp_path).config, vocab=4096)
    for kind, precision in (
        ("Q4_1", "int4"),
        ("Q8_0", "int8"),
        ("Q5_0", "int8"),
        ("BF16", "float32"),
        ("F16", "float32"),
    ):
        checkpoint = open_gguf(made_gguf(tmp_path, config=config, kind=kind).path)
        assert (kind, precision) == (checkpoint.stored_as, checkpoint.precision)


def test_yarn_stretches_slow_rotations(tmp_path: Path) -> None:
    """Fast ones stay, slow ones are divided by the factor, and cosine and sine grow. Source of the numbers: Peng et al.
    2023, and transformers' ``_compute_yarn_parameters``, by hand: 12 pairs, base 500,000, 64 positions."""
    values = {
        "qwen3.rope.scaling.type": "yarn",
        "qwen3.rope.scaling.factor": 4.0,
        "qwen3.rope.scaling.original_context_length": 64,
    }
    config = open_gguf(made_gguf(tmp_path, "qwen3", values=values).path).config
    assert 12 == len(config.rope_divisors)
    first = 12 * math.log(64 / (32 * 2 * math.pi)) / math.log(500_000)
    last = 12 * math.log(64 / (2 * math.pi)) / math.log(500_000)
    assert (True, 3) == (first < 0, math.ceil(last))
    np.testing.assert_allclose(config.rope_divisors[0], 1)
    np.testing.assert_allclose(config.rope_divisors[1], 1 / (1 / 3 / 4 + 2 / 3))
    np.testing.assert_allclose(config.rope_divisors[3:], 4)
    np.testing.assert_allclose(config.rope_magnitude, 1 + 0.1 * math.log(4))


def test_longrope_ends_with_the_first_context(tmp_path: Path) -> None:
    """Beyond it the long divisors hold, and keys stored before would not fit any more."""
    short, long = (np.array(values, np.float32) for values in ([1, 1, 1.1, 1.2, 1.4, 2], [1, 2, 4, 8, 16, 32]))
    values = {
        "phi3.rope.scaling.type": "longrope",
        "phi3.rope.scaling.original_context_length": 32,
        "phi3.rope.scaling.attn_factor": 1.19,
    }
    tensors = {"rope_factors_short.weight": short, "rope_factors_long.weight": long}
    config = open_gguf(made_gguf(tmp_path, "phi3", values=values, tensors=tensors).path).config
    assert (32, (1, 1, 1.1, 1.2, 1.4, 2), 1.19) == (config.context, config.rope_divisors, config.rope_magnitude)


def test_tokens_that_end_a_turn(tmp_path: Path) -> None:
    """The end of the text, of a turn and of a message, and those known by their text."""
    tokens = ["a", "b", "ab", *(f"token{n}" for n in range(3, 46)), "<|im_end|>", "z"]
    values = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.eot_token_id": 5, "tokenizer.ggml.eom_token_id": 2}
    assert (2, 5, 46) == open_gguf(made_gguf(tmp_path, values=values).path).config.eos
