"""QNN's profile: read from a recorded file, and had of the emulator."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import Artifact, OpenRequest, Phase, ProfilingSession, TensorSession
from bench.errors import RunFailure
from bench.targets.ort.profile import Execution, Node, Spent
from bench.targets.qnn import profile
from bench.targets.qnn.profile import QnnRuns, executions, options
from bench.targets.qnn.target import OnnxRuntimeQnn

Make = Callable[..., Artifact]
DEVICES = {"QNNExecutionProvider": "HTP", "CPUExecutionProvider": "CPU"}

RECORDED = """Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier
0,FINALIZE,24947,US,BACKEND,ROOT,QNN (finalize) time
0,UNKNOWN,20765,US,BACKEND,SUB-EVENT,Graph Optimizations
0,BACKEND,5168,US,BACKEND,ROOT,Time for initial VTCM acquire
0,BACKEND,3172053,CYCLES,BACKEND,ROOT,Accelerator (execute) time (cycles)
0,NODE,2639,CYCLES,BACKEND,SUB-EVENT,Input OpId_2 (cycles)
0,NODE,0,CYCLES,BACKEND,SUB-EVENT,model/relu;model/conv,2_token_2:OpId_23 (cycles)
0,NODE,127984,CYCLES,BACKEND,SUB-EVENT,model/conv:OpId_26 (cycles)
0,BACKEND,37506,US,BACKEND,ROOT,Accelerator (execute) time
0,EXECUTE,37742,US,BACKEND,ROOT,QNN (execute) time
0,BACKEND,2000502,CYCLES,BACKEND,ROOT,Accelerator (execute) time (cycles)
0,NODE,2535,CYCLES,BACKEND,SUB-EVENT,Input OpId_2 (cycles)
0,NODE,0,CYCLES,BACKEND,SUB-EVENT,model/relu;model/conv,2_token_2:OpId_23 (cycles)
0,NODE,118356,CYCLES,BACKEND,SUB-EVENT,model/conv:OpId_26 (cycles)
0,EXECUTE,24094,US,BACKEND,ROOT,QNN (execute) time
"""
"""Of two executions on the emulator, the operators cut to three."""


def test_each_execution_tells_the_cycles_of_each_operator() -> None:
    """Names may hold commas; what the layout transformer appended is taken off."""
    relu = ("model/relu;model/conv,2", "23")
    assert [
        {("Input", "2"): 2639, relu: 0, ("model/conv", "26"): 127984},
        {("Input", "2"): 2535, relu: 0, ("model/conv", "26"): 118356},
    ] == executions(RECORDED)


def test_the_provider_is_told_to_write_only_where_that_is_asked(tmp_path: Path) -> None:
    """``detailed``: ``optrace`` would write a file into the current folder."""
    assert {} == options(None, "graph")
    assert {"profiling_level": "detailed", "profiling_file_path": str(tmp_path / "qnn-graph.csv")} == options(
        tmp_path, "graph"
    )


def runs_of(
    folder: Path, artifact: Artifact, text: str, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> QnnRuns:
    """Runs of one session in ``parts``; ONNX Runtime tells the graph and a node on the CPU."""
    (folder / "qnn-graph.csv").write_text(text)
    runs = QnnRuns(artifact, folder, ["graph"], {"model/conv": "Conv", "model/relu;model/conv,2": "Relu"})
    runs.runs = [(0, part) for part in parts]
    graph, last = (Node(*names) for names in (("QNN_1", "QNN_1", "QNNExecutionProvider"), ("sub", "Sub", "CPU")))
    each: Execution = {graph: Spent(37_800, 1), last: Spent(5, 1)}
    monkeypatch.setattr(runs, "ended", lambda: {"inference": [each for part in parts if part]})
    return runs


def test_graph_and_operators_stand_beside_nodes_of_the_cpu(
    tmp_path: Path, float_net: Path, artifact_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times of what ONNX Runtime ran, cycles of what the HTP ran; the first execution is a warm-up."""
    runs = runs_of(tmp_path, artifact_of(float_net), RECORDED, ("", "inference"), monkeypatch)
    (found,) = runs.profiles(DEVICES).values()
    assert found.source == "ONNX Runtime enable_profiling; QNN profiling_level=detailed"
    assert [
        ("QNN_1", "QNN graph", "HTP", (37_800_000,), ()),
        ("sub", "Sub", "CPU", (5_000,), ()),
        ("Input", "Input", "HTP", (), (2535,)),
        ("model/relu;model/conv,2", "Relu", "HTP", (), (0,)),
        ("model/conv", "Conv", "HTP", (), (118356,)),
    ] == [(one.name, one.op, one.device, one.times_ns, one.cycles) for one in found.operators]


def test_several_graphs_of_one_run_are_one_execution(
    tmp_path: Path, float_net: Path, artifact_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is divided between HTP and CPU: each graph's operators are told, also under one name."""
    runs = runs_of(tmp_path, artifact_of(float_net), RECORDED, ("inference",), monkeypatch)
    (found,) = runs.profiles(DEVICES).values()
    assert [(127984,), (118356,)] == [one.cycles for one in found.operators if one.name == "model/conv"]


def test_executions_that_do_not_fit_the_runs_are_no_profile(
    tmp_path: Path, float_net: Path, artifact_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two executions of three runs: it is not known which."""
    runs = runs_of(tmp_path, artifact_of(float_net), RECORDED, ("", "inference", "inference"), monkeypatch)
    with pytest.raises(RunFailure, match="lacks some of what was executed"):
        runs.profiles(DEVICES)


def test_without_a_file_of_qnn_there_are_the_nodes_of_onnx_runtime(
    tmp_path: Path, float_net: Path, artifact_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, or where the driver writes events instead."""
    runs = runs_of(tmp_path, artifact_of(float_net), "", ("inference",), monkeypatch)
    (found,) = runs.profiles(DEVICES).values()
    assert (found.source, len(found.operators)) == ("ONNX Runtime enable_profiling", 2)


@pytest.mark.real
def test_the_emulator_tells_the_operators_of_its_graph(
    tmp_path: Path, float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """The graph with its time, and the convolution with cycles."""
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    request = OpenRequest(artifact_of(float_net), "htp-emu", {"soc": "qcs8550"}, profile=tmp_path)
    session = OnnxRuntimeQnn().open(request, phase)
    assert isinstance(session, ProfilingSession)
    assert isinstance(session, TensorSession)
    call = session.bind({"x": image})
    session.profile_part("inference")
    call()
    call()
    found = session.profiles()["inference"]
    (graph,) = (one for one in found.operators if one.op == profile.GRAPH)
    assert (found.executions, graph.device, len(graph.times_ns)) == (2, "HTP", 2)
    (conv,) = (one for one in found.operators if one.op == "Conv")
    assert (conv.name, conv.device, len(conv.cycles)) == ("conv", "HTP", 2)
    assert all(one.cycles for one in found.operators if one is not graph)
