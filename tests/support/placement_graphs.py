"""Small graphs of which a chip takes a part, or all."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def graph(
    path: Path, nodes: list[Any], x: list[Any], y: tuple[int, list[Any]], weights: dict[str, "np.ndarray[Any, Any]"]
) -> Path:
    """Save a graph from a float32 ``x`` to ``y``, given by type and shape."""
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", *y)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def ramp(shape: tuple[int, ...]) -> "np.ndarray[Any, Any]":
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def kernel() -> "np.ndarray[Any, Any]":
    return np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32) * np.float32(0.2)


def quantised_convolution(path: Path) -> Path:
    """x [1,3,16,16] -> y [1,8,14,14], an int8 convolution between QuantizeLinear and DequantizeLinear."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"], "quantise_x"),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"], "dequantise_x"),
        helper.make_node("DequantizeLinear", ["wq", "w_scale", "w_zero"], ["w"], "dequantise_w"),
        helper.make_node("Conv", ["xd", "w"], ["c"], "convolution"),
        helper.make_node("QuantizeLinear", ["c", "scale", "zero"], ["cq"], "quantise_y"),
        helper.make_node("DequantizeLinear", ["cq", "scale", "zero"], ["y"], "dequantise_y"),
    ]
    weights: dict[str, np.ndarray[Any, Any]] = {
        "scale": np.array(0.03, np.float32),
        "zero": np.array(128, np.uint8),
        "w_scale": np.array(0.01, np.float32),
        "w_zero": np.array(0, np.int8),
        "wq": np.clip(np.round(kernel() / 0.01), -127, 127).astype(np.int8),
    }
    return graph(path, nodes, [1, 3, 16, 16], (TensorProto.FLOAT, [1, 8, 14, 14]), weights)


def placement_models(folder: Path) -> tuple[Path, Path]:
    """``partly``: a convolution for the HTP, and an integer product that QNN leaves to the CPU; ``wholly``: only the
    convolution."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "convolution"),
        helper.make_node("Cast", ["c"], ["u"], "narrow", to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["u", "m"], ["y"], "product"),
    ]
    weights = {"w": kernel(), "m": np.ones((14, 5), np.uint8)}
    shape = [1, 3, 16, 16]
    partly = graph(folder / "partly.onnx", nodes, shape, (TensorProto.INT32, [1, 8, 14, 5]), weights)
    only = [helper.make_node("Conv", ["x", "w"], ["y"], "convolution")]
    wholly = graph(folder / "wholly.onnx", only, shape, (TensorProto.FLOAT, [1, 8, 14, 14]), {"w": kernel()})
    return partly, wholly
