"""Which of the users' decoders are driven, and what is said of those that are not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, CacheTensor, DecoderSpec, FixedInput, ModelRequest, PositionInput, TensorSpec
from bench.errors import InputError
from bench.models.files.decoder_config import DecoderFacts, decoder_facts
from bench.models.files.onnx_file import OnnxFile
from bench.models.onnx.decoder_layout import decoder_spec

Array = np.ndarray[Any, Any]

IDS = TensorSpec("input_ids", "int64", ("batch", "sequence"))
MASK = TensorSpec("attention_mask", "int64", ("batch", "total"))
POSITIONS = TensorSpec("position_ids", "int64", ("batch", "sequence"))
KEY = TensorSpec("past_key_values.0.key", "float32", ("batch", 2, "past", 16))
VALUE = TensorSpec("past_key_values.0.value", "float32", ("batch", 2, "past", 16))
INPUTS = (IDS, MASK, POSITIONS, KEY, VALUE)
LOGITS = TensorSpec("logits", "float32", ("batch", "sequence", 61))
OUTPUTS = (
    LOGITS,
    TensorSpec("present.0.key", "float32", ("batch", 2, "total", 16)),
    TensorSpec("present.0.value", "float32", ("batch", 2, "total", 16)),
)
PLAIN = DecoderSpec(layers=1, kv_heads=2, head_dim=16, vocab_size=61, context_length=2048)
DIM, HEADS, KV_HEADS, WIDTH, VOCAB = 64, 4, 2, 16, 61


def changed(specs: tuple[TensorSpec, ...], start: str, **fields: Any) -> tuple[TensorSpec, ...]:
    """``specs`` with those whose name begins with ``start`` altered."""
    return tuple(replace(spec, **fields) if spec.name.startswith(start) else spec for spec in specs)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (INPUTS, PLAIN),
        ((IDS, MASK, KEY, VALUE), replace(PLAIN, has_position_ids=False)),
        (changed(INPUTS, "past", dtype="float16"), replace(PLAIN, kv_dtype="float16")),
        (changed(INPUTS, "attention_mask", dtype="int32"), replace(PLAIN, mask_dtype="int32")),
        (changed(INPUTS, "past", shape=(1, 2, None, 16)), PLAIN),
    ],
)
def test_layouts_that_are_followed(inputs: tuple[TensorSpec, ...], expected: DecoderSpec) -> None:
    """With and without positions, a cache in either float type, an int32 mask, a batch of one, nameless dimensions."""
    assert expected == decoder_spec("m.onnx", inputs, OUTPUTS)


def test_a_shared_buffer_is_followed() -> None:
    """Past and present of one fixed length are one buffer, and its length bounds the context."""
    buffer = (1, 2, 128, 16)
    spec = decoder_spec("m", changed(INPUTS, "past", shape=buffer), changed(OUTPUTS, "present", shape=buffer))
    assert replace(PLAIN, past_length=128, context_length=128) == spec


@pytest.mark.parametrize(
    "inputs",
    [
        (TensorSpec("past_audio", "float32", (1, 16)), TensorSpec("image", "float32", (1, 3, 8, 8))),
        (IDS, MASK),
        (
            replace(IDS, shape=(1, 1)),
            replace(MASK, shape=(1, 8)),
            *changed((KEY, VALUE), "past", shape=(1, 2, 7, 16)),
        ),
    ],
)
def test_what_does_not_look_like_a_decoder(inputs: tuple[TensorSpec, ...]) -> None:
    """A network without token ids, an encoder, and one step of fixed shapes stay tensor models."""
    assert decoder_spec("m.onnx", inputs, OUTPUTS) is None


def other(name: str, shape: tuple[int | str | None, ...], dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, dtype, shape)


def test_packed_keys_and_values_are_followed() -> None:
    """One tensor a layer for both, as GPT-2 exports have it; the batch is the dimension that goes by its name."""
    packed = tuple(other(f"past_{n}", (2, "batch", 4, "past", 8)) for n in range(3))
    returned = tuple(other(f"present_{n}", (2, "batch", 4, "total", 8)) for n in range(3))
    spec = decoder_spec("m", (IDS, MASK, *packed), (LOGITS, *returned))
    assert spec is not None
    assert (CacheTensor("past_1", "present_1", "float32", (2, 1, 4, 0, 8), 3, 1), 3 * 2 * 4 * 8 * 4) == (
        spec.cache[1],
        spec.kv_cache_bytes_per_token,
    )


def test_states_that_do_not_grow_are_followed() -> None:
    """Layers of convolution beside those of attention, as LFM2 has them: their states begin as zeros, cost no byte a
    token, and stand behind the cache."""
    inputs = (IDS, MASK, other("past_conv.0", ("batch", 32, 4)), *changed((KEY, VALUE), "past"))
    spec = decoder_spec("m", inputs, (*OUTPUTS, other("present_conv.0", ("batch", 32, 4))))
    assert spec is not None
    assert (["past_key_values.0.key", "past_key_values.0.value", "past_conv.0"], 2 * 2 * 16 * 4, (1, 32, 4), None) == (
        [tensor.past for tensor in spec.cache],
        spec.kv_cache_bytes_per_token,
        spec.cache[2].shape,
        spec.cache[2].length_axis,
    )


def test_layers_that_differ_are_followed() -> None:
    """Other heads, other types, other numbers: each tensor by itself."""
    second = (
        other("past_key_values.3.key", ("b", 4, "p", 8), "float16"),
        other("past_key_values.3.value", (1, 4, "q", 8)),
    )
    returned = (other("present.3.key", ("b", 4, "t", 8), "float16"), other("present.3.value", (1, 4, "u", 8)))
    spec = decoder_spec("m", (*INPUTS, *second), (*OUTPUTS, *returned))
    assert spec is not None
    assert 2 * 2 * 16 * 4 + 4 * 8 * 2 + 4 * 8 * 4 == spec.kv_cache_bytes_per_token


@pytest.mark.parametrize("symbols", [("past_full", "past_sliding"), (None, "past"), ("a", None)])
def test_names_of_dimensions_are_no_sizes(symbols: tuple[str | None, str | None]) -> None:
    """Layers whose lengths go by different names are layers of one kind."""
    cache = [replace(spec, shape=("batch", 2, symbol, 16)) for spec, symbol in zip((KEY, VALUE), symbols, strict=True)]
    assert PLAIN == decoder_spec("m", (IDS, MASK, POSITIONS, *cache), OUTPUTS)


@pytest.mark.parametrize(
    ("inputs", "logits", "expected"),
    [
        (INPUTS, replace(LOGITS, shape=("batch", 1, 61)), replace(PLAIN, last_logits=True)),
        (INPUTS, replace(LOGITS, shape=("batch", 61)), replace(PLAIN, last_logits=True, flat_logits=True)),
        (
            (*INPUTS, other("num_logits_to_keep", (), "int64")),
            LOGITS,
            replace(PLAIN, last_logits=True, fixed_inputs=(FixedInput("num_logits_to_keep", "int64", (), 1),)),
        ),
        (
            (*INPUTS, other("use_cache_branch", (1,), "bool")),
            LOGITS,
            replace(PLAIN, fixed_inputs=(FixedInput("use_cache_branch", "bool", (1,), None),)),
        ),
        (
            (*INPUTS, other("cache_position", ("sequence",), "int64")),
            LOGITS,
            replace(PLAIN, cache_position=PositionInput("cache_position", "int64", (None,))),
        ),
        (
            (*INPUTS, other("cache_position", (1,), "int32")),
            LOGITS,
            replace(PLAIN, cache_position=PositionInput("cache_position", "int32", (1,))),
        ),
        (changed(INPUTS, "input_ids", dtype="int32"), LOGITS, replace(PLAIN, ids_dtype="int32")),
    ],
)
def test_what_exporters_add_is_followed(
    inputs: tuple[TensorSpec, ...], logits: TensorSpec, expected: DecoderSpec
) -> None:
    """Logits of the last position alone, inputs that steer the graph, ids in int32."""
    assert expected == decoder_spec("m", inputs, (logits, *OUTPUTS[1:]))


@pytest.mark.parametrize(
    ("inputs", "outputs", "found"),
    [
        ((IDS, MASK, other("past_0", (2, "B", 2, "P", 16))), OUTPUTS, "no output present_0 returns it"),
        ((IDS, MASK, other("cache_k", ("b", 2, "p", 8))), OUTPUTS, "no output returns it"),
        ((IDS, replace(MASK, name="cache_position"), KEY, VALUE), OUTPUTS, "cache_position [batch,total]"),
        ((*INPUTS, other("cache_position", (8,), "int64")), OUTPUTS, "cache_position [8], a fixed length"),
        ((*INPUTS, other("past_seq_len", (), "int32")), OUTPUTS, "it also takes past_seq_len []"),
        ((IDS, KEY, VALUE), OUTPUTS, "it takes no attention_mask"),
        ((*INPUTS, other("pixels", (1, 3, 8, 8))), OUTPUTS, "it also takes pixels [1,3,8,8]"),
        ((*INPUTS, other("num_logits_to_keep", (2,), "int64")), OUTPUTS, "not one value in int64 or int32"),
        ((*INPUTS, other("use_cache_branch", (1,), "int64")), OUTPUTS, "not one value in bool"),
        ((IDS, MASK, KEY), OUTPUTS, "it also returns present.0.value"),
        (changed(INPUTS, "input_ids", dtype="float32"), OUTPUTS, "input_ids [batch,sequence] in float32"),
        (changed(INPUTS, "input_ids", shape=(4, "s")), OUTPUTS, "one sequence at a time"),
        (changed(INPUTS, "input_ids", shape=(1, 8)), OUTPUTS, "input_ids [1,8], a fixed length"),
        (changed(INPUTS, "past", shape=("b", "h", "p", 16)), OUTPUTS, "more than the batch and the length are dynamic"),
        (changed(INPUTS, "past", shape=(3, 2, "p", 16)), OUTPUTS, "one sequence at a time"),
        (changed(INPUTS, "past", dtype="bool"), OUTPUTS, "past_key_values.0.key [batch,2,past,16] in bool"),
        (changed(INPUTS, "past", shape=(1, 2, 7, 16)), OUTPUTS, "its past is fixed to 7 tokens"),
        (INPUTS, OUTPUTS[1:], "it returns no logits"),
        (INPUTS, changed(OUTPUTS, "present.0.key", name="new_key"), "no output present.0.key returns it"),
        (INPUTS, (*OUTPUTS, other("hidden", ("b", 64))), "it also returns hidden [b,64]"),
        (INPUTS, changed(OUTPUTS, "logits", shape=(61,)), "it returns logits [61]"),
        (INPUTS, changed(OUTPUTS, "logits", shape=("b", "s", None)), "no config.json next to it states vocab_size"),
    ],
)
def test_layouts_that_are_not_followed(
    inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], found: str
) -> None:
    """The message names the file and what was found in it, the remedy what is understood."""
    with pytest.raises(InputError) as caught:
        decoder_spec("m.onnx", inputs, outputs)
    assert caught.value.message.startswith("m.onnx: looks like a decoder, but ")
    assert found in caught.value.message
    assert "a cache of past… inputs, each with a present… output" in caught.value.remedy
    assert "cache_position [S]" in caught.value.remedy


def test_vocabulary_of_the_configuration() -> None:
    """Where the graph leaves the width of the logits open, the configuration states it."""
    assert PLAIN == decoder_spec("m.onnx", INPUTS, changed(OUTPUTS, "logits", shape=("b", "s", None)), 61)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, DecoderFacts()),
        (
            {"config.json": {"max_position_embeddings": 8192, "vocab_size": 9, "bos_token_id": 0, "eos_token_id": 2}},
            DecoderFacts(8192, 9, 0, (2,)),
        ),
        (
            {"config.json": {"eos_token_id": 2}, "generation_config.json": {"eos_token_id": [2, 5]}},
            DecoderFacts(eos_token_ids=(2, 5)),
        ),
        (
            {"genai_config.json": {"model": {"context_length": 512, "vocab_size": 9, "eos_token_id": [7]}}},
            DecoderFacts(512, 9, None, (7,)),
        ),
        ({"config.json": {"eos_token_id": None}}, DecoderFacts()),
    ],
)
def test_what_configurations_say(files: Mapping[str, Any], expected: DecoderFacts, tmp_path: Path) -> None:
    """Beside the model, in transformers' or in onnxruntime-genai's words."""
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert expected == decoder_facts(tmp_path / "model.onnx")


def test_configurations_above_a_folder_of_graphs(tmp_path: Path) -> None:
    """Exports for browsers keep the graphs in a folder ``onnx`` under the configuration."""
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 77}')
    assert 77 == decoder_facts(tmp_path / "onnx" / "model.onnx").context_length
    assert decoder_facts(tmp_path / "other" / "model.onnx").context_length is None


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("generation_config.json", "{", "generation_config.json: not JSON: Expecting property name"),
        ("config.json", '{"max_position_embeddings": "8k"}', 'max_position_embeddings is "8k"'),
        ("config.json", '{"vocab_size": 0}', "vocab_size is 0, not a whole number of 1 or more"),
        ("generation_config.json", '{"eos_token_id": [2, -1]}', "generation_config.json: eos_token_id is -1"),
    ],
)
def test_configurations_that_say_nonsense(name: str, content: str, part: str, tmp_path: Path) -> None:
    """File and field are named."""
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        decoder_facts(tmp_path / "model.onnx")
    assert part in caught.value.message


def gqa_model(path: Path, past: str | int) -> None:
    """One layer as onnxruntime-genai's builder writes it: packed projections, rotation inside the attention, lengths
    from the mask. Past and present are one buffer of ``past`` tokens where that is a number."""
    random = np.random.default_rng(5)
    angles = np.arange(128)[:, None] * 10_000.0 ** (-np.arange(0, WIDTH, 2) / WIDTH)
    packed_width = (HEADS + 2 * KV_HEADS) * WIDTH
    weights = {
        "table": random.standard_normal((VOCAB, DIM)).astype(np.float32),
        "packed": random.standard_normal((DIM, packed_width)).astype(np.float32) / 8,
        "out": random.standard_normal((DIM, DIM)).astype(np.float32) / 8,
        "head": random.standard_normal((DIM, VOCAB)).astype(np.float32) / 8,
        "cos": np.cos(angles).astype(np.float32),
        "sin": np.sin(angles).astype(np.float32),
        "gamma": np.ones(DIM, np.float32),
        "one": np.array(1),
        "axis": np.array([1]),
    }
    contrib = {"domain": "com.microsoft"}
    normalise = {**contrib, "epsilon": 1e-5}
    attention = ["qkv", "", "", KEY.name, VALUE.name, "last", "total", "cos", "sin"]
    presents = ["present.0.key", "present.0.value"]
    nodes = [
        helper.make_node("ReduceSum", ["attention_mask", "axis"], ["sums"], keepdims=1),
        helper.make_node("Sub", ["sums", "one"], ["past_tokens"]),
        helper.make_node("Cast", ["past_tokens"], ["last"], to=TensorProto.INT32),
        helper.make_node("Shape", ["attention_mask"], ["mask_shape"]),
        helper.make_node("Gather", ["mask_shape", "one"], ["length"]),
        helper.make_node("Cast", ["length"], ["total"], to=TensorProto.INT32),
        helper.make_node("Gather", ["table", "input_ids"], ["x"]),
        helper.make_node("SimplifiedLayerNormalization", ["x", "gamma"], ["n"], epsilon=1e-5, axis=-1),
        helper.make_node("MatMul", ["n", "packed"], ["qkv"], "project"),
        helper.make_node(
            "GroupQueryAttention",
            attention,
            ["mixed", *presents],
            "attend",
            num_heads=HEADS,
            kv_num_heads=KV_HEADS,
            do_rotary=1,
            **contrib,
        ),
        helper.make_node("MatMul", ["mixed", "out"], ["o"], "output"),
        helper.make_node("SkipSimplifiedLayerNormalization", ["x", "o", "gamma"], ["last_n", "", "", "s"], **normalise),
        helper.make_node("MatMul", ["last_n", "head"], ["logits"], "head"),
    ]
    total = past if isinstance(past, int) else "total"
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "gqa",
        [
            info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
            info("attention_mask", TensorProto.INT64, ["batch", "total"]),
            *(info(name, TensorProto.FLOAT, ["batch", KV_HEADS, past, WIDTH]) for name in (KEY.name, VALUE.name)),
        ],
        [
            info("logits", TensorProto.FLOAT, ["batch", "sequence", VOCAB]),
            *(info(name, TensorProto.FLOAT, ["batch", KV_HEADS, total, WIDTH]) for name in presents),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=opsets), path)


def described(path: Path) -> Artifact:
    return OnnxFile().prepare(ModelRequest(str(path)), path.parent / "cache")


@pytest.mark.parametrize(("past", "length"), [("past", None), (32, 32)])
def test_a_grouped_query_graph_is_described(past: str | int, length: int | None, tmp_path: Path) -> None:
    """Sizes, parameters and MACs, with the rotation's tables no weights; a buffer counts as full."""
    gqa_model(tmp_path / "gqa.onnx", past)
    artifact = described(tmp_path / "gqa.onnx")
    expected = replace(PLAIN, has_position_ids=False, past_length=length, context_length=length or 2048)
    assert expected == artifact.decoder
    packed = DIM * (HEADS + 2 * KV_HEADS) * WIDTH
    attend = 2 * HEADS * WIDTH * ((length or 0) + 1)
    macs = {"project": packed, "attend": attend, "output": DIM * DIM, "head": DIM * VOCAB}
    assert macs == artifact.facts.node_macs
    assert 2 * VOCAB * DIM + packed + DIM * DIM + DIM == artifact.facts.parameters
    assert ("float32", True) == (artifact.precision, artifact.facts.peak_activation_bytes is not None)


