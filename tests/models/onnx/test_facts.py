"""What is read from an ONNX graph: counts checked by hand, and None where they cannot be told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import ModelRequest
from bench.models.files.onnx_file import OnnxFile
from bench.models.onnx.facts import onnx_facts, onnx_precision

Build = Callable[..., onnx.ModelProto]
KNOWN = [
    ("squeezenet_fp16", "float16", 349_151_936, 1_235_496),
    ("mlperf_tiny_resnet", "float32", 12_501_632, 77_706),
    ("ultraface_rfb_320", "float32", 100_418_560, 300_408),
]


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    return np.zeros(shape, dtype)


def test_convolution_by_hand(onnx_model: Build) -> None:
    """Grouped convolution: each of 2 × 8 × 6 × 6 outputs takes 2 channels × 3 × 3 products."""
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv", group=2, pads=[1] * 4)
    weights = {"w": zeros(8, 2, 3, 3), "b": zeros(8)}
    facts = onnx_facts(onnx_model([node], {"x": [2, 4, 6, 6]}, {"y": None}, weights), {"x": (2, 4, 6, 6)})
    assert {"conv": 2 * 8 * 6 * 6 * 2 * 3 * 3} == facts.node_macs
    assert (8 * 2 * 9 + 8, (8 * 2 * 9 + 8) * 4) == (facts.parameters, facts.weight_bytes)
    assert (2 * 4 * 36 + 2 * 8 * 36) * 4 == facts.peak_activation_bytes
    assert {"Conv": 1} == facts.operators


@pytest.mark.parametrize(("training", "expected"), [(True, ("Dropout",)), (False, ())])
def test_a_dropout_draws_where_it_trains(onnx_model: Build, training: bool, expected: tuple[str, ...]) -> None:
    """At inference it passes its input on."""
    node = helper.make_node("Dropout", ["x", "ratio", "training"], ["y"])
    weights = {"ratio": np.float32(0.5), "training": np.bool_(training)}
    assert expected == onnx_facts(onnx_model([node], {"x": [1, 8]}, {"y": None}, weights), {"x": (1, 8)}).draws


def test_random_operators_in_a_branch_are_found(onnx_model: Build) -> None:
    """A graph draws, too, where only one of its branches does."""
    branches = {
        side: helper.make_graph(
            [helper.make_node(kind, ["x"], [side])],
            side,
            [],
            [helper.make_tensor_value_info(side, TensorProto.FLOAT, [1, 8])],
        )
        for side, kind in (("then_branch", "RandomNormalLike"), ("else_branch", "Neg"))
    }
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["c"]),
        helper.make_node("If", ["c"], ["y"], **branches),
    ]
    facts = onnx_facts(onnx_model(nodes, {"x": [1, 8]}, {"y": None}, {"zero": np.float32(0)}), {"x": (1, 8)})
    assert facts.draws == ("RandomNormalLike",)


def test_transposed_convolution_by_hand(onnx_model: Build) -> None:
    """Each of 4 × 5 × 5 inputs takes 6 output channels × 2 × 2 products."""
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up", strides=[2, 2])
    facts = onnx_facts(
        onnx_model([node], {"x": [1, 4, 5, 5]}, {"y": None}, {"w": zeros(4, 6, 2, 2)}), {"x": (1, 4, 5, 5)}
    )
    assert 4 * 5 * 5 * 6 * 2 * 2 == facts.macs


@pytest.mark.parametrize(("trans_a", "shape"), [(0, (5, 7)), (1, (7, 5))])
def test_gemm_by_hand(onnx_model: Build, trans_a: int, shape: tuple[int, int]) -> None:
    """5 × 3 outputs of 7 products, whichever way the first matrix lies."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "fc", transA=trans_a, transB=1)
    facts = onnx_facts(onnx_model([node], {"x": shape}, {"y": None}, {"w": zeros(3, 7)}), {"x": shape})
    assert 5 * 3 * 7 == facts.macs


def test_unnamed_nodes_go_by_their_output(onnx_model: Build) -> None:
    """A node without a name is listed under its first output."""
    node = helper.make_node("MatMul", ["x", "w"], ["product"])
    facts = onnx_facts(onnx_model([node], {"x": [1, 4]}, {"product": None}, {"w": zeros(4, 3)}), {"x": (1, 4)})
    assert {"product": 12} == facts.node_macs


def test_statistics_and_bounds_are_no_parameters(onnx_model: Build) -> None:
    """Batch normalisation has two parameters a channel; its mean and variance, and Clip's bounds, are stored only."""
    nodes = [
        helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["n"]),
        helper.make_node("Clip", ["n", "low", "high"], ["y"]),
    ]
    weights = {name: zeros(4) for name in "sbmv"} | {"low": zeros(), "high": zeros()}
    facts = onnx_facts(onnx_model(nodes, {"x": [1, 4, 2, 2]}, {"y": None}, weights), {"x": (1, 4, 2, 2)})
    assert (8, 18 * 4, 0) == (facts.parameters, facts.weight_bytes, facts.macs)


