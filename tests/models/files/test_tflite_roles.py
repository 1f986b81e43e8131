"""What TFLite graphs use their inputs for, and which outputs are bounded or hold labels, as of ONNX and IR."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.contracts import GraphRoles, InputRole, ModelRequest
from bench.models.files import tflite_graph
from bench.models.files.tflite_file import TfliteFile
from bench.models.files.tflite_graph import TfliteGraph, TfliteOperator, TfliteTensor
from bench.models.files.tflite_roles import role_graph
from bench.models.input_roles import roles

NO_ROLE = InputRole()
Operators = Sequence[tuple[str, str, str]]  # kind, names read ("-": none), names made


@pytest.fixture(autouse=True)
def no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no file: what constants hold is unknown."""
    monkeypatch.setattr(tflite_graph, "buffers", lambda path: {})


def tensor(written: str, buffer: int) -> TfliteTensor:
    """``x:float32:1,8`` is an activation, ``=w:float32:8`` a constant."""
    name, dtype, sides = written.lstrip("=").split(":")
    shape = tuple(int(side) for side in sides.split(",") if side)
    return TfliteTensor(name, dtype, shape, shape, buffer, 8 if written.startswith("=") else 0)


def graph(
    tensors: str,
    operators: Operators,
    ends: tuple[str, str],
    calls: tuple[int, ...] = (),
    place: int = 0,
    nested: tuple[TfliteGraph, ...] = (),
) -> TfliteGraph:
    """``ends``: names of inputs and outputs. ``calls``: of the first operator."""
    made = tuple(tensor(one, index) for index, one in enumerate(tensors.split()))
    number = {one.name: index for index, one in enumerate(made)}

    def numbers(names: str) -> tuple[int, ...]:
        return tuple(number[name] for name in names.split())

    kinds = tuple(
        TfliteOperator(kind, numbers(reads), numbers(makes), () if index else calls)
        for index, (kind, reads, makes) in enumerate(operators)
    )
    return TfliteGraph(made, kinds, numbers(ends[0]), numbers(ends[1]), 0, nested, place)


def found_in(one: TfliteGraph) -> GraphRoles:
    shapes = {one.tensors[index].name: one.tensors[index].shape or () for index in one.inputs}
    return roles(role_graph(one, Path("net.tflite")), shapes)


@pytest.mark.parametrize(
    ("kind", "reads"),
    [
        ("RESHAPE", "x n"),
        ("TILE", "x n"),
        ("SLICE", "x zero n"),
        ("STRIDED_SLICE", "x zero n one"),
        ("RESIZE_BILINEAR", "x n"),
        ("TOPK_V2", "x n"),
        ("FILL", "n one"),
        ("ONE_HOT", "zero n one one"),
    ],
)
def test_what_decides_how_much_is_done(kind: str, reads: str) -> None:
    """A made-up size, also behind arithmetic; what is sized does not decide."""
    tensors = "x:float32:1,8 a:int32:1 =zero:int32:1 =one:int32:1 n:int32:1 y:float32:1,8"
    of = graph(tensors, [("ADD", "a one", "n"), (kind, reads, "y")], ("x a", "y"))
    assert {"a": InputRole(decides_work=True)} == found_in(of).inputs


@pytest.mark.parametrize(("kind", "deciding"), [("GREATER", True), ("SHAPE", False)])
def test_a_branch_by_data(kind: str, deciding: bool) -> None:
    """Of an answer too; the shape of the data is known beforehand."""
    branch = "a:float32:1,8 b:float32:1,8"
    then, other = (graph(branch, [(op, "a", "b")], ("a", "b"), place=n) for n, op in ((1, "ABS"), (2, "NEG")))
    tensors = "c:bool:1 x:float32:1,8 y:float32:1,8 w:float32:1,8 =k:float32:8,8"
    operators = [("IF", "c x", "y"), ("FULLY_CONNECTED", "x k", "w"), (kind, "w", "c")]
    of = graph(tensors, operators, ("x", "y"), (1, 2), nested=(then, other))
    in_order = TfliteGraph(of.tensors, of.operators[1:] + of.operators[:1], of.inputs, of.outputs, 0, of.nested)
    assert deciding == found_in(in_order).inputs.get("x", NO_ROLE).decides_work


