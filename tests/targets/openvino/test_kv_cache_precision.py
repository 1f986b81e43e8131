"""What OpenVINO keeps keys and values in, as executed."""

from typing import Any

import numpy as np
import pytest
from genai_folders import write_paged_decoder

from bench.contracts import Artifact, DecoderSpec, GraphFacts, OpenRequest, Phase, SessionFacts, Target
from bench.measure.text_driver import open_text
from bench.targets.openvino.genai import OpenVinoGenai
from bench.targets.openvino.graph import kv_cache_precision, kv_cache_precision_of
from bench.targets.openvino.target import OpenVino

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A decoder whose attention is fused with its cache, and can be rewritten for paged attention."""
    pytest.importorskip("openvino")
    folder = tmp_path_factory.mktemp("fused")
    path = write_paged_decoder(folder)
    decoder = DecoderSpec(1, 4, 8, 64, 256, stateful=True)
    files = (path, path.with_suffix(".bin"))
    facts = GraphFacts((), ())
    return Artifact("paged", "text_generation", "openvino_ir", "float32", path, files, "0" * 64, 1, facts, {}, decoder)


def facts(target: Target, artifact: Artifact, phase: Phase, options: dict[str, str]) -> SessionFacts:
    session = open_text(target, OpenRequest(artifact, "CPU", options, inspect=True), phase)
    session.greedy(np.zeros(0, np.int64), np.array([3, 5]), 2)
    return session.facts()


@pytest.mark.real
@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (F32, "int8"),
        (F32 | {"KV_CACHE_PRECISION": "f32"}, "float32"),
        (F32 | {"KEY_CACHE_PRECISION": "u8", "VALUE_CACHE_PRECISION": "u4"}, "int8+int4"),
    ],
)
def test_both_targets_tell_what_the_cache_is_kept_in(
    fused: Artifact, phase: Phase, options: dict[str, str], kept: str
) -> None:
    """By default a CPU keeps 8 bits, whatever it computes in; options are followed."""
    pytest.importorskip("openvino_genai")
    told = [facts(OpenVino(), fused, phase, options)]
    told += [facts(OpenVinoGenai(), fused, phase, {**options, "ATTENTION_BACKEND": way}) for way in ("PA", "SDPA")]
    assert [kept] * 3 == [one.kv_cache_precision for one in told]


@pytest.mark.real
def test_a_timed_session_of_the_pipeline_does_not_look(fused: Artifact, phase: Phase) -> None:
    """It would have to compile another model beside the one that is measured."""
    pytest.importorskip("openvino_genai")
    assert "" == OpenVinoGenai().open(OpenRequest(fused, "CPU", F32), phase).facts().kv_cache_precision


@pytest.mark.real
def test_a_cache_that_is_not_fused_is_kept_as_its_state(stories: Artifact, phase: Phase) -> None:
    """Attention written out in products reads the state itself; the property says 8 bits all the same."""
    pytest.importorskip("openvino")
    told = facts(OpenVino(), stories, phase, F32)
    assert ("float32", "u8") == (told.kv_cache_precision, told.options_effective["KV_CACHE_PRECISION"])


class Node:
    """A node of a runtime graph."""

    def __init__(self, **info: str) -> None:
        self.info = info

    def get_rt_info(self) -> dict[str, Any]:
        return {key: type("Held", (), {"value": value}) for key, value in self.info.items()}


class Graph:
    def __init__(self, *nodes: Node) -> None:
        self.nodes = nodes

    def get_ordered_ops(self) -> tuple[Node, ...]:
        return self.nodes


def test_the_executed_graph_decides_before_the_property() -> None:
    """A CPU that is asked for float16 keeps bfloat16 where it computes in that."""
    graph = Graph(
        Node(layerType="MemoryInput", outputPrecisions="f32"),
        Node(layerType="ScaledDotProductAttention", kv_cache_precision="bf16"),
    )
    assert "bfloat16" == kv_cache_precision(graph, {"KV_CACHE_PRECISION": "f16"})


@pytest.mark.parametrize("options", [{}, {"KV_CACHE_PRECISION": "dynamic"}])
def test_what_is_not_reported_is_not_guessed(options: dict[str, str]) -> None:
    """Neither without a property nor without a state."""
    assert ("", "") == (kv_cache_precision(Graph(), options), kv_cache_precision_of(options))
