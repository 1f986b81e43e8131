"""ONNX Runtime on the CPU, run for real."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import (
    Artifact,
    GraphFacts,
    OpenRequest,
    Phase,
    RefillingSession,
    Session,
    Target,
    TensorSession,
    TensorSpec,
)
from bench.errors import InputError, RunFailure
from bench.targets.ort.cpu import OnnxRuntimeCpu, executed_precision, with_defaults
from bench.targets.processor import usable_cores

Make = Callable[..., Artifact]


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] | None = None, **request: Any) -> TensorSession:
    pytest.importorskip("onnxruntime")
    session = OnnxRuntimeCpu().open(OpenRequest(artifact, "cpu", options or {}, **request), phase)
    assert isinstance(session, TensorSession)
    return session


def expected_output(image: "np.ndarray[Any, Any]", path: Path) -> "np.ndarray[Any, Any]":
    """The convolution of ``float_net``, in numpy."""
    import onnx
    from onnx import numpy_helper

    weights = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    windows = np.lib.stride_tricks.sliding_window_view(image[0], (3, 3), axis=(1, 2))
    found: np.ndarray[Any, Any] = np.maximum(np.einsum("cijkl,ockl->oij", windows, weights), 0)[None]
    return found


def test_without_onnxruntime_the_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing devices never raises, and tells what to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (device,) = OnnxRuntimeCpu().devices()
    assert (False, "onnxruntime is not installed", "pip install onnxruntime") == (
        device.usable,
        str(device.reason),
        str(device.remedy),
    )


def test_check_reads_the_options(float_net: Path, artifact_of: Make) -> None:
    """A bad value is found before anything is opened."""
    with pytest.raises(InputError, match="intra_op_num_threads=x"):
        OnnxRuntimeCpu().check(artifact_of(float_net), "cpu", {"intra_op_num_threads": "x"})


def test_throughput_means_one_thread_a_lane(float_net: Path, artifact_of: Make) -> None:
    """Unless the user says otherwise; latency leaves ONNX Runtime's default."""
    artifact = artifact_of(float_net)
    asked = {"intra_op_num_threads": "4"}
    cases = [
        with_defaults(OpenRequest(artifact, "cpu", {}, intent="throughput")),
        with_defaults(OpenRequest(artifact, "cpu", asked, intent="throughput")),
        with_defaults(OpenRequest(artifact, "cpu")),
    ]
    assert [{"intra_op_num_threads": "1"}, asked, {}] == cases


@pytest.mark.parametrize(
    ("precision", "operators", "expected"),
    [
        ("float32", {"Conv": 1}, "float32"),
        ("int8", {"QuantizeLinear": 1, "Conv": 1}, "int8"),
        ("int8", {"DequantizeLinear": 1, "MatMul": 1}, ""),
        ("int4", {"MatMulNBits": 1}, ""),
    ],
)
def test_executed_precision_is_what_the_graph_tells(
    float_net: Path, artifact_of: Make, precision: str, operators: dict[str, int], expected: str
) -> None:
    """Integer arithmetic where activations are quantised; nothing is claimed where it depends on kernels."""
    facts = GraphFacts((), (), operators=operators)
    assert expected == executed_precision(artifact_of(float_net, precision=precision, facts=facts))


