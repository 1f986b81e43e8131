"""Sessions on models as people have them: outputs of other shapes and types than stated, and inputs of every type."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, ModelRequest, OpenRequest, Phase, Tensors, TensorSession
from bench.models.files.onnx_file import OnnxFile
from bench.targets.openvino.target import OpenVino
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.ort.queries import BoundQuery

pytestmark = pytest.mark.real
FLOAT, BFLOAT16 = TensorProto.FLOAT, TensorProto.BFLOAT16
WEIGHTS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
PRODUCT = helper.make_node("MatMul", ["x", "w"], ["y"], "product")
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
ENGINES = pytest.mark.parametrize("engine", ["ort", "openvino"])
Value = tuple[str, int, Sequence[int | str | None]]


def save(
    path: Path, nodes: Sequence[Any], inputs: Sequence[Value], outputs: Sequence[Value], opset: int = 21, **weights: Any
) -> Path:
    infos = [[helper.make_tensor_value_info(*value) for value in values] for values in (inputs, outputs)]
    tensors = [
        helper.make_tensor(name, value[0], *value[1:])
        if isinstance(value, tuple)
        else numpy_helper.from_array(value, name)
        for name, value in weights.items()
    ]
    graph = helper.make_graph(list(nodes), "graph", *infos, tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def prepared(path: Path, **shapes: tuple[int, ...]) -> Artifact:
    return OnnxFile().prepare(ModelRequest(str(path), shapes=shapes), path.parent)


def ran(engine: str, artifact: Artifact, feeds: Tensors, phase: Phase, times: int = 3) -> Tensors:
    """What the last of several calls gave."""
    pytest.importorskip({"ort": "onnxruntime", "openvino": "openvino"}[engine])
    target, device, options = {
        "ort": (OnnxRuntimeCpu(), "cpu", {"graph_optimization_level": "ORT_DISABLE_ALL"}),
        "openvino": (OpenVino(), "CPU", EXACT),
    }[engine]
    session = target.open(OpenRequest(artifact, device, options), phase)
    assert isinstance(session, TensorSession)
    call = session.bind(feeds)
    for _ in range(times):
        call()
    return session.results()


@ENGINES
@pytest.mark.parametrize("stated", [[7, 3], [0, 3], ["rows", 3], None])
def test_outputs_have_the_shape_that_the_run_gives(engine: str, stated: Any, tmp_path: Path, phase: Phase) -> None:
    """Whatever the file states: another size, 0, a name, nothing."""
    nodes = [PRODUCT, helper.make_node("Reshape", ["y", "to"], ["z"])]
    to = np.array([-1, 3], np.int64)
    path = save(tmp_path / "m.onnx", nodes, [("x", FLOAT, ["n", 4])], [("z", FLOAT, stated)], w=WEIGHTS, to=to)
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    z = ran(engine, prepared(path, x=(2, 4)), {"x": x}, phase)["z"]
    np.testing.assert_allclose(z, x @ WEIGHTS, rtol=1e-5)


def test_an_output_whose_length_varies_is_run_again_and_again(tmp_path: Path, phase: Phase) -> None:
    """Noise in the graph decides how many elements are above 0: every call gives its own number. (OpenVINO draws such
    noise once, when it compiles.)"""
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["noise"]),
        helper.make_node("Relu", ["noise"], ["above"]),
        helper.make_node("NonZero", ["above"], ["where"]),
    ]
    path = save(tmp_path / "m.onnx", nodes, [("x", FLOAT, [64])], [("where", TensorProto.INT64, [1, "n"])])
    artifact = prepared(path)
    lengths = {
        ran("ort", artifact, {"x": np.ones(64, np.float32)}, phase, times)["where"].shape[1] for times in range(1, 7)
    }
    assert len(lengths) > 1


def test_buffers_that_do_not_fit_are_replaced_once(tmp_path: Path, phase: Phase) -> None:
    """Where shapes are stated the buffers stay; from the call on that they do not fit, each gets new ones."""
    pytest.importorskip("onnxruntime")
    right = save(tmp_path / "right.onnx", [PRODUCT], [("x", FLOAT, [1, 4])], [("y", FLOAT, [1, 3])], w=WEIGHTS)
    wrong = save(tmp_path / "wrong.onnx", [PRODUCT], [("x", FLOAT, [1, 4])], [("y", FLOAT, [1, 5])], w=WEIGHTS)
    kept = []
    for path in (right, wrong):
        session = OnnxRuntimeCpu().open(OpenRequest(prepared(path), "cpu", {}), phase)
        assert isinstance(session, TensorSession)
        query = session.bind({"x": np.ones((1, 4), np.float32)})
        assert isinstance(query, BoundQuery)
        for _ in range(3):
            query()
        kept.append(query._step == query._with_same_outputs)
        np.testing.assert_allclose(query.results()[0], WEIGHTS.sum(0)[None], rtol=1e-5)
    assert [True, False] == kept


@ENGINES
def test_bfloat16_goes_in_and_comes_out(engine: str, tmp_path: Path, phase: Phase) -> None:
    """The values are numpy's product of the same values, rounded to bfloat16 once."""
    nodes = [
        helper.make_node("Cast", ["x", ""][:1], ["wide"], to=FLOAT),
        helper.make_node("MatMul", ["wide", "w"], ["product"]),
        helper.make_node("Cast", ["product"], ["y"], to=BFLOAT16),
    ]
    path = save(tmp_path / "m.onnx", nodes, [("x", BFLOAT16, [1, 4])], [("y", BFLOAT16, [1, 3])], w=WEIGHTS)
    x = np.array([[1.5, -2, 0.25, 3]], ml_dtypes.bfloat16)
    y = ran(engine, prepared(path), {"x": x}, phase)["y"]
    assert ml_dtypes.bfloat16 == y.dtype
    expected = (x.astype(np.float32) @ WEIGHTS).astype(ml_dtypes.bfloat16)
    np.testing.assert_allclose(y.astype(np.float32), expected.astype(np.float32), rtol=2**-7)


