"""Figures of pipelines, from samples."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.metrics import METRICS
from bench.analysis.summary import summarise
from bench.comparison.comparison import compare
from bench.contracts import STAGES, Scenario
from bench.record.inputs import PipelineFacts, PipelineStage
from bench.record.record import RecordedRun
from bench.record.samples import STAGE_ROLES
from bench.stats.fractions import fraction_interval
from bench.store.contradictions import contradictions
from bench.testing.records import fake_run

MS = 1_000_000
PARTS = (3, 2, 4, 1)  # of ten


def staged_run(parts: tuple[int, ...] = PARTS, queries: int = 40, name: str = "staged") -> RecordedRun:
    """Two processes whose queries take 10 and 20 ms in turn, a stage each so many tenths of it."""
    latency = np.array([10 * MS, 20 * MS] * (queries // 2))
    arrays = {
        **{role: latency * tenths // 10 for role, tenths in zip(STAGE_ROLES, parts, strict=True)},
        "network_alone_ns": np.full(12, 5 * MS),
        "overlapped_start_ns": np.arange(20) * 4 * MS,
        "overlapped_latency_ns": np.full(20, 30 * MS),
    }
    scenario = Scenario("end-to-end", parameters={"pipeline": "own"})
    run = fake_run(name, [latency] * 2, arrays=[arrays] * 2, scenario=scenario)
    summary = summarise(run.record.repeats, run.samples, scenario)
    return RecordedRun(replace(run.record, summary=summary), run.samples)


def test_figures_follow_from_the_samples() -> None:
    """The network has 4 of 10 tenths of all time; answers come every 4 ms."""
    figures = {name: found.value for name, found in staged_run().record.summary.figures.items()}
    assert pytest.approx(0.4) == figures["network_fraction"]
    medians = {name: figures[f"stage_{name}_ns"] for name in STAGES}
    assert {"decode": 6 * MS, "preprocess": 4 * MS, "infer": 8 * MS, "postprocess": 2 * MS} == medians
    assert (5 * MS, 30 * MS) == (figures["network_alone_ns"], figures["overlapped_latency_ns"])
    assert pytest.approx(250) == figures["overlapped_per_s"]


def test_the_interval_of_the_fraction_holds_it() -> None:
    """Of queries that all have the same fraction it is that fraction alone."""
    found = staged_run().record.summary.figures["network_fraction"]
    assert pytest.approx((0.4, 0.4)) == found.interval95


def test_other_scenarios_have_none_of_them() -> None:
    figures = fake_run("r", [np.arange(1, 100) * MS]).record.summary.figures
    assert set() == {metric.name for metric in METRICS if metric.scenarios} & set(figures)


def test_comparison_leaves_the_fraction_out() -> None:
    """A faster network has a smaller one, which is neither better nor worse; its stages are compared."""
    compared = {change.metric for change in compare(staged_run(), staged_run(name="other")).changes}
    assert {f"stage_{name}_ns" for name in STAGES} <= compared
    assert "network_fraction" not in compared


def test_other_files_are_another_input() -> None:
    """Runs over other files, or with other thresholds in a stage, are not compared."""

    def over(sha256: str, name: str, does: str = "boxes") -> RecordedRun:
        run = staged_run(name=name)
        facts = PipelineFacts("own", (PipelineStage("postprocess", does),), 2, 2, sha256)
        return RecordedRun(replace(run.record, plan=replace(run.record.plan, pipeline=facts)), run.samples)

    def refused(new: RecordedRun) -> bool:
        return "input_differs" in {reason.code for reason in compare(over("a" * 64, "base"), new).comparability.reasons}

    assert not refused(over("a" * 64, "new"))
    assert refused(over("b" * 64, "new"))
    assert refused(over("a" * 64, "new", "fewer boxes"))


def test_stages_that_do_not_add_up_are_refused() -> None:
    """Of a record that somebody edited."""
    run, wrong = staged_run(), staged_run(parts=(3, 2, 4, 2))
    assert [] == [str(one) for one in contradictions(run.record, run.samples) if "add up" in str(one)]
    assert [] != [str(one) for one in contradictions(wrong.record, wrong.samples) if "add up" in str(one)]


def test_the_interval_covers_the_true_fraction() -> None:
    """In about 95 of 100 runs: stages and wholes that vary from query to query, and from process to process."""
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(200):
        inside = [rng.gamma(20, 0.2, 60) * rng.lognormal(0, 0.05) for _ in range(4)]
        rest = [rng.gamma(10, 0.6, 60) for _ in range(4)]
        found = fraction_interval(inside, [a + b for a, b in zip(inside, rest, strict=True)])
        assert found is not None
        held += found[0] <= 0.4 <= found[1]
    assert 180 <= held <= 199


def test_few_samples_have_no_interval() -> None:
    assert None is fraction_interval([np.ones(3)], [np.full(3, 2.0)])
