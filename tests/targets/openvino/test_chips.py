"""OpenVINO's devices for a preflight: the peak that it states, and what is known without the device."""

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from bench.contracts import ForetellingTarget, ModelRequest, VariedTarget
from bench.errors import RunFailure
from bench.models.files.onnx_file import OnnxFile
from bench.targets.openvino import chips
from bench.targets.openvino.target import OpenVino


class Core:
    """States the peaks that it was made with; a device that is not here states nothing."""

    def __init__(self, **peaks: dict[str, float]) -> None:
        self.peaks = peaks

    def get_property(self, device: str, name: str) -> Any:
        if device not in self.peaks:
            raise RuntimeError("device not found")
        return f"Some {device}" if name == "FULL_DEVICE_NAME" else self.peaks[device]


def test_the_peak_is_that_of_the_fastest_type() -> None:
    """In operations a second; who states it is named, and nothing is read on a day."""
    (found,) = chips.variants(Core(NPU={"f16": 5000.0, "i8": 11000.0}), "NPU")
    peak = found.peaks.operations_per_s
    assert peak is not None
    assert ("Some NPU", 11e12, "OpenVINO DEVICE_GOPS", "") == (found.title, peak.value, peak.document, peak.read)


def test_what_is_not_stated_is_null() -> None:
    """A device without operations, one that is not here, and one that chooses among others."""
    (idle,), (absent,) = chips.variants(Core(CPU={}), "CPU"), chips.variants(Core(), "NPU")
    assert [None, None] == [one.peaks.operations_per_s for one in (idle, absent)]
    assert "OpenVINO's NPU" == absent.title
    assert () == chips.variants(Core(), "AUTO")


@pytest.fixture
def network(tmp_path: Path) -> Any:
    """``network(*shape)``: a file with one operator on an input of that shape."""

    def make(*shape: int | str) -> Any:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in ("x", "y")]
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", values[:1], values[1:])
        path = tmp_path / "net.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
        return path

    return make


def foretold(path: Path, tmp_path: Path, **changes: Any) -> Any:
    pytest.importorskip("openvino")
    from msgspec.structs import replace

    target = OpenVino()
    assert isinstance(target, ForetellingTarget)
    assert isinstance(target, VariedTarget)
    artifact = replace(OnnxFile().prepare(ModelRequest(str(path)), tmp_path), **changes)
    return target.foretell(artifact, "NPU", {})


@pytest.mark.real
def test_of_an_npu_that_is_not_here_shapes_and_operators_are_told(network: Any, tmp_path: Path) -> None:
    """And no more: no placement, unless its compiler is installed."""
    found = foretold(network(1, 4), tmp_path)
    said = [str(one) for one in found.findings]
    assert ["All shapes are static.", "OpenVINO reads the model: 1 operation of 1 kind."] == said[:2]
    assert (found.placement is None) == (len(said) == 3)


@pytest.mark.real
def test_a_free_shape_rules_the_npu_out(network: Any, tmp_path: Path) -> None:
    """Its compiler takes fixed shapes only; the remedy names the flag."""
    found = foretold(network("rows", 4), tmp_path, shapes={})
    assert (False, True) == (found.fits, "--shape" in str(found.findings[0]))


@pytest.mark.real
def test_a_file_that_openvino_does_not_read_is_refused(network: Any, tmp_path: Path) -> None:
    """With what OpenVINO says."""
    path = network(1, 4)
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, path)
    with pytest.raises(RunFailure):
        foretold(path, tmp_path)
