"""What quantised tensors mean, and how a float model is fed the same."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.outputs.tolerance import rounds_as_int8
from bench.contracts import Artifact, Quantisation, TensorSpec
from bench.errors import InputError
from bench.quality.real_values import by_file_name, dequantised, feeds_for
from bench.testing import fake_artifact

INT8 = TensorSpec("x", "int8", (1, 4), Quantisation(0.5, -128))


def artifact(tmp_path: Path, *specs: TensorSpec) -> Artifact:
    path = tmp_path / "float.onnx"
    path.touch()
    made = fake_artifact(path)
    shapes = {spec.name: tuple(d for d in spec.shape if isinstance(d, int)) for spec in specs}
    return replace(made, facts=replace(made.facts, inputs=specs, outputs=specs), shapes=shapes)


def test_integers_become_what_they_mean() -> None:
    """scale × (value − zero point), also at the ends of int8; what is not quantised stays as it is."""
    found = dequantised({"x": np.array([-128, -126, 127], np.int8), "y": np.array([3], np.int8)}, (INT8,))
    assert ([0.0, 1.0, 127.5], [3]) == (found["x"].tolist(), found["y"].tolist())
    assert ("float32", "int8") == (str(found["x"].dtype), str(found["y"].dtype))
    assert [1.5] == dequantised({"x": np.array([1.5])}, (INT8,))["x"].tolist()


def test_outputs_by_their_names_in_the_file() -> None:
    """A runtime may rename them: then they go by their places, where the counts agree."""
    specs = (TensorSpec("a", "float32", (1,)), TensorSpec("b", "float32", (1,)))
    one, two = np.array([1]), np.array([2])
    assert ["a", "b"] == list(by_file_name({"p": one, "q": two}, specs))
    assert {"b": two, "a": one} == by_file_name({"b": two, "a": one}, specs)
    assert ["p"] == list(by_file_name({"p": one}, specs))


def test_a_float_model_is_fed_what_the_integers_mean(tmp_path: Path) -> None:
    """Dequantised, in its type, under its name."""
    twin = artifact(tmp_path, TensorSpec("image", "float32", (1, 4)))
    found = feeds_for({"x": np.array([[-128, -127, 0, 127]], np.int8)}, artifact(tmp_path, INT8), twin)
    assert ("image", "float32", [[0.0, 0.5, 64.0, 127.5]]) == (
        *found,
        str(found["image"].dtype),
        found["image"].tolist(),
    )


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (
            (TensorSpec("image", "float32", (1, 5)),),
            r"--reference float.onnx: image takes \[1, 5\], but the model takes \[1, 4\]",
        ),
        ((TensorSpec("a", "float32", (1, 4)), TensorSpec("b", "float32", (1,))), "has 2 inputs, but the model has 1"),
        ((TensorSpec("image", "int64", (1, 4)),), "input image takes int64, not float32"),
    ],
)
def test_a_reference_that_does_not_fit(tmp_path: Path, specs: tuple[TensorSpec, ...], message: str) -> None:
    """The file, the input and both shapes are named."""
    with pytest.raises(InputError, match=message):
        feeds_for({"x": np.zeros((1, 4), np.int8)}, artifact(tmp_path, INT8), artifact(tmp_path, *specs))


def test_what_is_judged_as_int8() -> None:
    """One input or output with a scale; else a model of int8 that is, or may be, compared with a float one."""
    plain = TensorSpec("x", "float32", (1, 4))
    assert rounds_as_int8((plain, INT8), "float32", float_reference=False)
    found = [rounds_as_int8((plain,), "int8", known) for known in (True, None, False)]
    assert [True, True, False] == found
    assert not any(rounds_as_int8((plain,), precision, True) for precision in ("float32", "", None))


@pytest.mark.real
def test_scales_are_read_from_tflite(tmp_path: Path, realdata: Path) -> None:
    """Scale and zero point of a real file's input and output; a float file has none."""
    from bench.contracts import ModelRequest
    from bench.models.files.tflite_file import TfliteFile

    def specs(name: str) -> list[Quantisation | None]:
        facts = TfliteFile().prepare(ModelRequest(str(realdata / "models" / f"{name}.tflite")), tmp_path).facts
        return [spec.quantisation for spec in (*facts.inputs, *facts.outputs)]

    assert [Quantisation(1.0, -128), Quantisation(1 / 256, -128)] == specs("mlperf_tiny_resnet_int8")
    assert [Quantisation(1 / 128, 128), Quantisation(1 / 256, 0)] == specs("mobilenet_v2_int8")
    assert [None, None] == specs("mlperf_tiny_resnet")
