"""What a graph uses its inputs for: sizes, tables, pictures; and which outputs are bounded."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import GraphRoles, InputRole, ModelRequest, TensorSpec
from bench.models.files.ir_file import IrFile
from bench.models.files.onnx_file import OnnxFile
from bench.models.input_roles import roles
from bench.models.role_graph import Node, RoleGraph

KINDS = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}
NO_ROLE = InputRole()


def value(written: str) -> onnx.ValueInfoProto:
    """``n:i:1,2``: an int64 input of shape [1, 2]; ``n:i:`` a scalar."""
    name, kind, shape = written.split(":")
    return helper.make_tensor_value_info(name, KINDS[kind], [int(side) for side in shape.split(",") if side])


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, ["" if n == "-" else n for n in inputs.split()], [output], **attributes)


def built(folder: Path, inputs: str, nodes: list[onnx.NodeProto], **constants: Any) -> Path:
    """An ONNX file with the inputs written as for ``value``, separated by blanks, and the output y."""
    graph = helper.make_graph(
        nodes,
        "g",
        [value(one) for one in inputs.split()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "net.onnx")
    return folder / "net.onnx"


def roles_of(path: Path) -> GraphRoles:
    plugin = OnnxFile() if path.suffix == ".onnx" else IrFile()
    return plugin.prepare(ModelRequest(str(path)), path.parent).facts.roles


THEN = helper.make_graph([node("Abs", "x", "t")], "then", [], [value("t:f:1,8")])
ELSE = helper.make_graph([node("Neg", "x", "e")], "else", [], [value("e:f:1,8")])
CUT = helper.make_graph([node("Slice", "x zero n one", "t")], "then", [], [value("t:f:1,8")])
STEP = helper.make_graph(
    [node("Abs", "s", "s2"), node("Identity", "c", "c2")],
    "step",
    [value("i:i:"), value("c:b:"), value("s:f:1,8")],
    [value("c2:b:"), value("s2:f:1,8")],
)
SUMMED = [node("Cast", "r", "q", to=1), node("ReduceSum", "q", "s"), node("Mul", "x s", "y")]
CAST = [node("Cast", "n", "a", to=6), node("Cast", "a", "b", to=7)]


def branch(condition: str, then: onnx.GraphProto = THEN) -> onnx.NodeProto:
    return helper.make_node("If", [condition], ["y"], then_branch=then, else_branch=ELSE)


def loop(steps: str, condition: str) -> onnx.NodeProto:
    return helper.make_node("Loop", [steps, condition, "x"], ["y"], body=STEP)


def loop_while(inner: list[onnx.NodeProto], fed: str) -> onnx.NodeProto:
    """A loop that goes on while ``more``, which ``inner`` makes; ``fed`` and x begin its two states, m and s."""
    body = helper.make_graph(
        [*inner, node("Abs", "s", "s2")],
        "while",
        [value("i:i:"), value("c:b:"), value("m:i:"), value("s:f:1,8")],
        [value("more:b:"), value("m2:i:"), value("s2:f:1,8")],
    )
    return helper.make_node("Loop", ["", "always", fed, "x"], ["left", "y"], body=body)


READ_AROUND = [node("Less", "i n", "more"), node("Identity", "m", "m2")]
COUNTED_DOWN = [node("Sub", "m first", "m2"), node("Greater", "m2 first", "more")]
TAKEN_ON = [node("Greater", "m first", "more"), node("Add", "first n", "m2")]
UNTIL_LARGE = [
    node("MatMul", "n wide", "a"),
    node("ReduceMax", "a", "top", keepdims=0),
    node("Less", "top limit", "more"),
    node("Identity", "m", "m2"),
]
READ_ON = [node("Less", "i rate", "more"), node("Identity", "m", "m2")]
ONLY_ADDED = [node("Less", "i rate", "more"), node("Add", "m n", "m2")]

DECIDING: dict[str, tuple[str, list[onnx.NodeProto]]] = {
    "Slice": ("n:i:1", [node("Slice", "x zero n one", "y")]),
    "Slice behind arithmetic": ("n:i:1", [*CAST, node("Add", "b one", "d"), node("Slice", "x zero d one", "y")]),
    "Gather, then Slice": ("n:i:3", [node("Gather", "n zero", "a"), node("Slice", "x zero a one", "y")]),
    "Loop": ("n:i:", [loop("n", "")]),
    "the condition of a Loop": ("n:b:", [loop("", "n")]),
    "a condition inside a Loop": ("n:i:", [loop_while(READ_AROUND, "first")]),
    "a counter that a Loop keeps": ("n:i:", [loop_while(COUNTED_DOWN, "n")]),
    "a counter of a Loop's next step": ("n:i:", [loop_while(TAKEN_ON, "first")]),
    "If": ("n:b:", [branch("n")]),
    "If behind a comparison": ("n:i:", [node("Equal", "n rate", "d"), branch("d")]),
    "inside a branch": ("n:i:1", [branch("always", CUT)]),
    "Range": ("n:i:", [node("Range", "first n step", "r"), *SUMMED]),
    "Reshape": ("n:i:2", [node("Reshape", "x n", "y")]),
    "Tile": ("n:i:2", [node("Tile", "x n", "y")]),
    "Expand": ("n:i:2", [node("Expand", "x n", "y")]),
    "Expand by joined sizes": ("n:i:1", [node("Concat", "n one", "a", axis=0), node("Expand", "x a", "y")]),
    "TopK": ("n:i:1", [helper.make_node("TopK", ["x", "n"], ["y", "index"])]),
    "a comparison of data": (
        "n:f:1,8",
        [node("ReduceMax", "n", "m", keepdims=0), node("Greater", "m limit", "d"), branch("d")],
    ),
    "an answer of the network": (
        "n:f:1,8",
        [
            node("MatMul", "n wide", "a"),
            node("ReduceMax", "a", "m", keepdims=0),
            node("Greater", "m limit", "d"),
            branch("d"),
        ],
    ),
    "an answer that ends a Loop": ("n:f:1,8", [loop_while(UNTIL_LARGE, "first")]),
    "the axes of a sum": ("n:i:1", [node("ReduceSum", "x n", "y", keepdims=1)]),
    "the length of a window": ("n:i:", [node("HannWindow", "n", "a"), node("Mul", "x a", "y")]),
    "the length of a transform": ("n:i:", [node("Unsqueeze", "x two", "a"), node("DFT", "a n", "y")]),
    "how long each sequence is": (
        "n:i:1",
        [
            node("Cast", "n", "a", to=6),
            node("Unsqueeze", "x zero", "s"),
            node("RNN", "s gates gates - a", "y", hidden_size=8),
        ],
    ),
    "Resize by a float": ("n:f:2", [node("Resize", "x - n", "y")]),
}
NOT_DECIDING: dict[str, tuple[str, list[onnx.NodeProto]]] = {
    "an added integer": ("n:i:1", [node("Cast", "n", "a", to=1), node("Add", "x a", "y")]),
    "a sum that a Loop keeps": ("n:i:", [loop_while(ONLY_ADDED, "first")]),
    "a mask": ("n:i:1,8", [node("Cast", "n", "a", to=9), node("Where", "a x none", "y")]),
    "its shape": ("n:i:1,8", [node("Shape", "n", "s"), node("Reshape", "x s", "y")]),
    "behind an embedding": (
        "n:i:1",
        [node("Gather", "table n", "e"), node("Cast", "e", "a", to=7), node("Slice", "x zero a one", "y")],
    ),
    "data inside a Loop": ("n:f:1,8", [loop_while([*READ_ON, node("Add", "s n", "unused")], "first")]),
    "a branch by the shape of data": ("n:f:1,8", [node("Size", "n", "s"), node("Equal", "s rate", "d"), branch("d")]),
    "an activation": ("n:f:1,8", [node("NonZero", "n", "r"), *SUMMED]),
}
CONSTANTS: dict[str, Any] = {
    "one": np.array([1]),
    "zero": np.array([0]),
    "rate": np.int64(16000),
    "first": np.int64(0),
    "step": np.int64(1),
    "none": np.zeros((1, 8), np.float32),
    "limit": np.float32(1),
    "wide": np.ones((8, 8), np.float32),
    "gates": np.ones((1, 8, 8), np.float32),
    "two": np.array([2]),
    "table": np.ones((6, 1), np.float32),
    "always": np.array(True),
}


@pytest.mark.parametrize(
    ("op", "deciding"),
    [
        ("Eye", "rows columns batch"),
        ("STFT", "size step"),
        ("SpaceToBatch", "block begin end"),
        ("PriorBox", "size"),
        ("ConvolutionBackpropData", "size"),
    ],
)
def test_sizes_that_only_operators_of_openvino_take(op: str, deciding: str) -> None:
    """By the order of their inputs in OpenVINO's operation sets."""
    orders = {
        "Eye": "rows columns diagonal batch",
        "STFT": "data window size step",
        "SpaceToBatch": "data block begin end",
        "PriorBox": "size picture",
        "ConvolutionBackpropData": "data filters size",
    }
    order = orders[op].split()
    inputs = {name: TensorSpec(name, "int64" if name in deciding else "float32", (4,)) for name in order}
    graph = RoleGraph((Node(op, tuple(order), ("y",)),), inputs, {"y": "y"}, {}, lambda name: None)
    found = roles(graph, {name: spec.shape for name, spec in inputs.items()}).inputs
    assert {name for name in deciding.split() if found.get(name, NO_ROLE).decides_work} == {*deciding.split()}