@pytest.mark.real
def test_a_grouped_query_graph_generates(tmp_path: Path) -> None:
    """On ONNX Runtime a growing cache and a shared buffer of 32 give the tokens of one pass over all of them."""
    ort = pytest.importorskip("onnxruntime")
    sessions = {}
    for past in ("past", 32):
        path = tmp_path / f"{past}.onnx"
        gqa_model(path, past)
        sessions[past] = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    prompt = np.array([[5, 9, 60, 1, 7]])

    def step(past: str | int, ids: Array, total: int, cache: list[Array]) -> tuple[Array, list[Array]]:
        feeds = {"input_ids": ids, "attention_mask": np.ones((1, total), np.int64), KEY.name: cache[0]}
        logits, *presents = sessions[past].run(None, {**feeds, VALUE.name: cache[1]})
        return logits, presents

    for past, room in (("past", 0), (32, 32)):
        ids, total = prompt, prompt.size
        cache = [np.zeros((1, KV_HEADS, room, WIDTH), np.float32)] * 2
        tokens = prompt[0].tolist()
        while len(tokens) < 12:
            logits, cache = step(past, ids, total, cache)
            assert (1, KV_HEADS, room or total, WIDTH) == cache[0].shape
            tokens.append(int(logits[0, -1].argmax()))
            ids, total = np.array([tokens[-1:]]), total + 1
        whole, _ = step("past", np.array([tokens]), 12, [np.zeros((1, KV_HEADS, 0, WIDTH), np.float32)] * 2)
        assert whole[0, 4:11].argmax(-1).tolist() == tokens[5:]