@pytest.mark.real
def test_the_plugin_and_its_session_keep_the_contract(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """Both satisfy the protocols the engine relies on."""
    target: Target = OnnxRuntimeCpu()
    assert (("onnx",), True) == (target.formats, isinstance(opened(artifact_of(float_net), phase), Session))


@pytest.mark.real
def test_a_bound_call_computes_the_convolution(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """What is bound once is what numpy computes."""
    session = opened(artifact_of(float_net), phase)
    session.bind({"x": image})()
    np.testing.assert_allclose(expected_output(image, float_net), session.results()["y"], rtol=1e-5, atol=1e-6)


@pytest.mark.real
def test_results_are_copies(float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]") -> None:
    """A later call does not change results already taken."""
    session = opened(artifact_of(float_net), phase)
    session.bind({"x": image})()
    before = session.results()["y"]
    kept = before.copy()
    session.bind({"x": image * 0})()
    assert (True, True) == (np.array_equal(kept, before), not session.results()["y"].any())


@pytest.mark.real
def test_a_bound_query_is_refilled(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """The bound call then computes the other input, as if it had been bound; what does not fit is refused."""
    session = opened(artifact_of(float_net), phase)
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
def test_results_need_a_call(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """Nothing bound, nothing to read."""
    with pytest.raises(RunFailure, match="no inputs are bound"):
        opened(artifact_of(float_net), phase).results()


@pytest.mark.real
def test_lanes_have_buffers_of_their_own(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """Three lanes were asked for; all give the first lane's answer."""
    session = opened(artifact_of(float_net), phase, intent="throughput")
    lanes = session.bind_parallel({"x": image}, 3)
    for lane in lanes:
        lane()
    np.testing.assert_allclose(expected_output(image, float_net), session.results()["y"], rtol=1e-5, atol=1e-6)
    assert (3, "1") == (len(lanes), session.facts().options_effective["intra_op_num_threads"])


@pytest.mark.real
def test_lanes_default_to_the_cores(
    float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """As many lanes as physical cores this process may use."""
    session = opened(artifact_of(float_net), phase, intent="throughput")
    assert usable_cores() == len(session.bind_parallel({"x": image}, None))


@pytest.mark.real
def test_named_dimensions_take_the_artifacts_shapes(batched_net: Path, artifact_of: Make, phase: Phase) -> None:
    """``batch`` becomes 3 at the input and, by inference, at the output."""
    session = opened(artifact_of(batched_net, shapes={"x": (3, 4)}), phase)
    assert ((3, 4), (3, 2)) == (session.inputs[0].shape, session.outputs[0].shape)


@pytest.mark.real
def test_free_dimensions_stay_free_without_shapes(batched_net: Path, artifact_of: Make, phase: Phase) -> None:
    """An output of unknown size is allocated by the run, for every size fed."""
    session = opened(artifact_of(batched_net), phase)
    sizes = []
    for batch in (2, 5):
        call = session.bind({"x": np.ones((batch, 4), np.float32)})
        call()
        call()
        sizes.append(session.results()["y"].tolist())
    assert ([[12.0, 16.0]] * 2, [[12.0, 16.0]] * 5, "batch") == (*sizes, session.inputs[0].shape[0])


@pytest.mark.real
def test_placement_is_told_only_when_inspected(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """Recording it costs something, so a timed pass has none."""
    silent, inspected = (opened(artifact_of(float_net), phase, inspect=flag).placement() for flag in (False, True))
    assert inspected is not None
    expected = (None, "cpu", [("conv", "Conv", "cpu"), ("relu", "Relu", "cpu")])
    assert expected == (silent, inspected.requested, [(n.name, n.op, n.device) for n in inspected.nodes])


@pytest.mark.real
def test_phases_are_entered_in_order(float_net: Path, artifact_of: Make, phases: Any) -> None:
    """ONNX Runtime reads and compiles at once: ``read`` is never entered."""
    opened(artifact_of(float_net), phases)
    assert ["runtime_import", "compile"] == phases.names


@pytest.mark.real
def test_the_reference_run_keeps_optimisation_off(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """The option arrives, as ONNX Runtime itself says."""
    session = opened(artifact_of(float_net), phase, {"graph_optimization_level": "ORT_DISABLE_ALL"})
    assert "ORT_DISABLE_ALL" == session.facts().options_effective["graph_optimization_level"]


@pytest.mark.real
@pytest.mark.parametrize(("content", "kind"), [(b"not a model", "unsupported_format"), (None, "bad_input")])
def test_an_unreadable_file_is_a_failure(
    tmp_path: Path, artifact_of: Make, phase: Phase, content: bytes | None, kind: str
) -> None:
    """Named by its file name, without the folders it lies in."""
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunFailure) as caught:
        opened(artifact_of(path, facts=GraphFacts((), ())), phase)
    assert (kind, "compile", True, False) == (
        caught.value.kind,
        caught.value.phase,
        "broken.onnx" in caught.value.message,
        str(tmp_path) in str(caught.value),
    )


@pytest.mark.real
def test_an_unknown_operator_is_a_failure(unknown_operator: Path, artifact_of: Make, phase: Phase) -> None:
    """The operator is named."""
    with pytest.raises(RunFailure, match="FooBar") as caught:
        opened(artifact_of(unknown_operator), phase)
    assert "unsupported_operator" == caught.value.kind


@pytest.mark.real
def test_versions_and_names_are_given(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """The record needs them to be comparable."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = opened(artifact_of(float_net), phase)
    facts = session.facts()
    assert (onnxruntime.__version__, True) == (facts.versions["onnxruntime"], bool(facts.device_name))


@pytest.mark.real
def test_a_float16_model_runs(realdata: Path, artifact_of: Make, phase: Phase) -> None:
    """SqueezeNet's float16 input and output are float16 in numpy, and its softmax sums to one."""
    path = realdata / "models" / "squeezenet_fp16.onnx"
    session = opened(artifact_of(path, precision="float16"), phase)
    session.bind({"data_0": np.zeros((1, 3, 224, 224), np.float16)})()
    output = session.results()["softmaxout_1"]
    assert (TensorSpec("data_0", "float16", (1, 3, 224, 224)), "float16", True) == (
        session.inputs[0],
        str(output.dtype),
        abs(float(output.astype(np.float64).sum()) - 1) < 0.01,
    )