@pytest.mark.parametrize("case", DECIDING)
def test_what_decides_how_much_is_done(case: str, tmp_path: Path) -> None:
    """Values that reach a length, a size, a number of steps or a branch, also by way of arithmetic; the data do not."""
    written, nodes = DECIDING[case]
    found = roles_of(built(tmp_path, f"x:f:1,8 {written}", nodes, **CONSTANTS)).inputs
    assert found.get("n", NO_ROLE).decides_work
    assert "x" not in found


def test_loops_in_loops_are_followed_once_each(tmp_path: Path) -> None:
    """25 of them, one in another: a search that follows each body twice would take 2^25 steps."""
    inner = [node("Abs", "s0", "t0")]
    for depth in range(25):
        body = helper.make_graph(
            [*inner, node("Identity", f"c{depth}", f"d{depth}")],
            f"b{depth}",
            [value(f"i{depth}:i:"), value(f"c{depth}:b:"), value(f"s{depth}:f:1,8")],
            [value(f"d{depth}:b:"), value(f"t{depth}:f:1,8")],
        )
        inner = [helper.make_node("Loop", ["n", "", f"s{depth + 1}"], [f"t{depth + 1}"], body=body)]
    outer = [node("Identity", "x", "s25"), *inner, node("Identity", "t25", "y")]
    assert {"n": InputRole(decides_work=True)} == roles_of(built(tmp_path, "x:f:1,8 n:i:", outer)).inputs


