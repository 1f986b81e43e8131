"""Small graphs built by hand, artifacts made of them, and the real models where they are present."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, DecoderSpec, GraphFacts, Phase, TensorSpec

STORIES = DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=512, context_length=512)


class Phases:
    """A ``phase`` argument that remembers the names it was entered with, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self.names.append(name)
        yield


@pytest.fixture
def phases() -> Phases:
    return Phases()


@pytest.fixture
def phase(phases: Phases) -> Phase:
    return phases


def tensor_spec(value: Any) -> TensorSpec:
    kind = value.type.tensor_type
    shape = (d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in kind.shape.dim)
    return TensorSpec(value.name, helper.tensor_dtype_to_np_dtype(kind.elem_type).name, tuple(shape))


def onnx_facts(path: Path) -> GraphFacts:
    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    return GraphFacts(
        inputs=tuple(tensor_spec(value) for value in graph.input if value.name not in constants),
        outputs=tuple(tensor_spec(value) for value in graph.output),
        operators=dict(Counter(node.op_type for node in graph.node)),
    )


def make_artifact(path: Path, **changes: Any) -> Artifact:
    """An artifact of ``path`` with shapes taken from the graph where they are fixed."""
    suffixes = {".onnx": "onnx", ".xml": "openvino_ir", ".tflite": "tflite"}
    kind = suffixes[path.suffix]
    readable = kind == "onnx" and "facts" not in changes
    facts = onnx_facts(path) if readable else changes.get("facts", GraphFacts((), ()))
    fields: dict[str, Any] = {
        "model_id": path.stem,
        "task": "tensor",
        "format": kind,
        "precision": "float32",
        "path": path,
        "files": (path,),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "",
        "size_bytes": path.stat().st_size if path.exists() else 0,
        "facts": facts,
        "shapes": {spec.name: spec.shape for spec in facts.inputs if spec.static},
    }
    return Artifact(**(fields | changes))


def save(
    path: Path, nodes: list[Any], shapes: tuple[list[Any], list[Any]], constants: dict[str, Any], **kind: int
) -> Path:
    """One input ``x``, one output ``y``, opset 17."""
    element = kind.get("element", TensorProto.FLOAT)
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", element, shapes[0])],
        [helper.make_tensor_value_info("y", element, shapes[1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


@pytest.fixture(scope="session")
def float_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conv + Relu in float32, x [1,3,8,8] -> y [1,4,6,6]."""
    weights = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32) * 0.3
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    folder = tmp_path_factory.mktemp("float")
    return save(folder / "float_net.onnx", nodes, ([1, 3, 8, 8], [1, 4, 6, 6]), {"w": weights})


@pytest.fixture(scope="session")
def qdq_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same convolution as int8 QDQ, x [1,3,8,8] -> y [1,4,6,6]."""
    weights = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32) * 0.3
    constants = {
        "xs": np.float32(0.03),
        "xz": np.uint8(128),
        "ws": np.float32(0.01),
        "wz": np.int8(0),
        "wq": np.clip(np.round(weights / 0.01), -127, 127).astype(np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="q_in"),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], name="dq_in"),
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"], name="dq_weight"),
        helper.make_node("Conv", ["xd", "wd"], ["c"], name="conv"),
        helper.make_node("QuantizeLinear", ["c", "xs", "xz"], ["cq"], name="q_out"),
        helper.make_node("DequantizeLinear", ["cq", "xs", "xz"], ["y"], name="dq_out"),
    ]
    folder = tmp_path_factory.mktemp("qdq")
    return save(folder / "qdq_net.onnx", nodes, ([1, 3, 8, 8], [1, 4, 6, 6]), constants)


