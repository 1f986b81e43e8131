"""The batch scenario: a run a size, what is refused, and what pages show of several sizes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from onnx import TensorProto, helper

from bench.cli.group import odb
from bench.contracts import Artifact, GraphFacts, Scenario, TensorSpec
from bench.errors import RunFailure
from bench.inputs.batched import batched
from bench.record.energy import RepeatEnergy
from bench.record.record import RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.scenarios.batches import batch_size, each_size, side_of
from bench.scenarios.kinds import KINDS, parse_scenario, samples_of, settled
from bench.store.derived import judged
from bench.store.records import load_records
from bench.testing.records import TARGET, fake_run
from bench.words import speaking, units

MS = 1_000_000


def sized(size: int) -> Scenario:
    return Scenario("batch", parameters={"sizes": (size,)})


def test_each_size_is_a_run_of_its_own() -> None:
    """In the order given; another scenario stays one run."""
    asked = settled(parse_scenario("batch:sizes=4,1,2", KINDS["batch"]), KINDS["batch"])
    runs = each_size(asked)
    assert [4, 1, 2] == [batch_size(one) for one in runs] == [samples_of(one) for one in runs]
    assert None is batch_size(asked)
    assert [1, 2, 4, 8] == [batch_size(one) for one in each_size(settled(Scenario("batch"), KINDS["batch"]))]
    assert (Scenario(),) == each_size(Scenario())


def test_each_picture_size_is_a_run_for_each_batch_size() -> None:
    asked = settled(parse_scenario("batch:sizes=1,4,sides=224,320", KINDS["batch"]), KINDS["batch"])
    found = [(side_of(one), batch_size(one)) for one in each_size(asked)]
    assert [(224, 1), (224, 4), (320, 1), (320, 4)] == found
    assert None is side_of(sized(4))
    alone = settled(parse_scenario("batch:sides=224,320", KINDS["batch"]), KINDS["batch"])
    assert [(224, 1), (320, 1)] == [(side_of(one), batch_size(one)) for one in each_size(alone)]


def artifact(*inputs: TensorSpec) -> Artifact:
    shapes = {spec.name: tuple(d if isinstance(d, int) else 1 for d in spec.shape) for spec in inputs}
    path = Path("net.onnx")
    return Artifact("net", "tensor", "onnx", "float32", path, (path,), "0" * 64, 1, GraphFacts(inputs, ()), shapes)


def test_the_first_dimension_of_every_input_is_the_batch() -> None:
    found = batched(artifact(TensorSpec("x", "float32", ("N", 3, 8)), TensorSpec("m", "float32", (None, 2))), 4)
    assert {"x": (4, 3, 8), "m": (4, 2)} == found
    assert {"x": (1, 3)} == batched(artifact(TensorSpec("x", "float32", (1, 3))), 1)  # what the file has


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TensorSpec("s", "float32", (1, 3)), "input s [1, 3] is fixed"),
        (TensorSpec("s", "float32", ()), "input s has no dimension"),
    ],
)
def test_a_model_with_a_fixed_batch_is_refused(spec: TensorSpec, said: str) -> None:
    """The message names the input, the remedy what to do."""
    with pytest.raises(RunFailure) as refused:
        batched(artifact(TensorSpec("x", "float32", ("N", 3)), spec), 4)
    assert said in str(refused.value)
    assert "dynamic first dimension" in refused.value.remedy
    assert "bad_input" == refused.value.kind


def run_of(size: int, latency_ns: int, number: int = 0, scenario: Scenario | None = None) -> RecordedRun:
    """Six processes whose queries take ``latency_ns``, give or take 0.1 %."""
    rng = np.random.default_rng(number)
    latency = [(latency_ns * rng.normal(1, 0.001, 40)).astype(np.int64) for _ in range(6)]
    run = fake_run(f"b{size}-{latency_ns}", latency, scenario=scenario or sized(size), target=TARGET)
    repeats = tuple(
        replace(one, energy=RepeatEnergy(40 * size, one.duration_ns or 1, 40 * latency_ns / 1e9))
        for one in run.record.repeats
    )
    return replace(run, record=judged(replace(run, record=replace(run.record, repeats=repeats))).record)


def test_samples_a_second_are_those_of_all_queries() -> None:
    """4 samples in 2 ms are 2,000 a second; the CPU time is that of one sample."""
    found = run_of(4, 2 * MS).record.summary
    rate = found.figures["samples_per_s"]
    assert pytest.approx(2000, rel=0.001) == rate.value
    assert rate.interval95 is not None
    assert rate.interval95[0] < 2000 < rate.interval95[1]
    assert found.energy is not None
    assert pytest.approx(0.5e-3) == found.energy.cpu_seconds_per_inference
    assert "samples_per_s" not in judged(fake_run("r", [np.full(20, MS)] * 2)).record.summary.figures


def test_pages_show_the_sizes_side_by_side() -> None:
    """A table, and a chart each of latency and samples a second; with one size neither."""
    runs = [run_of(1, MS), run_of(4, 2 * MS), run_of(16, 4 * MS)]
    page = HtmlReport().render(runs).decode().replace(units.NO_BREAK, " ")
    assert "Batch sizes" in page
    assert "Latency p50 by batch size: fake float32" in page
    assert "Samples per second by batch size: fake float32" in page
    for writer in (TerminalReport(110), MarkdownReport()):
        shown = writer.render(runs).decode().replace(units.NO_BREAK, " ")
        assert "Batch sizes" in shown
        assert "2.00×" in shown
        assert "4.00×" in shown
        assert "4,000 samples/s" in shown
    assert "Batch sizes" not in HtmlReport().render(runs[:1]).decode()
    with speaking("ko"):
        assert "배치 크기별" in HtmlReport().render(runs).decode()


def test_pages_show_the_picture_sizes_side_by_side() -> None:
    """A chart by picture size of each batch that was measured at two, and a column with the size."""
    made = {(side, size): side * side * size * 10 for side in (224, 448) for size in (1, 2)}
    runs = [
        run_of(size, latency_ns, scenario=Scenario("batch", parameters={"sizes": (size,), "sides": (side,)}))
        for (side, size), latency_ns in made.items()
    ]
    page = HtmlReport().render(runs).decode().replace(units.NO_BREAK, " ")
    for title in (
        "Latency p50 by picture size: fake float32",
        "Latency p50 by picture size: fake float32, batch of 2",
        "Latency p50 by batch size: fake float32, 224 × 224",
        "Samples per second by batch size: fake float32, 448 × 448",
    ):
        assert f"{title}<" in page
    shown = TerminalReport(140).render(runs).decode().replace(units.NO_BREAK, " ")
    assert "448 × 448" in shown
    assert "0.250×" in shown
    with speaking("ko"):
        assert "이미지 크기별" in HtmlReport().render(runs).decode()


def network(path: Path, first: int | str) -> Path:
    """A model that doubles three numbers of each sample."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [first, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [first, 3])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubled", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.real
