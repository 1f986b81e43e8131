"""What the harness costs, as ratios within one run. Each benchmark alternates the two sides, so that a machine that
changes speed changes both."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bench.contracts import Artifact, GraphFacts, OpenRequest, TensorSpec
from bench.measure.loop import quiet_interpreter, time_queries
from bench.plugins import discover, load
from bench.stats.timeline import Timeline
from bench.testing import no_phase
from bench.words.compiling import compile_all

pytestmark = pytest.mark.perf


def p50_ns(call: Callable[[], None], queries: int) -> int:
    """The harness' own p50 over ``queries``."""
    timeline = Timeline()
    with quiet_interpreter():
        time_queries(call, queries, timeline)
    return int(np.median(timeline.latency_ns()))


def bare_p50_ns(call: Callable[[], None], queries: int) -> int:
    """The shortest loop one can write around the same call."""
    latencies = [0] * queries
    clock = time.perf_counter_ns
    with quiet_interpreter():
        for i in range(queries):
            begin = clock()
            call()
            latencies[i] = clock() - begin
    return int(np.median(latencies))


def no_op_artifact(folder: Path) -> Artifact:
    """A graph of one Identity on four floats."""
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "no-op", value[:1], value[1:])
    path = folder / "no-op.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    facts = GraphFacts((TensorSpec("x", "float32", (1, 4)),), (TensorSpec("y", "float32", (1, 4)),))
    size = path.stat().st_size
    return Artifact("no-op", "tensor", "onnx", "float32", path, (path,), "0" * 64, size, facts, {"x": (1, 4)})


def bound(target: str, device: str, artifact: Artifact) -> Callable[[], None]:
    session: Any = load(discover().find("targets", target)).open(OpenRequest(artifact, device), no_phase)
    return session.bind({"x": np.zeros((1, 4), np.float32)})  # type: ignore[no-any-return]


def test_the_loop_adds_at_most_a_fifth_of_a_microsecond(benchmark: Any) -> None:
    """Null session: what the loop adds to a query at p50."""
    added = benchmark.pedantic(lambda: p50_ns(lambda: None, 100_000), rounds=5, warmup_rounds=1)
    benchmark.extra_info["added_ns"] = added
    assert added <= 200


@pytest.mark.parametrize(("target", "device"), [("ort", "cpu"), ("openvino", "CPU")])
def test_a_no_op_model_is_timed_as_a_bare_loop_times_it(
    benchmark: Any, tmp_path: Path, target: str, device: str
) -> None:
    """p50 of the harness over that of a bare loop around the same bound call."""
    pytest.importorskip({"ort": "onnxruntime", "openvino": "openvino"}[target])
    call = bound(target, device, no_op_artifact(tmp_path))
    ratios = []

    def alternate() -> None:
        bare = bare_p50_ns(call, 3_000)
        ours = p50_ns(call, 3_000)
        ratios.append(ours / bare)

    benchmark.pedantic(alternate, rounds=15, warmup_rounds=2)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    assert statistics.median(ratios) <= 1.1


@pytest.mark.parametrize(("arguments", "limit"), [(["--help"], 3.0), (["list", "models"], 4.5)])
def test_light_commands_start_fast(benchmark: Any, arguments: list[str], limit: float) -> None:
    """Median CPU time over that of `python -c pass` in the same environment, in alternation, with compiled modules and
    catalogues as after an installation."""
    compile_all()
    ours = [sys.executable, "-c", "from bench.cli import main; main()", *arguments]
    bare, full = [], []

    def alternate() -> None:
        bare.append(cpu_seconds([sys.executable, "-c", "pass"]))
        full.append(cpu_seconds(ours))

    benchmark.pedantic(alternate, rounds=25, warmup_rounds=2)
    ratio = statistics.median(full[2:]) / statistics.median(bare[2:])
    benchmark.extra_info["ratio"] = ratio
    assert ratio <= limit


def cpu_seconds(command: list[str]) -> float:
    """User and system time of a process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
