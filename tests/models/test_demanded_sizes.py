"""Sizes of inputs that the constants of a graph demand, in ONNX and in OpenVINO's IR."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import ModelRequest
from bench.errors import InputError
from bench.models.files.ir_file import IrFile
from bench.models.files.onnx_file import OnnxFile


def saved(folder: Path, rank: int, nodes: list[onnx.NodeProto], **constants: Any) -> Path:
    """An ONNX file of one input ``x`` with nothing but named dimensions, and the output ``y``."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [f"d{i}" for i in range(rank)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in constants.items()],
    )
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], **attributes)


def example(path: Path, plugin: Any = OnnxFile) -> str:
    """The shape that the refusal gives for an example."""
    with pytest.raises(InputError) as caught:
        plugin().prepare(ModelRequest(str(path)), path.parent)
    return caught.value.remedy.rpartition("--shape x=")[2]


CONV = node("Conv", "x w", "y")
CASES = {
    "channels": (4, [CONV], {"w": np.zeros((8, 3, 3, 3))}, "1,3,224,224"),
    "channels of groups": (4, [node("Conv", "x w", "y", group=3)], {"w": np.zeros((6, 1, 3, 3))}, "1,3,224,224"),
    "behind a scale": (
        4,
        [node("Mul", "x s", "z"), node("Conv", "z w", "y")],
        {"s": np.full(1, 0.1), "w": np.zeros((8, 1, 3, 3))},
        "1,1,224,224",
    ),
    "a mean of each channel": (4, [node("Sub", "x m", "y")], {"m": np.zeros((1, 3, 1, 1))}, "1,3,224,224"),
    "channels last": (
        4,
        [node("Transpose", "x", "z", perm=[0, 3, 1, 2]), node("Conv", "z w", "y")],
        {"w": np.zeros((8, 3, 3, 3))},
        "1,224,224,3",
    ),
    "width of a product": (2, [node("MatMul", "x w", "y")], {"w": np.zeros((64, 10))}, "1,64"),
    "width of a transposed product": (2, [node("Gemm", "x w", "y", transB=1)], {"w": np.zeros((10, 48))}, "1,48"),
    "channels of a sound": (3, [CONV], {"w": np.zeros((8, 80, 3))}, "1,80,128"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_example_of_shapes_has_the_sizes_of_the_constants(name: str, tmp_path: Path) -> None:
    """Of a convolution, a product, a mean; also behind operators that only move or scale values."""
    rank, nodes, constants, expected = CASES[name]
    assert expected == example(saved(tmp_path, rank, nodes, **constants))


@pytest.mark.real
@pytest.mark.parametrize("name", ["channels", "channels of groups", "width of a transposed product"])
def test_an_ir_demands_the_same(name: str, tmp_path: Path) -> None:
    """OpenVINO's own conversion of the same graphs."""
    openvino = pytest.importorskip("openvino")
    rank, nodes, constants, expected = CASES[name]
    model = openvino.convert_model(saved(tmp_path, rank, nodes, **constants))
    openvino.save_model(model, tmp_path / "net.xml", compress_to_fp16=False)
    assert expected == example(tmp_path / "net.xml", IrFile)


@pytest.mark.real
@pytest.mark.parametrize("name", CASES)
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    """ONNX Runtime takes an input of the shape that is proposed."""
    onnxruntime = pytest.importorskip("onnxruntime")
    rank, nodes, constants, expected = CASES[name]
    session = onnxruntime.InferenceSession(
        saved(tmp_path, rank, nodes, **constants), providers=["CPUExecutionProvider"]
    )
    shape = tuple(map(int, expected.split(",")))
    assert session.run(None, {"x": np.zeros(shape, np.float32)})[0].shape[0] == 1
