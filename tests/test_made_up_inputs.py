"""Inputs that nobody gave, and outputs that only look wrong or right, on real runtimes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.record.record import RecordedRun
from bench.suite.suite import ModelAsk, TargetAsk

pytestmark = pytest.mark.real
Run = Callable[..., list[RecordedRun]]
F, I = TensorProto.FLOAT, TensorProto.INT64  # noqa: E741 - as ONNX's documents write them
RNG = np.random.default_rng(4)


def saved(folder: Path, nodes: list[onnx.NodeProto], inputs: Any, outputs: Any, **constants: Any) -> str:
    """The path of an ONNX file; ``inputs`` and ``outputs``: (name, type, shape)."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "net.onnx")
    return str(folder / "net.onnx")


def given(folder: Path, **arrays: Any) -> dict[str, str]:
    """Inputs as files."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {name: str(folder / f"{name}.npy") for name in arrays}


def codes(run: RecordedRun) -> dict[str, bool]:
    assert run.record.verdict is not None
    return {reason.code: reason.invalidates for reason in run.record.verdict.reasons}


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def frames(folder: Path) -> str:
    """An encoder that works on as many of 40 frames as ``lens`` says."""
    nodes = [
        helper.make_node("Cast", ["lens"], ["ends"], to=TensorProto.INT32),
        helper.make_node("Cast", ["ends"], ["ends64"], to=I),
        helper.make_node("Slice", ["x", "zero", "ends64", "one"], ["part"]),
        helper.make_node("MatMul", ["part", "w"], ["y"]),
    ]
    inputs = [("x", F, [1, 40, 8]), ("lens", I, [1])]
    constants = {"zero": np.array([0]), "one": np.array([1]), "w": normal(8, 8)}
    return saved(folder, nodes, inputs, [("y", F, [1, "frames", 8])], **constants)


def test_a_made_up_length_is_told_and_weighs(run: Run, tmp_path: Path) -> None:
    """Nobody says how many frames there are: 0 or 1 of 40, and the run is not valid for it."""
    (found,) = run([frames(tmp_path)], ["ort:cpu"], max_seconds=0.2)
    assert codes(found)["seeded_work"]
    inputs = found.record.plan.inputs
    assert inputs is not None
    assert [(one.name, one.source, one.decides_work) for one in inputs.fed] == [
        ("x", "seeded", False),
        ("lens", "seeded", True),
    ]


def test_a_given_length_is_enough(run: Run, tmp_path: Path) -> None:
    """The length given, the frames made up: nothing is said against it, and the outputs are compared on four inputs."""
    ask = ModelAsk(frames(tmp_path), inputs=given(tmp_path, lens=np.array([40])))
    (found,) = run([ask], ["ort:cpu"], max_seconds=0.2)
    assert "seeded_work" not in codes(found)
    fidelity = found.record.fidelity
    assert fidelity is not None
    assert (fidelity.ok, fidelity.inputs, fidelity.inputs_source) == (True, 4, "partly seeded")


def test_a_run_that_fails_on_a_made_up_branch_names_it(run: Run, tmp_path: Path) -> None:
    """A rate that nobody gave picks the branch that fails: the remedy says so, and how to give it."""
    fails = helper.make_graph(
        [helper.make_node("Reshape", ["x", "seven"], ["e"])], "fails", [], [helper.make_tensor_value_info("e", F, [7])]
    )
    works = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["t"])], "works", [], [helper.make_tensor_value_info("t", F, [1, 8])]
    )
    nodes = [
        helper.make_node("Equal", ["sr", "rate"], ["right"]),
        helper.make_node("If", ["right"], ["y"], then_branch=works, else_branch=fails),
    ]
    constants = {"rate": np.int64(16000), "seven": np.array([7])}
    path = saved(tmp_path, nodes, [("x", F, [1, 8]), ("sr", I, [])], [("y", F, None)], **constants)
    (found,) = run([path], ["ort:cpu"], max_seconds=0.2)
    assert found.record.failure is not None
    assert found.record.failure.remedy.startswith(
        "Made-up values may be the cause: sr (int64: random whole numbers, 0 or 1)"
    )
    assert "--input sr=FILE.npy" in found.record.failure.remedy
    (fine,) = run([ModelAsk(path, inputs=given(tmp_path, sr=np.int64(16000)))], ["ort:cpu"], max_seconds=0.2)
    assert fine.record.status == "ok"


def test_a_model_that_does_not_open_has_no_made_up_input_to_blame(run: Run, tmp_path: Path) -> None:
    """No value was fed where the runtime refuses the file: the branch that cannot be is refused whatever ``sr`` is."""
    kernel = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["e"], kernel_shape=[3, 3])],
        "never",
        [],
        [helper.make_tensor_value_info("e", F, None)],
    )
    fine = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["t"])], "fine", [], [helper.make_tensor_value_info("t", F, None)]
    )
    nodes = [
        helper.make_node("Equal", ["sr", "rate"], ["right"]),
        helper.make_node("If", ["right"], ["y"], then_branch=fine, else_branch=kernel),
    ]
    inputs = [("x", F, [1, 1, 8]), ("sr", I, [])]
    path = saved(tmp_path, nodes, inputs, [("y", F, None)], rate=np.int64(16000), w=normal(2, 1, 3))
    (found,) = run([path], ["ort:cpu"], max_seconds=0.2)
    failure = found.record.failure
    assert failure is not None
    assert ("compile", "runtime_error") == (failure.phase, failure.kind)
    assert "Made-up" not in failure.remedy


def test_made_up_ids_stay_inside_their_table(run: Run, tmp_path: Path) -> None:
    """A table of one row on both engines: the same outputs, no error, nothing read past its end."""
    nodes = [
        helper.make_node("Gather", ["words", "ids"], ["a"]),
        helper.make_node("Gather", ["types", "kinds"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    inputs = [("ids", I, [1, 6]), ("kinds", I, [1, 6])]
    path = saved(tmp_path, nodes, inputs, [("y", F, [1, 6, 4])], words=normal(50, 4), types=normal(1, 4))
    for found in run([path], ["ort:cpu", "openvino:CPU"], max_seconds=0.2):
        assert found.record.fidelity is not None
        assert found.record.fidelity.ok is True


@pytest.mark.parametrize("target", ["ort:cpu", "openvino:CPU"])
def test_near_zero_labels_and_infinities(target: str, run: Run, tmp_path: Path) -> None:
    """A sigmoid where nothing was found, suppressed logits, a label and a flag beside it: right on both engines."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node("Sub", ["scores", "far"], ["low"]),
        helper.make_node("Sigmoid", ["low"], ["found"]),
        helper.make_node("Where", ["mask", "suppressed", "scores"], ["logits"]),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [("found", F, [8, 30]), ("logits", F, [8, 30]), ("label", I, [8])]
    constants = {
        "w": normal(16, 30),
        "far": np.float32(19),
        "mask": np.arange(30)[np.newaxis] % 7 == 0,
        "suppressed": np.float32(-np.inf),
    }
    (found,) = run(
        [saved(tmp_path, nodes, [("x", F, [8, 16])], outputs, **constants)],
        [TargetAsk(target, {"INFERENCE_PRECISION_HINT": "f32"} if target.startswith("openvino") else {})],
        max_seconds=0.2,
    )
    fidelity = found.record.fidelity
    assert fidelity is not None
    assert fidelity.ok is True
    assert not {"output_mismatch", "seeded_mismatch", "output_unchecked"} & set(codes(found))


