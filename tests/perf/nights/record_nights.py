"""Records how series differ from themselves from session to session on this machine: short sessions, as nights are.

    python tests/perf/nights/record_nights.py [SESSIONS] [MINUTES]

measures two small models on two runtimes SESSIONS times (64 unless given, or as many as MINUTES allow, 45). A session
is ``PROCESSES`` fresh processes of each series, in turns, each of which opens the model and times single queries for
``SECONDS``. It writes ``recorded/nights.npz`` beside itself: per metric the figure of every process [sessions, series,
processes], when each session began, and the fraction of the machine that other processes used meanwhile, at most in any
of its processes (``others``); and ``nights.txt``: what the machine was. Sessions that are there are kept.
test_nights.py judges by them.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.machine.environment import capture
from bench.machine.load import HostLoad

RECORDED = Path(__file__).with_name("recorded")
PROCESSES, SECONDS, WARM_UP = 3, 0.25, 10
SERIES = (("dense", "onnxruntime"), ("conv", "onnxruntime"), ("dense", "openvino"), ("conv", "openvino"))
METRICS = ("latency_p50_ns", "latency_p90_ns", "cold_start_ns", "peak_rss_bytes")


def dense(path: Path) -> None:
    """Six products of 64 x 256 with 256 x 256."""
    rng, nodes, weights, name = np.random.default_rng(0), [], [], "x"
    for i in range(6):
        weights.append(numpy_helper.from_array(rng.normal(0, 0.06, (256, 256)).astype(np.float32), f"w{i}"))
        nodes += [
            helper.make_node("MatMul", [name, f"w{i}"], [f"h{i}"]),
            helper.make_node("Relu", [f"h{i}"], [f"r{i}"]),
        ]
        name = f"r{i}"
    _write(path, nodes, weights, name, [64, 256], [64, 256])


def conv(path: Path) -> None:
    """Four convolutions of 3 x 3 on 16 channels of 48 x 48."""
    rng, nodes, weights, name = np.random.default_rng(1), [], [], "x"
    for i in range(4):
        weights.append(numpy_helper.from_array(rng.normal(0, 0.08, (16, 16, 3, 3)).astype(np.float32), f"w{i}"))
        nodes += [
            helper.make_node("Conv", [name, f"w{i}"], [f"h{i}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"h{i}"], [f"r{i}"]),
        ]
        name = f"r{i}"
    _write(path, nodes, weights, name, [1, 16, 48, 48], [1, 16, 48, 48])


def _write(path: Path, nodes: list[Any], weights: list[Any], last: str, shape: list[int], out: list[int]) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, of) for name, of in (("x", shape), (last, out))]
    graph = helper.make_graph(nodes, path.stem, [ends[0]], [ends[1]], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)


SHAPES = {"dense": [64, 256], "conv": [1, 16, 48, 48]}


def opened(path: str, runtime: str) -> Callable[[Any], Any]:
    """One inference, on one thread."""
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(path, "CPU", {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda x: request.infer([x])


def process(path: str, runtime: str, shape: str) -> None:
    """One fresh process: its figures, in the order of ``METRICS``."""
    x = np.random.default_rng(2).normal(size=json.loads(shape)).astype(np.float32)
    begin = time.perf_counter_ns()
    infer = opened(path, runtime)
    infer(x)
    cold = time.perf_counter_ns() - begin
    for _ in range(WARM_UP):
        infer(x)
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 20:
        start = time.perf_counter_ns()
        infer(x)
        times.append(time.perf_counter_ns() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps([float(np.percentile(times, 50)), float(np.percentile(times, 90)), cold, peak]) + "\n")


def session(folder: Path) -> tuple[Any, float]:
    """[series, processes, metrics], and the largest fraction of the machine that others used during a process."""
    found, others = np.full((len(SERIES), PROCESSES, len(METRICS)), np.nan), 0.0
    for number in range(PROCESSES):
        for place, (model, runtime) in enumerate(SERIES):
            asked = [str(folder / f"{model}.onnx"), runtime, json.dumps(SHAPES[model])]
            command = [sys.executable, __file__, "process", *asked]
            before, own = HostLoad.now(), children_seconds()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            busy = HostLoad.now().busy_share_of_others(before, children_seconds() - own)
            others = max(others, busy or 0.0)
            found[place, number] = json.loads(done.stdout.splitlines()[-1])
    return found, others


def children_seconds() -> float:
    """Processor time of the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def save(sessions: list[Any], began: list[str], load: list[float], others: list[float]) -> None:
    """Write what there is."""
    every = np.array(sessions)
    arrays: dict[str, Any] = {
        metric: np.rint(every[..., place]).astype(np.int64) for place, metric in enumerate(METRICS)
    }
    RECORDED.mkdir(exist_ok=True)
    names = np.array([f"{model} {runtime}" for model, runtime in SERIES])
    arrays |= {"began_utc": np.array(began), "series": names, "load": np.array([min(load), max(load)])}
    arrays["others"] = np.array(others)
    np.savez_compressed(RECORDED / "nights.npz", allow_pickle=False, **arrays)
    (RECORDED / "nights.txt").write_text(provenance(every, began, load), encoding="utf-8")


def provenance(every: Any, began: list[str], load: list[float]) -> str:
    """What, where, when, and how restless the machine was."""
    host = capture().host
    runtimes = ", ".join(f"{name} {version(name)}" for name in sorted({runtime for _, runtime in SERIES}))
    lines = [
        f"{len(every)} sessions of {len(SERIES)} series, {began[0]} to {began[-1]}: "
        f"{PROCESSES} processes of {SECONDS} s",
        f"{host.get('cpu')}, {host.get('cores_logical')} logical cores, virtualised: {host.get('virtualised')}; "
        f"{runtimes}",
        f"load average {min(load):.1f} to {max(load):.1f}",
    ]
    logs = np.log(every[..., 0])
    for place, (model, runtime) in enumerate(SERIES):
        levels = logs[:, place].mean(1)
        lines.append(
            f"{model} on {runtime}: p50 {np.exp(np.median(levels)) / 1e6:.3f} ms, spread between sessions "
            f"{levels.std(ddof=1):.1%}, between processes of one {np.sqrt(logs[:, place].var(1, ddof=1).mean()):.1%}"
        )
    return "\n".join(lines) + "\n"


def recorded() -> tuple[list[Any], list[str], list[float], list[float]]:
    """The sessions that are there, when each began, the smallest and the largest load meanwhile, and what others used
    (NaN where that was not recorded)."""
    if not (RECORDED / "nights.npz").exists():
        return [], [], [], []
    with np.load(RECORDED / "nights.npz") as archive:
        sessions = list(np.stack([archive[metric].astype(float) for metric in METRICS], axis=-1))
        others = archive["others"].tolist() if "others" in archive.files else [float("nan")] * len(sessions)
        return sessions, archive["began_utc"].tolist(), archive["load"].tolist(), others


def main(count: int, minutes: float) -> None:
    sessions, began, load, others = recorded()
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as name:
        dense(Path(name) / "dense.onnx")
        conv(Path(name) / "conv.onnx")
        while len(sessions) < count and time.monotonic() < end:
            began.append(datetime.now(UTC).isoformat(timespec="seconds"))
            measured, busy = session(Path(name))
            sessions.append(measured)
            others.append(busy)
            load.append(os.getloadavg()[0])
            if len(sessions) > 1:
                save(sessions, began, load, others)


if __name__ == "__main__":
    if sys.argv[1:2] == ["process"]:
        process(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 64, float(sys.argv[2]) if len(sys.argv) > 2 else 45)