@pytest.mark.parametrize("case", NOT_DECIDING)
def test_what_is_only_computed_with(case: str, tmp_path: Path) -> None:
    """Integers that are data, masks, shapes of inputs, and answers."""
    written, nodes = NOT_DECIDING[case]
    found = roles_of(built(tmp_path, f"x:f:1,8 {written}", nodes, **CONSTANTS)).inputs
    assert not found.get("n", NO_ROLE).decides_work


TABLES = {"table": np.ones((7, 4), np.float32), "small": np.ones((2, 4), np.float32), "two": np.array([2])}


@pytest.mark.parametrize(
    ("nodes", "rows"),
    [
        ([node("Gather", "table n", "y")], 7),
        ([node("Cast", "n", "a", to=6), node("Gather", "table a", "y")], 7),
        ([node("Add", "n two", "a"), node("Gather", "table a", "y")], 5),
        ([node("Gather", "table n", "y", axis=1)], 4),
        ([node("Mul", "n two", "a"), node("Gather", "table a", "y")], None),
        ([node("Gather", "table n", "a"), node("Gather", "small n", "b"), node("Add", "a b", "y")], 2),
    ],
)
def test_rows_of_a_table(nodes: list[onnx.NodeProto], rows: int | None, tmp_path: Path) -> None:
    """Of the table that is picked from, less what is added before, the smallest of several; unknown behind other
    arithmetic."""
    assert roles_of(built(tmp_path, "n:i:1,3", nodes, **TABLES)).inputs.get("n", NO_ROLE).rows == rows


def weights(scale: float) -> Any:
    return (scale * np.random.default_rng(0).standard_normal((8, 3, 3, 3))).astype(np.float32)


MEAN = {"k": np.full((3, 1, 1), 104, np.float32)}
PICTURES: dict[str, tuple[list[onnx.NodeProto], dict[str, Any], float | None]] = {
    "divided by 255": ([node("Div", "x k", "y")], {"k": np.float32(255)}, 255.0),
    "times 1/255": ([node("Mul", "x k", "y")], {"k": np.float32(1 / 255)}, 255.0),
    "times 2": ([node("Mul", "x k", "y")], {"k": np.float32(2)}, 1.0),
    "less a mean of bytes": ([node("Sub", "x k", "y")], MEAN, 255.0),
    "less a mean of parts": ([node("Sub", "x k", "y")], {"k": np.full((3, 1, 1), 0.45, np.float32)}, 1.0),
    "turned, then divided": ([node("Transpose", "x", "t"), node("Div", "t k", "y")], {"k": np.float32(127.5)}, 255.0),
    "small weights": ([node("Conv", "x k", "y")], {"k": weights(0.004)}, 255.0),
    "weights of about one": ([node("Conv", "x k", "y")], {"k": weights(0.7)}, 1.0),
    "pooled": ([node("GlobalAveragePool", "x", "y")], {}, None),
}


@pytest.mark.parametrize("case", PICTURES)
def test_range_of_a_picture(case: str, tmp_path: Path) -> None:
    """What the first operators show: 0 to 1, 0 to 255, or nothing."""
    nodes, constants, top = PICTURES[case]
    assert roles_of(built(tmp_path, "x:f:1,3,32,32", nodes, **constants)).inputs.get("x", NO_ROLE).picture_top == top