@pytest.mark.parametrize(("asked", "deciding"), [("n", {"n"}), ("x", {"x"})])
def test_the_condition_of_a_loop(asked: str, deciding: set[str]) -> None:
    """What the condition reads decides, of the values that go from step to step."""
    states = "n:int32: x:float32:1,8"
    condition = graph(f"{states} =k:int32: c:bool:", [("LESS", f"{asked} k", "c")], ("n x", "c"), place=1)
    body = graph(f"{states} m:int32: y:float32:1,8", [("NEG", "n", "m"), ("ABS", "x", "y")], ("n x", "m y"), place=2)
    of = graph(
        f"{states} m:int32: y:float32:1,8", [("WHILE", "n x", "m y")], ("n x", "y"), (1, 2), 0, (condition, body)
    )
    assert deciding == {name for name, role in found_in(of).inputs.items() if role.decides_work}


def test_a_graph_that_calls_itself_ends() -> None:
    """Each subgraph is followed once, whatever a file says that it calls."""
    states = "c:bool:1 x:float32:1,8 y:float32:1,8"
    again = graph(states, [("IF", "c x", "y")], ("c x", "y"), (1, 1), 1)
    of = graph(states, [("IF", "c x", "y")], ("c x", "y"), (1, 1), 0, (again,))
    assert {"c": InputRole(decides_work=True)} == found_in(of).inputs


@pytest.mark.parametrize(("kind", "reads"), [("GATHER", "table n"), ("EMBEDDING_LOOKUP", "n table")])
def test_rows_of_a_table(kind: str, reads: str) -> None:
    """Either way the table stands; indices of others would be read past its end."""
    of = graph("n:int32:1,3 =table:float32:7,4 y:float32:1,3,4", [(kind, reads, "y")], ("n", "y"))
    assert {"n": InputRole(rows=7)} == found_in(of).inputs


@pytest.mark.parametrize(
    ("operators", "labels", "bounded"),
    [
        ([("ARG_MAX", "x k", "a"), ("CAST", "a", "y")], ("y",), ()),
        ([("GREATER", "x k", "a"), ("RESHAPE", "a k", "y")], ("y",), ()),
        ([("TOPK_V2", "x k", "y z")], ("z",), ()),
        ([("NON_MAX_SUPPRESSION_V5", "x x k k k k", "y z a")], ("y",), ()),
        ([("TFLite_Detection_PostProcess", "x x k", "a y b z")], ("y", "z"), ()),
        ([("LOGISTIC", "x", "a"), ("DEQUANTIZE", "a", "y")], (), ("y",)),
        ([("SOFTMAX", "x", "a"), ("ADD", "a k", "y")], (), ()),
    ],
)
def test_labels_and_bounded_outputs(operators: Operators, labels: tuple[str, ...], bounded: tuple[str, ...]) -> None:
    """Labels, indices and counts, of whatever type; not the scores beside them."""
    tensors = "x:float32:1,8 =k:float32:8 a:float32:1,8 b:float32:1,8 y:float32:1,8 z:float32:1,8"
    found = found_in(graph(tensors, operators, ("x", "y z")))
    assert (labels, bounded) == (found.labels, found.bounded)


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(("scale", "top"), [(0.004, 255.0), (0.7, 1.0)])
def test_range_of_a_picture(kind: str, scale: float, top: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the size of the first weights, whose channels come first or last."""
    shape = (8, 3, 3, 3) if kind == "CONV_2D" else (1, 3, 3, 8)
    weights = (scale * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    monkeypatch.setattr(tflite_graph, "buffers", lambda path: {1: weights.ravel().view(np.uint8)})
    sides = ",".join(map(str, shape))
    of = graph(f"x:float32:1,32,32,3 =w:float32:{sides} y:float32:1,32,32,8", [(kind, "x w", "y")], ("x", "y"))
    assert {"x": InputRole(picture_top=top)} == found_in(of).inputs


@pytest.mark.real
def test_real_pictures_and_scores(realdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLPerf Tiny's network was trained on bytes, and ends in a softmax."""
    monkeypatch.undo()
    path = realdata / "models" / "mlperf_tiny_resnet.tflite"
    facts = TfliteFile().prepare(ModelRequest(str(path)), path.parent).facts
    assert GraphRoles({"input_1": InputRole(picture_top=255.0)}, ("Identity",)) == facts.roles
