"""Weights and activations apart: what a graph's arithmetic runs in, on runtimes and by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, OpenRequest, Phase, Precisions
from bench.record.record import PlannedTarget
from bench.reports.words.plans import ran_in
from bench.targets.onnx_precision import precisions_of
from bench.targets.openvino.target import OpenVino
from bench.targets.ort import cpu
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.qnn.target import OnnxRuntimeQnn

N = helper.make_node
Make = Callable[..., Artifact]


def tensor(name: str, values: Any, dtype: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def model(nodes: Sequence[onnx.NodeProto], weights: Sequence[onnx.TensorProto]) -> onnx.ModelProto:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 8, 8]) for name in "xy"]
    graph = helper.make_graph(list(nodes), "g", infos[:1], infos[1:], list(weights))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, ir_version=10, opset_imports=opsets)


def qdq(activations: str, weights: str = "int8") -> onnx.ModelProto:
    """A convolution between quantisations, as quantisers write it."""
    middle = np.iinfo(activations).max // 2 + 1
    rng = np.random.default_rng(0)
    if weights == "int4":
        kernel = helper.make_tensor("k", TensorProto.INT4, [8, 8, 3, 3], rng.integers(-7, 7, 8 * 8 * 9).tolist())
    else:
        kernel = tensor("k", rng.integers(-100, 100, (8, 8, 3, 3)), weights)
    nodes = [
        N("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        N("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        N("DequantizeLinear", ["k", "ks"], ["kd"]),
        N("Conv", ["xd", "kd"], ["c"], "conv", pads=[1] * 4),
        N("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        N("DequantizeLinear", ["cq", "s", "z"], ["y"]),
    ]
    scale = 8 / np.iinfo(activations).max
    return model(
        nodes, [tensor("s", scale, "float32"), tensor("z", middle, activations), kernel, tensor("ks", 0.01, "float32")]
    )


@pytest.mark.parametrize(
    ("activations", "weights", "expected", "name"),
    [
        ("uint8", "int8", Precisions("int8", "int8"), "int8"),
        ("uint16", "int8", Precisions("int8", "int16"), "w8a16"),
        ("uint16", "int4", Precisions("int4", "int16"), "w4a16"),
    ],
)
def test_an_integer_engine_runs_what_lies_between_the_quantisations(
    activations: str, weights: str, expected: Precisions, name: str
) -> None:
    """The types that the dequantisations read; one that the runtime leaves in float is float."""
    graph = qdq(activations, weights).graph
    assert (expected, name) == (precisions_of(graph, fuses=True), expected.name)
    floats = Precisions("float32", "float32")
    assert floats == precisions_of(graph, fuses=False) == precisions_of(graph, fuses=True, unfused=[("conv", "")])


def test_of_nodes_without_a_name_only_those_that_fell_back_are_float() -> None:
    """A Div on the CPU says nothing of the convolution, though neither has a name."""
    nameless = qdq("uint8")
    for node in nameless.graph.node:
        node.name = ""
    told = [precisions_of(nameless.graph, fuses=True, unfused=[("", op)]) for op in ("Div", "Conv")]
    assert [Precisions("int8", "int8"), Precisions("float32", "float32")] == told


@pytest.mark.parametrize(
    ("node", "weights", "expected", "short"),
    [
        (
            N("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z"], ["y"]),
            [tensor("w", np.zeros((8, 8, 1, 1)), "int8"), tensor("z", 0, "uint8")],
            Precisions("int8", "int8"),
            "w8a8",
        ),
        (
            N("MatMulInteger", ["q", "w"], ["y"]),
            [tensor("w", np.zeros((8, 8)), "int8")],
            Precisions("int8", "int8"),
            "w8a8",
        ),
        (
            N("MatMulNBits", ["x", "w", "s"], ["y"], domain="com.microsoft", K=8, N=8, bits=4, block_size=16),
            [tensor("w", np.zeros((8, 1, 8)), "uint8")],
            Precisions("int4", "float32"),
            "w4a32",
        ),
        (
            N(
                "MatMulNBits",
                ["x", "w", "s"],
                ["y"],
                domain="com.microsoft",
                K=8,
                N=8,
                bits=4,
                block_size=16,
                accuracy_level=4,
            ),
            [tensor("w", np.zeros((8, 1, 8)), "uint8")],
            Precisions("int4", "int8"),
            "w4a8",
        ),
        (
            N("MatMul", ["x", "w"], ["y"]),
            [tensor("w", np.zeros((8, 8)), "float16")],
            Precisions("float16", "float32"),
            "",
        ),
        (
            N("MatMul", ["w", "x"], ["y"]),
            [tensor("w", np.zeros((8, 8)), "float16")],
            Precisions("float16", "float32"),
            "",
        ),
        (N("MatMul", ["x", "x"], ["y"]), [], Precisions("", "float32"), ""),
        (N("Relu", ["x"], ["y"]), [], Precisions("", ""), ""),
    ],
)
def test_operators_say_what_they_run_in(
    node: onnx.NodeProto, weights: list[onnx.TensorProto], expected: Precisions, short: str
) -> None:
    """By the constants they read."""
    graph = model([node], [*weights, tensor("s", 1, "float32")]).graph
    assert (expected, short) == (precisions_of(graph, fuses=False), expected.short_name)


def test_the_second_operand_of_two_activations_is_no_weight() -> None:
    """Attention of a decoder in int4: the scores are a product of what two projections give. Integers between
    quantisations too; a weight may be turned on the way."""
    block = {"domain": "com.microsoft", "K": 8, "N": 8, "bits": 4, "block_size": 16}
    nodes = [
        N("MatMulNBits", ["x", "w", "s"], ["q"], **block),
        N("MatMulNBits", ["x", "w", "s"], ["k"], **block),
        N("Transpose", ["k"], ["kt"]),
        N("MatMul", ["q", "kt"], ["y"]),
    ]
    graph = model(nodes, [tensor("w", np.zeros((8, 1, 8)), "uint8"), tensor("s", 1, "float32")]).graph
    found = precisions_of(graph, fuses=False)
    assert (Precisions("int4", "float32"), "w4a32") == (found, found.short_name)
    scale, zero = tensor("s", 0.1, "float32"), tensor("z", 0, "int16")
    quantised = [N("QuantizeLinear", ["x", "s", "z"], ["xq"]), N("DequantizeLinear", ["xq", "s", "z"], ["xd"])]
    scores = model([*quantised, N("MatMul", ["xd", "xd"], ["y"])], [scale, zero]).graph
    assert Precisions("", "int16") == precisions_of(scores, fuses=True)
    kernel = [N("DequantizeLinear", ["w", "s"], ["wd"]), N("Transpose", ["wd"], ["wt"])]
    turned = model(
        [*quantised, *kernel, N("MatMul", ["xd", "wt"], ["y"])], [scale, zero, tensor("w", np.ones((8, 8)), "int8")]
    )
    assert Precisions("int8", "int16") == precisions_of(turned.graph, fuses=True)


@pytest.mark.real
def test_openvino_says_the_same_of_two_activations(tmp_path: Path, artifact_of: Make, phase: Phase) -> None:
    """Projections in int8 weights, as the runtime executes them, and their product."""
    pytest.importorskip("openvino")
    weights = np.random.default_rng(0).integers(-100, 100, (64, 64)).astype(np.int8)
    scales = [tensor("s", 0.01, "float32"), tensor("w", weights, "int8"), tensor("v", weights[::-1], "int8")]
    nodes = [
        N("DequantizeLinear", ["w", "s"], ["wd"]),
        N("DequantizeLinear", ["v", "s"], ["vd"]),
        N("MatMul", ["x", "wd"], ["q"]),
        N("MatMul", ["x", "vd"], ["k"]),
        N("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        N("MatMul", ["q", "kt"], ["y"]),
    ]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64, 64]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], scales)
    path = tmp_path / "scores.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)]), path)
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    session: Any = OpenVino().open(OpenRequest(artifact_of(path), "CPU", options, inspect=True), phase)
    assert "float32" == session.facts().precisions.activations
    assert session.facts().precisions.weights in ("int8", "float32")  # kept compressed, or not, by the processor


def test_several_types_are_listed_most_frequent_first() -> None:
    """Two float products and one of integers."""
    nodes = [
        N("MatMul", ["x", "w"], ["a"]),
        N("MatMul", ["a", "w"], ["b"]),
        N("MatMulInteger", ["q", "i"], ["y"]),
    ]
    graph = model(nodes, [tensor("w", np.zeros((8, 8)), "float32"), tensor("i", np.zeros((8, 8)), "uint8")]).graph
    found = precisions_of(graph, fuses=False)
    assert (Precisions("float32+int8", "float32+int8"), "float32+int8", "") == (found, found.name, found.short_name)


@pytest.mark.parametrize(
    ("executed", "weights", "activations", "said"),
    [
        ("int8", "int8", "int8", "int8 (w8a8)"),
        ("w8a16", "int8", "int16", "w8a16"),
        ("float32", "int4", "float32", "float32 (w4a32)"),
        ("float32", "float32", "float32", "float32"),
        ("float32", None, None, "float32"),
        (None, None, None, None),
    ],
)
def test_reports_say_both_where_integers_are_among_them(
    executed: str | None, weights: str | None, activations: str | None, said: str | None
) -> None:
    """And the plain name where that is all, as for records made before."""
    target = PlannedTarget("t:d", "t", "d", executed_precision=executed)
    assert said == ran_in(
        PlannedTarget(
            target.id, "t", "d", executed_precision=executed, executed_weights=weights, executed_activations=activations
        )
    )


@pytest.mark.real
@pytest.mark.parametrize(
    ("activations", "name", "expected"),
    [
        ("uint8", "int8", Precisions("int8", "int8")),
        ("uint16", "float32", Precisions("float32", "float32")),
    ],
)
def test_ort_cpu_says_what_its_optimised_graph_holds(
    tmp_path: Path, artifact_of: Make, phase: Phase, activations: str, name: str, expected: Precisions
) -> None:
    """It has no 16-bit convolution: the quantisations stay around a float one, whatever the file says. Nothing is left
    in the folder for temporary files, and a timed session looks at no graph."""
    path = tmp_path / "net.onnx"
    onnx.save(qdq(activations), path)
    request = OpenRequest(artifact_of(path, precision="int8"), "cpu", inspect=True)
    session: Any = OnnxRuntimeCpu().open(request, phase)
    assert (name, expected) == (session.facts().executed_precision, session.facts().precisions)
    timed: Any = OnnxRuntimeCpu().open(OpenRequest(artifact_of(path, precision="int8"), "cpu"), phase)
    assert Precisions("", "") == timed.facts().precisions
    assert "optimised" not in str(session.facts().options_effective)


@pytest.mark.real
@pytest.mark.parametrize("written", [True, False], ids=["as executed", "as stored"])
@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("float", "float32", Precisions("float32", "float32")),
        ("dynamic", "int8+float32", Precisions("int8", "int8+float32")),
        ("four bits", "float32", Precisions("int4", "float32")),
        ("four bits, level 4", "int8+float32", Precisions("int4", "int8+float32")),
    ],
)
def test_ort_cpu_says_it_of_language_models(
    stories: Artifact,
    artifact_of: Make,
    tmp_path: Path,
    phase: Phase,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    name: str,
    expected: Precisions,
    written: bool,
) -> None:
    """Read from the executed graph, and from the file where that graph would be too large to write; the products of
    attention stay in float32, and have no weights."""
    pytest.importorskip("onnxruntime")
    if not written:
        monkeypatch.setattr(cpu, "LARGEST_WRITTEN", 0)
    path = quantised_text(stories.path, tmp_path / "text.onnx", kind)
    made = artifact_of(path, task="text_generation", decoder=stories.decoder, shapes={}, precision="guessed")
    session: Any = OnnxRuntimeCpu().open(OpenRequest(made, "cpu", inspect=True), phase)
    assert (name, expected) == (session.facts().executed_precision, session.facts().precisions)
    assert isinstance(session.prefill(np.array([1, 2, 3])), int)


def quantised_text(source: Path, path: Path, kind: str) -> Path:
    """A decoder with its products in integers: as ONNX Runtime's dynamic quantisation writes them, or with seeded
    weights of four bits."""
    if kind == "float":
        return source
    if kind == "dynamic":
        from onnxruntime.quantization import quantize_dynamic

        quantize_dynamic(source, path)
        return path
    loaded = onnx.load(source)
    graph, rng = loaded.graph, np.random.default_rng(0)
    sizes = {one.name: tuple(one.dims) for one in graph.initializer if len(one.dims) == 2}
    level = {"accuracy_level": 4} if kind.endswith("level 4") else {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in sizes:
            continue
        k, n = sizes[node.input[1]]
        blocks = -(-k // 32)
        packed, scales = f"{node.output[0]}.packed", f"{node.output[0]}.scales"
        graph.initializer.append(tensor(packed, rng.integers(0, 256, (n, blocks, 16)), "uint8"))
        graph.initializer.append(tensor(scales, np.full(n * blocks, 0.01), "float32"))
        given = [node.input[0], packed, scales]
        made = N("MatMulNBits", given, list(node.output), domain="com.microsoft", K=k, N=n, bits=4, block_size=32)
        made.attribute.extend(helper.make_attribute(key, value) for key, value in level.items())
        node.CopyFrom(made)
    loaded.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(loaded, path)
    return path


@pytest.mark.real
def test_openvino_says_what_its_runtime_graph_holds(tmp_path: Path, artifact_of: Make, phase: Phase) -> None:
    """Whatever it chooses here, both sides are told, and the activations are what it computes in."""
    pytest.importorskip("openvino")
    path = tmp_path / "net.onnx"
    onnx.save(qdq("uint16"), path)
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    session: Any = OpenVino().open(OpenRequest(artifact_of(path), "CPU", options, inspect=True), phase)
    facts = session.facts()
    assert ("float32", Precisions("float32", "float32")) == (facts.executed_precision, facts.precisions)


@pytest.mark.real
@pytest.mark.parametrize(("stored", "kept"), [(TensorProto.INT4, "int4"), (TensorProto.INT8, "int8")])
def test_compressed_weights_on_openvino_leave_the_activations_as_they_are(
    tmp_path: Path, artifact_of: Make, phase: Phase, stored: int, kept: str
) -> None:
    """The runtime gives the weights' type as the node's own; what flows into the product is float32."""
    pytest.importorskip("openvino")
    weights = helper.make_tensor("k", stored, [8, 8], np.random.default_rng(0).integers(-7, 7, 64).tolist())
    nodes = [N("DequantizeLinear", ["k", "ks"], ["kd"], axis=1), N("MatMul", ["x", "kd"], ["y"], "product")]
    path = tmp_path / "net.onnx"
    onnx.save(model(nodes, [weights, tensor("ks", [0.01] * 8, "float32")]), path)
    request = OpenRequest(artifact_of(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}, inspect=True)
    session: Any = OpenVino().open(request, phase)
    assert ("float32", Precisions(kept, "float32")) == (session.facts().executed_precision, session.facts().precisions)


@pytest.mark.real
@pytest.mark.parametrize(
    ("activations", "name", "expected"),
    [("uint8", "int8", Precisions("int8", "int8")), ("uint16", "w8a16", Precisions("int8", "int16"))],
)
def test_qnn_says_the_types_between_the_quantisations(
    tmp_path: Path, artifact_of: Make, phase: Phase, activations: str, name: str, expected: Precisions
) -> None:
    """The HTP computes with activations of 16 bits."""
    pytest.importorskip("onnxruntime_qnn")
    if not any(device.name == "htp-emu" and device.usable for device in OnnxRuntimeQnn().devices()):
        pytest.skip("no HTP emulator here")
    path = tmp_path / "net.onnx"
    onnx.save(qdq(activations), path)
    request = OpenRequest(artifact_of(path, precision="int8"), "htp-emu", {"soc": "qcs8550"}, inspect=True)
    session: Any = OnnxRuntimeQnn().open(request, phase)
    assert (name, expected) == (session.facts().executed_precision, session.facts().precisions)