@ENGINES
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TensorProto.INT4, [-8, 7, -1, 0, 3]),
        (TensorProto.UINT4, [0, 15, 8, 7, 1]),
        (TensorProto.FLOAT8E4M3FN, [0.5, -448, 2, 0, 1]),
        (TensorProto.FLOAT8E5M2, [0.5, -57344, 2, 0, 1]),
    ],
)
def test_narrow_types_go_in_and_come_out(
    engine: str, kind: int, values: list[float], tmp_path: Path, phase: Phase
) -> None:
    """Numbers that the type holds exactly come out of QuantizeLinear, and through DequantizeLinear, as they went in."""
    scale, zero = np.float32(1), (kind, [], [0])
    size = len(values)
    narrow = save(
        tmp_path / "narrow.onnx",
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])],
        [("x", FLOAT, [size])],
        [("q", kind, [size])],
        s=scale,
        z=zero,
    )
    x = np.array(values, np.float32)
    q = ran(engine, prepared(narrow), {"x": x}, phase)["q"]
    assert values == q.astype(np.float64).tolist()
    wide = save(
        tmp_path / "wide.onnx",
        [helper.make_node("DequantizeLinear", ["q", "s", "z"], ["x"])],
        [("q", kind, [size])],
        [("x", FLOAT, [size])],
        s=scale,
        z=zero,
    )
    assert values == ran(engine, prepared(wide), {"q": q}, phase)["x"].tolist()


def test_text_goes_in_and_comes_out(tmp_path: Path, phase: Phase) -> None:
    """Also Korean, and a word of no length. OpenVINO's CPU plugin crashes on passing text through."""
    text = TensorProto.STRING
    path = save(
        tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], [("x", text, [3])], [("y", text, [3])]
    )
    words = ["고양이", "dog", ""]
    assert words == ran("ort", prepared(path), {"x": np.array(words)}, phase)["y"].tolist()


def test_labels_come_out_beside_numbers(tmp_path: Path, phase: Phase) -> None:
    """A classifier that answers in words."""
    nodes = [
        PRODUCT,
        helper.make_node("ArgMax", ["y"], ["best"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder",
            ["best"],
            ["label"],
            domain="ai.onnx.ml",
            keys_int64s=[0, 1, 2],
            values_strings=["a", "b", "c"],
        ),
    ]
    outputs: list[Value] = [("label", TensorProto.STRING, [1]), ("y", FLOAT, [1, 3])]
    path = save(tmp_path / "m.onnx", nodes, [("x", FLOAT, [1, 4])], outputs, w=WEIGHTS)
    x = np.ones((1, 4), np.float32)
    results = ran("ort", prepared(path), {"x": x}, phase)
    assert ["abc"[int((x @ WEIGHTS).argmax())]] == results["label"].tolist()


@ENGINES
@pytest.mark.parametrize(
    "outputs",
    [["y", "y"], ["y", "x"], ["x", "y"], ["y", "w"], ["w", "y"]],
    ids=["the same twice", "an input too", "an input first", "a weight too", "a weight first"],
)
def test_outputs_that_nothing_computes(engine: str, outputs: list[str], tmp_path: Path, phase: Phase) -> None:
    """Inputs, weights and outputs listed twice are given under their names."""
    shapes = {"x": [1, 4], "y": [1, 3], "w": [4, 3]}
    path = save(
        tmp_path / "m.onnx", [PRODUCT], [("x", FLOAT, [1, 4])], [(n, FLOAT, shapes[n]) for n in outputs], w=WEIGHTS
    )
    x = np.arange(4, dtype=np.float32).reshape(1, 4)
    expected = {"x": x, "y": x @ WEIGHTS, "w": WEIGHTS}
    artifact = prepared(path)
    results = ran(engine, artifact, {"x": x}, phase)
    assert list(dict.fromkeys(outputs)) == [spec.name for spec in artifact.facts.outputs] == list(results)
    for name, array in results.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5)


