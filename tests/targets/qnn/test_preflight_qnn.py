"""A preflight of real graphs over SoCs of the table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.execution.preflight.every import surveys
from bench.execution.preflight.survey import Asked, Watcher
from bench.plugins import discover
from bench.preflight.found import Preflight
from bench.suite.suite import ModelAsk, Suite

pytestmark = [pytest.mark.real, pytest.mark.process]
SHARING = ("snapdragon-x-elite", "qcs8550")
"""Two SoCs that differ in clocks, bandwidths and caches, and compile to the same program."""


def refuse(*told: object) -> None:
    raise AssertionError(told)


def preflight(model: Path, cache: Path, **asked: object) -> Preflight:
    suite = Suite(models=(ModelAsk(str(model)),))
    found = surveys(
        suite,
        discover(),
        cache=cache,
        asked=Asked(**asked),
        watcher=Watcher(),
        broken=refuse,  # type: ignore[arg-type]
    )
    return next(iter(found))


@pytest.fixture(scope="module")
def convolution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution in float32, and an operator that QNN leaves to the CPU."""
    pytest.importorskip("onnxruntime_qnn")
    rng = np.random.default_rng(1)
    weights = numpy_helper.from_array(rng.standard_normal((8, 3, 3, 3)).astype(np.float32) / 5, "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"], "relu"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 16, 16])],
        [weights],
    )
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture(scope="module")
def surveyed(convolution: Path, tmp_path_factory: pytest.TempPathFactory) -> Preflight:
    """On two SoCs that share a program, one without floating point, and one that keeps float32."""
    return preflight(convolution, tmp_path_factory.mktemp("cache"), only=(*SHARING, "QCS6490", "SM8350"))


def test_a_soc_with_floating_point_takes_the_whole_graph(surveyed: Preflight) -> None:
    """All of its nodes and MACs on the HTP, in float16, with outputs close to the reference."""
    rows = [row for row in surveyed.rows if row.variant.name in SHARING]
    assert [("ran", 1.0, 1.0, {}, "float16")] * 2 == [
        (row.status, row.nodes, row.macs, row.left, row.precision) for row in rows
    ]
    cosines = [row.fidelity.cosine_min or 0 for row in rows if row.fidelity is not None]
    assert 2 == len(cosines)
    assert 0.9999 < min(cosines)


def test_snapdragon_888_computes_in_float32(surveyed: Preflight) -> None:
    """It takes the float graph; its outputs are closer to the reference than those in float16."""
    (row,) = (row for row in surveyed.rows if row.variant.name == "snapdragon-888")
    half = next(row for row in surveyed.rows if row.variant.name == SHARING[0])
    assert ("ran", 1.0, "float32") == (row.status, row.nodes, row.precision)
    assert row.fidelity is not None
    assert half.fidelity is not None
    assert (half.fidelity.sqnr_db_min or 0) < 80 < 100 < (row.fidelity.sqnr_db_min or 0)


def test_a_soc_without_floating_point_says_so_and_what_to_do(surveyed: Preflight, convolution: Path) -> None:
    """In plain words, with a command that can be pasted, and without compiling."""
    (row,) = (row for row in surveyed.rows if row.variant.name == "qcs6490")
    assert ("refused", "unsupported_precision", None) == (row.status, row.kind, row.compile_ns)
    assert "net.onnx is a float model, but the HTP of Dragonwing QCS6490 has no floating point" == str(row.reason)
    assert f"odb quantise {convolution.name} --data DIR" in str(row.remedy)


def test_the_compiler_tells_sizes(surveyed: Preflight) -> None:
    """Of the context, spill/fill, VTCM, weights and inputs and outputs; a tiny graph spills nothing."""
    for row in surveyed.rows:
        if row.status == "ran":
            told = row.compiled
            assert told is not None
            assert (0, True) == (told.spill_fill_bytes, (told.vtcm_bytes or 0) % (1 << 20) == 0)
            assert (told.size_bytes or 0) > 4096
            assert (told.constant_bytes or 0) >= 8 * 3 * 9 * 2
            assert (told.io_bytes or 0) >= (3 + 8) * 256 * 2


def test_two_socs_of_one_program_share_a_run(surveyed: Preflight) -> None:
    """It is run once, and the other names it; the third SoC has a program of its own."""
    shared = sorted(bool(row.same_run_as) for row in surveyed.rows if row.variant.name in SHARING)
    assert (2, [False, True]) == (surveyed.runs, shared)


def test_what_one_program_gives_is_the_same_on_each_of_its_socs(
    convolution: Path, tmp_path: Path, plays_job: Callable[..., Path]
) -> None:
    """Each is compiled and run alone: the outputs are equal bit for bit, so one run answers for both."""
    outputs = [plays_job(convolution, soc) for soc in SHARING]
    first, second = (dict(np.load(path, allow_pickle=False)) for path in outputs)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.fixture
def plays_job(tmp_path: Path) -> Callable[..., Path]:
    """The outputs of the graph on one SoC, from a process of its own."""
    from bench.contracts import ModelRequest, OpenRequest, Scenario
    from bench.inputs.tensor_files import save_feeds
    from bench.models.files.onnx_file import OnnxFile
    from bench.passes.check import CheckJob
    from bench.passes.evidence import Checked
    from bench.process.supervisor import run_job

    def play(model: Path, soc: str) -> Path:
        artifact = OnnxFile().prepare(ModelRequest(str(model)), tmp_path)
        feeds = tmp_path / "feeds.npz"
        save_feeds(feeds, {"x": np.random.default_rng(7).standard_normal((1, 3, 16, 16)).astype(np.float32)})
        ref = discover().find("targets", "qnn")
        request = OpenRequest(artifact, "htp-emu", {"soc": soc})
        job = CheckJob(ref, request=request, scenario=Scenario(), feeds=(feeds,), seed=0, again=False)
        answer = run_job(job, tmp_path / soc, 120).answer
        assert isinstance(answer, Checked)
        return answer.outputs[0]

    return play
