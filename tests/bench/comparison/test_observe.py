"""One figure a process: each metric on samples whose figures are known, and samples that cannot be times."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.metrics import METRICS
from bench.analysis.summary import summarise
from bench.comparison.comparison import compare
from bench.comparison.observe import observe
from bench.errors import InputError
from bench.record.energy import RepeatEnergy
from bench.record.record import Failure, RecordedRun, Scenario
from bench.testing.records import fake_run

MS = 1_000_000
FIGURES = {"cold_start_ns": 50 * MS, "peak_rss_bytes": 1 << 20, "cpu_seconds": 2.0, "joules": 3.0}


def test_tensor_metrics() -> None:
    """1 to 1000 ms: percentiles are LoadGen's ranks, p99.9 needs more, the throughput is the inverse of the mean."""
    run = fake_run("r", [np.arange(1, 1001) * MS] * 2, figures=[FIGURES] * 2)
    expected = {
        "latency_p50_ns": (501 * MS,) * 2,
        "latency_p90_ns": (901 * MS,) * 2,
        "latency_p95_ns": (951 * MS,) * 2,
        "latency_p99_ns": (991 * MS,) * 2,
        "latency_p999_ns": (None, None),
        "throughput_per_s": (pytest.approx(1000 / 500.5),) * 2,
        "cold_start_ns": (50 * MS,) * 2,
        "peak_rss_bytes": (1 << 20,) * 2,
        "joules_per_inference": (0.003,) * 2,
        "total_joules_per_inference": (0.004,) * 2,
        "energy_delay_joule_seconds": (pytest.approx(0.004 * 0.501),) * 2,
        "battery_hours": (None, None),
        "cpu_seconds_per_inference": (0.002,) * 2,
        "late_fraction": (None, None),
    }
    assert expected == observe(run).values


def test_text_metrics() -> None:
    """First token after 7 ms, then one each 2 ms: TTFT, TPOT and rate are these; there are no tails of generations."""
    tokens = np.tile(7 * MS + 2 * MS * np.arange(5), (6, 1))
    values = observe(fake_run("r", [tokens[:, -1]] * 2, [tokens] * 2)).values
    assert (7.0 * MS, 2.0 * MS, 500.0) == tuple(values[m][0] for m in ("ttft_ns", "tpot_ns", "decode_tokens_per_s"))
    assert "latency_p99_ns" not in values


def test_the_figures_of_a_report_are_those_of_a_comparison() -> None:
    """One rule makes both: of processes that differ, and that ran other numbers of queries."""
    rng = np.random.default_rng(4)
    parts = [np.round(scale * MS * rng.lognormal(0, 0.1, n)).astype(np.int64) for scale, n in ((1, 900), (1.5, 700))]
    run = fake_run("r", parts, figures=[FIGURES, {**FIGURES, "cold_start_ns": 80 * MS}])
    found = summarise(run.record.repeats, run.samples, run.record.plan.scenario)
    assert found.latency_ns is not None
    compared = {c.metric: c.base for c in compare(run, fake_run("s", parts, figures=[FIGURES] * 2)).changes}
    assert pytest.approx(compared["latency_p50_ns"], abs=1) == found.latency_ns.p50
    assert pytest.approx(compared["latency_p90_ns"], abs=1) == found.latency_ns.p90
    assert pytest.approx(compared["latency_p95_ns"], abs=1) == found.latency_ns.p95
    assert pytest.approx(compared["latency_p99_ns"], abs=1) == found.latency_ns.p99
    assert pytest.approx(compared["throughput_per_s"]) == found.throughput_per_s
    assert pytest.approx(compared["cold_start_ns"], abs=1) == found.cold_start_ns
    tokens = [np.tile(t * MS * np.arange(1, 6), (9, 1)) for t in (2, 3)]
    text = fake_run("t", [part[:, -1] for part in tokens], tokens)
    said = summarise(text.record.repeats, text.samples, text.record.plan.scenario).text_generation
    assert said is not None
    compared = {
        c.metric: c.base for c in compare(text, replace(text, record=replace(text.record, record_id="u"))).changes
    }
    assert pytest.approx(compared["ttft_ns"], abs=1) == said.ttft_ns
    assert pytest.approx(compared["tpot_ns"], abs=1) == said.tpot_ns
    assert pytest.approx(compared["decode_tokens_per_s"], abs=1e-3) == said.decode_tokens_per_s