def test_results_outlive_their_session(tmp_path: Path, phase: Phase) -> None:
    """Also an output that is an input: its array shares no memory with what the session was fed or has bound."""
    pytest.importorskip("onnxruntime")
    outputs: list[Value] = [("x", FLOAT, [1, 4]), ("y", FLOAT, [1, 3])]
    path = save(tmp_path / "m.onnx", [PRODUCT], [("x", FLOAT, [1, 4])], outputs, w=WEIGHTS)
    session = OnnxRuntimeCpu().open(OpenRequest(prepared(path), "cpu", {}), phase)
    assert isinstance(session, TensorSession)
    query = session.bind({"x": np.ones((1, 4), np.float32)})
    query()
    first, second = session.results(), session.results()
    assert [True, True] == [array.flags.owndata for array in first.values()]
    assert not any(np.shares_memory(first[name], second[name]) for name in first)


@ENGINES
def test_scalars_empty_tensors_and_no_inputs(engine: str, tmp_path: Path, phase: Phase) -> None:
    """A number and a boolean without dimensions, a tensor without elements, and a graph that takes nothing."""
    nodes = [
        helper.make_node("Concat", ["x", "none"], ["all"], axis=0),
        PRODUCT,
        helper.make_node("Mul", ["y", "factor"], ["scaled"]),
        helper.make_node("Where", ["use", "scaled", "y"], ["z"]),
    ]
    nodes[1] = helper.make_node("MatMul", ["all", "w"], ["y"])
    inputs: list[Value] = [("x", FLOAT, [1, 4]), ("none", FLOAT, [0, 4])]
    inputs += [("factor", FLOAT, []), ("use", TensorProto.BOOL, [])]
    path = save(tmp_path / "m.onnx", nodes, inputs, [("z", FLOAT, [1, 3])], w=WEIGHTS)
    feeds: dict[str, Any] = {"x": np.ones((1, 4), np.float32), "none": np.zeros((0, 4), np.float32)}
    feeds |= {"factor": np.array(2, np.float32), "use": np.array(True)}
    z = ran(engine, prepared(path), feeds, phase)["z"]
    np.testing.assert_allclose(z, 2 * WEIGHTS.sum(0)[None], rtol=1e-5)
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHTS))
    path = save(tmp_path / "none.onnx", [constant], [], [("w", FLOAT, [4, 3])])
    assert np.array_equal(WEIGHTS, ran(engine, prepared(path), {}, phase)["w"])


def test_unsorted_nodes_run(tmp_path: Path, phase: Phase) -> None:
    """Both runtimes sort; facts are those of the sorted graph."""
    nodes = [PRODUCT, helper.make_node("Relu", ["y"], ["z"], "relu")]
    io: tuple[list[Value], list[Value]] = [("x", FLOAT, [1, 4])], [("z", FLOAT, [1, 3])]
    files = [save(tmp_path / f"{i}.onnx", order, *io, w=WEIGHTS) for i, order in enumerate((nodes, nodes[::-1]))]
    in_order, reversed_ = (prepared(path) for path in files)
    assert in_order.facts == reversed_.facts
    feeds = {"x": np.arange(4, dtype=np.float32).reshape(1, 4)}
    expected = np.maximum(feeds["x"] @ WEIGHTS, 0)
    for engine in ("ort", "openvino"):
        np.testing.assert_allclose(ran(engine, reversed_, feeds, phase)["z"], expected, rtol=1e-5)


@ENGINES
def test_an_input_without_a_rank_takes_what_it_is_given(engine: str, tmp_path: Path, phase: Phase) -> None:
    """The shape comes from the user alone; ONNX Runtime writes such an input as it writes a scalar."""
    path = save(tmp_path / "m.onnx", [PRODUCT], [("x", FLOAT, [5, 4])], [("y", FLOAT, [5, 3])], w=WEIGHTS)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    x = np.random.default_rng(1).standard_normal((5, 4)).astype(np.float32)
    np.testing.assert_allclose(ran(engine, prepared(path, x=(5, 4)), {"x": x}, phase)["y"], x @ WEIGHTS, rtol=1e-5)
