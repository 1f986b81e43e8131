"""OpenVINO on the CPU, run for real, and its failures from recorded messages."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.contracts import Artifact, GraphFacts, OpenRequest, Phase, RefillingSession, Session, Target, TensorSession
from bench.errors import RunFailure
from bench.targets.openvino.devices import absence
from bench.targets.openvino.errors import compiling_failure
from bench.targets.openvino.target import OpenVino, where
from bench.words import speaking

Make = Callable[..., Artifact]
F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] | None = None, **request: Any) -> TensorSession:
    pytest.importorskip("openvino")
    fields = {"device": "CPU", "options": options or {}} | request
    session = OpenVino().open(OpenRequest(artifact, **fields), phase)
    assert isinstance(session, TensorSession)
    return session


def reference(path: Path, feeds: dict[str, Any]) -> Any:
    """The first output by ONNX Runtime, unoptimised."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def test_the_npu_takes_no_growing_cache(float_net: Path, artifact_of: Make) -> None:
    """Said before any time is spent, for NPU and for what names it."""
    decoder = artifact_of(float_net, task="text_generation")
    kinds = []
    for device in ("NPU", "AUTO:NPU,CPU"):
        with pytest.raises(RunFailure, match="fixed shape") as caught:
            OpenVino().check(decoder, device, {})
        kinds.append(caught.value.kind)
    OpenVino().check(decoder, "CPU", {})
    assert ["unsupported_format"] * 2 == kinds


@pytest.mark.parametrize(
    ("message", "device", "kind"),
    [
        ("Cannot load library: libOpenCL.so.1: cannot open shared object file", "GPU", "unavailable"),
        ('Device with "FOO" name is not registered in the OpenVINO Runtime', "FOO", "unavailable"),
        ("Could not read number of streams from str: abc; stoi", "CPU", "bad_input"),
        ("to_shape was called on a dynamic shape; upper bounds are not specified", "NPU", "unsupported_format"),
        ("something else", "CPU", "runtime_error"),
    ],
)
def test_compile_messages_become_failures(
    float_net: Path, artifact_of: Make, message: str, device: str, kind: str
) -> None:
    """Each has a kind that scripts can rely on, and no stack of source files."""
    request = OpenRequest(artifact_of(float_net), device, {"NUM_STREAMS": "abc"})
    failure = compiling_failure(RuntimeError(f"Exception from src/core.cpp:132:\n{message}\n"), request)
    assert (kind, False) == (failure.kind, "src/core.cpp" in str(failure))


def test_an_absent_device_is_told_in_the_language_of_the_reader(float_net: Path, artifact_of: Make) -> None:
    """The failure of a record keeps no words of whoever measured."""
    error = RuntimeError("Cannot load library: libOpenCL.so.1: cannot open shared object file")
    failure = compiling_failure(error, OpenRequest(artifact_of(float_net), "GPU", {}))
    english = failure.message
    with speaking("ko"):
        assert (f"GPU: {absence('GPU')[0]}", False) == (failure.message, english == failure.message)


@pytest.mark.parametrize(
    ("executed", "asked", "expected"),
    [(["GPU.0"], "GPU", "GPU"), (["GPU.1"], "GPU.1", "GPU.1"), (["(CPU)"], "AUTO", "CPU"), ([], "NPU", "NPU")],
)
def test_the_executing_device_keeps_the_users_name(executed: list[str], asked: str, expected: str) -> None:
    """``GPU`` and ``GPU.0`` are one device; AUTO is not what executes."""
    compiled = SimpleNamespace(get_property=lambda name: executed)
    assert expected == where(compiled, asked)


