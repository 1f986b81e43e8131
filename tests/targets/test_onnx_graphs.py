"""Graphs written anew for runtimes that do not open the file as it lies."""

import os
import platform
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from bench.contracts import Artifact, ConvertingTarget, ModelRequest, OpenRequest, Phase, TensorSession
from bench.errors import InputError
from bench.models.files.onnx_file import OnnxFile
from bench.targets.onnx_graphs import has_nameless_dimensions, weights_leave_folder
from bench.targets.openvino.genai import OpenVinoGenai
from bench.targets.openvino.target import OpenVino
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.qnn.target import OnnxRuntimeQnn

FLOAT = TensorProto.FLOAT
PLACES = {"w": "weights/가중치.bin", "b": "bias.bin"}
W = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
B = np.array([1, 2, 3], np.float32)
X = np.arange(8, dtype=np.float32).reshape(2, 4)


def write(folder: Path, rows: int | str | None = 2) -> Path:
    """``folder/model.onnx``: x [rows, 4] → y, its weights in two files, one of them in a folder below."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], "product"),
        helper.make_node("Add", ["p", "b"], ["y"], "sum"),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, [rows, 4])],
        [helper.make_tensor_value_info("y", FLOAT, [rows, 3])],
        [numpy_helper.from_array(W, "w"), numpy_helper.from_array(B, "b")],
    )
    for tensor in graph.initializer:
        file = folder / PLACES[tensor.name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tensor.raw_data)
        external_data_helper.set_external_data(tensor, PLACES[tensor.name], 0, len(tensor.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    return folder / "model.onnx"


def hub_cache(root: Path, model: Path, weights: Iterable[str] = PLACES.values()) -> Path:
    """The folder of ``model`` as a download cache keeps it: every file a link to a blob named by its hash."""
    blobs, snapshot = root / "models--acme--net" / "blobs", root / "models--acme--net" / "snapshots" / "abc" / "onnx"
    blobs.mkdir(parents=True)
    for index, name in enumerate([model.name, *weights]):
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        (model.parent / name).rename(blobs / f"{index:08x}")
        try:
            link.symlink_to(os.path.relpath(blobs / f"{index:08x}", link.parent))
        except OSError:
            pytest.skip("links need a privilege here")
    return snapshot / model.name


def prepared(path: Path, **shapes: tuple[int, ...]) -> Artifact:
    return OnnxFile().prepare(ModelRequest(str(path), shapes=shapes), path.parent)


def output(target: Any, device: str, artifact: Artifact, folder: Path, phase: Phase, **options: str) -> Any:
    """y, of the form that the target opens."""
    if isinstance(target, ConvertingTarget) and target.converts(artifact):
        folder.mkdir()
        artifact = target.convert(artifact, folder)
    target.check(artifact, device, options)
    session = target.open(OpenRequest(artifact, device, options), phase)
    assert isinstance(session, TensorSession)
    session.bind({"x": X})()
    return session.results()["y"]


def on_openvino(artifact: Artifact, folder: Path, phase: Phase) -> Any:
    pytest.importorskip("openvino")
    return output(OpenVino(), "CPU", artifact, folder, phase, INFERENCE_PRECISION_HINT="f32")


def on_onnxruntime(artifact: Artifact, folder: Path, phase: Phase) -> Any:
    pytest.importorskip("onnxruntime")
    return output(OnnxRuntimeCpu(), "cpu", artifact, folder, phase)


def on_qnn(artifact: Artifact, folder: Path, phase: Phase) -> Any:
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    return output(OnnxRuntimeQnn(), "htp-emu", artifact, folder, phase)


Run = Callable[[Artifact, Path, Phase], Any]
TARGETS = pytest.mark.parametrize("run", [on_onnxruntime, on_openvino, on_qnn])


@pytest.mark.real
@TARGETS
def test_a_download_cache_of_links_opens_everywhere(run: Run, tmp_path: Path, phase: Phase) -> None:
    """Graph and weights are links to blobs of other names; the numbers are right."""
    path = hub_cache(tmp_path / "hub", write(tmp_path))
    artifact = prepared(path)
    assert weights_leave_folder(artifact)
    np.testing.assert_allclose(run(artifact, tmp_path / "made", phase), X @ W + B, rtol=1e-2, atol=1e-2)


@pytest.mark.real
@TARGETS
@pytest.mark.parametrize("linked", [False, True], ids=["files", "links"])
def test_dimensions_without_names_are_fixed(run: Run, linked: bool, tmp_path: Path, phase: Phase) -> None:
    """ "?" for both sides: the shape that was asked for reaches every target, with weights in files of their own."""
    path = write(tmp_path, "?")
    artifact = prepared(hub_cache(tmp_path / "hub", path) if linked else path, x=(2, 4))
    assert has_nameless_dimensions(artifact)
    np.testing.assert_allclose(run(artifact, tmp_path / "made", phase), X @ W + B, rtol=1e-2, atol=1e-2)


@pytest.mark.real
def test_a_decoder_of_links_gives_openvino_genai_the_same_folder(realdata: Path, tmp_path: Path) -> None:
    """Byte for byte that of the plain files, but for the name that OpenVINO gives the whole graph."""
    pytest.importorskip("openvino")
    made = []
    for name, linked in (("plain", False), ("linked", True)):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "model.onnx"
        model = onnx.load(realdata / "llm" / "stories260K" / "model.onnx")
        onnx.save(model, path, save_as_external_data=True, location="model.onnx_data", size_threshold=1024)
        if linked:
            path = hub_cache(tmp_path / "hub", path, ["model.onnx_data"])
        (tmp_path / name / "genai").mkdir()
        artifact = OpenVinoGenai().convert(prepared(path), tmp_path / name / "genai")
        assert linked == weights_leave_folder(prepared(path))
        made.append([re.sub(rb'^<net name="[^"]*"', b"<net", file.read_bytes(), flags=re.M) for file in artifact.files])
    assert made[0] == made[1]


def test_a_file_with_names_is_opened_as_it_is(tmp_path: Path) -> None:
    """Named dimensions, weights beside the graph: nothing is written."""
    artifact = prepared(write(tmp_path, "rows"), x=(2, 4))
    assert not OnnxRuntimeQnn().converts(artifact)
    assert not OpenVino().converts(artifact)


def test_the_users_files_stay_as_they_are(tmp_path: Path) -> None:
    """The weights are neither copied nor changed; the same shapes give the same graph, others another."""
    artifact = prepared(write(tmp_path, "?"), x=(2, 4))
    before = {file: file.read_bytes() for file in artifact.files}
    made = []
    for name, shape in (("a", (2, 4)), ("b", (2, 4)), ("c", (5, 4))):
        folder = tmp_path / name
        folder.mkdir()
        made.append(OnnxRuntimeQnn().convert(prepared(artifact.path, x=shape), folder))
        assert [made[-1].path] == [file for file in folder.rglob("*") if file.is_file()]
        assert artifact.path.name == made[-1].path.name
    assert before == {file: file.read_bytes() for file in artifact.files}
    assert made[0].sha256 == made[1].sha256 != made[2].sha256
    assert made[0].files[1:] == tuple(file.resolve() for file in artifact.files[1:])


def test_a_link_out_of_its_cache_is_refused(tmp_path: Path) -> None:
    """Weights that a link fetches from elsewhere are not read."""
    secret = tmp_path / "elsewhere" / "secret.bin"
    secret.parent.mkdir()
    secret.write_bytes(B.tobytes())
    path = write(tmp_path / "model")
    (path.parent / "bias.bin").unlink()
    try:
        (path.parent / "bias.bin").symlink_to(secret)
    except OSError:
        pytest.skip("links need a privilege here")
    with pytest.raises(InputError, match=r"outside its own folder: 'bias\.bin'"):
        prepared(path)
