"""Each runtime once, for real, through the command: what `pytest` alone shows of them."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from odb_terminal import USER, Terminal
from placement_graphs import placement_models

SMALL_DECODER = Path(__file__).parent / "plugins" / "small_decoder.py"
pytestmark = [pytest.mark.real, pytest.mark.process, pytest.mark.smoke]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(tmp_path_factory.mktemp(USER))


@pytest.mark.parametrize(
    ("package", "target"),
    [("openvino", "openvino:CPU"), ("onnxruntime", "ort:cpu"), ("onnxruntime_qnn", "qnn:htp-emu")],
)
def test_a_convolution(terminal: Terminal, package: str, target: str) -> None:
    """Placed whole, with outputs that agree with the reference; with a time, unless the device is emulated, and what
    each operator takes of it."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    _, model = placement_models(terminal.home)
    record = terminal.run("-m", str(model), "-t", target, "--profile").record("wholly", target)
    if record.failure is not None and record.failure.kind == "unavailable":
        pytest.skip(record.failure.message)  # the emulator exists only for x86-64
    assert ("ok", None) == (record.status, record.failure)
    assert record.fidelity is not None
    assert True is record.fidelity.ok
    assert record.placement is not None
    assert {record.placement.requested} == set(record.placement.nodes)
    assert record.summary.latency_ns is not None
    assert record.summary.memory_bytes is not None
    assert record.operators is not None
    assert ("", ["inference"]) == (record.operators.reason, [part.part for part in record.operators.parts])
    (part,) = record.operators.parts
    (conv,) = (one for one in part.operators if one.op.startswith("Conv"))
    emulated = record.plan.target.emulated
    assert (conv.macs, emulated) == (record.plan.model.macs, conv.time_ns is None)
    assert [emulated] * 3 == [ns is None for ns in (part.profiled_ns, part.plain_ns, part.operators_ns)]


@pytest.mark.parametrize(
    ("package", "target"), [("openvino_genai", "openvino-genai:CPU"), ("onnxruntime_genai", "ort-genai:cpu")]
)
def test_a_decoder(terminal: Terminal, package: str, target: str) -> None:
    """In float32 its tokens are those of the reference; each has its time. The engine tells no operators."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    asked = ("--plugin", str(SMALL_DECODER), "-m", "small-decoder", "-p", "8", "-n", "4", "-t", target)
    float32 = ("-O", "INFERENCE_PRECISION_HINT=f32") if target.startswith("openvino") else ()
    run = terminal.run(*asked, *float32, "--profile").recorded("small-decoder", target)
    assert ("ok", None) == (run.record.status, run.record.failure)
    text = run.record.summary.text_generation
    assert text is not None
    assert [("engine", 4, 4)] == [(a.of, a.token_prefix, a.tokens_compared) for a in text.agreement]
    assert 4 == run.arrays("token_ns")[0].shape[1]
    assert run.record.operators is not None
    assert f"{target} does not report the time of operators" == str(run.record.operators.reason)
