"""The built-in image classifiers: published counts, sane numbers, and every runtime's agreement."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bench.contracts import Artifact, Model, ModelRequest
from bench.errors import InputError
from bench.models.vision.mobilenet_v2 import MobileNetV2
from bench.models.vision.resnet50 import ResNet50

PUBLISHED = [(MobileNetV2, 3_504_872, 0.30, 34_112), (ResNet50, 25_557_032, 4.09, 53_120)]
BUILDERS = [MobileNetV2, ResNet50]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the module, so that each network is written once."""
    return tmp_path_factory.mktemp("built")


def prepared(builder: type[Model], cache: Path, **fields: Any) -> Artifact:
    return builder().prepare(ModelRequest("built-in", **fields), cache)


def image(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((1, 3, 224, 224), np.float32)


@pytest.mark.long
@pytest.mark.parametrize(("builder", "parameters", "gmacs", "statistics"), PUBLISHED)
def test_published_counts(builder: type[Model], parameters: int, gmacs: float, statistics: int, cache: Path) -> None:
    """Parameters are the published ones to the last; MACs to the published digits; statistics are stored but no
    parameters."""
    facts = prepared(builder, cache).facts
    assert parameters == facts.parameters
    assert gmacs == round((facts.macs or 0) / 1e9, 2)
    assert facts.macs == sum(facts.node_macs.values())
    stored = [i for i in onnx.load(prepared(builder, cache).path).graph.initializer if "running" in i.name]
    assert statistics == sum(i.dims[0] for i in stored)


@pytest.mark.parametrize("builder", BUILDERS)
def test_artifact_describes_its_file(builder: type[Model], cache: Path) -> None:
    """The artifact is complete, and its file is valid ONNX."""
    artifact = prepared(builder, cache)
    onnx.checker.check_model(artifact.path, full_check=True)
    assert ("tensor", "onnx", "float32", None) == (
        artifact.task,
        artifact.format,
        artifact.precision,
        artifact.decoder,
    )
    assert {"input": (1, 3, 224, 224)} == artifact.shapes
    assert (artifact.path.stat().st_size, (artifact.path,)) == (artifact.size_bytes, artifact.files)
    assert [("logits", (1, 1000))] == [(o.name, o.shape) for o in artifact.facts.outputs]


@pytest.mark.long
def test_seed_decides_the_weights(cache: Path, tmp_path: Path) -> None:
    """The same seed gives the same bytes in another cache, another seed others."""
    first = prepared(MobileNetV2, cache, seed=1).sha256
    assert first == prepared(MobileNetV2, tmp_path, seed=1).sha256
    assert first != prepared(MobileNetV2, cache, seed=2).sha256


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"format": "tflite"}, "is not available as tflite"),
        ({"precision": "int8"}, "is not available in int8"),
        ({"shapes": {"input": (2, 3, 224, 224)}}, "does not fit"),
        ({"shapes": {"image": (1, 3, 224, 224)}}, "unknown input"),
    ],
)
def test_what_it_does_not_come_in_is_refused(fields: dict[str, Any], part: str, tmp_path: Path) -> None:
    """Format, precision and shapes that the built-in has not; nothing is written for them."""
    with pytest.raises(InputError, match=part):
        prepared(MobileNetV2, tmp_path, **fields)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.real
@pytest.mark.parametrize("builder", BUILDERS)
def test_activations_suit_float16_and_depend_on_the_image(builder: type[Model], cache: Path) -> None:
    """No intermediate vanishes or comes near float16's 65,504; different images give different logits."""
    ort = pytest.importorskip("onnxruntime")
    model = onnx.load(prepared(builder, cache).path)
    names = [node.output[0] for node in model.graph.node if node.output[0] != "logits"]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(None, {"input": image(0)})
    assert max(float(np.abs(value).max()) for value in values) < 100
    assert min(float(value.std()) for value in values) > 0.05
    logits = values[0]
    assert 1000 == len(np.unique(logits))
    other = session.run(["logits"], {"input": image(1)})[0]
    assert np.corrcoef(logits[0], other[0])[0, 1] < 0.95


@pytest.mark.real
@pytest.mark.parametrize("builder", BUILDERS)
def test_onnxruntime_and_openvino_agree(builder: type[Model], cache: Path) -> None:
    """Both runtimes open the file and compute the same logits in float32."""
    ort, ov = pytest.importorskip("onnxruntime"), pytest.importorskip("openvino")
    path = prepared(builder, cache).path
    expected = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"input": image(0)})[0]
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    actual = compiled({"input": image(0)})[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
