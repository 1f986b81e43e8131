"""Figures of pipelines, from samples."""

import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.metrics import METRICS
from bench.analysis.summary import summarise
from bench.analysis.verdict.judge import judge
from bench.comparison.comparison import compare
from bench.contracts import STAGES, Scenario
from bench.record.inputs import PipelineFacts, PipelineInput, PipelineStage
from bench.record.record import RecordedRun
from bench.record.samples import STAGE_ROLES
from bench.reports.view.staged.inputs import each_input_table
from bench.stats.convergence import relative_width
from bench.stats.fractions import fraction_interval
from bench.stats.passes.means import mean_interval, pass_means
from bench.store.contradictions import contradictions
from bench.store.derived import computed
from bench.testing.records import fake_run

MS = 1_000_000
PARTS = (3, 2, 4, 1)  # of ten


def staged_run(parts: tuple[int, ...] = PARTS, queries: int = 40, name: str = "staged") -> RecordedRun:
    """Two processes whose queries take 10 and 20 ms in turn, a stage each so many tenths of it."""
    latency = np.array([10 * MS, 20 * MS] * (queries // 2))
    arrays = {
        "pass_ns": latency.reshape(-1, 2).sum(axis=1),
        **{role: latency * tenths // 10 for role, tenths in zip(STAGE_ROLES, parts, strict=True)},
        "network_alone_ns": np.full(12, 5 * MS),
        "overlapped_start_ns": np.arange(21) * 4 * MS,
        "overlapped_latency_ns": np.full(21, 30 * MS),
    }
    scenario = Scenario("end-to-end", parameters={"pipeline": "own"})
    run = fake_run(name, [latency] * 2, arrays=[arrays] * 2, scenario=scenario)
    summary = summarise(run.record.repeats, run.samples, scenario)
    return RecordedRun(replace(run.record, summary=summary), run.samples)


def test_figures_follow_from_the_samples() -> None:
    """The network has 4 of 10 tenths of all time, of 15 ms an input; answers come every 4 ms."""
    figures = {name: found.value for name, found in staged_run().record.summary.figures.items()}
    assert pytest.approx(0.4) == figures["network_fraction"]
    means = {name: figures[f"stage_{name}_ns"] for name in STAGES}
    assert {"decode": 4.5 * MS, "preprocess": 3 * MS, "infer": 6 * MS, "postprocess": 1.5 * MS} == means
    assert figures["time_per_input_ns"] == 15 * MS == sum(means.values())
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


def mixture(rng: np.random.Generator, passes: int, noise: float, lag: float, speed: float = 1.0) -> tuple[Any, float]:
    """Latencies of ``passes`` over 14 inputs, half of them twice as long as the other half, and their true mean; noise
    of one query is like that of the one before by ``lag``."""
    true = np.where(np.arange(14) % 2, 20.0, 45.0) * np.linspace(0.9, 1.1, 14) * MS
    shocks, state, drawn = rng.normal(size=14 * passes), rng.normal(), []
    for shock in shocks:
        state = lag * state + math.sqrt(1 - lag**2) * shock
        drawn.append(state)
    factors = np.exp(noise * np.array(drawn) - noise**2 / 2)
    return np.rint(np.tile(true, passes) * factors * speed).astype(np.int64), float(true.mean())


@pytest.mark.parametrize("passes", [3, 5, 20])
@pytest.mark.parametrize("lag", [0.0, 0.7])
def test_the_interval_of_passes_covers_the_mean(passes: int, lag: float) -> None:
    """In about 95 of 100 processes, whose noise is correlated over a few queries; the percentile stays unknown."""
    rng, held, known = np.random.default_rng(4), 0, 0
    for _ in range(300):
        latency, true = mixture(rng, passes, 0.08, lag)
        found = mean_interval(pass_means(latency, passes))
        assert found is not None
        held += found[0] <= true <= found[1]
        known += relative_width(latency, 50) is not None and relative_width(latency, 50) < 0.1
    assert 270 <= held <= 298
    assert known < 100


def test_no_time_is_below_zero() -> None:
    """However much the passes of a single process differ: what is not known well is known to be a time."""
    scenario = Scenario("end-to-end", parameters={"pipeline": "own"})
    latency = np.array([MS, MS, MS, MS, 4 * MS, 4 * MS], np.int64)
    run = fake_run("r", [latency], arrays=[{"pass_ns": latency.reshape(3, -1).sum(axis=1)}], scenario=scenario)
    found = summarise(run.record.repeats, run.samples, scenario).figures["time_per_input_ns"]
    assert found.interval95 is not None
    assert 0 < found.interval95[0] < 2 * MS < found.interval95[1]


def test_the_interval_of_the_run_covers_the_mean_of_all_processes() -> None:
    """Whose speeds differ, in about 95 of 100 runs of six."""
    rng, held = np.random.default_rng(5), 0
    scenario = Scenario("end-to-end", parameters={"pipeline": "own"})
    for _ in range(60):
        drawn = [mixture(rng, 4, 0.05, 0.5, rng.lognormal(0, 0.03)) for _ in range(6)]
        arrays = [{"pass_ns": latency.reshape(4, -1).sum(axis=1)} for latency, _ in drawn]
        run = fake_run("r", [latency for latency, _ in drawn], arrays=arrays, scenario=scenario)
        found = summarise(run.record.repeats, run.samples, scenario).figures["time_per_input_ns"].interval95
        assert found is not None
        held += found[0] <= drawn[0][1] <= found[1]
    assert held >= 53


def test_inputs_that_differ_do_not_keep_a_run_from_converging() -> None:
    """Queries of 10 and 20 ms in turn: the median is in a gap, and the mean of an input is known."""
    run = staged_run()
    assert [] == [one for one in judge(run).reasons if one.code in ("not_converged", "drift", "processes_differ")]
    widths = [relative_width(run.samples[f"latency_ns_{index}"], 50) for index in range(2)]
    assert all(width is None or width > 0.1 for width in widths)


def test_a_record_that_is_read_settles_by_its_passes() -> None:
    """As the process that measured did: 10 and 20 ms in turn have no median, and passes of 30 ms do not differ."""
    found = computed(staged_run().record, staged_run().samples)
    assert [True, True] == [repeat.converged for repeat in found.repeats]


def test_passes_that_are_not_their_queries_are_refused() -> None:
    """Of a record that somebody edited."""
    run = staged_run()
    samples = {key: array + 1 if key.startswith("pass_ns") else array for key, array in run.samples.items()}
    assert [] != [str(one) for one in contradictions(run.record, samples) if "passes" in str(one)]


def test_each_input_is_told() -> None:
    """With its size, its own p50, and its network's fraction."""
    run = staged_run()
    each = (PipelineInput("a.png", 2_000), PipelineInput("b.png", 3_000))
    facts = PipelineFacts("own", (), 2, 2, "0" * 64, each=each)
    record = replace(run.record, plan=replace(run.record.plan, pipeline=facts))
    table = each_input_table(RecordedRun(record, run.samples))
    assert table is not None
    assert [["b.png", "2.93 KiB", "20.0 ms", "40.0 %"], ["a.png", "1.95 KiB", "10.0 ms", "40.0 %"]] == [
        [cell.value for cell in row] for row in table.rows
    ]
