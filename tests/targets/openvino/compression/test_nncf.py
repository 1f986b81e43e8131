"""NNCF on a small graph: the result is an IR in integers, the same every time, and says of what it was made."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, LineageStep, Method, ModelRequest, QuantiseRequest
from bench.contracts.quantising.stated import encoded_steps
from bench.inputs.tensor_files import save_feeds
from bench.models.files.ir_file import IrFile
from bench.models.files.onnx_file import OnnxFile
from bench.process.telemetry import switch_off
from bench.targets.openvino.compression.quantiser import METHODS, OpenVinoNncf

pytestmark = [pytest.mark.real, pytest.mark.process]  # NNCF asks for the processor's name by a command
STEPS = (LineageStep(kind="quantised", tool="a test"),)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A convolution and a product."""
    switch_off()
    pytest.importorskip("nncf", reason="the extra nncf is not installed")
    path, generator = tmp_path_factory.mktemp("net") / "net.onnx", np.random.default_rng(0)
    weights = {"w": generator.normal(size=(8, 3, 3, 3)), "m": generator.normal(size=(8, 16))}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 16])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return OnnxFile().prepare(ModelRequest(str(path), shapes={"x": (1, 3, 8, 8)}), path.parent)


def requested(folder: Path, source: Artifact, method: Method, scheme: str) -> QuantiseRequest:
    generator = np.random.default_rng(1)
    paths = [folder / f"sample-{n}.npz" for n in range(4)]
    for path in paths:
        save_feeds(path, {"x": generator.normal(size=(1, 3, 8, 8)).astype(np.float32)})
    (folder / "out").mkdir()
    return QuantiseRequest(
        artifact=source,
        scheme=scheme,
        method=method,
        samples=tuple(paths),
        lineage=encoded_steps(STEPS),
        folder=folder / "out",
        kept=folder,
    )


@pytest.mark.parametrize(("scheme", "method"), [(s, m) for s, ms in METHODS.items() for m in ms], ids=str)
def test_every_method_gives_a_smaller_model(source: Artifact, tmp_path: Path, scheme: str, method: Method) -> None:
    """Whose weights are integers, with fixed shapes; the IR says of what it was made."""
    path = OpenVinoNncf().quantise(requested(tmp_path, source, method, scheme))
    made = IrFile().prepare(ModelRequest(str(path)), tmp_path)
    assert ("x", (1, 3, 8, 8)) == (made.facts.inputs[0].name, made.facts.inputs[0].shape)
    assert made.precision in (("int4", "uint4", "int8", "uint8") if scheme == "w4a16" else ("int8", "uint8"))
    assert made.lineage is not None
    assert (STEPS, None) == (made.lineage.steps, made.lineage.confirmed)


def test_the_same_request_gives_the_same_bytes(source: Artifact, tmp_path: Path) -> None:
    """Although OpenVINO numbers the nodes that it makes through the whole process."""
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = OpenVinoNncf().quantise(requested(tmp_path / name, source, METHODS["int8"][1], "int8"))
        found.append((path.read_bytes(), path.with_suffix(".bin").read_bytes()))
    assert found[0] == found[1]