def test_labels_that_tie_in_a_lower_precision(run: Run, tmp_path: Path) -> None:
    """Scores nearly tied: in bfloat16 most labels are others. Wrong, said, and on made-up inputs by near ties."""
    weights = RNG.standard_normal((64, 1)) @ np.ones((1, 90)) + 1e-3 * RNG.standard_normal((64, 90))
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["labels"], axis=1, keepdims=0),
    ]
    outputs = [("scores", F, [100, 90]), ("labels", I, [100])]
    path = saved(tmp_path, nodes, [("x", F, [100, 64])], outputs, w=weights.astype(np.float32))
    asked = TargetAsk("openvino:CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    (found,) = run([path], [asked], max_seconds=0.2)
    fidelity = found.record.fidelity
    assert fidelity is not None
    if found.record.plan.target.executed_precision == "float32":
        pytest.skip("this processor computes bfloat16 graphs in float32")
    assert (fidelity.ok, fidelity.by_degree) == (False, True)
    assert codes(found)["seeded_mismatch"] is False
    assert "% of 400 integers differ" in str(fidelity.reason)


def test_nothing_found_decides_nothing(run: Run, tmp_path: Path) -> None:
    """Outputs without elements on every input: unchecked, on both engines."""
    nodes = [
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "iou", "least"], ["picked"]),
    ]
    inputs = [("boxes", F, [1, 20, 4]), ("scores", F, [1, 3, 20])]
    constants = {"most": np.array([5]), "iou": np.float32([0.5]), "least": np.float32([2])}
    path = saved(tmp_path, nodes, inputs, [("picked", I, ["found", 3])], **constants)
    for found in run([path], ["ort:cpu", "openvino:CPU"], max_seconds=0.2):
        assert codes(found).get("output_unchecked") is False
        assert found.record.fidelity is not None
        assert (found.record.fidelity.ok, found.record.fidelity.cosine_min) == (None, None)


def test_a_graph_that_draws_noise(run: Run, tmp_path: Path) -> None:
    """Outputs change by design: said with the operator's name, and the speed may stand."""
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["n"]),
        helper.make_node("Add", ["x", "n"], ["y"]),
    ]
    path = saved(tmp_path, nodes, [("x", F, [1, 16])], [("y", F, [1, 16])])
    (found,) = run([path], ["ort:cpu"], max_seconds=0.2)
    said = codes(found)
    assert (said["nondeterministic_output"], said["output_unchecked"]) == (False, False)
    assert found.record.determinism is not None
    assert found.record.determinism.draws == ("RandomNormalLike",)


def test_a_trained_detector_agrees_on_made_up_pictures(run: Run, realdata: Path) -> None:
    """A face detector in whatever precision OpenVINO takes: pictures are made up, and the outputs agree."""
    (found,) = run([str(realdata / "models" / "ultraface_rfb_320.onnx")], ["openvino:CPU"], max_seconds=0.1)
    fidelity, inputs = found.record.fidelity, found.record.plan.inputs
    assert fidelity is not None
    assert inputs is not None
    assert fidelity.ok is True
    assert [str(one.values) for one in inputs.fed] == ["made-up picture, 0 to 1"]
