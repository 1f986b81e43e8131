"""What each target lets a search change: options that it has, values that it takes, and none that a suite may not."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, OwnConfiguration, Tunable, TunableTarget
from bench.plugins import discover, load
from bench.testing import fake_artifact

DEVICES = (
    "ort:cpu",
    "openvino:CPU",
    "openvino-genai:CPU",
    "openvino-genai:NPU",
    "ort-genai:cpu",
    "ort-genai:qnn",
    "qnn:htp",
)
TEXT = ("openvino-genai:CPU", "openvino-genai:NPU", "ort-genai:cpu", "ort-genai:qnn")


def artifact(folder: Path, target: str, **operators: int) -> Artifact:
    """A model that the target would take, with these operators."""
    path = folder / "net.onnx"
    path.write_bytes(b"fake\n")
    found = fake_artifact(path, "text_generation" if target in TEXT else "tensor")
    return replace(found, facts=replace(found.facts, operators=operators or {"Conv": 1}))


def tunable(target: str) -> TunableTarget:
    found = load(discover().find("targets", target.partition(":")[0]))
    assert isinstance(found, TunableTarget)
    return found


def of(folder: Path, target: str, **operators: int) -> dict[str, Tunable]:
    """By name; of two of one name the last."""
    device = target.partition(":")[2]
    return {one.name: one for one in tunable(target).tunables(device, artifact(folder, target, **operators))}


@pytest.mark.parametrize("target", DEVICES)
def test_every_tunable_is_an_option_that_a_suite_may_have_and_its_values_are_taken(target: str, tmp_path: Path) -> None:
    """The setting that is found goes into a suite's file."""
    device, found = target.partition(":")[2], of(tmp_path, target)
    plugin = load(discover().find("targets", target.partition(":")[0]))
    assert found
    assert set(found) <= set(plugin.options(device)) | {"NPU_TURBO"}  # of a device that is not here
    assert set(found) <= set(plugin.safe_options)
    for one in found.values():
        assert one.values
        for value in one.values:
            plugin.check(artifact(tmp_path, target), device, {**one.needs, one.name: value})


@pytest.mark.parametrize("target", DEVICES)
def test_every_target_writes_its_own_configuration(target: str, tmp_path: Path) -> None:
    """As JSON, with every option of the setting in it."""
    device = target.partition(":")[2]
    options = {one.name: one.values[0] for one in of(tmp_path, target).values() if not one.needs}
    made = tunable(target).own_configuration(device, artifact(tmp_path, target), options, "latency")
    assert isinstance(made, OwnConfiguration)
    text = json.dumps(json.loads(made.text))
    assert str(made.use)
    for name in options:
        assert name in text


def test_session_options_are_written_as_they_are_set(tmp_path: Path) -> None:
    """Attributes in Python's types, config entries as text; for throughput with the one thread of a lane."""
    made = tunable("ort:cpu").own_configuration(
        "cpu",
        artifact(tmp_path, "ort:cpu"),
        {"enable_mem_pattern": "0", "session.intra_op.allow_spinning": "0"},
        "throughput",
    )
    assert made is not None
    assert {
        "attributes": {"enable_mem_pattern": False, "intra_op_num_threads": 1},
        "session_config_entries": {"session.intra_op.allow_spinning": "0"},
        "providers": [["CPUExecutionProvider", {}]],
    } == json.loads(made.text)


def test_properties_are_written_for_the_device_with_its_hint(tmp_path: Path) -> None:
    """As ``benchmark_app -load_config`` reads them; a hint of the setting comes before that of the scenario."""
    target, model = tunable("openvino:CPU"), artifact(tmp_path, "openvino:CPU")
    made = target.own_configuration("CPU", model, {"INFERENCE_NUM_THREADS": "2"}, "throughput")
    other = target.own_configuration("CPU", model, {"PERFORMANCE_HINT": "LATENCY"}, "throughput")
    assert made is not None
    assert other is not None
    assert {"CPU": {"INFERENCE_NUM_THREADS": "2", "PERFORMANCE_HINT": "THROUGHPUT"}} == json.loads(made.text)
    assert {"CPU": {"PERFORMANCE_HINT": "LATENCY"}} == json.loads(other.text)


def test_what_a_graph_has_decides_what_is_tuned(tmp_path: Path) -> None:
    """Options for quantised graphs, for Gelu and for packed weights belong to graphs with those operators."""
    assert "session.enable_quant_qdq_cleanup" in of(tmp_path, "ort:cpu", QuantizeLinear=2, DequantizeLinear=2)
    assert "session.enable_quant_qdq_cleanup" not in of(tmp_path, "ort:cpu")
    assert "optimization.enable_gelu_approximation" in of(tmp_path, "ort:cpu", Gelu=1)
    assert "session.qdq_matmulnbits_accuracy_level" in of(tmp_path, "ort:cpu", MatMulNBits=3)
    assert "offload_graph_io_quantization" in of(tmp_path, "qnn:htp", QuantizeLinear=2, DequantizeLinear=2)
    assert "htp_performance_mode" in of(tmp_path, "qnn:htp")


def test_precisions_and_levels_of_optimisation_may_change_outputs(tmp_path: Path) -> None:
    """And threads do not."""
    ort, openvino = of(tmp_path, "ort:cpu"), of(tmp_path, "openvino:CPU")
    assert ort["graph_optimization_level"].changes_outputs
    assert openvino["INFERENCE_PRECISION_HINT"].changes_outputs
    assert not ort["intra_op_num_threads"].changes_outputs
    assert ("throughput",) == openvino["NUM_STREAMS"].intents
