"""Which target is the reference: the targets offer, the engine has an order, and no runtime's name stands in it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, ReferenceSetup, Task
from bench.execution.references import no_reference, reference_for
from bench.plugins import Catalog, PluginRef, discover
from bench.testing import fake_artifact

PLUGIN = """
from bench.contracts import ReferenceSetup
from bench.testing import NullTarget


def offering(name, unoptimised, formats):
    class Offers(NullTarget):
        def reference_for(self, model_format, task):
            if model_format not in formats:
                return None
            return ReferenceSetup(device="cpu", options={"of": name}, name=name, unoptimised=unoptimised)

    return Offers


class Broken(NullTarget):
    def __init__(self):
        raise ValueError("no library")


PLUGINS = {"targets": {
    "a-broken": Broken,
    "b-silent": NullTarget,
    "c-float32": offering("c", False, ("onnx", "tflite", "other")),
    "d-exact": offering("d", True, ("onnx", "tflite", "other")),
    "e-exact": offering("e", True, ("onnx", "tflite", "other")),
}}
"""


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    (tmp_path / "net.onnx").write_text("net")
    return fake_artifact(tmp_path / "net.onnx")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "offers.py").write_text(PLUGIN)
    return discover((tmp_path / "offers.py",))


def of_format(artifact: Artifact, name: str) -> Artifact:
    return replace(artifact, format=name)


@pytest.mark.parametrize("task", ["tensor", "text_generation"])
def test_onnx_is_compared_with_the_unoptimised_graph(artifact: Artifact, task: Task) -> None:
    """Both built-in runtimes read ONNX; the one without optimisation comes first, whatever the task."""
    found = reference_for(replace(artifact, task=task), artifact, discover())
    assert found is not None
    expected = ReferenceSetup(
        device="cpu",
        options={"graph_optimization_level": "ORT_DISABLE_ALL"},
        name="ort:cpu, fp32, ORT_DISABLE_ALL",
        unoptimised=True,
    )
    assert ("ort", expected, expected.name) == (found.plugin.name, found.setup, found.name)


@pytest.mark.parametrize("name", ["openvino_ir", "tflite"])
def test_what_only_one_runtime_reads_is_compared_in_float32(artifact: Artifact, name: str) -> None:
    """The options keep the CPU from computing in bfloat16."""
    found = reference_for(of_format(artifact, name), artifact, discover())
    assert found is not None
    options = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
    expected = ReferenceSetup(device="CPU", options=options, name="openvino:CPU, f32")
    assert ("openvino", expected, expected.name) == (found.plugin.name, found.setup, found.name)


def test_another_model_is_named(artifact: Artifact) -> None:
    """A float model that stands in for the measured file is part of the reference's name."""
    found = reference_for(artifact, replace(artifact, sha256="0" * 64), discover())
    assert found is not None
    assert "net.onnx on ort:cpu, fp32, ORT_DISABLE_ALL" == found.name


@pytest.mark.parametrize(("name", "expected"), [("onnx", "ort"), ("tflite", "openvino"), ("other", "d-exact")])
def test_the_order_of_preference(artifact: Artifact, catalog: Catalog, name: str, expected: str) -> None:
    """A target of this project before any other; then unoptimised before float32; then by name. A target that cannot be
    loaded, or offers nothing, is passed over."""
    found = reference_for(of_format(artifact, name), artifact, catalog)
    assert found is not None
    assert expected == found.plugin.name


def test_no_target_offers(artifact: Artifact, catalog: Catalog) -> None:
    """There is no reference, and the record says for which format."""
    assert reference_for(of_format(artifact, "unknown"), artifact, catalog) is None
    failure = no_reference(of_format(artifact, "unknown")).failure
    assert ("unavailable", "no reference runtime here opens unknown") == (failure.kind, failure.message)


def test_a_decoder_of_one_runtime_has_no_reference(tmp_path: Path) -> None:
    """Every target that can drive it is the same runtime; the reason names it, and what would do."""
    (tmp_path / "genai_config.json").write_text("{}")
    text = fake_artifact(tmp_path / "genai_config.json", "text_generation")
    assert text.decoder is not None
    own = replace(text, decoder=replace(text.decoder, runtime="onnxruntime-genai", only_there="several graphs"))
    assert reference_for(text, text, discover()) is not None
    assert reference_for(own, own, discover()) is None
    failure = no_reference(own).failure
    assert "only onnxruntime-genai does, and it would be compared with itself (several graphs)" in failure.message
    assert "Name the same model in another form, in the same precision, with --reference." == failure.remedy


def test_what_ships_with_the_project() -> None:
    """A plugin file is not built in, also under a built-in target's name."""
    installed = discover().find("targets", "ort")
    assert (True, False) == (installed.built_in, PluginRef("targets", "ort", "ort.py", "ort.py", True).built_in)