def test_shape_arithmetic_is_followed(onnx_model: Build) -> None:
    """A range of computed length does not hide the sizes behind it; what follows from shapes alone is no activation."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["steps"]),
        helper.make_node("Cast", ["steps"], ["row"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["row", "axis"], ["column"]),
        helper.make_node("Mul", ["x", "column"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "w"], ["y"], "fc"),
    ]
    weights = {"w": zeros(4, 3), "one": np.array(1), "zero": np.array(0), "axis": np.array([1])}
    model = onnx_model(nodes, {"x": ["batch", "length", 4]}, {"y": None}, weights)
    facts = onnx_facts(model, {"x": (1, 6, 4)})
    assert (6 * 3 * 4, (6 * 3 + 6 * 4) * 4) == (facts.macs, facts.peak_activation_bytes)


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik"),
        helper.make_node("Secret", ["x", "w"], ["y"], domain="com.example"),
        helper.make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft", transBatchA=1),
        helper.make_node("Attention", ["x", "w", "w"], ["y"], domain="com.microsoft", num_heads=1),
    ],
)
def test_what_cannot_be_counted_is_none(onnx_model: Build, node: onnx.NodeProto) -> None:
    """An operator that might multiply and is not understood makes the sum None, and no part of it is shown."""
    first = helper.make_node("MatMul", ["a", "w"], ["x"], "known")
    facts = onnx_facts(onnx_model([first, node], {"a": [1, 4]}, {"y": None}, {"w": zeros(4, 4)}), {"a": (1, 4)})
    assert (None, {}, 16) == (facts.macs, facts.node_macs, facts.parameters)


@pytest.mark.parametrize(
    ("query", "key", "past", "macs"),
    [
        ([1, 8, 64], [1, 6, 32], None, 2 * 8 * 64 * 6),
        ([1, 4, 8, 16], [1, 2, 6, 16], [1, 2, 5, 16], 2 * 4 * 8 * 16 * 11),
    ],
)
def test_attention_by_hand(
    onnx_model: Build, query: list[int], key: list[int], past: list[int] | None, macs: int
) -> None:
    """Scores and mix of each head of the queries, over old and new keys; heads lie in the last dimension or in one."""
    inputs = {"q": query, "k": key, "v": key} | ({"pk": past, "pv": past} if past else {})
    names, made = (["q", "k", "v", "", "pk", "pv"], ["y", "nk", "nv"]) if past else (["q", "k", "v"], ["y"])
    node = helper.make_node(
        "Attention", names, made, "attention", **({} if past else {"q_num_heads": 4, "kv_num_heads": 2})
    )
    model = onnx_model([node], inputs, {"y": None})
    model.opset_import[0].version = 23
    shapes = {name: tuple(shape) for name, shape in inputs.items()}
    assert {"attention": macs} == onnx_facts(model, shapes).node_macs


def test_control_flow_around_products_is_none(onnx_model: Build) -> None:
    """How often a branch runs is not in the file."""
    inner = helper.make_node("MatMul", ["x", "w"], ["r"])
    branch = helper.make_graph([inner], "b", [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    weights = {"w": zeros(4, 4), "c": np.array(True)}
    facts = onnx_facts(onnx_model([node], {"x": [1, 4]}, {"y": None}, weights), {"x": (1, 4)})
    assert (None, None, 16) == (facts.macs, facts.peak_activation_bytes, facts.parameters)


def test_fused_and_packed_operators(onnx_model: Build) -> None:
    """com.microsoft's FusedConv and MatMulNBits count as what they compute; packed weights as many as they are."""
    nodes = [
        helper.make_node("FusedConv", ["x", "k"], ["c"], "conv", domain="com.microsoft", activation="Relu"),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node(
            "MatMulNBits", ["f", "q", "s"], ["y"], "fc", domain="com.microsoft", K=64, N=10, bits=4, block_size=32
        ),
    ]
    weights = {"k": zeros(4, 3, 1, 1), "q": zeros(10, 2, 16, dtype="uint8"), "s": zeros(20)}
    model = onnx_model(nodes, {"x": [1, 3, 4, 4]}, {"y": None}, weights)
    facts = onnx_facts(model, {"x": (1, 3, 4, 4)})
    assert {"conv": 64 * 3, "fc": 640} == facts.node_macs
    assert (12 + 640, "int4") == (facts.parameters, onnx_precision(model))