@pytest.mark.real
def test_the_plugin_and_its_session_keep_the_contract(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """Both satisfy the protocols the engine relies on."""
    target: Target = OpenVino()
    assert ("openvino_ir", True) == (target.formats[0], isinstance(opened(artifact_of(float_net), phase), Session))


@pytest.mark.real
def test_a_bound_call_agrees_with_onnxruntime(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """In float32 both compute the same convolution."""
    session = opened(artifact_of(float_net), phase, F32)
    session.bind({"x": image})()
    expected = reference(float_net, {"x": image})
    np.testing.assert_allclose(expected, session.results()["y"], rtol=1e-5, atol=1e-5)
    assert "float32" == session.facts().executed_precision


@pytest.mark.real
def test_a_bound_query_is_refilled(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """The bound call then computes the other input, as if it had been bound; what does not fit is refused."""
    session = opened(artifact_of(float_net), phase, F32)
    assert isinstance(session, RefillingSession)
    call = session.bind({"x": image * 0})
    call()
    session.refill({"x": image})
    call()
    refilled = session.results()["y"]
    session.bind({"x": image})()
    np.testing.assert_array_equal(session.results()["y"], refilled)
    with pytest.raises(RunFailure, match="shape"):
        session.refill({"x": image[..., :1]})


@pytest.mark.real
def test_what_is_fed_later_does_not_change_what_is_bound(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """The session owns its buffers, although they are shared with OpenVINO."""
    session = opened(artifact_of(float_net), phase, F32)
    call = session.bind({"x": image})
    call()
    before = session.results()["y"]
    image[:] = 0
    call()
    assert before.tolist() == session.results()["y"].tolist()


@pytest.mark.real
def test_lanes_are_as_many_as_the_runtime_thinks_best(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """Unless a number is asked for; every lane finishes its query."""
    session = opened(artifact_of(float_net), phase, F32, intent="throughput")
    best = int(session.facts().options_effective["OPTIMAL_NUMBER_OF_INFER_REQUESTS"])
    lanes = session.bind_parallel({"x": image}, None)
    three = session.bind_parallel({"x": image}, 3)
    for lane in three:
        lane()
    expected = reference(float_net, {"x": image})
    np.testing.assert_allclose(expected, session.results()["y"], rtol=1e-5, atol=1e-5)
    assert (best, 3) == (len(lanes), len(three))


@pytest.mark.real
@pytest.mark.parametrize(("intent", "hint"), [("latency", "LATENCY"), ("throughput", "THROUGHPUT")])
def test_the_intent_becomes_a_hint(float_net: Path, artifact_of: Make, phase: Phase, intent: str, hint: str) -> None:
    """Read back from the compiled model."""
    assert hint == opened(artifact_of(float_net), phase, intent=intent).facts().options_effective["PERFORMANCE_HINT"]


@pytest.mark.real
def test_the_users_hint_wins(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """An option given is never overridden by the scenario."""
    options = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": "1"}
    held = opened(artifact_of(float_net), phase, options).facts().options_effective
    assert options == {name: held[name] for name in options}


@pytest.mark.real
def test_named_dimensions_take_the_artifacts_shapes(batched_net: Path, artifact_of: Make, phase: Phase) -> None:
    """The model is reshaped before it is compiled."""
    session = opened(artifact_of(batched_net, shapes={"x": (3, 4)}), phase)
    assert ((3, 4), (3, 2)) == (session.inputs[0].shape, session.outputs[0].shape)


@pytest.mark.real
@pytest.mark.parametrize("device", ["CPU", "AUTO", "AUTO:CPU", "HETERO:CPU"])
def test_placement_names_the_device_that_ran(float_net: Path, artifact_of: Make, phase: Phase, device: str) -> None:
    """Composed devices report what is behind them; the convolution is among the nodes."""
    session = opened(artifact_of(float_net), phase, device=device, inspect=True)
    placement = session.placement()
    assert placement is not None
    kinds = {node.op for node in placement.nodes}
    assert ("CPU", {"CPU"}, True) == (
        placement.requested,
        {node.device for node in placement.nodes},
        "Convolution" in kinds,
    )


@pytest.mark.real
def test_phases_are_entered_in_order(float_net: Path, artifact_of: Make, phases: Any) -> None:
    """OpenVINO reads and compiles in two steps."""
    opened(artifact_of(float_net), phases)
    assert ["runtime_import", "read", "compile"] == phases.names


@pytest.mark.real
@pytest.mark.parametrize("option", [{"NUM_STREAMS": "abc"}, {"INFERENCE_PRECISION_HINT": "f7"}])
def test_a_bad_option_is_named(float_net: Path, artifact_of: Make, phase: Phase, option: dict[str, str]) -> None:
    """With its value, as the device sees it."""
    ((name, value),) = option.items()
    with pytest.raises(RunFailure, match=f"{name}={value}") as caught:
        opened(artifact_of(float_net), phase, option)
    assert "bad_input" == caught.value.kind


@pytest.mark.real
def test_an_unknown_operator_is_a_failure(unknown_operator: Path, artifact_of: Make, phase: Phase) -> None:
    """The operator is named, and another runtime is offered."""
    with pytest.raises(RunFailure, match="FooBar") as caught:
        opened(artifact_of(unknown_operator), phase)
    assert ("unsupported_operator", "read") == (caught.value.kind, caught.value.phase)


@pytest.mark.real
@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".xml"])
def test_a_broken_file_is_a_failure(tmp_path: Path, artifact_of: Make, phase: Phase, suffix: str) -> None:
    """Named by its file name, without the folders it lies in."""
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"not a model")
    with pytest.raises(RunFailure) as caught:
        opened(artifact_of(path, facts=GraphFacts((), ())), phase)
    assert ("unsupported_format", False) == (caught.value.kind, str(tmp_path) in str(caught.value))


@pytest.mark.real
def test_a_missing_file_is_bad_input(tmp_path: Path, artifact_of: Make, phase: Phase) -> None:
    """Not an unsupported format."""
    with pytest.raises(RunFailure, match="the file is not there") as caught:
        opened(artifact_of(tmp_path / "gone.onnx", facts=GraphFacts((), ())), phase)
    assert "bad_input" == caught.value.kind


@pytest.mark.real
def test_an_int8_tflite_model_runs(realdata: Path, artifact_of: Make, phase: Phase) -> None:
    """MobileNet v2 takes and gives uint8."""
    session = opened(artifact_of(realdata / "models" / "mobilenet_v2_int8.tflite", precision="int8"), phase)
    feeds = {session.inputs[0].name: np.zeros((1, 224, 224, 3), np.uint8)}
    session.bind(feeds)()
    (output,) = session.results().values()
    assert (("uint8", (1, 1001)), ("uint8", (1, 1001))) == (
        (session.outputs[0].dtype, session.outputs[0].shape),
        (str(output.dtype), output.shape),
    )


@pytest.mark.real
def test_an_ir_model_runs(realdata: Path, artifact_of: Make, phase: Phase) -> None:
    """Road segmentation's four classes sum to one at every pixel."""
    session = opened(artifact_of(realdata / "models" / "road-segmentation-adas-0001.xml"), phase, F32)
    spec = session.inputs[0]
    session.bind({spec.name: np.full((1, 3, 512, 896), 127, np.float32)})()
    (output,) = session.results().values()
    np.testing.assert_allclose(np.ones((1, 512, 896), np.float32), output.sum(axis=1), rtol=1e-4)
    assert ("data", (1, 3, 512, 896)) == (spec.name, spec.shape)


@pytest.mark.real
def test_a_float16_model_agrees_with_onnxruntime(realdata: Path, artifact_of: Make, phase: Phase) -> None:
    """SqueezeNet, computed in float32 by both, to the last bits of float16."""
    path = realdata / "models" / "squeezenet_fp16.onnx"
    feeds = {"data_0": np.random.default_rng(0).uniform(-100, 100, (1, 3, 224, 224)).astype(np.float16)}
    session = opened(artifact_of(path, precision="float16"), phase, F32)
    session.bind(feeds)()
    np.testing.assert_allclose(reference(path, feeds), session.results()["softmaxout_1"], atol=1e-3)
