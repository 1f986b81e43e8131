"""Why a runtime does not open a file, with what to do about it."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper
from tflite_files import one_operator

from bench.contracts import Artifact, GraphFacts, ModelRequest, OpenRequest, Phase, TensorSession
from bench.errors import InputError, RunFailure
from bench.models.files.onnx_file import OnnxFile
from bench.models.files.tflite_file import TfliteFile
from bench.targets.compiled_graphs import EDGE_TPU
from bench.targets.openvino.errors import reading_failure
from bench.targets.openvino.target import OpenVino
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.qnn.target import OnnxRuntimeQnn

FLOAT = TensorProto.FLOAT
Make = Callable[..., Artifact]


def write(path: Path, nodes: list[onnx.NodeProto], opset: int = 17, ir: int = 9, **weights: Any) -> Path:
    """x [1, 3, 8, 8] → y."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=ir), path)
    return path


def prepared(path: Path) -> Artifact:
    return OnnxFile().prepare(ModelRequest(str(path)), path.parent)


def failure(target: Any, device: str, artifact: Artifact, phase: Phase) -> RunFailure:
    with pytest.raises(RunFailure) as caught:
        target.open(OpenRequest(artifact, device, {}), phase)
    return caught.value


RELU = [helper.make_node("Relu", ["x"], ["y"])]


@pytest.mark.real
@pytest.mark.parametrize(
    ("opset", "ir", "said", "remedy"),
    [
        (17, 99, "is written in IR version 99 of ONNX, but ONNX Runtime", "No ONNX up to"),
        (99, 9, "is written for opset 99, but ONNX Runtime", "No ONNX up to"),
    ],
)
def test_a_file_that_is_too_new_says_for_what(
    opset: int, ir: int, said: str, remedy: str, tmp_path: Path, phase: Phase
) -> None:
    """The version of the file, that of the runtime, and the newest that it reads."""
    found = failure(OnnxRuntimeCpu(), "cpu", prepared(write(tmp_path / "m.onnx", RELU, opset, ir)), phase)
    assert ("unsupported_format", True) == (found.kind, found.message.startswith(f"m.onnx {said}"))
    assert f"{onnxruntime.__version__} reads up to " in found.message
    newest = found.message.rpartition(" ")[2]
    assert newest.isdecimal()
    assert found.remedy.startswith(remedy)
    assert f"{newest} or older" in found.remedy


def test_a_compiled_graph_is_not_written_over() -> None:
    """The file is not what is wrong: each process of a run opens the model, and the first has written it."""
    from bench.targets.ort.errors import opening_failure

    text = "Failed to generate EP context model since the file '\"ctx.onnx\"' exists already. Please remove the EP"
    found = opening_failure(RuntimeError(text), Path("m.onnx"))
    assert found.message == "m.onnx: ONNX Runtime does not overwrite a compiled graph"
    assert "--compile-cache warm" in found.remedy


def test_a_full_disk_is_no_fault_of_the_model() -> None:
    """The graph that is executed is written for its precisions; what has no room is not the model."""
    from bench.targets.ort.errors import opening_failure

    class InvalidProtobuf(RuntimeError):
        pass

    text = "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Protobuf serialization failed."
    found = opening_failure(InvalidProtobuf(text), Path("m.onnx"))
    assert ("runtime_error", "compile") == (found.kind, found.phase)
    assert found.message == "ONNX Runtime cannot write the graph that it executes: Protobuf serialization failed."
    assert "TMPDIR" in found.remedy


@pytest.mark.parametrize(
    ("text", "ir", "opset", "remedy"),
    [
        ("Unsupported model IR version: 10, max supported IR version: 9", 10, 17, "ONNX 1.16.0 or newer"),
        ("Current official support for domain ai.onnx is till opset 20.", 9, 21, "ONNX 1.16.0 or newer"),
    ],
)
def test_a_version_that_exists_names_the_onnx_that_brought_it(
    text: str, ir: int, opset: int, remedy: str, tmp_path: Path
) -> None:
    """As an older ONNX Runtime says it of a newer file."""
    from bench.targets.ort.errors import opening_failure

    path = write(tmp_path / "m.onnx", RELU, opset, ir)
    assert remedy in opening_failure(RuntimeError(text), path).remedy


