"""QNN in the HTP's emulator, and what is known before it is asked."""

import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from bench.contracts import (
    Artifact,
    GraphFacts,
    NamingTarget,
    NodePlacement,
    OpenRequest,
    Phase,
    Session,
    TensorSession,
    TensorSpec,
)
from bench.errors import InputError, RunFailure, UnknownName
from bench.targets.qnn.failures import OFFLOAD, compiling_failure, nothing_placed
from bench.targets.qnn.socs import named
from bench.targets.qnn.target import OnnxRuntimeQnn, executed_precision

Make = Callable[..., Artifact]
QCS6490 = {"soc": "qcs6490"}


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] | None = None) -> TensorSession:
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    session = OnnxRuntimeQnn().open(OpenRequest(artifact, "htp-emu", options or {}), phase)
    assert isinstance(session, TensorSession)
    return session


def devices(session: TensorSession) -> dict[str, int]:
    placement = session.placement()
    assert placement is not None
    return dict(Counter(node.device for node in placement.nodes))


def cosine(a: "np.ndarray[Any, Any]", b: "np.ndarray[Any, Any]") -> float:
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def reference(path: Path, feeds: dict[str, Any]) -> Any:
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)


def test_the_emulated_chip_is_named_before_anything_is_opened() -> None:
    """So that a run that is refused is reported under the chip's name; hardware is named by its driver."""
    target = OnnxRuntimeQnn()
    assert isinstance(target, NamingTarget)
    assert str(target.name_of("htp-emu", QCS6490)).startswith("Dragonwing QCS6490 (QCS6490) HTP v68, emulated on ")
    assert str(target.name_of("htp-emu", {})).startswith("Snapdragon X Elite")
    assert ["", ""] == [target.name_of(device, {}) for device in ("htp", "gpu")]
    for several in ("none", "all", "qcs6490,qcs8550"):
        with pytest.raises(InputError, match=rf"unknown SoC \(option soc\): {several}") as caught:
            target.name_of("htp-emu", {"soc": several})
        assert "Several SoCs, or all: odb preflight MODEL" in caught.value.remedy


def test_a_float_model_on_qcs6490_is_refused_in_plain_words(float_net: Path, artifact_of: Make) -> None:
    """Before anything is compiled, by name or by number, with the remedy."""
    found = []
    for options in (QCS6490, {"soc_model": "93"}):
        with pytest.raises(RunFailure) as caught:
            OnnxRuntimeQnn().check(artifact_of(float_net), "htp-emu", options)
        found.append((caught.value.kind, caught.value.remedy, "no floating point" in caught.value.message))
    command = f"odb quantise {float_net.name} --data DIR"
    remedy = f"Quantise the model to int8 (QDQ): {command}, where DIR is a folder of your samples."
    assert [("unsupported_precision", remedy, True)] * 2 == found


def test_quantised_models_and_other_socs_pass(float_net: Path, qdq_net: Path, artifact_of: Make) -> None:
    """What runs is not refused; the machine's own HTP is not second-guessed."""
    target = OnnxRuntimeQnn()
    target.check(artifact_of(qdq_net, precision="int8"), "htp-emu", QCS6490)
    target.check(artifact_of(float_net), "htp-emu", {})
    target.check(artifact_of(float_net), "htp", {})
    with pytest.raises(RunFailure):
        target.check(artifact_of(float_net), "htp", QCS6490)


@pytest.mark.parametrize("options", [QCS6490, {"soc_model": "93", "htp_arch": "68"}])
def test_integer_weights_alone_do_not_make_a_model_of_integers(
    integer_weights_net: Path, artifact_of: Make, options: dict[str, str]
) -> None:
    """Activations are floats: refused before anything is compiled, with what would do."""
    target, artifact = OnnxRuntimeQnn(), artifact_of(integer_weights_net, precision="int8")
    with pytest.raises(RunFailure) as caught:
        target.check(artifact, "htp-emu", options)
    expected = (
        "integer_weights.onnx has quantised weights and floating-point activations, but the HTP of Dragonwing QCS6490 "
        "has no floating point"
    )
    assert (expected, "unsupported_precision", "plan") == (
        caught.value.message,
        caught.value.kind,
        caught.value.phase,
    )
    assert "choose an SoC with floating point" in caught.value.remedy
    target.check(artifact, "htp-emu", {})


