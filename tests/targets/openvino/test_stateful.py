"""Stateful IRs: what conversion keeps, and that the raw engine runs them too."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from genai_folders import write_int32_mask
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, ModelRequest, OpenRequest, Phase, TokenSession
from bench.errors import RunFailure
from bench.models.files.folder import ModelFolder
from bench.targets.openvino.genai import OpenVinoGenai
from bench.targets.openvino.stateful import stateful_folder
from bench.targets.openvino.target import OpenVino

pytestmark = pytest.mark.real
BLOCK = 32


@pytest.fixture(autouse=True)
def _needs_openvino() -> None:
    pytest.importorskip("openvino_genai")


def stored(folder: Path) -> Counter[str]:
    """Elements of the constants of two dimensions, by type as stored."""
    import openvino

    counted: Counter[str] = Counter()
    for node in openvino.Core().read_model(folder / "openvino_model.xml").get_ops():
        if node.get_type_name() == "Constant" and len(node.get_output_shape(0)) >= 2:
            counted[node.get_output_element_type(0).get_type_name()] += int(np.prod(node.get_output_shape(0)))
    return counted


def rewritten(stories: Artifact, path: Path, kind: str) -> Artifact:
    """stories260K with the weights of its matrix products in float16, or as int4 in blocks of 32."""
    model = onnx.load(stories.path)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 21))
    products = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    first: list[onnx.NodeProto] = []
    for tensor in [t for t in model.graph.initializer if t.name in products and t.dims[0] % BLOCK == 0]:
        values, name = numpy_helper.to_array(tensor), tensor.name
        model.graph.initializer.remove(tensor)
        if kind == "float16":
            model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            first.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
            continue
        blocks = values.reshape(-1, BLOCK, values.shape[1])
        scale = np.abs(blocks).max(1).astype(np.float32) / 7
        whole = np.rint(blocks / scale[:, None]).astype(np.int8).reshape(values.shape)
        model.graph.initializer.append(
            helper.make_tensor(f"{name}.int4", TensorProto.INT4, values.shape, whole.flatten().tolist())
        )
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        inputs = [f"{name}.int4", f"{name}.scale"]
        first.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0, block_size=BLOCK))
    nodes = [*first, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)
    return replace(stories, path=path, files=(path,))


def test_float32_stays_float32(stories: Artifact, tmp_path: Path) -> None:
    """No weight is compressed on the way."""
    assert {"f32"} == {kind for kind in stored(stateful_folder(stories, tmp_path).path.parent) if "f" in kind}


@pytest.mark.parametrize(("kind", "element"), [("float16", "f16"), ("int4", "i4")])
def test_weights_are_stored_as_they_were(stories: Artifact, tmp_path: Path, kind: str, element: str) -> None:
    """float16, and int4 with its scales: neither folded nor widened."""
    artifact = rewritten(stories, tmp_path / "other.onnx", kind)
    (tmp_path / "made").mkdir()
    assert stored(stateful_folder(artifact, tmp_path / "made").path.parent)[element] > 150_000


def test_an_int32_mask_comes_in_as_the_pipeline_gives_it(
    stories: Artifact, golden: list[int], tmp_path: Path, phase: Phase
) -> None:
    """int64, and on the raw engine too."""
    write_int32_mask(stories.path, tmp_path / "narrow.onnx")
    assert stories.decoder is not None
    decoder = replace(stories.decoder, mask_dtype="int32")
    narrow = replace(stories, path=tmp_path / "narrow.onnx", files=(tmp_path / "narrow.onnx",), decoder=decoder)
    artifact = stateful_folder(narrow, tmp_path)
    for target in (OpenVino(), OpenVinoGenai()):
        session: Any = target.open(OpenRequest(artifact, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}), phase)
        found: list[int] = []
        if isinstance(session, TokenSession):
            found = [session.prefill(np.array(golden[:1])), *(session.decode() for _ in range(19))]
        else:
            session.generate(np.array(golden[:1]), 20, found.append)
        assert golden[1:21] == found


def test_a_shared_buffer_is_not_converted(stories: Artifact, tmp_path: Path) -> None:
    """OpenVINO does not share it; who does is named."""
    assert stories.decoder is not None
    artifact = replace(stories, decoder=replace(stories.decoder, past_length=32))
    with pytest.raises(RunFailure, match="one buffer of 32 tokens") as caught:
        stateful_folder(artifact, tmp_path)
    assert "ort-genai:cpu" in caught.value.remedy


def test_the_raw_engine_runs_a_stateful_ir(openvino_genai_folder: Path, golden: list[int], phase: Phase) -> None:
    """The golden ids from the same folder, twice, on ``openvino:CPU``."""
    artifact = ModelFolder().prepare(ModelRequest(str(openvino_genai_folder)), openvino_genai_folder)
    session: Any = OpenVino().open(OpenRequest(artifact, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}), phase)
    assert isinstance(session, TokenSession)
    for _ in range(2):
        assert golden[1:] == [session.prefill(np.array(golden[:1])), *(session.decode() for _ in golden[2:])]
        session.reset()