@pytest.mark.real
@pytest.mark.parametrize("past", ["past", 32])
@pytest.mark.parametrize("runtime", ["onnxruntime", "onnxruntime_genai"])
def test_targets_generate_from_a_grouped_query_graph(runtime: str, past: str | int, tmp_path: Path) -> None:
    """A growing cache and a shared buffer alike: the tokens of one pass over all of them, twice after a reset."""
    pytest.importorskip(runtime)
    from bench.contracts import OpenRequest
    from bench.targets.ort.cpu import OnnxRuntimeCpu
    from bench.targets.ort_genai.target import OrtGenai
    from bench.testing import no_phase

    gqa_model(tmp_path / "gqa.onnx", past)
    artifact = described(tmp_path / "gqa.onnx")
    if runtime == "onnxruntime":
        session: Any = OnnxRuntimeCpu().open(OpenRequest(artifact, "cpu"), no_phase)
    else:
        (tmp_path / "made").mkdir()
        session = OrtGenai().open(OpenRequest(OrtGenai().convert(artifact, tmp_path / "made"), "cpu"), no_phase)
    prompt, told = np.array([5, 9, 60, 1, 7]), []
    for _ in range(2):
        session.reset()
        told.append([session.prefill(prompt)] + [session.decode() for _ in range(6)])
    gqa_model(tmp_path / "whole.onnx", "past")
    whole = OnnxRuntimeCpu().open(OpenRequest(described(tmp_path / "whole.onnx"), "cpu"), no_phase)
    expected = whole.logits(np.array([*prompt, *told[0]])).argmax(-1)[4:11].tolist()
    assert [expected, expected] == told