def test_quantised_weights_make_the_precision(onnx_model: Build) -> None:
    """QDQ: uint8 weights are int8, an int32 bias counts as parameters, scales and zero points do not."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"]),
        helper.make_node("DequantizeLinear", ["b", "s"], ["bf"]),
        helper.make_node("Gemm", ["x", "wf", "bf"], ["y"], "fc"),
    ]
    weights = {"w": zeros(4, 3, dtype="uint8"), "b": zeros(3, dtype="int32"), "s": zeros(), "z": zeros(dtype="uint8")}
    model = onnx_model(nodes, {"x": [1, 4]}, {"y": None}, weights)
    facts = onnx_facts(model, {"x": (1, 4)})
    assert ("int8", 15, 12, (4 + 3 + 12 + 3) * 4 - 60) == (
        onnx_precision(model),
        facts.parameters,
        facts.macs,
        facts.peak_activation_bytes,
    )


def test_four_bit_blocks_count_as_what_they_stand_for(onnx_model: Build) -> None:
    """int4 in blocks of 32 in front of a product: 64 × 10 parameters in 320 bytes, with 2 × 10 scales beside them."""
    weight = onnx.TensorProto(name="w", data_type=TensorProto.INT4, dims=[64, 10], raw_data=bytes(320))
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["wf"], axis=0, block_size=32),
        helper.make_node("MatMul", ["x", "wf"], ["y"], "fc"),
    ]
    model = onnx_model(nodes, {"x": [3, 64]}, {"y": None}, {"s": zeros(2, 10)})
    model.graph.initializer.append(weight)
    model.opset_import[0].version = 21
    facts = onnx_facts(model, {"x": (3, 64)})
    assert ({"fc": 3 * 640}, 640, 320 + 80) == (facts.node_macs, facts.parameters, facts.weight_bytes)
    assert "int4" == onnx_precision(model)


def test_an_embedding_does_not_make_the_precision(onnx_model: Build) -> None:
    """A float32 table of ten times the size in front of 4-bit products leaves the model int4; alone it is float32."""
    gather = helper.make_node("Gather", ["table", "ids"], ["x"])
    product = helper.make_node(
        "MatMulNBits", ["x", "q", "s"], ["y"], "fc", domain="com.microsoft", K=64, N=10, bits=4, block_size=32
    )
    weights = {"table": zeros(100, 64), "ids": np.array([[1, 2]])}
    packed = {"q": zeros(10, 2, 16, dtype="uint8"), "s": zeros(20)}
    both = onnx_model([gather, product], {}, {"y": None}, weights | packed)
    assert ("int4", 6400 + 640) == (onnx_precision(both), onnx_facts(both, {}).parameters)
    assert "float32" == onnx_precision(onnx_model([gather], {}, {"x": None}, weights))


def test_two_names_of_the_same_bytes_are_one_weight(onnx_model: Build) -> None:
    """A tied matrix that stands twice in the graph and once in the file of weights is counted once."""
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
    model = onnx_model(nodes, {"x": [1, 8]}, {"y": None})
    for name, offset in (("a", 0), ("b", 0)):
        tensor = model.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=[8, 8])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "w.bin"), ("offset", offset), ("length", 256)):
            tensor.external_data.add(key=key, value=str(value))
    facts = onnx_facts(model, {"x": (1, 8)})
    assert (64, 256, 128) == (facts.parameters, facts.weight_bytes, facts.macs)
    model.graph.initializer[1].external_data[1].value = "256"
    assert 128 == onnx_facts(model, {"x": (1, 8)}).parameters


def test_weights_in_constant_nodes_count(onnx_model: Build) -> None:
    """Some exporters store weights as nodes; they are weights all the same."""
    tensor = numpy_helper.from_array(np.ones((4, 512), np.float32), "w")
    nodes = [helper.make_node("Constant", [], ["w"], value=tensor), helper.make_node("MatMul", ["x", "w"], ["y"])]
    facts = onnx_facts(onnx_model(nodes, {"x": [1, 4]}, {"y": None}), {"x": (1, 4)})
    assert (2048, 8192, 2048) == (facts.parameters, facts.weight_bytes, facts.macs)


def test_the_model_is_left_as_it_was(onnx_model: Build) -> None:
    """Reading facts changes nothing in the graph it is given."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = onnx_model([node], {"x": ["n", 4]}, {"y": None}, {"w": zeros(4, 512)})
    before = model.SerializeToString(deterministic=True)
    onnx_facts(model, {"x": (1, 4)})
    assert before == model.SerializeToString(deterministic=True)


@pytest.mark.real
@pytest.mark.parametrize(("name", "precision", "macs", "parameters"), KNOWN)
def test_real_models(name: str, precision: str, macs: int, parameters: int, realdata: Path, tmp_path: Path) -> None:
    """Published networks: SqueezeNet 1.1's 1,235,496 parameters and 0.35 GMACs, MLPerf Tiny ResNet's 12.5 MMACs."""
    artifact = OnnxFile().prepare(ModelRequest(str(realdata / "models" / f"{name}.onnx")), tmp_path)
    assert (precision, macs, parameters) == (artifact.precision, artifact.facts.macs, artifact.facts.parameters)
    assert artifact.facts.peak_activation_bytes is not None
