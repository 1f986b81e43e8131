"""Small ONNX files, made for one test each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


@pytest.fixture
def onnx_model() -> Callable[..., onnx.ModelProto]:
    """``onnx_model(nodes, inputs={name: shape}, outputs={name: shape}, weights={name: array})``: float32 in and out."""

    def build(
        nodes: Sequence[onnx.NodeProto],
        inputs: Mapping[str, Shape],
        outputs: Mapping[str, Shape],
        weights: Mapping[str, np.ndarray[Any, Any]] | None = None,
        **fields: Any,
    ) -> onnx.ModelProto:
        def infos(specs: Mapping[str, Shape]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in specs.items()]

        tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
        graph = helper.make_graph(list(nodes), "test", infos(inputs), infos(outputs), tensors)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, ir_version=8, opset_imports=opsets, **fields)

    return build


@pytest.fixture
def dense(onnx_model: Callable[..., onnx.ModelProto], tmp_path: Path) -> Callable[..., Path]:
    """``dense(shape, name)``: a file with one fully connected layer, 4 inputs to 3 outputs, ``x`` of that shape."""

    def save(shape: Shape = (1, 4), name: str = "dense.onnx") -> Path:
        node = helper.make_node("MatMul", ["x", "w"], ["y"], "layer")
        weights = {"w": np.arange(12, dtype=np.float32).reshape(4, 3)}
        path = tmp_path / name
        onnx.save(onnx_model([node], {"x": shape}, {"y": (*shape[:-1], 3)}, weights), path)
        return path

    return save
