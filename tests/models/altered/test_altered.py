"""A copy with permuted weights holds the same values in another order, can be opened, and answers otherwise."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Alterable, ModelRequest
from bench.errors import InputError
from bench.models.files.ir_file import IrFile
from bench.models.files.onnx_file import OnnxFile
from bench.models.files.tflite_file import TfliteFile


def small_onnx(path: Path, in_lists: bool = False) -> Path:
    """y = x·W + b with W [8, 8] and b [8]; ``in_lists``: the values in ``float_data`` and not as raw bytes."""
    values = np.arange(64, dtype=np.float32).reshape(8, 8)
    weights = (
        helper.make_tensor("W", TensorProto.FLOAT, [8, 8], values.ravel().tolist())
        if in_lists
        else numpy_helper.from_array(values, "W")
    )
    bias = numpy_helper.from_array(np.arange(8, dtype=np.float32), "b")
    nodes = [helper.make_node("MatMul", ["x", "W"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], [weights, bias])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def altered(model: Alterable, path: Path, folder: Path, seed: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    return model.altered(ModelRequest(str(path)), folder, seed)


@pytest.mark.parametrize("in_lists", [False, True])
def test_values_of_an_onnx_weight_are_permuted(in_lists: bool, tmp_path: Path) -> None:
    """Its bias stays, and the seed decides the order."""
    path = small_onnx(tmp_path / "m.onnx", in_lists)
    found = [
        {t.name: numpy_helper.to_array(t) for t in onnx.load(file).graph.initializer}
        for file in (
            path,
            altered(OnnxFile(), path, tmp_path / "a"),
            altered(OnnxFile(), path, tmp_path / "b"),
            altered(OnnxFile(), path, tmp_path / "c", seed=2),
        )
    ]
    own, first, again, other = found
    assert sorted(first["W"].ravel()) == sorted(own["W"].ravel())
    assert not np.array_equal(first["W"], own["W"])
    assert np.array_equal(first["W"], again["W"])
    assert not np.array_equal(first["W"], other["W"])
    assert np.array_equal(first["b"], own["b"])


def test_external_data_is_read_and_the_file_is_whole(tmp_path: Path) -> None:
    """The copy needs nothing of the folder it was made from."""
    path = small_onnx(tmp_path / "m.onnx")
    outside = tmp_path / "outside"
    outside.mkdir()
    onnx.save_model(onnx.load(path), outside / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    made = altered(OnnxFile(), outside / "m.onnx", tmp_path / "a")
    (outside / "w.bin").unlink()
    assert [t.name for t in onnx.load(made).graph.initializer] == ["W", "b"]


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    """There would be nothing to see."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    with pytest.raises(InputError, match=r"m\.onnx has no weights"):
        altered(OnnxFile(), tmp_path / "m.onnx", tmp_path / "a")


def run_onnx(path: Path, feeds: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: feeds})[0])


def run_openvino(path: Path, feeds: np.ndarray) -> np.ndarray:
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU")
    return np.asarray(compiled([feeds])[compiled.output(0)])


CASES: list[tuple[str, Alterable, Callable[[Path, np.ndarray], np.ndarray], tuple[int, ...], str]] = [
    ("mlperf_tiny_resnet.onnx", OnnxFile(), run_onnx, (1, 3, 32, 32), "float32"),
    ("squeezenet_fp16.onnx", OnnxFile(), run_onnx, (1, 3, 224, 224), "float16"),
    ("road-segmentation-adas-0001.xml", IrFile(), run_openvino, (1, 3, 512, 896), "float32"),
    ("mlperf_tiny_resnet.tflite", TfliteFile(), run_openvino, (1, 32, 32, 3), "float32"),
    ("mlperf_tiny_resnet_int8.tflite", TfliteFile(), run_openvino, (1, 32, 32, 3), "int8"),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "model", "run", "shape", "dtype"), CASES, ids=[case[0] for case in CASES])
def test_real_models_answer_otherwise(
    name: str,
    model: Alterable,
    run: Callable[[Path, np.ndarray], np.ndarray],
    shape: tuple[int, ...],
    dtype: str,
    realdata: Path,
    tmp_path: Path,
) -> None:
    """The copy is opened by the same runtime, takes the same input, and gives an output of the same shape."""
    feeds = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    before, after = (
        run(realdata / "models" / name, feeds),
        run(altered(model, realdata / "models" / name, tmp_path), feeds),
    )
    assert before.shape == after.shape
    assert not np.allclose(before, after, rtol=0.01)
