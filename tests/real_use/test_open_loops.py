"""Both open loops on ONNX Runtime in real processes; the figures are computed again from samples.npz."""

import json
from typing import Any

import numpy as np
import pytest

from bench import run
from bench.scenarios.kinds import KINDS, parse_scenario
from bench.suite.suite import ModelAsk

pytestmark = [pytest.mark.real, pytest.mark.process]
MS = 1_000_000
CAMERA = "fixed-rate:rate=150,deadline=4ms,drop=oldest"
SERVER = "server:rate=150,latency=20ms,percentile=90"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """The record as it is in the file, and its samples, by scenario."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    room = tmp_path_factory.mktemp("loops")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [64, 64]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "x"], ["y"])], "net", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), room / "net.onnx")
    ask = ModelAsk(str(room / "net.onnx"))
    scenarios = [parse_scenario(text, KINDS[text.partition(":")[0]]) for text in (CAMERA, SERVER)]
    run([ask], ["ort:cpu"], scenarios=scenarios, repeats=1, max_seconds=0.5, out=room / "out")
    files = [json.loads(path.read_text()) for path in sorted((room / "out").glob("*/record.json"))]
    folders = [path.parent for path in sorted((room / "out").glob("*/record.json"))]
    held = [dict(np.load(folder / "samples.npz")) for folder in folders]
    return {file["plan"]["scenario"]["name"]: (file, arrays) for file, arrays in zip(files, held, strict=True)}


def of(record: Any, held: Any) -> dict[str, Any]:
    """The arrays of the only repeat, by role."""
    (repeat,) = record["repeats"]
    return {role: held[key] for role, key in repeat["samples"]["arrays"].items()}


def nearest_rank(values: Any, percent: int) -> int:
    """As LoadGen takes a percentile."""
    return int(np.sort(values)[len(values) * percent // 100])


def test_frames_of_a_camera(measured: dict[str, tuple[Any, Any]]) -> None:
    """75 frames, each answered or dropped; fractions, age, jitter and answers a second by their definitions."""
    record, held = measured["fixed-rate"]
    arrays, summary = of(record, held), record["summary"]
    latency, due, start, dropped = (arrays[f"{role}_ns"] for role in ("latency", "due", "start", "dropped"))
    assert 75 == len(latency) + len(dropped)
    every = np.sort(np.concatenate([due, dropped]))
    assert np.abs(every - np.arange(75) * 1e9 / 150).max() <= 0.5
    assert (start >= due).all()
    figures = {name: one["value"] for name, one in summary["figures"].items()}
    assert figures["in_time_fraction"] == pytest.approx((latency <= 4 * MS).sum() / 75)
    assert figures["dropped_fraction"] == pytest.approx(len(dropped) / 75)
    assert figures["jitter_ns"] == pytest.approx(np.abs(np.diff(latency)).mean(), abs=1)
    assert summary["latency_ns"]["p50"] == nearest_rank(latency, 50)
    window_ns = record["repeats"][0]["duration_ns"]
    assert window_ns >= max(round(75 / 150 * 1e9), int((due + latency).max()))
    assert summary["throughput_per_s"] == pytest.approx(len(latency) / window_ns * 1e9)


def test_queries_of_a_server(measured: dict[str, tuple[Any, Any]]) -> None:
    """As many as fit into the time, at moments whose mean gap is that of the rate."""
    record, held = measured["server"]
    arrays, summary = of(record, held), record["summary"]
    latency, due = arrays["latency_ns"], arrays["due_ns"]
    assert 75 == len(latency)
    assert 0 == len(arrays["dropped_ns"])
    assert 0 == due[0]
    assert 1e9 / 150 == pytest.approx(np.diff(due).mean(), rel=0.5)
    assert summary["figures"]["in_time_fraction"]["value"] == pytest.approx((latency <= 20 * MS).mean())
    for percent in (50, 90):
        assert summary["latency_ns"][f"p{percent}"] == nearest_rank(latency, percent)
