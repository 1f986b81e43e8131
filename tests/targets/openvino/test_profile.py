"""OpenVINO's counters of layers: computed from recorded ones, and had of a real model."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import (
    Artifact,
    NodePlacement,
    OpenRequest,
    Phase,
    ProfiledOperator,
    ProfilingSession,
    TensorSession,
    TokenSession,
)
from bench.errors import RunFailure
from bench.targets.openvino.graph import ExecutedNode
from bench.targets.openvino.profile import REFERENCE, Layer, LayerClock, counters, layer_clock, naming
from bench.targets.openvino.target import OpenVino

Make = Callable[..., Artifact]

RECORDED = """
input                                        Parameter         unknown_f32            NOT_RUN    0
input_f32_abcd_bf16_acdb_246/WithoutBiases   Reorder           jit_uni_f32            EXECUTED 360
246/WithoutBiases                            Convolution       brgconv_avx512_bf16    EXECUTED 398
247                                          Relu              undef                  NOT_RUN    0
249/WithoutBiases                            GroupConvolution  brgconv_avx512_dw_bf16 EXECUTED 267
boxes                                        Concat            ref_f32                EXECUTED 230
"""
"""Name, type, implementation, status and microseconds of some layers of a face detector on a CPU."""
MEANS = {5: (239, 185, 143), 8: (227, 150, 140)}
"""Of its first three convolutions after so many executions, as read: each is the mean since it was compiled."""


def infos(lines: str = RECORDED) -> list[Any]:
    found = []
    for line in lines.strip().splitlines():
        name, op, kernel, status, us = line.split()
        told = timedelta(microseconds=int(us))
        found.append(
            SimpleNamespace(node_name=name, node_type=op, exec_type=kernel, status=f"Status.{status}", real_time=told)
        )
    return found


def convolutions(means: tuple[int, ...]) -> list[Any]:
    return infos("\n".join(f"conv{i} Convolution brgconv_avx512_bf16 EXECUTED {us}" for i, us in enumerate(means)))


def plain(layer: Layer) -> ProfiledOperator:
    return ProfiledOperator(name=layer.name, op=layer.op)


class Request:
    """Gives the counters of ``told`` after so many executions."""

    def __init__(self, told: dict[int, list[Any]]) -> None:
        self.told, self.executed = told, 0

    def infer(self, **how: Any) -> str:
        self.executed += 1
        return "outputs"

    def get_profiling_info(self) -> list[Any]:
        return self.told[self.executed]


def test_layers_that_were_not_executed_are_left_out() -> None:
    """Inputs, and what was fused into another."""
    assert [360, 398, 267, 230] == list(counters(infos()).values())


def test_layers_of_one_name_are_added_up() -> None:
    """Their counters cannot be told apart; HETERO's prefix is not part of a name."""
    lines = "a Reorder jit EXECUTED 3\na Reorder jit EXECUTED 4"
    assert {Layer("a", "Reorder", "jit"): 7} == counters(infos(lines))
    (told,) = infos("a Reorder jit EXECUTED 3")
    told.node_name = "subgraph0: a"
    assert {Layer("a", "Reorder", "jit"): 3} == counters([told])


def test_means_since_compilation_are_subtracted() -> None:
    """The slow first executions are in no part: (227 × 8 − 239 × 5) / 3 is 207 µs, where the counter says 227."""
    clock = LayerClock(averaging=True)
    request = clock.watched(Request({count: convolutions(means) for count, means in MEANS.items()}))
    for _ in range(5):
        assert request.infer(share_outputs=True) == "outputs"
    clock.part("inference")
    for _ in range(3):
        request.infer()
    (found,) = clock.profiles(plain).values()
    assert (found.executions, found.averaged) == (3, True)
    assert [(207_000,), (91_667,), (135_000,)] == [one.times_ns for one in found.operators]


def test_a_part_may_be_continued() -> None:
    """As the prompts of a language model, between which its cache is filled: 10, 30 and 20 µs, of which the second is
    not asked for."""
    clock = LayerClock(averaging=True)
    request = clock.watched(Request({1: convolutions((10,)), 2: convolutions((20,)), 3: convolutions((20,))}))
    clock.part("prefill")
    request.infer()
    clock.part("")
    request.infer()
    clock.part("prefill")
    request.infer()
    (found,) = clock.profiles(plain).values()
    assert (found.executions, found.operators[0].times_ns) == (2, (15_000,))


def test_plugins_that_tell_the_last_execution_are_read_after_each() -> None:
    """An NPU: single times, of which a median can be taken."""
    clock = LayerClock(averaging=False)
    request = clock.watched(Request({1: [], 2: convolutions((10, 7)), 3: convolutions((12,))}))
    request.infer()
    clock.part("inference")
    request.infer()
    request.infer()
    (found,) = clock.profiles(plain).values()
    assert not found.averaged
    assert [(10_000, 12_000), (7_000, 0)] == [one.times_ns for one in found.operators]


