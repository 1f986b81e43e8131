"""Which models that were read a target does not get, without a runtime in sight."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, Device, Scenario
from bench.errors import RunFailure
from bench.plugins import discover
from bench.suite.fitness import refuse_unfit
from bench.suite.plan import TargetChoice
from bench.testing import fake_artifact
from bench.words import sentence


@pytest.fixture
def own(tmp_path: Path) -> Artifact:
    """A decoder that only onnxruntime-genai can drive."""
    (tmp_path / "genai_config.json").write_text("{}")
    artifact = fake_artifact(tmp_path / "genai_config.json", "text_generation")
    assert artifact.decoder is not None
    why = sentence("model.decoder_is_a_pipeline", ort_genai="genai_config.json")
    decoder = replace(artifact.decoder, runtime="onnxruntime-genai", only_there=why)
    return replace(artifact, model_id="piped", decoder=decoder)


def target(name: str, device: str) -> TargetChoice:
    tasks = ("tensor", "text_generation")
    return TargetChoice(discover().find("targets", name), Device(device, True), {}, ("onnx", "openvino_ir"), tasks)


@pytest.mark.parametrize(
    ("name", "device"), [("ort", "cpu"), ("openvino", "CPU"), ("openvino-genai", "CPU"), ("qnn", "htp-emu")]
)
def test_a_decoder_of_one_runtime_is_skipped_elsewhere(own: Artifact, name: str, device: str) -> None:
    """With the reason, and where it can be measured."""
    with pytest.raises(RunFailure) as caught:
        refuse_unfit(own, target(name, device), Scenario())
    failure = caught.value
    assert ("unsupported_format", "plan") == (failure.kind, failure.phase)
    expected = (
        f"{name}:{device} cannot run piped: only onnxruntime-genai can, with the folder's own configuration "
        "(genai_config.json: model.decoder is a pipeline of several graphs)"
    )
    assert expected == failure.message
    assert "Measure piped on a target of onnxruntime-genai" in failure.remedy


def test_its_own_runtime_gets_it(own: Artifact) -> None:
    """Whatever the target is called: it requires that distribution."""
    refuse_unfit(own, target("ort-genai", "cpu"), Scenario())


def test_any_other_decoder_fits_every_target_of_its_format(own: Artifact) -> None:
    """A layout that is known is refused by the targets themselves, where they cannot drive it."""
    assert own.decoder is not None
    refuse_unfit(replace(own, decoder=replace(own.decoder, runtime="")), target("ort", "cpu"), Scenario())
    tensor = replace(own, task="tensor", decoder=None)
    refuse_unfit(tensor, target("ort", "cpu"), Scenario())
    with pytest.raises(RunFailure, match="ort:cpu opens onnx and openvino_ir, but piped is tflite"):
        refuse_unfit(replace(tensor, format="tflite"), target("ort", "cpu"), Scenario())