@pytest.mark.process
def test_a_run_measures_every_size_that_the_model_takes(tmp_path: Path) -> None:
    """On a real runtime: a dynamic model takes three samples; one fixed to one is refused, with status 2."""
    free = network(tmp_path / "free.onnx", "N")
    words = ["run", "-t", "ort:cpu", "--preset", "quick", "--repeats", "1", "--max-seconds", "0.05"]
    asked = [*words, "-m", str(free), "-s", "batch:sizes=3", "--check-inputs", "1", "-o", str(tmp_path / "out")]
    CliRunner().invoke(odb, asked, catch_exceptions=False)
    (run,) = load_records(tmp_path / "out")
    assert run.record.plan.inputs is not None
    assert {"x": (3, 3)} == run.record.plan.inputs.shapes
    assert "-s batch:sizes=3" in run.record.plan.command
    queries = sum(len(part) for part in run.arrays("latency_ns"))
    energy = run.record.repeats[0].energy
    assert energy is not None
    assert 3 * queries == energy.queries
    fixed = network(tmp_path / "fixed.onnx", 1)
    refused = CliRunner().invoke(
        odb, [*words, "-m", str(fixed), "-s", "batch:sizes=2", "--dry-run"], standalone_mode=False
    )
    assert 2 == refused.return_value
    assert "the first dimension of its input x [1, 3] is fixed" in " ".join(refused.output.split())
