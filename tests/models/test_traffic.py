"""What one query moves, and what is alive at once: graphs whose sums are done by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from bench.models.counting import Value
from bench.models.onnx.facts import onnx_facts
from bench.models.traffic import Execution, Step, bytes_moved, live_bytes

Build = Callable[..., onnx.ModelProto]


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    return np.zeros(shape, dtype)


def execution(*steps: Step, constants: tuple[str, ...] = (), outputs: tuple[str, ...] = ("y",)) -> Execution:
    """A graph with input ``x`` whose values are named after their bytes: ``a40`` has 40."""
    names = {name for step in steps for name in (*step.reads, *step.makes)}
    sizes = {name: int("".join(c for c in name if c.isdigit()) or 4) for name in names}
    values = {name: Value("int8", (size,)) for name, size in sizes.items()}
    return Execution(
        steps, values, frozenset(constants), frozenset({n for n in names if n[0] == "x"}), frozenset(outputs)
    )


def test_a_skip_connection_is_alive_all_the_while() -> None:
    """x 8 makes a 40, which is kept while b 10 and c 50 are made of it: 40 + 10 + 50, and no operator is so wide."""
    steps = (
        Step(("x8",), ("a40",)),
        Step(("a40",), ("b10",)),
        Step(("b10",), ("c50",)),
        Step(("a40", "c50"), ("y",)),
    )
    assert 100 == live_bytes(execution(*steps))


def test_a_view_shares_its_memory_and_a_step_in_place_takes_none() -> None:
    """x 8, a 40, its view and what is written over it: 48 at most. Where the view is kept, so is what it views."""
    steps = (Step(("x8",), ("a40",)), Step(("a40",), ("v40",), "view"), Step(("v40",), ("r40",), in_place=True))
    assert 48 == live_bytes(execution(*steps, outputs=("r40",)))
    assert 80 == live_bytes(execution(*steps, outputs=("r40", "v40")))


def test_an_output_is_alive_to_the_end_and_an_input_from_the_start() -> None:
    """z 7 is made first and given out last; x1 9 waits for its turn."""
    steps = (Step(("x8",), ("z7",)), Step(("x8",), ("a4",)), Step(("a4", "x19"), ("y",)))
    assert 7 + 8 + 4 + 19 == live_bytes(execution(*steps, outputs=("y", "z7")))


def test_a_quantised_value_is_alive_as_written_and_moves_as_an_integer() -> None:
    """x and q: 8 floats each, q written over x; y, which is quantised to z: 16 floats. 96 bytes are alive; the work
    between the two reads and writes integers, also where z is given out."""
    values = {name: Value("float32", (size,)) for name, size in (("x", 8), ("q", 8), ("y", 16), ("z", 16))}
    steps = (
        Step(("x",), ("q",), "quantise", in_place=True, quantised_dtype="uint8"),
        Step(("q",), ("y",)),
        Step(("y",), ("z",), "quantise", in_place=True, quantised_dtype="uint8"),
    )
    graph = Execution(steps, values, frozenset(), frozenset({"x"}), frozenset({"z"}))
    assert (96, 8 + 16) == (live_bytes(graph), bytes_moved(graph))
    assert 8 + 64 == bytes_moved(replace(graph, steps=steps[:2], outputs=frozenset({"y"})))


def test_an_unknown_size_is_unknown() -> None:
    """No part of a sum passes for the whole."""
    graph = execution(Step(("x8",), ("y",)))
    graph = Execution(graph.steps, {"x8": Value("int8", None)}, graph.constants, graph.inputs, graph.outputs)
    assert (None, None) == (live_bytes(graph), bytes_moved(graph))


def test_rows_are_moved_and_not_the_table(onnx_model: Build) -> None:
    """One of 50,000 rows of 16 numbers."""
    nodes = [
        helper.make_node("Gather", ["table", "id"], ["row"]),
        helper.make_node("MatMul", ["row", "w"], ["y"], "fc"),
    ]
    weights = {"table": zeros(50_000, 16), "w": zeros(16, 16)}
    model = onnx_model(nodes, {"id": [1]}, {"y": None}, weights)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    facts = onnx_facts(model, {"id": (1,)})
    assert 64 + 16 * 16 * 4 + (16 + 16) * 4 == facts.bytes_moved
    assert 50_000 * 16 * 4 + 16 * 16 * 4 == facts.weight_bytes


def test_a_table_that_is_a_matrix_too_is_read_whole(onnx_model: Build) -> None:
    """Tied embeddings: rows at the bottom, the transposed table at the top."""
    nodes = [
        helper.make_node("Gather", ["e", "id"], ["t"]),
        helper.make_node("Transpose", ["e"], ["et"], perm=[1, 0]),
        helper.make_node("MatMul", ["t", "et"], ["y"], "head"),
    ]
    model = onnx_model(nodes, {"id": [6]}, {"y": None}, {"e": zeros(100, 16)})
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    assert 100 * 16 * 4 + (6 * 16 + 6 * 100) * 4 == onnx_facts(model, {"id": (6,)}).bytes_moved


def test_what_is_folded_or_never_read_is_not_moved(onnx_model: Build) -> None:
    """A slice of a constant moves what is left of it; one that only a shape is taken of, nothing; a dequantised one,
    what is stored; reshapes nothing."""
    nodes = [
        helper.make_node("Slice", ["big", "from", "to"], ["cut"]),
        helper.make_node("Add", ["x", "cut"], ["s"]),
        helper.make_node("Shape", ["other"], ["shape"]),
        helper.make_node("Reshape", ["s", "shape"], ["r"]),
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"]),
        helper.make_node("MatMul", ["r", "w"], ["y"], "fc"),
    ]
    weights = {
        "big": zeros(1000, 4),
        "from": np.array([0]),
        "to": np.array([2]),
        "other": zeros(1, 8),
        "q": zeros(8, 3, dtype="int8"),
        "scale": zeros(),
    }
    model = onnx_model(nodes, {"x": [2, 4]}, {"y": None}, weights)
    constants = 2 * 4 * 4 + 2 * 8 + 8 * 3 + 4
    assert constants + (8 + 3) * 4 == onnx_facts(model, {"x": (2, 4)}).bytes_moved


@pytest.mark.real
@pytest.mark.parametrize("activation", ["Relu", None])
def test_qdq_moves_what_the_same_graph_as_qoperator_moves(
    onnx_model: Build, tmp_path: Path, activation: str | None
) -> None:
    """Both quantised by ONNX Runtime from one float model; integer engines run them alike."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    middle = [helper.make_node(activation, ["t"], ["u"])] if activation else []
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["t"], pads=[1] * 4),
        *middle,
        helper.make_node("Conv", ["u" if activation else "t", "w2"], ["y"], pads=[1] * 4),
    ]
    rng = np.random.default_rng(0)
    weights = {"w1": rng.random((16, 8, 3, 3), np.float32), "w2": rng.random((8, 16, 3, 3), np.float32)}
    model = onnx_model(nodes, {"x": [1, 8, 32, 32]}, {"y": None}, weights)
    onnx.save(model, tmp_path / "float.onnx")

    class Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
        left = 2

        def get_next(self) -> dict[str, Any] | None:
            self.left -= 1
            return {"x": rng.random((1, 8, 32, 32), np.float32)} if self.left >= 0 else None

    moved = []
    for form in (quantization.QuantFormat.QDQ, quantization.QuantFormat.QOperator):
        path = tmp_path / f"{form.name}.onnx"
        quantization.quantize_static(tmp_path / "float.onnx", path, Calibration(), quant_format=form)
        moved.append(onnx_facts(onnx.load(path), {"x": (1, 8, 32, 32)}).bytes_moved)
    assert moved[0] == pytest.approx(moved[1], rel=0.01)
    assert 2 * 1152 + (8 + 16) * 1024 == pytest.approx(moved[0], rel=0.02)
