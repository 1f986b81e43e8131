"""Samples of a query as a setting: when it may be tuned, what it gives, and how it is compared."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import compare_all
from bench.comparison.observe import Observation, observe
from bench.contracts import Artifact, Device, Scenario, TensorSpec
from bench.execution.tuning.batches import (
    batch_of,
    batch_tunable,
    change_per_sample,
    options_of,
    per_sample,
    with_batch,
)
from bench.execution.tuning.heats import Process
from bench.plugins import PluginRef
from bench.record.evidence import Alternation
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice
from bench.suite.suite import ModelAsk
from bench.testing import fake_artifact
from bench.testing.records import RULE, fake_run

RATE = "throughput_per_s"


def artifact(folder: Path, first: int | str | None) -> Artifact:
    path = folder / "net.onnx"
    path.write_bytes(b"fake\n")
    found = fake_artifact(path)
    facts = replace(found.facts, inputs=(TensorSpec("x", "float32", (first, 4)),))
    return replace(found, facts=facts)


def planned(ask: ModelAsk) -> PlannedRun:
    model = ModelChoice(ask, PluginRef("models", "fake", "", ""), "tensor", ("onnx",))
    target = TargetChoice(PluginRef("targets", "null", "", ""), Device("cpu", True), {}, ("onnx",), ("tensor",))
    return PlannedRun(model, target, Scenario("offline"), RULE, "quick", 6, 0)


@pytest.mark.parametrize("first", ["batch", None])
def test_a_model_with_an_open_first_dimension_has_batches_to_try(first: str | None, tmp_path: Path) -> None:
    """For throughput alone."""
    model, run = artifact(tmp_path, first), planned(ModelAsk("net.onnx"))
    assert [("batch", ("2", "4", "8"))] == [(one.name, one.values) for one in batch_tunable(run, model, RATE)]
    assert () == batch_tunable(run, model, "latency_p50_ns")


@pytest.mark.parametrize(
    "ask", [ModelAsk("net.onnx", shapes={"x": (3, 4)}), ModelAsk("net.onnx", inputs={"x": "x.npy"})]
)
def test_what_the_user_fixed_is_not_tuned(ask: ModelAsk, tmp_path: Path) -> None:
    """A shape, or inputs of a size."""
    assert () == batch_tunable(planned(ask), artifact(tmp_path, "batch"), RATE)


def test_a_fixed_dimension_is_no_batch(tmp_path: Path) -> None:
    """The file has the size."""
    assert () == batch_tunable(planned(ModelAsk("net.onnx")), artifact(tmp_path, 1), RATE)


def test_a_batch_is_a_shape_and_no_option() -> None:
    """The other dimensions stay."""
    setting = (("batch", "4"), ("threads", "2"))
    assert (4, {"threads": "2"}, 1) == (batch_of(setting), options_of(setting), batch_of(()))
    shapes = {"x": (1, 3, 8, 8), "y": (1, 2)}
    assert {"x": (4, 3, 8, 8), "y": (4, 2)} == with_batch(ModelAsk("net.onnx"), shapes, 4).shapes
    assert {} == with_batch(ModelAsk("net.onnx"), shapes, 1).shapes


def test_throughput_counts_samples() -> None:
    """The latency stays that of a query."""
    found = per_sample(Process({RATE: 100.0, "latency_p50_ns": 1e7}, {}), 4)
    assert {RATE: 400.0, "latency_p50_ns": 1e7} == found.figures


def pair(factor: float, noise: float = 0.01) -> tuple[Observation, Observation]:
    """Ten pairs of processes in turns; queries take ``factor`` times as long on the new side, with 1 % of noise."""
    rng, runs = np.random.default_rng(1), []
    for side, by in (("base", 1.0), ("new", factor)):
        latency = [np.rint(1e6 * by * np.exp(rng.normal(0, noise)) * np.ones(200)).astype(np.int64) for _ in range(10)]
        runs.append(observe(fake_run(side, latency, alternation=Alternation("g", side))))
    return runs[0], runs[1]


@pytest.mark.parametrize(("factor", "word"), [(2.0, "faster"), (4.0, "same"), (6.0, "slower")])
def test_pairs_are_tested_by_samples_a_second(factor: float, word: str) -> None:
    """Queries of 4 samples that take 2, 4 or 6 times as long."""
    found = change_per_sample(*pair(factor), 4, 0.03)
    assert found is not None
    assert (word, True) == (found.word, found.claimed)
    assert found.ratio is not None
    assert found.interval is not None
    assert 4 / factor == pytest.approx(found.ratio, rel=0.02)
    assert found.interval[0] < found.ratio < found.interval[1]
    assert 4e9 / (1e6 * factor) == pytest.approx(found.new, rel=0.02)


def test_it_is_the_test_of_a_comparison() -> None:
    """With one sample a query, the ratio, the interval and the p-value are those of the records' comparison."""
    base, new = pair(1.2)
    (compared,) = compare_all([(base, new)], 0.03)
    theirs = next(one for one in compared.changes if one.metric == RATE)
    ours = change_per_sample(base, new, 1, 0.03)
    assert ours is not None
    assert theirs.ratio == pytest.approx(ours.ratio)
    assert theirs.interval == pytest.approx(ours.interval)
    assert theirs.p_different == pytest.approx(ours.p_different)
    assert theirs.word == ours.word == "slower"


def test_noise_that_hides_the_difference_is_not_decided() -> None:
    """Pairs that differ by a third of themselves."""
    found = change_per_sample(*pair(4.4, noise=0.3), 4, 0.03)
    assert found is not None
    assert "cannot_tell" == found.word