@pytest.fixture(scope="session")
def integer_weights_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same convolution with int8 weights and floating-point activations, x [1,3,8,8] -> y [1,4,6,6]."""
    weights = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32) * 0.3
    constants = {
        "ws": np.float32(0.01),
        "wz": np.int8(0),
        "wq": np.clip(np.round(weights / 0.01), -127, 127).astype(np.int8),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"], name="dq_weight"),
        helper.make_node("Conv", ["x", "wd"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    folder = tmp_path_factory.mktemp("integer_weights")
    return save(folder / "integer_weights.onnx", nodes, ([1, 3, 8, 8], [1, 4, 6, 6]), constants)


QUANTISED_CONV = {
    "s": np.float32(0.03),
    "z": np.uint8(128),
    "ws": np.float32(0.01),
    "wz": np.int8(0),
    "w": (np.arange(4 * 12 * 9) % 200 - 100).astype(np.int8).reshape(4, 12, 3, 3),
}


@pytest.fixture(scope="session")
def half_quantised_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float SpaceToDepth before an int8 convolution, x [1,3,8,8] -> y [1,4,2,2]."""
    nodes = [
        helper.make_node("SpaceToDepth", ["x"], ["f"], name="focus", blocksize=2),
        helper.make_node("QuantizeLinear", ["f", "s", "z"], ["fq"], name="q_in"),
        helper.make_node("DequantizeLinear", ["fq", "s", "z"], ["fd"], name="dq_in"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], name="dq_weight"),
        helper.make_node("Conv", ["fd", "wd"], ["c"], name="conv"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"], name="q_out"),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["y"], name="dq_out"),
    ]
    folder = tmp_path_factory.mktemp("half")
    return save(folder / "half_quantised.onnx", nodes, ([1, 3, 8, 8], [1, 4, 2, 2]), QUANTISED_CONV)


@pytest.fixture(scope="session")
def float_tail_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 convolution before a float Sub, x [1,12,8,8] -> y [1,4,6,6]."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"], name="q_in"),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"], name="dq_in"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], name="dq_weight"),
        helper.make_node("Conv", ["xd", "wd"], ["c"], name="conv"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"], name="q_out"),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["cd"], name="dq_out"),
        helper.make_node("Sub", ["cd", "k"], ["y"], name="tail"),
    ]
    folder = tmp_path_factory.mktemp("tail")
    return save(
        folder / "float_tail.onnx", nodes, ([1, 12, 8, 8], [1, 4, 6, 6]), QUANTISED_CONV | {"k": np.float32(1.5)}
    )


@pytest.fixture(scope="session")
def batched_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MatMul with a named batch, x [batch,4] -> y [batch,2]."""
    weights = np.arange(8, dtype=np.float32).reshape(4, 2)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul")]
    folder = tmp_path_factory.mktemp("batched")
    return save(folder / "batched_net.onnx", nodes, (["batch", 4], ["batch", 2]), {"w": weights})


@pytest.fixture(scope="session")
def unknown_operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph whose only operator nobody implements."""
    nodes = [helper.make_node("FooBar", ["x"], ["y"], name="foo", domain="com.microsoft")]
    return save(tmp_path_factory.mktemp("foo") / "foo.onnx", nodes, ([2, 2], [2, 2]), {})


@pytest.fixture
def image() -> "np.ndarray[Any, Any]":
    return np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)


@pytest.fixture(scope="session")
def artifact_of() -> Callable[..., Artifact]:
    return make_artifact


@pytest.fixture(scope="session")
def stories(realdata: Path) -> Artifact:
    """stories260K as a text-generation artifact."""
    path = realdata / "llm" / "stories260K" / "model.onnx"
    return make_artifact(path, task="text_generation", decoder=STORIES, shapes={})


@pytest.fixture(scope="session")
def golden(realdata: Path) -> list[int]:
    """stories260K's greedy ids, the prompt [1] first."""
    ids: list[int] = json.loads((realdata / "llm" / "stories260K" / "golden.json").read_text())["greedy_ids"]
    return ids


@pytest.fixture(scope="session")
def text(realdata: Path) -> str:
    """What the golden ids say."""
    said: str = json.loads((realdata / "llm" / "stories260K" / "golden.json").read_text(encoding="utf-8"))["text"]
    return said
