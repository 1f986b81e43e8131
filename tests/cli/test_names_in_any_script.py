"""Names in any script, in any locale: files, folders, labels, and what Windows puts in front of text."""

import codecs
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from bench.inputs.prompts import read_prompts
from bench.quality.coco import read_annotations
from bench.quality.labels import read_csv
from bench.quality.labels import read_json as read_labels
from bench.reading import read_object
from bench.store.records import load_records
from bench.suite.dataset_options import read_options
from bench.suite.suite import load_suite
from bench.targets.ort_genai.folder import read_config

ODB = [sys.executable, "-P", "-c", "from bench.cli import main; main()"]
PLAIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A locale in which file names are ASCII, as of a minimal container or a service."""


def odb(arguments: Sequence[str | bytes], folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    whole = [*ODB, *arguments]
    return subprocess.run(
        whole, cwd=folder, env={**os.environ, **environment}, capture_output=True, timeout=300, check=False
    )


def classifier(path: Path) -> Path:
    """The mean brightness of each channel as three scores."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["사진"], ["mean"], "평균"),
        helper.make_node("Reshape", ["mean", "to"], ["점수"], "모양"),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("사진", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("점수", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(np.array([1, 3], np.int64), "to")],
    )
    path.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.process
@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="file names have no other encoding there")
def test_korean_names_are_measured_in_a_plain_locale(tmp_path: Path) -> None:
    """Model, tensors, nodes, dataset, its files and the output folder, on every tensor target."""
    classifier(tmp_path / "모델 폴더 #1 100%" / "얼굴 검출.onnx")
    dataset = tmp_path / "사진들"
    dataset.mkdir()
    for index, name in enumerate(["빨강", "초록", "파랑"]):
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[:, :, index] = 255
        Image.fromarray(pixels).save(dataset / f"{name}.png")
    labels = {"빨강.png": 0, "초록.png": 1, "파랑.png": 2}
    (dataset / "labels.json").write_text(json.dumps(labels, ensure_ascii=False), encoding="utf-8")
    arguments = ["run", "-m", "모델 폴더 #1 100%/얼굴 검출.onnx", "-t", "ort:cpu", "-t", "openvino:CPU"]
    arguments += ["--dataset", "사진들", "--preset", "quick", "--repeats", "1", "--max-seconds", "0.2", "-o", "결과"]
    done = odb(arguments, tmp_path, **PLAIN)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    records = [one.record for one in load_records(tmp_path / "결과")]
    assert [("얼굴 검출", "ok")] * 2 == [(record.plan.model.id, record.status) for record in records]
    for record in records:
        assert record.quality is not None
        assert {"top1": 1.0} == {metric.name: metric.value for metric in record.quality.metrics}
        assert "얼굴-검출" in record.record_id
    assert "얼굴 검출".encode() in done.stdout


@pytest.mark.process
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="every file name is Unicode there")
def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    """As of an archive from an old Windows: no runtime could open it, and no record name it."""
    name = "얼굴.onnx".encode("euc-kr")
    (tmp_path / os.fsdecode(name)).write_bytes(b"")
    done = odb(["run", "-m", name, "-t", "ort:cpu", "-o", "out"], tmp_path)
    assert (2, "odb: error: \\xbe\\xf3\\xb1\\xbc.onnx: is not UTF-8") == (
        done.returncode,
        done.stderr.decode().splitlines()[0],
    )


MARKS = {"none": b"", "utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
"""What editors and shells of Windows write in front of a text."""
ANNOTATIONS = """{"images": [{"id": 1, "file_name": "개.png"}],
"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 2]}]}"""
READ: dict[str, tuple[str, Callable[[Path], Any], Any]] = {
    "suite.toml": ('name = "밤"\n', lambda file: load_suite(file).name, "밤"),
    "config.json": ('{"이름": "고양이"}', read_object, {"이름": "고양이"}),
    "genai_config.json": ('{"model": {"type": "라마"}}', lambda file: read_config(file)["model"]["type"], "라마"),
    "labels.json": ('{"개.png": 3}', lambda file: read_labels(file).of, {"개.png": (3,)}),
    "labels.csv": ("개.png,3\n", lambda file: read_csv(file).of, {"개.png": (3,)}),
    "annotations.json": (ANNOTATIONS, lambda file: list(read_annotations(file).of), ["개.png"]),
    "dataset.json": ('{"label_offset": 1}', lambda file: read_options(file.parent, "").label_offset, 1),
    "prompt.txt": ("옛날에", lambda file: read_prompts((), str(file), "m")[0].prompt, "옛날에"),
    "prompts.jsonl": ('{"prompt": "옛날에"}', lambda file: read_prompts((), str(file), "m")[0].prompt, "옛날에"),
}


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("name", READ)
def test_byte_order_marks_are_read_over(name: str, encoding: str, tmp_path: Path) -> None:
    """In every text file that a user gives: in front of UTF-8, and of UTF-16."""
    text, read, expected = READ[name]
    written = text.encode("utf-8" if encoding == "none" else encoding)
    (tmp_path / name).write_bytes(MARKS[encoding] + written)
    assert expected == read(tmp_path / name)
