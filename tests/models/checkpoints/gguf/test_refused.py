"""What cannot be opened is refused by name: of the file, of the field, and with a remedy."""

import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_gguf import CONFIGS, made_gguf
from msgspec.structs import replace

from bench.errors import InputError
from bench.models.checkpoints.gguf.header import MOST_TENSORS, read_header
from bench.models.checkpoints.gguf.opening import open_gguf

MIB = 1 << 20
TINY = replace(CONFIGS["llama"], layers=1, dim=32, hidden=32, vocab=16)
F32 = 0


def refused(path: Path) -> str:
    """The message, which names the file, and has a remedy."""
    with pytest.raises(InputError) as error:
        open_gguf(path)
    assert path.name in error.value.message
    assert error.value.remedy
    return error.value.message


@contextmanager
def little_memory(most_bytes: int = 8 * MIB) -> Iterator[None]:
    """Fail if the block allocates more."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"llama.block_count": None}, "llama.block_count is missing"),
        ({"llama.block_count": 0}, "llama.block_count is 0; a whole number from 1"),
        ({"llama.block_count": 4_000_000_000}, "llama.block_count is 4000000000"),
        ({"llama.block_count": 3}, "9 tensors of the model missing: blk.2.attn_norm.weight"),
        ({"llama.block_count": 1}, "9 tensors with no place in a llama model: blk.1."),
        ({"llama.block_count": "two"}, "llama.block_count is two"),
        ({"llama.embedding_length": 128}, "token_embd.weight has the shape [48, 64], not [48, 128]"),
        ({"llama.attention.head_count": 5}, "heads of 12 numbers from 64"),
        ({"llama.attention.head_count_kv": 3}, "llama.attention.head_count_kv is 3, which does not divide the 4 heads"),
        ({"llama.attention.head_count_kv": [2, 1]}, "llama.attention.head_count_kv differs between layers"),
        ({"llama.attention.key_length": 64}, "attn_q.weight has the shape [64, 64], not [256, 64]"),
        ({"llama.attention.value_length": 8}, "llama.attention.value_length is 8, and keys have 16"),
        ({"llama.attention.layer_norm_rms_epsilon": None}, "layer_norm_rms_epsilon is missing"),
        ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "layer_norm_rms_epsilon is nan; a finite number"),
        ({"llama.rope.freq_base": 1.0}, "llama.rope.freq_base is 1.0; a number above 1"),
        ({"llama.rope.dimension_count": 18}, "llama.rope.dimension_count is 18; an even number up to"),
        (
            {"llama.rope.scaling.type": "dynamic", "llama.rope.scaling.factor": 2.0},
            "llama.rope.scaling.type is dynamic",
        ),
        ({"llama.rope.scaling.type": "longrope"}, "rope_factors_long.weight is missing"),
        ({"llama.expert_count": 8}, "llama.expert_count (8) may change what the model computes"),
        ({"llama.attention.clamp_kqv": 8.0}, "llama.attention.clamp_kqv (8.0) may change"),
        ({"llama.attention.causal": False}, "llama.attention.causal is False: each token attends to later ones"),
        ({"llama.pooling_type": 0, "llama.logit_scale": 0.5}, "llama.logit_scale (0.5) may change"),
        ({"tokenizer.ggml.bos_token_id": 48}, "tokenizer.ggml.bos_token_id is 48; the vocabulary has the tokens 0 to"),
        ({"tokenizer.ggml.tokens": ["a"] * 7}, "tokenizer.ggml.tokens lists 7 tokens, and token_embd.weight has 48"),
        ({"general.type": "adapter"}, "general.type is adapter, not a model"),
        ({"split.count": 3}, "one part of a model that is split into several files"),
        ({"general.alignment": 24}, "general.alignment is not a power of two"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    """A field that is missing, of another type, out of range, contradicted by a tensor, or not understood."""
    if "general.alignment" in values:  # the writer refuses it, too
        path = tmp_path / "tiny.gguf"
        path.write_bytes(_gguf({"general.architecture": "llama", **values}))
    else:
        path = made_gguf(tmp_path, values=values).path
    assert message in refused(path)


def test_a_window_of_unknown_layers_is_refused(tmp_path: Path) -> None:
    """Qwen has it from some layer on, which the file does not say; one as long as the context changes nothing."""
    values = {"qwen2.attention.sliding_window": 32}
    message = refused(made_gguf(tmp_path, "qwen2", values=values).path)
    assert "qwen2.attention.sliding_window is 32, and nothing says which layers" in message
    for more in ({"qwen2.attention.sliding_window": 128}, {"qwen2.attention.sliding_window": 0}):
        assert not open_gguf(made_gguf(tmp_path, "qwen2", values=more).path).config.layer_kinds
    pattern = {"qwen2.attention.sliding_window_pattern": [True, False]}
    config = open_gguf(made_gguf(tmp_path, "qwen2", values=values | pattern).path).config
    assert (("sliding", "full"), 32) == (config.layer_kinds, config.sliding_window)


def test_fields_that_change_nothing_are_no_obstacle(tmp_path: Path) -> None:
    """What is not there, and what concerns training only."""
    values = {
        "llama.expert_count": 0,
        "llama.vocab_size": 48,
        "llama.attention.causal": True,
        "llama.rope.scaling.finetuned": True,
        "mine.own": "x",
    }
    made = made_gguf(tmp_path, values=values)
    assert made.config == open_gguf(made.path).config


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"blk.1.ffn_gate.weight": None}, "1 tensor of the model missing: blk.1.ffn_gate.weight"),
        ({"token_embd.weight": None}, "token_embd.weight is missing"),
        ({"blk.0.attn_q_norm.weight": np.ones(16, np.float32)}, "no place in a llama model: blk.0.attn_q_norm.weight"),
        ({"output.bias": np.ones(64, np.float32)}, "no place in a llama model: output.bias"),
        ({"blk.0.attn_output.bias": np.ones(64, np.float32)}, "1 tensor of the model missing: blk.1.attn_output.bias"),
        (
            {"blk.0.ffn_up.weight": np.ones((64, 96), np.float32)},
            "blk.0.ffn_up.weight has the shape [64, 96], not [96, 64]",
        ),
        ({"output_norm.weight": np.ones((1, 64), np.float32)}, "output_norm.weight has the shape [1, 64], not [64]"),
        ({"rope_freqs.weight": np.ones(7, np.float32)}, "rope_freqs.weight has the shape [7], not [8]"),
        ({"rope_freqs.weight": np.zeros(8, np.float32)}, "rope_freqs.weight holds a number that is not"),
    ],
)
def test_other_tensors_are_named(tmp_path: Path, tensors: dict[str, Any], message: str) -> None:
    """Missing, left over, or of another shape."""
    assert message in refused(made_gguf(tmp_path, tensors=tensors).path)


@pytest.mark.parametrize(
    ("architecture", "tensor"),
    [
        *((name, "rope_freqs.weight") for name in ("qwen2", "qwen3", "gemma3", "phi3")),
        *((name, "rope_factors_short.weight") for name in ("qwen3", "smollm3")),
    ],
)
def test_divisors_of_another_architecture_are_left_over(tmp_path: Path, architecture: str, tensor: str) -> None:
    """Only where the models are converted with them does anything say what they mean."""
    config = CONFIGS[architecture]
    ones = np.ones((config.rotated or config.head_dim) // 2, np.float32)
    tensors = dict.fromkeys((tensor, tensor.replace("short", "long")), ones)
    message = refused(made_gguf(tmp_path, architecture, tensors=tensors).path)
    assert f"with no place in a {architecture} model: {tensor}" in message


@pytest.mark.parametrize("architecture", ["mamba", "llama4", "qwen3moe", "clip"])
def test_other_architectures_are_refused(tmp_path: Path, architecture: str) -> None:
    """By name, with those that are read."""
    path = tmp_path / "other.gguf"
    path.write_bytes(_gguf({"general.architecture": architecture}))
    known = "llama, qwen2, qwen3, gemma3, phi3 and smollm3"
    assert f"other.gguf: general.architecture is {architecture}; of GGUF files, {known} are read" == refused(path)


def test_a_part_names_the_command_that_merges(tmp_path: Path) -> None:
    """It is refused by its name: the header of the first part is that of the whole."""
    path = made_gguf(tmp_path, name="big-00002-of-00003.gguf").path
    assert "one part of a model" in refused(path)
    with pytest.raises(InputError) as error:
        open_gguf(path)
    assert "llama-gguf-split --merge big-00001-of-00003.gguf" in error.value.remedy


def test_types_that_are_no_weights_are_named(tmp_path: Path) -> None:
    """Whole numbers, and a type that no version knows."""
    path = made_gguf(tmp_path).path
    data = bytearray(path.read_bytes())
    place = data.index(b"blk.0.attn_q.weight") + len("blk.0.attn_q.weight") + 4 + 16
    assert struct.unpack_from("<I", data, place)[0] == F32
    for kind, message in ((24, "stored as I8, which is not read"), (4711, "stored in the unknown type 4711")):
        struct.pack_into("<I", data, place, kind)
        path.write_bytes(data)
        assert f"blk.0.attn_q.weight is {message}" in refused(path)


# ---------------------------------------------------------------------------------------------- made to do harm


def _gguf(values: dict[str, Any], *, n_tensors: int = 0, n_values: int | None = None, tail: bytes = b"") -> bytes:
    parts = [struct.pack("<4sIQQ", b"GGUF", 3, n_tensors, len(values) if n_values is None else n_values)]
    for key, value in values.items():
        parts.append(struct.pack("<Q", len(key)) + key.encode())
        if isinstance(value, str):
            parts.append(struct.pack("<IQ", 8, len(value)) + value.encode())
        else:
            parts.append(struct.pack("<II", 4, value) if isinstance(value, int) else value)
    return b"".join(parts) + tail


HUGE = (1 << 63) - 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a GGUF file"),
        (b"GGUF", "not a GGUF file"),
        (b"GGML" + bytes(60), "not a GGUF file"),
        (struct.pack("<4sIQQ", b"GGUF", 1, 0, 0), "GGUF version 1 is not read"),
        (struct.pack("<4sIQQ", b"GGUF", 4711, 0, 0), "GGUF version 4711"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "written for big-endian machines"),
        (_gguf({}), "general.architecture is missing"),
        (_gguf({}, n_tensors=HUGE), "the list of tensors would lie behind the end"),
        (_gguf({}, n_tensors=MOST_TENSORS + 1, tail=bytes(25 * MOST_TENSORS)), "the list of tensors: 131073 of them"),
        (_gguf({}, n_values=HUGE), "the list of fields would lie behind the end"),
        (_gguf({}, n_values=1, tail=struct.pack("<Q", HUGE) + bytes(20)), "field 1 is a text of 9223372036854775807"),
        (_gguf({"a": struct.pack("<IQ", 8, HUGE)}), "a is a text of 9223372036854775807 bytes"),
        (_gguf({"a": struct.pack("<IQ", 8, 99)}), "a would lie behind the end of the file"),
        (_gguf({"a": struct.pack("<IIQ", 9, 8, HUGE)}), "a would lie behind the end of the file"),
        (_gguf({"a": struct.pack("<IIQ", 9, 6, HUGE)}), "a would lie behind the end of the file"),
        (_gguf({"a": struct.pack("<IIQ", 9, 9, 1)}), "a has the unknown type 9"),
        (_gguf({"a": struct.pack("<I", 77)}), "a has the unknown type 77"),
        (_gguf({"a": struct.pack("<IQ", 8, 2) + b"\xff\xfe"}), "a holds a text that is not UTF-8"),
        (_gguf({"a": 1}, n_values=2, tail=struct.pack("<QsII", 1, b"a", 4, 1)), "a occurs twice"),
        (_gguf({}, n_tensors=1, tail=struct.pack("<QsI", 1, b"t", 1 << 31) + bytes(40)), "t has 2147483648 dimensions"),
        (_gguf({}, n_tensors=1, tail=struct.pack("<QsIQIQ", 1, b"t", 1, 0, 0, 0)), "t is empty"),
        (_gguf({}, n_tensors=1, tail=bytes(40)), "tensor 1 has 0 dimensions"),
        (_gguf({}, n_tensors=1, tail=struct.pack("<QsIQIQ", 1, b"t", 1, 8, 0, 7)), "t begins at 7"),
    ],
)
def test_damaged_headers_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    """Counts, lengths, types and offsets that cannot be; nothing is allocated for them."""
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with little_memory():
        assert message in refused(path)


def test_data_outside_the_file_is_named(tmp_path: Path) -> None:
    """The file ends within the last tensor, or its offset leads behind the end."""
    path = made_gguf(tmp_path).path
    data = path.read_bytes()
    path.write_bytes(data[:-64])
    assert "blk.1.ffn_down.weight would end at" in refused(path)
    place = data.index(b"output_norm.weight") + len("output_norm.weight") + 4 + 8 + 4
    path.write_bytes(data[:place] + struct.pack("<Q", HUGE - 31) + data[place + 8 :])
    assert "output_norm.weight would end at" in refused(path)


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path) -> None:
    """The rows are gone: an error, and no wrong numbers."""
    path = made_gguf(tmp_path).path
    tensor = open_gguf(path).tensors["layers.1.feed_forward.down.weight"]
    path.write_bytes(path.read_bytes()[:-64])
    with pytest.raises(InputError, match=r"tiny.gguf: blk.1.ffn_down.weight would end at"):
        tensor.rows(0, 64)
    path.unlink()
    with pytest.raises(InputError, match=r"tiny.gguf"):
        tensor.rows(0, 64)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of which each byte counts."""
    return made_gguf(tmp_path_factory.mktemp("whole"), config=TINY).path.read_bytes()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_refused_or_harmless(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    """Bytes of the header changed, the file cut: it opens, or an error names the file; no other exception, and little
    memory."""
    damaged = bytearray(whole)
    header = whole.index(b"blk.0.ffn_down.weight") + 60
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, header))
        new = data.draw(st.binary(min_size=1, max_size=8))
        damaged[place : place + len(new)] = new
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damaged)
    with little_memory():
        message = _read(path)
    assert not message or "damaged.gguf" in message


def _read(path: Path) -> str:
    """Read the whole file; the message of the error that it is refused with, or nothing."""
    try:
        checkpoint = open_gguf(path)
        for tensor in checkpoint.tensors.values():
            tensor.rows(0, tensor.shape[0])
        for contents in checkpoint.companions.values():
            contents()
    except InputError as error:
        return error.message
    return ""


def test_lists_stay_in_the_file(tmp_path: Path) -> None:
    """A vocabulary is read when it is asked for."""
    header = read_header(made_gguf(tmp_path).path)
    assert ["a", "b", "ab", "token3"] == header.texts("tokenizer.ggml.tokens")[:4]
    with pytest.raises(InputError, match=r"tiny.gguf: general.architecture is missing, or not a list"):
        header.texts("general.architecture")
    with pytest.raises(InputError, match=r"tokenizer.ggml.tokens is not a list of numbers"):
        header.numbers("tokenizer.ggml.tokens")