@pytest.mark.real
def test_a_file_that_is_too_old_is_not_told_to_go_older(tmp_path: Path, phase: Phase) -> None:
    """ONNX Runtime implements opset 7 and newer."""
    nodes = [helper.make_node("Add", ["x", "b"], ["y"], broadcast=1, axis=1)]
    path = write(tmp_path / "m.onnx", nodes, 6, 3, b=np.ones(3, np.float32))
    found = failure(OnnxRuntimeCpu(), "cpu", prepared(path), phase)
    assert "m.onnx is written for opset 6, but ONNX Runtime implements 7 and newer" == found.message
    assert "convert_version(model, 7)" in found.remedy


@pytest.mark.real
def test_openvino_says_why_it_does_not_convert(tmp_path: Path, phase: Phase) -> None:
    """A standard operator in a graph that does not fit together: the reason, not the name alone."""
    pytest.importorskip("openvino")
    nodes = [helper.make_node("Reshape", ["x", "to"], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, to=np.array([2, 5], np.int64))
    found = failure(OpenVino(), "CPU", prepared(path), phase)
    assert "m.onnx: OpenVINO cannot convert Reshape-17: Requested output shape [2,5] is incompatible" in found.message
    assert "standard" not in found.remedy


@pytest.mark.parametrize(
    ("report", "said", "remedy"),
    [
        (
            "-- If-17 with a message:\nWhile validating ONNX node '<Node(If): q>': Input tensor isn't found\n"
            "Summary:\n-- Conversion is failed for: If-17",
            "cannot convert If-17: Input tensor isn't found",
            "OpenVINO has these operators, but not in this form",
        ),
        (
            "Summary:\n-- No conversion rule found for operations: Det-17, com.acme.Mine",
            "cannot convert Det-17, com.acme.Mine",
            "Export the model without these operators, with standard ones instead.",
        ),
        (
            "-- Add-7 with a message:\nCheck 'a' failed at src/x.hpp:1:\nthe ranks differ\nSummary:\n"
            "-- No conversion rule found for operations: QLinearSoftmax-1\n-- Conversion is failed for: Add-7",
            "cannot convert QLinearSoftmax-1, Add-7: the ranks differ",
            "Quantise to QDQ",
        ),
        (
            "Summary:\n-- No conversion rule found for operations: com.microsoft.FusedConv",
            "cannot convert com.microsoft.FusedConv",
            "Export the model without these operators, with standard ones instead, or measure it on ort:cpu.",
        ),
        ("No translator found for MyOp node.", "cannot convert MyOp", "Export the model without these operators"),
    ],
)
def test_openvinos_reports_are_read(report: str, said: str, remedy: str, float_net: Path, artifact_of: Make) -> None:
    """Operators without a rule, operators whose conversion failed and why, and TFLite's."""
    text = f"Exception from src/inference/src/cpp/core.cpp:84:\nModel wasn't fully converted.\n{report}\n\n"
    found = reading_failure(RuntimeError(text), artifact_of(float_net))
    assert (f"{float_net.name}: OpenVINO {said}", True) == (found.message, found.remedy.startswith(remedy))


def test_onnx_runtime_is_not_named_for_what_it_does_not_read(float_net: Path, artifact_of: Make) -> None:
    """A TFLite file's operator without a translator."""
    text = "Check 'false' failed:\nNo translator found for MyOp node."
    found = reading_failure(RuntimeError(text), artifact_of(float_net, format="tflite"))
    assert found.remedy == "Export the model without these operators, with standard ones instead."


@pytest.mark.real
def test_openvinos_own_report_about_a_tflite_operator_is_read(tmp_path: Path, phase: Phase) -> None:
    """Of a custom operator that nobody has a translator for."""
    pytest.importorskip("openvino")
    path = tmp_path / "m.tflite"
    path.write_bytes(
        one_operator("CUSTOM", [("x", (1, 4), "FLOAT32", b""), ("y", (1, 4), "FLOAT32", b"")], custom="Mine")
    )
    artifact = TfliteFile().prepare(ModelRequest(str(path)), tmp_path / "cache")
    found = failure(OpenVino(), "CPU", artifact, phase)
    assert (found.kind, found.message) == ("unsupported_operator", "m.tflite: OpenVINO cannot convert Mine")
    assert found.remedy == "Export the model without these operators, with standard ones instead."


def test_a_file_for_the_edge_tpu_is_named_as_one(float_net: Path, artifact_of: Make) -> None:
    """Before it is opened, with what to give instead."""
    artifact = artifact_of(float_net, facts=GraphFacts((), (), {EDGE_TPU: 1}))
    with pytest.raises(RunFailure, match="compiled for the Edge TPU") as caught:
        OpenVino().check(artifact, "CPU", {})
    assert "edgetpu_compiler" in caught.value.remedy


def context(folder: Path, embedded: bool) -> Path:
    """A convolution in int8 compiled for QCS6490 in the emulator, its inputs and outputs quantised, too."""
    qnn = pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    assert qnn
    constants = {"s": np.float32(0.02), "z": np.uint8(128), "w": np.full((4, 3, 3, 3), 130, np.uint8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        helper.make_node("Conv", ["d", "wd"], ["c"], name="conv"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["y"]),
    ]
    artifact = prepared(write(folder / "w8a8.onnx", nodes, **constants))
    made = folder / "compiled.onnx"
    options = {"soc": "qcs6490", "ep.context_enable": "1", "ep.context_file_path": str(made)}
    options |= {"ep.context_embed_mode": "1" if embedded else "0", "offload_graph_io_quantization": "0"}
    OnnxRuntimeQnn().open(
        OpenRequest(artifact, "htp-emu", options), lambda name: __import__("contextlib").nullcontext()
    )
    return made


@pytest.mark.real
@pytest.mark.parametrize("embedded", [True, False])
def test_a_compiled_context_is_recognised(embedded: bool, tmp_path: Path, phase: Phase) -> None:
    """It runs on an HTP without floating point, and what it does not tell is null; other runtimes say what it is."""
    artifact = prepared(context(tmp_path, embedded))
    facts = artifact.facts
    assert "EPContext" in facts.operators
    assert ("", None, None, None, None) == (
        artifact.precision,
        facts.parameters,
        facts.weight_bytes,
        facts.macs,
        facts.peak_activation_bytes,
    )
    assert len(artifact.files) == (1 if embedded else 2)
    session = OnnxRuntimeQnn().open(OpenRequest(artifact, "htp-emu", {"soc": "qcs6490"}), phase)
    assert isinstance(session, TensorSession)
    session.bind({"x": np.full((1, 3, 8, 8), 0.5, np.float32)})()
    assert (1, 4, 6, 6) == session.results()["y"].shape
    assert session.facts().executed_precision == ""
    for target, device in ((OnnxRuntimeCpu(), "cpu"), (OpenVino(), "CPU")):
        with pytest.raises(RunFailure, match=r"compiled\.onnx is compiled for an accelerator") as caught:
            target.check(artifact, device, {})
        assert "--reference" in caught.value.remedy
    if not embedded:
        artifact.files[1].unlink()
        with pytest.raises(InputError, match=f"{artifact.files[1].name} is missing"):
            prepared(artifact.path)


def test_a_context_alone_is_no_float_model(float_net: Path, artifact_of: Make) -> None:
    """On a chip without floating point it is not refused for that: nobody knows what is inside."""
    artifact = artifact_of(float_net, facts=GraphFacts((), (), {"EPContext": 1}), shapes={})
    OnnxRuntimeQnn().check(artifact, "htp-emu", {"soc": "qcs6490"})
    plain = replace(artifact, facts=GraphFacts((), (), {"Conv": 1}))
    with pytest.raises(RunFailure, match="is a float model"):
        OnnxRuntimeQnn().check(plain, "htp-emu", {"soc": "qcs6490"})