def test_layers_are_called_as_the_nodes_that_they_compute() -> None:
    """A convolution as the weighed one among those fused into it; what the plugin inserted keeps its own name."""
    nodes = [ExecutedNode("246/WithoutBiases", "Convolution", "bf16", ("246/WithoutBiases", "246", "247"))]
    named = naming(nodes, "CPU", {"246": 8_294_400}, {})
    told = [named(layer) for layer in counters(infos())]
    assert ["input_f32_abcd_bf16_acdb_246/WithoutBiases", "246", "249/WithoutBiases", "boxes"] == [
        one.name for one in told
    ]
    assert [False, False, False, True] == [one.reference_kernel for one in told]
    assert {"CPU"} == {one.device for one in told}
    assert (told[1].op, told[1].kernel) == ("Convolution", "brgconv_avx512_bf16")


def test_on_two_devices_each_layer_has_its_own() -> None:
    """What HETERO does not tell is left open."""
    split = (NodePlacement("246", "Convolution", "GPU"),)
    nodes = [ExecutedNode("246/x", "Convolution", "bf16", ("246",)), ExecutedNode("b", "Concat", "bf16", ("b",))]
    named = naming(nodes, "GPU", {}, {}, split)
    assert ["GPU", ""] == [named(Layer(name, "", "")).device for name in ("246/x", "b")]


@pytest.mark.parametrize(
    ("kernel", "reference"),
    [
        ("ref_any", True),
        ("ref_bf16", True),
        ("ref:any", True),
        ("permute_ref", True),
        ("jit_avx512_f32", False),
        ("brgconv_avx512_1x1_bf16", False),
        ("preference_f32", False),
        ("undef", False),
    ],
)
def test_reference_kernels_are_known_by_their_name(kernel: str, reference: bool) -> None:
    """``ref`` as a word of it."""
    assert reference == (REFERENCE.search(kernel) is not None)


def test_several_streams_cannot_be_profiled() -> None:
    """A request gives the counters of one stream, and not always of the same."""
    held = {"SUPPORTED_PROPERTIES": ["NUM_STREAMS"], "NUM_STREAMS": 2, "EXECUTION_DEVICES": ["CPU"]}
    with pytest.raises(RunFailure, match="2 streams") as caught:
        layer_clock(SimpleNamespace(get_property=held.__getitem__))
    assert "NUM_STREAMS=1" in caught.value.remedy


@pytest.mark.real
def test_a_real_model_tells_each_layer(
    tmp_path: Path, float_net: Path, artifact_of: Make, phase: Phase, image: "np.ndarray[Any, Any]"
) -> None:
    """The convolution as the file calls it, by its own kernel; nothing where it was not opened for that."""
    pytest.importorskip("openvino")
    artifact = artifact_of(float_net)
    artifact = replace(artifact, facts=replace(artifact.facts, node_macs={"conv": 3888}))
    request = OpenRequest(artifact, "CPU", {}, profile=tmp_path)
    session = OpenVino().open(request, phase)
    assert isinstance(session, ProfilingSession)
    assert isinstance(session, TensorSession)
    call = session.bind({"x": image})
    call()
    session.profile_part("inference")
    for _ in range(4):
        call()
    found = session.profiles()["inference"]
    (conv,) = (one for one in found.operators if one.op == "Convolution")
    assert (found.executions, conv.name, conv.device, len(conv.times_ns)) == (4, "conv", "CPU", 1)
    assert conv.kernel not in ("", "undef")
    silent = OpenVino().open(replace(request, profile=None), phase)
    assert isinstance(silent, ProfilingSession)
    assert {} == dict(silent.profiles())


@pytest.mark.real
def test_a_node_that_feeds_an_output_keeps_its_name(
    tmp_path: Path, batched_net: Path, artifact_of: Make, phase: Phase
) -> None:
    """OpenVINO calls it after the output; its MACs are found all the same."""
    pytest.importorskip("openvino")
    artifact = artifact_of(batched_net, shapes={"x": (1, 4)})
    artifact = replace(artifact, facts=replace(artifact.facts, node_macs={"matmul": 8}))
    session = OpenVino().open(OpenRequest(artifact, "CPU", {}, profile=tmp_path), phase)
    assert isinstance(session, ProfilingSession)
    assert isinstance(session, TensorSession)
    call = session.bind({"x": np.ones((1, 4), np.float32)})
    session.profile_part("inference")
    call()
    assert "matmul" in [one.name for one in session.profiles()["inference"].operators]


@pytest.mark.real
def test_a_real_decoder_tells_prompt_and_tokens_apart(tmp_path: Path, stories: Artifact, phase: Phase) -> None:
    """Both parts have layers and their own number of executions."""
    pytest.importorskip("openvino")
    session = OpenVino().open(
        OpenRequest(stories, "CPU", {}, prompt_tokens=4, decode_context=32, profile=tmp_path), phase
    )
    assert isinstance(session, ProfilingSession)
    assert isinstance(session, TokenSession)
    session.profile_part("prefill")
    session.prefill(np.array([1, 2, 3, 4]))
    session.profile_part("decode")
    for _ in range(3):
        session.decode()
    found = session.profiles()
    assert [("prefill", 1), ("decode", 3)] == [(part, one.executions) for part, one in found.items()]
    assert all("FullyConnected" in {one.op for one in part.operators} for part in found.values())
