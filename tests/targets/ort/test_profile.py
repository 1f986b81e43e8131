"""The profile that ONNX Runtime writes: read from a recorded file, and had of a real session."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, GraphFacts, OpenRequest, Phase, ProfilingSession, TensorSession
from bench.errors import RunFailure
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.ort.node_names import naming
from bench.targets.ort.profile import Node, ProfiledRuns, executions

Make = Callable[..., Artifact]

RECORDED = """
Session 4080 3 model_loading_array
Session 3442 4151 session_initialization
Node 61 7913 inner_t_kernel_time MatMul
Node 13 7979 act_t_kernel_time Relu
Session 83 7912 SequentialExecutor::Execute
Node 128 7874 branch_kernel_time If
Node 22 8007 last_kernel_time Softmax
Session 162 7871 SequentialExecutor::Execute
Session 176 7861 model_run
Node 13 14813 inner_t_kernel_time MatMul
Node 4 14828 act_t_kernel_time Relu
Session 22 14813 SequentialExecutor::Execute
Node 29 14810 branch_kernel_time If
Node 7 14841 last_kernel_time Softmax
Session 40 14810 SequentialExecutor::Execute
Session 44 14807 model_run
"""
"""Of two runs of a graph whose ``If`` holds a MatMul and a Relu: category, duration, beginning, name, operator."""


def event(line: str) -> dict[str, Any]:
    kind, dur, ts, name, *op = line.split()
    args = {"op_name": op[0], "provider": "CPUExecutionProvider"} if op else {}
    return {"cat": kind, "pid": 7, "tid": 7, "dur": int(dur), "ts": int(ts), "ph": "X", "name": name, "args": args}


def recorded(lines: str = RECORDED) -> list[dict[str, Any]]:
    return [event(line) for line in lines.strip().splitlines()]


def test_a_branch_is_told_without_the_nodes_inside_it() -> None:
    """128 µs less 61 and 13, and 29 less 13 and 4: no time is counted twice."""
    told = [{node.name: one.time_us for node, one in execution.items()} for execution in executions(recorded())]
    assert told == [
        {"branch": 54, "inner_t": 61, "act_t": 13, "last": 22},
        {"branch": 12, "inner_t": 13, "act_t": 4, "last": 7},
    ]


def test_a_node_that_runs_twice_in_an_execution_is_added_up() -> None:
    """As in a loop; what ran before the first execution is of none."""
    lines = """
    Node 5 1 early_kernel_time Add
    Session 90 10 model_run
    Node 4 12 step_token_7_kernel_time Add
    Node 6 20 step_token_7_kernel_time Add
    Node 9 30 conv_nchwc_kernel_time Conv
    """
    (execution,) = executions(recorded(lines))
    step, conv = execution.items()
    assert (step[0], step[1].time_us, step[1].calls) == (Node("step", "Add", "CPUExecutionProvider"), 10, 2)
    assert (conv[0].name, conv[0].kernel, conv[1].time_us) == ("conv", "NCHWc", 9)


class Session:
    """Writes what was recorded when profiling ends."""

    def __init__(self, file: Path, events: list[dict[str, Any]]) -> None:
        file.write_text(json.dumps(events))
        self.file = file

    def run(self, *given: Any) -> None:
        """Nothing."""

    def end_profiling(self) -> str:
        return str(self.file)


def test_executions_belong_to_the_part_that_was_named_before_them(
    tmp_path: Path, float_net: Path, artifact_of: Make
) -> None:
    """The first is a warm-up, the second the part's; times are in nanoseconds, the device is the provider's."""
    runs = ProfiledRuns(artifact_of(float_net))
    session = runs.watched(Session(tmp_path / "p.json", recorded()))
    session.run()
    runs.part("inference")
    session.run()
    (found,) = runs.profiles({"CPUExecutionProvider": "cpu"}).values()
    assert (found.source, found.executions, found.averaged) == ("ONNX Runtime enable_profiling", 1, False)
    told = [(one.name, one.op, one.device, one.times_ns) for one in found.operators]
    assert told == [
        ("branch", "If", "cpu", (12_000,)),
        ("inner_t", "MatMul", "cpu", (13_000,)),
        ("act_t", "Relu", "cpu", (4_000,)),
        ("last", "Softmax", "cpu", (7_000,)),
    ]


@pytest.mark.parametrize("text", ["", "[{", "[]"])
def test_a_profile_that_is_not_whole_is_no_profile(
    text: str, tmp_path: Path, float_net: Path, artifact_of: Make
) -> None:
    """As on a full disk: no shares of what happened to be written."""
    runs = ProfiledRuns(artifact_of(float_net))
    session = Session(tmp_path / "p.json", [])
    session.file.write_text(text)
    runs.part("inference")
    runs.watched(session).run()
    with pytest.raises(RunFailure, match="lacks some of what was executed"):
        runs.profiles({})


def weighed(artifact: Artifact) -> Artifact:
    return replace(artifact, facts=replace(artifact.facts, node_macs={"conv": 3888}, macs=3888))


def test_a_fused_node_is_called_as_the_product_that_it_begins_with(float_net: Path, artifact_of: Make) -> None:
    """ONNX Runtime names it after the output of the last node that it was fused with."""
    named = naming(weighed(artifact_of(float_net)), {"y"})
    assert ["conv", "conv", "conv", "y", "relu"] == [
        named("y", "Conv"),
        named("fused conv", "FusedConv"),
        named("InsertedPrecisionFreeCast_conv", "Conv"),
        named("y", "ReorderOutput"),
        named("relu", "Relu"),
    ]


def test_a_name_that_stands_for_itself_is_given_to_no_other(float_net: Path, artifact_of: Make) -> None:
    """Otherwise the MACs of one node would stand beside the time of another."""
    artifact = artifact_of(float_net, facts=GraphFacts((), (), node_macs={"conv": 3888, "gone": 1}))
    assert naming(artifact, {"conv", "y"})("y", "Conv") == "y"


@pytest.mark.real
def test_a_real_session_tells_each_node(
    tmp_path: Path, float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """The convolution of three executions, after two that are not asked for; without profiling it tells nothing."""
    pytest.importorskip("onnxruntime")
    request = OpenRequest(weighed(artifact_of(float_net)), "cpu", {}, profile=tmp_path)
    session = OnnxRuntimeCpu().open(request, phase)
    assert isinstance(session, ProfilingSession)
    assert isinstance(session, TensorSession)
    call = session.bind({"x": image})
    call()
    call()
    session.profile_part("inference")
    for _ in range(3):
        call()
    found = session.profiles()["inference"]
    (conv,) = (one for one in found.operators if one.op == "Conv")
    assert (found.executions, conv.name, conv.device, len(conv.times_ns)) == (3, "conv", "cpu", 3)
    assert [] == [file.name for file in tmp_path.iterdir() if not file.name.startswith("onnxruntime")]
    silent = OnnxRuntimeCpu().open(replace(request, profile=None), phase)
    assert isinstance(silent, ProfilingSession)
    assert {} == dict(silent.profiles())