def test_offline_throughput_is_queries_over_wall_time() -> None:
    """Two in flight: the latencies add up to twice the time it took."""
    run = fake_run("r", [np.full(100, 10 * MS)], scenario=Scenario("offline", lanes=2))
    repeat = replace(run.record.repeats[0], duration_ns=500 * MS)
    run = replace(run, record=replace(run.record, repeats=(repeat,)))
    assert (pytest.approx(200),) == observe(run).values["throughput_per_s"]


@pytest.mark.parametrize(
    ("metric", "queries"),
    [("latency_p90_ns", 64), ("latency_p95_ns", 130), ("latency_p99_ns", 662), ("latency_p999_ns", 6636)],
)
def test_tails_need_their_samples_in_each_process(metric: str, queries: int) -> None:
    """One query fewer, and there is no figure."""
    values = observe(fake_run("r", [np.full(queries, MS), np.full(queries - 1, MS)])).values[metric]
    assert (float(MS), None) == values


def test_a_median_needs_eleven_queries_in_all() -> None:
    """Six and five are enough, five and five are not."""
    assert None not in observe(fake_run("r", [np.full(6, MS), np.full(5, MS)])).values["latency_p50_ns"]
    assert (None, None) == observe(fake_run("r", [np.full(5, MS)] * 2)).values["latency_p50_ns"]


def test_what_was_not_measured_is_none() -> None:
    """No memory, energy, CPU time or cold start: none, and not 0."""
    values = observe(fake_run("r", [np.full(20, MS)])).values
    missing = {name for name, found in values.items() if found == (None,)}
    assert {"cold_start_ns", "peak_rss_bytes", "joules_per_inference", "cpu_seconds_per_inference"} <= missing


def test_energy_of_two_channels_is_not_mixed() -> None:
    """Of a repeat whose package was lost and whose battery was read the metric has no figure."""
    run = fake_run("r", [np.full(20, MS)] * 2, figures=[FIGURES] * 2)
    first, second = run.record.repeats
    assert second.energy is not None
    battery = replace(second.energy.channels[0], name="battery", domain="battery")
    energy = RepeatEnergy(20, 20 * MS, 2.0, (battery,))
    mixed = replace(run, record=replace(run.record, repeats=(first, replace(second, energy=energy))))
    assert (0.15, None) == observe(mixed).values["joules_per_inference"]
    assert "fake/package" == observe(run).energy_channel


def test_a_failed_run_has_no_values() -> None:
    """There is nothing to read, and nothing is read."""
    run = fake_run("r", [np.full(20, MS)])
    failed = replace(run, record=replace(run.record, status="failed", failure=Failure("compile", "crashed", "it", "")))
    assert {} == observe(failed).values


def test_curves_end_at_the_greatest() -> None:
    """Each process has a distribution, from its least sample to its greatest; of text, of the gaps."""
    found = observe(fake_run("r", [np.arange(1, 501) * MS] * 3)).curves
    assert (3, MS, 500 * MS, 1.0) == (len(found), found[0].ns[0], found[0].ns[-1], found[0].share[-1])
    tokens = np.tile(7 * MS + 2 * MS * np.arange(5), (6, 1))
    assert (2 * MS,) * 4 == observe(fake_run("r", [tokens[:, -1]], [tokens])).curves[0].ns[:4]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1, 2, -3] * 10), "latency_ns_0 in samples.npz holds negative times"),
        (np.array([1.0, np.nan] * 10), "latency_ns_0 in samples.npz is float64, not whole nanoseconds"),
        (None, "samples.npz holds no latency_ns_0, which record.json names"),
    ],
)
def test_samples_that_are_no_times_are_refused(array: np.ndarray | None, words: str) -> None:
    """Negative, not a number, or missing: the record and the array are named."""
    run = fake_run("r", [np.full(30, MS)])
    broken = RecordedRun(run.record, {} if array is None else {"latency_ns_0": array})
    with pytest.raises(InputError, match=words) as raised:
        observe(broken, "results/r")
    assert raised.value.message.startswith("results/r: ")


def test_names_are_unique() -> None:
    """One name, one metric."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