@pytest.mark.parametrize(("op", "bounded"), [("Sigmoid", True), ("Softmax", True), ("Tanh", True), ("Relu", False)])
def test_bounded_outputs(op: str, bounded: bool, tmp_path: Path) -> None:
    """Behind a reshape too; not behind arithmetic."""
    moved = [node(op, "x", "a"), node("Reshape", "a k", "y")]
    assert ("y" in roles_of(built(tmp_path, "x:f:1,8", moved, k=np.array([2, 4]))).bounded) is bounded
    added = [node(op, "x", "a"), node("Add", "a k", "y")]
    assert roles_of(built(tmp_path, "x:f:1,8", added, k=np.float32(1))).bounded == ()


LABELLED: dict[str, tuple[list[onnx.NodeProto], bool]] = {
    "classes in 8 bits": ([node("ArgMax", "x", "a"), node("Cast", "a", "y", to=TensorProto.UINT8)], True),
    "classes as floats": ([node("ArgMax", "x", "a"), node("Cast", "a", "y", to=TensorProto.FLOAT)], True),
    "flags in 8 bits": ([node("Greater", "x zero", "a"), node("Cast", "a", "y", to=TensorProto.UINT8)], True),
    "indices of the best": ([helper.make_node("TopK", ["x", "two"], ["v", "y"])], True),
    "values of the best": ([helper.make_node("TopK", ["x", "two"], ["y", "i"])], False),
    "a masked number": (
        [node("Greater", "x zero", "a"), node("Cast", "a", "b", to=TensorProto.FLOAT), node("Mul", "b x", "y")],
        False,
    ),
    "a number in 8 bits": ([node("Cast", "x", "y", to=TensorProto.UINT8)], False),
}


@pytest.mark.parametrize("case", LABELLED)
def test_outputs_that_hold_labels(case: str, tmp_path: Path) -> None:
    """By the operators that they come from, whatever the type that they are stored in."""
    nodes, labels = LABELLED[case]
    path = built(tmp_path, "x:f:1,8", nodes, zero=np.float32(0), two=np.array([2]))
    assert roles_of(path).labels == (("y",) if labels else ())


IR_CASES: dict[str, tuple[str, list[onnx.NodeProto], dict[str, Any], GraphRoles]] = {
    **{
        case: (f"x:f:1,8 {DECIDING[case][0]}", DECIDING[case][1], CONSTANTS, GraphRoles({"n": InputRole(True)}))
        for case in ("If", "inside a branch", "Loop", "a condition inside a Loop", "a counter of a Loop's next step")
    },
    "a sum that a Loop keeps": (
        f"x:f:1,8 {NOT_DECIDING['a sum that a Loop keeps'][0]}",
        NOT_DECIDING["a sum that a Loop keeps"][1],
        CONSTANTS,
        GraphRoles(),
    ),
    "a size": ("x:f:1,8 n:i:1", DECIDING["Slice"][1], CONSTANTS, GraphRoles({"n": InputRole(decides_work=True)})),
    "a table": ("n:i:1,3", [node("Gather", "table n", "y")], TABLES, GraphRoles({"n": InputRole(rows=7)})),
    "classes in 8 bits": ("x:f:1,8", LABELLED["classes in 8 bits"][0], {}, GraphRoles(labels=("y",))),
    "flags in 8 bits": ("x:f:1,8", LABELLED["flags in 8 bits"][0], {"zero": np.float32(0)}, GraphRoles(labels=("y",))),
    "a picture": (
        "x:f:1,3,32,32",
        [node("Sub", "x k", "d"), node("Sigmoid", "d", "y")],
        MEAN,
        GraphRoles({"x": InputRole(picture_top=255.0)}, ("y",)),
    ),
}


@pytest.mark.real
@pytest.mark.parametrize("case", IR_CASES)
def test_an_ir_shows_the_same(case: str, tmp_path: Path) -> None:
    """Sizes, tables, pictures and bounded outputs of the same graphs as OpenVINO writes them."""
    openvino = pytest.importorskip("openvino", reason="needs openvino")
    written, nodes, constants, expected = IR_CASES[case]
    path = built(tmp_path, written, nodes, **constants)
    openvino.save_model(openvino.convert_model(path), tmp_path / "net.xml", compress_to_fp16=False)
    assert roles_of(tmp_path / "net.xml") == expected


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("mlperf_tiny_resnet.onnx", 255.0),
        ("squeezenet_fp16.onnx", 1.0),
        ("ultraface_rfb_320.onnx", 1.0),
        ("road-segmentation-adas-0001.xml", 255.0),
    ],
)
def test_real_models_show_their_range(name: str, top: float, realdata: Path) -> None:
    """As their authors document it: bytes, or numbers about 0 to 1."""
    (role,) = roles_of(realdata / "models" / name).inputs.values()
    assert role.picture_top == top