@pytest.mark.parametrize("operator", ["QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "MatMulInteger"])
def test_whatever_quantises_activations_is_left_to_the_compiler(
    integer_weights_net: Path, artifact_of: Make, operator: str
) -> None:
    """It may take them."""
    artifact = artifact_of(integer_weights_net, precision="int8")
    facts = replace(artifact.facts, operators={**artifact.facts.operators, operator: 1})
    OnnxRuntimeQnn().check(replace(artifact, facts=facts), "htp-emu", QCS6490)


@pytest.mark.real
def test_the_compiler_refuses_what_the_check_refuses(
    integer_weights_net: Path, artifact_of: Make, phase: Phase
) -> None:
    """Integer weights with floating-point activations, where the check is not asked; an HTP with floats runs them."""
    artifact = artifact_of(integer_weights_net, precision="int8")
    with pytest.raises(RunFailure) as caught:
        opened(artifact, phase, QCS6490)
    assert ("unsupported_precision", "compile") == (caught.value.kind, caught.value.phase)
    assert "HTP" in devices(opened(artifact, phase))


def test_an_unknown_soc_is_the_users_mistake(float_net: Path, artifact_of: Make) -> None:
    """With the nearest name that exists."""
    with pytest.raises(UnknownName, match="Did you mean qcs6490"):
        OnnxRuntimeQnn().check(artifact_of(float_net), "htp-emu", {"soc": "qsc6490"})


def test_the_gpu_knows_no_soc(float_net: Path, artifact_of: Make) -> None:
    """An option that would be ignored is an error."""
    with pytest.raises(InputError, match="option soc: qnn:gpu"):
        OnnxRuntimeQnn().check(artifact_of(float_net), "gpu", {"soc": "qcs8550"})


@pytest.mark.parametrize(
    ("shape", "given", "fits"),
    [((1, 3), {}, True), (("n", 3), {"x": (1, 3)}, True), (("n", 3), {}, False), ((None, 3), {"x": (1, 3)}, True)],
)
def test_shapes_must_be_fixed(
    float_net: Path, artifact_of: Make, shape: tuple[Any, ...], given: dict[str, tuple[int, ...]], fits: bool
) -> None:
    """By the file, or by the artifact's shapes, whether the dimension has a name or not."""
    facts = GraphFacts((TensorSpec("x", "float32", shape),), ())
    artifact = artifact_of(float_net, facts=facts, shapes=given)
    if fits:
        OnnxRuntimeQnn().check(artifact, "htp-emu", {})
    else:
        with pytest.raises(RunFailure, match="QNN takes only fixed shapes"):
            OnnxRuntimeQnn().check(artifact, "htp-emu", {})


@pytest.mark.parametrize(
    ("device", "options", "where", "expected"),
    [
        ("htp-emu", {}, ["HTP"], "float16"),
        ("htp-emu", {}, ["HTP", "CPU"], "float16+float32"),
        ("htp-emu", {}, ["CPU"], "float32"),
        ("htp", {"enable_htp_fp16_precision": "0"}, ["HTP"], "float32"),
        ("htp-emu", {"soc": "snapdragon-888"}, ["HTP"], "float32"),
        ("htp-emu", {"soc_model": "30"}, ["HTP", "CPU"], "float32"),
        ("htp-emu", {"soc": "sa8295"}, ["HTP"], "float16"),
        ("htp", {"htp_bf16_enable": "1"}, ["HTP"], "bfloat16"),
        ("gpu", {}, ["GPU"], ""),
    ],
)
def test_executed_precision_follows_the_arithmetic(
    float_net: Path, artifact_of: Make, device: str, options: dict[str, str], where: list[str], expected: str
) -> None:
    """Convolutions left to the CPU run in float32, and are not said to be float16."""
    nodes = [NodePlacement("", "Conv", place) for place in where]
    assert expected == executed_precision(OpenRequest(artifact_of(float_net), device, options), nodes)


OUT_OF_MEMORY = "Failed to finalize QNN graph. Error: QNN_COMMON_ERROR_MEM_ALLOC: Memory allocation related error."
FAILED = "Failed to finalize QNN graph. Error code: 1002"


@pytest.mark.parametrize(
    ("text", "options", "said", "unsaid"),
    [
        (OUT_OF_MEMORY, {"soc": "snapdragon-888"}, "Lower the resolution or the batch", "option soc"),
        (OUT_OF_MEMORY, {}, "Name the SoC with option soc. Lower the resolution", "finalization"),
        (FAILED, {"soc": "snapdragon-888"}, "Try -O htp_graph_finalization_optimization_mode=1 or 3", "option soc"),
        (FAILED, {"htp_graph_finalization_optimization_mode": "3", "soc": "sa8255"}, "Split the model", "finalization"),
    ],
)
def test_a_remedy_does_not_repeat_what_was_done(
    qdq_net: Path, artifact_of: Make, text: str, options: dict[str, str], said: str, unsaid: str
) -> None:
    """An SoC that was named is not asked for again, nor an option that was given."""
    request = OpenRequest(artifact_of(qdq_net, precision="int8"), "htp-emu", options)
    failure = compiling_failure(RuntimeError(text), request, named("snapdragon-888"))
    assert (True, False) == (said in failure.remedy, unsaid in failure.remedy)


@pytest.mark.parametrize(
    ("operators", "part"),
    [({"QLinearConv": 3, "QuantizeLinear": 1}, "rather than QOperator"), ({"Det": 1}, "none of its operators (Det)")],
)
def test_a_graph_that_qnn_takes_nothing_of(
    float_net: Path, artifact_of: Make, operators: dict[str, int], part: str
) -> None:
    """The remedy follows what the graph is, and asks for nothing that it has."""
    facts = GraphFacts((), (), operators=operators)
    assert part in nothing_placed(artifact_of(float_net, facts=facts), named("qcs8550")).remedy


@pytest.mark.real
def test_absent_hardware_is_unavailable(float_net: Path, artifact_of: Make, phase: Phase) -> None:
    """Opening it says why, and what can be done without it."""
    pytest.importorskip("onnxruntime_qnn")
    if any(device.name == "gpu" and device.usable for device in OnnxRuntimeQnn().devices()):
        pytest.skip("this machine has a Qualcomm GPU")
    with pytest.raises(RunFailure, match="no Qualcomm Adreno GPU") as caught:
        OnnxRuntimeQnn().open(OpenRequest(artifact_of(float_net), "gpu"), phase)
    assert ("unavailable", True) == (caught.value.kind, "htp-emu" in caught.value.remedy)


@pytest.mark.real
def test_a_float_net_runs_on_the_emulated_htp(
    float_net: Path, artifact_of: Make, phases: Any, image: "np.ndarray[Any, Any]"
) -> None:
    """All of it, in float16, close to the CPU's answer; the session says what it is."""
    session = opened(artifact_of(float_net), phases)
    session.bind({"x": image})()
    similarity = cosine(reference(float_net, {"x": image})[0], session.results()["y"])
    held = session.facts().options_effective
    assert (["HTP"], "float16", ["runtime_import", "compile"], "60", "73", True, True) == (
        list(devices(session)),
        session.facts().executed_precision,
        phases.names,
        held["soc_model"],
        held["htp_arch"],
        similarity > 0.9999,
        isinstance(session, Session),
    )
    assert "Snapdragon X Elite (SC8380XP) HTP v73, emulated on" in str(session.facts().device_name)
    assert {"onnxruntime", "onnxruntime-qnn"} <= set(session.facts().versions)


@pytest.mark.real
@pytest.mark.parametrize(("offload", "expected"), [("1", {"HTP", "CPU"}), ("0", {"HTP"})])
def test_int8_runs_on_qcs6490(
    qdq_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]", offload: str, expected: set[str]
) -> None:
    """By default the CPU quantises input and output; that is shown, and can be switched off."""
    options = QCS6490 | {"offload_graph_io_quantization": offload}
    session = opened(artifact_of(qdq_net, precision="int8"), phase, options)
    session.bind({"x": image})()
    similarity = cosine(reference(qdq_net, {"x": image})[0], session.results()["y"])
    assert (expected, "int8", True) == (set(devices(session)), session.facts().executed_precision, similarity > 0.999)


@pytest.mark.real
@pytest.mark.parametrize(
    ("given", "nodes", "source", "remedy"),
    [
        ({}, {"HTP"}, "for the strict placement offload_graph_io_quantization=0 was set", ""),
        ({OFFLOAD: "1"}, {"HTP", "CPU"}, "", "-O offload_graph_io_quantization=0 moves the QuantizeLinear"),
    ],
)
def test_a_strict_placement_leaves_no_quantisation_to_the_cpu(
    qdq_net: Path, artifact_of: Make, phase: Phase, given: dict[str, str], nodes: set[str], source: str, remedy: str
) -> None:
    """The default that makes every QDQ graph fall back is changed, which the placement says; what the user gave is
    kept, and the remedy names it."""
    pytest.importorskip("onnxruntime_qnn")
    request = OpenRequest(artifact_of(qdq_net, precision="int8"), "htp-emu", QCS6490 | given, strict=True)
    session = OnnxRuntimeQnn().open(request, phase)
    placement = session.placement()
    assert placement is not None
    assert (nodes, True, True) == (
        {node.device for node in placement.nodes},
        source in placement.source,
        remedy in " ".join(map(str, placement.remedies)),
    )
    assert given.get(OFFLOAD, "0") == session.facts().options_effective[OFFLOAD]


@pytest.mark.real
def test_an_operator_left_float_in_a_quantised_graph_is_named(
    half_quantised_net: Path, artifact_of: Make, phase: Phase
) -> None:
    """Where the runtime speaks of nodes inserted in the NHWC format."""
    with pytest.raises(
        RunFailure, match="is quantised except for SpaceToDepth focus, but the HTP of Dragonwing"
    ) as caught:
        opened(artifact_of(half_quantised_net), phase, QCS6490)
    assert ("unsupported_precision", "compile") == (caught.value.kind, caught.value.phase)


@pytest.mark.real
def test_a_float_operator_on_the_cpu_is_to_be_quantised(float_tail_net: Path, artifact_of: Make, phase: Phase) -> None:
    """The remedy of the placement names the operator and the reason; the quantisation of the input is another."""
    session = opened(artifact_of(float_tail_net), phase, QCS6490)
    placement = session.placement()
    assert placement is not None
    boundary, floats = map(str, placement.remedies)
    assert "-O offload_graph_io_quantization=0 moves the QuantizeLinear" in boundary
    assert "Quantise Sub tail: still float, and the HTP of Dragonwing QCS6490 has no floating point." == floats


@pytest.mark.real
def test_the_obscure_error_of_a_soc_without_floats_is_translated(
    float_net: Path, artifact_of: Make, phase: Phase
) -> None:
    """A SoC that is not in the table passes the check; the runtime's refusal says the same in the end."""
    with pytest.raises(RunFailure, match="may have no floating point") as caught:
        opened(artifact_of(float_net), phase, {"soc_model": "32", "htp_arch": "68"})
    assert ("unsupported_precision", "compile") == (caught.value.kind, caught.value.phase)
    assert f": odb quantise {float_net.name} --data DIR, where DIR is" in caught.value.remedy


@pytest.mark.real
def test_a_model_wholly_on_the_cpu_is_a_fallback(tmp_path: Path, artifact_of: Make, phase: Phase) -> None:
    """ONNX Runtime would run it silently on the CPU; that is not a QNN result."""
    import onnx

    graph = helper.make_graph(
        [helper.make_node("Det", ["x"], ["y"], name="det")],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
    )
    path = tmp_path / "det.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    with pytest.raises(RunFailure, match="all of it would run on the CPU") as caught:
        opened(artifact_of(path), phase)
    assert "fallback" == caught.value.kind


@pytest.mark.real
def test_named_dimensions_take_the_artifacts_shapes(batched_net: Path, artifact_of: Make, phase: Phase) -> None:
    """``batch`` is fixed to 2, and the product is right."""
    session = opened(artifact_of(batched_net, shapes={"x": (2, 4)}), phase)
    session.bind({"x": np.ones((2, 4), np.float32)})()
    np.testing.assert_allclose([[12.0, 16.0]] * 2, session.results()["y"], rtol=1e-3)
    assert (2, 4) == session.inputs[0].shape


@pytest.mark.real
def test_ultraface_is_all_on_the_htp(realdata: Path, artifact_of: Make, phase: Phase) -> None:
    """118 of 118 nodes for the Snapdragon X Elite, and scores close to the CPU's."""
    path = realdata / "models" / "ultraface_rfb_320.onnx"
    feeds = {"input": np.random.default_rng(0).standard_normal((1, 3, 240, 320)).astype(np.float32)}
    session = opened(artifact_of(path), phase, {"soc": "snapdragon-x-elite"})
    session.bind(feeds)()
    similarity = cosine(reference(path, feeds)[0], session.results()["scores"])
    assert ({"HTP": 118}, True) == (devices(session), similarity > 0.9999)
