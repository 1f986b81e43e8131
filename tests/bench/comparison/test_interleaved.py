"""Pairs that took turns: what cancels, what is found, how often it is wrong, and when it is not used."""

import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from bench.comparison.comparison import Change, Comparison, compare
from bench.comparison.interleaved import alternated
from bench.comparison.observe import observe
from bench.errors import InputError
from bench.record.evidence import Alternation
from bench.record.record import Reason, RecordedRun, Verdict
from bench.reports.comparisons.words import rows, sentences
from bench.stats.ratio import log_ratio, paired_log_ratio
from bench.store.derived import judged
from bench.testing.records import fake_run

MS = 1_000_000
BLOCKS, QUERIES = 20, 10


def disturbed(rng: np.random.Generator, blocks: int) -> np.ndarray:
    """What the machine does to each of so many successive blocks: it drifts, and other work comes and goes."""
    drift = np.linspace(0, rng.normal(0, 0.2), blocks)
    busy = np.repeat(rng.random(math.ceil(blocks / 8)) < 0.3, 8)[:blocks] * rng.exponential(0.6)
    return np.exp(rng.normal(0, 0.2) + drift + busy)


def in_turns(
    rng: np.random.Generator, slower: float = 1.0, pairs: int = 10, between: float = 0.003, noise: float = 0.02
) -> tuple[RecordedRun, RecordedRun]:
    """Two runs in turns a b b a a b …, both under one machine's disturbance; ``between``: by which processes differ."""
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for _ in range(pairs):
        machine = disturbed(rng, 2 * BLOCKS)
        order = np.array([s for r in range(BLOCKS) for s in ((0, 1) if r % 2 == 0 else (1, 0))])
        for side, factor in ((0, 1.0), (1, slower)):
            of_process = factor * math.exp(between * rng.standard_normal())
            blocks = 4 * MS * of_process * machine[order == side]
            queries = np.repeat(blocks, QUERIES) * np.exp(noise * rng.standard_normal(BLOCKS * QUERIES))
            sides[side].append(np.rint(queries).astype(np.int64))
    return turned("base", sides[0]), turned("new", sides[1])


def turned(side: Any, latency: list[np.ndarray], group: str = "g") -> RecordedRun:
    """A run whose repeats hold blocks of ten queries."""
    run = fake_run(side, latency, alternation=Alternation(group, side))
    samples, repeats = dict(run.samples), []
    for i, repeat in enumerate(run.record.repeats):
        assert repeat.samples is not None
        samples[f"block_queries_{i}"] = np.full(len(latency[i]) // QUERIES, QUERIES)
        arrays = {**repeat.samples.arrays, "block_queries": f"block_queries_{i}"}
        repeats.append(replace(repeat, samples=replace(repeat.samples, arrays=arrays)))
    return RecordedRun(replace(run.record, repeats=tuple(repeats)), samples)


def p50(comparison: Comparison) -> Change:
    return next(change for change in comparison.changes if change.metric == "latency_p50_ns")


def test_figures_that_contradict_the_change_are_said() -> None:
    """One side is caught by a slow phase for most of its turns but each turn is 6 % slower: the sentence leads with
    why, and the figures stand beside their own ratio; where whole processes agree with their turns, they come first."""
    fast, slow = 4 * MS, 8 * MS
    phases = [np.repeat([fast] * 9 + [slow] * 11, QUERIES), np.repeat([fast] * 11 + [slow] * 9, QUERIES)]
    base, new = (
        [np.rint(phase * f * (1 + 0.001 * i)) for i in range(6)] for phase, f in zip(phases, (1, 1.06), strict=True)
    )
    sides = [turned(side, [a.astype(np.int64) for a in arrays]) for side, arrays in (("base", base), ("new", new))]
    comparison = compare(*sides)
    change = p50(comparison)
    assert change.ratio is not None
    assert (True, True) == (change.ratio > 1, change.new < change.base)
    first = sentences(comparison)[0]
    assert change.by_turns
    assert first.strong.startswith("Compared turn by turn, because the machine's speed changed between turns")
    assert first.strong.endswith(": latency p50 +6.0 %, slower.")
    assert "Whole processes differ by −47.0 % (8.02 ms → 4.25 ms), which includes those changes." in first.rest
    row = next(row for row in rows(comparison) if row.cells[0] == "latency p50")
    assert ("+6.0 % by turns", True) == (row.cells[3], row.cells[6].startswith("Whole processes differ by −47.0 %"))
    calm = compare(*[turned(s, [np.full(200, round(ms * MS))] * 6) for s, ms in (("base", 4), ("new", 4.2))])
    assert not p50(calm).by_turns
    assert sentences(calm)[0].strong == "Latency p50: 4.00 ms → 4.20 ms, +5.0 %, slower."


def test_a_change_of_means_beside_medians_is_not_of_turns() -> None:
    """Records that took no turns: the CPU time shown is a median, and its change is of geometric means. The table says
    so, and nothing of turns."""
    sides = [
        fake_run(name, [np.full(20, 4 * MS + i) for i in range(3)], figures=[{"cpu_seconds": s} for s in seconds])
        for name, seconds in (("base", (1.0, 4.0, 5.0)), ("new", (4.0, 5.0, 6.0)))
    ]
    comparison = compare(*map(judged, sides))
    change = next(change for change in comparison.changes if change.metric == "cpu_seconds_per_inference")
    assert (True, False) == (change.contradicted, change.by_turns)
    row = next(row for row in rows(comparison) if row.cells[0] == "CPU time per inference")
    assert ("81.7 %", False) == (row.cells[3].strip("+"), "turns" in row.cells[6])
    assert row.cells[6].startswith("The change is of geometric means over processes; the figures shown are medians")
    assert "+25.0 %" in row.cells[6]


@pytest.mark.parametrize("seed", range(8))
def test_a_change_beside_two_figures_is_theirs(seed: int) -> None:
    """Whatever the machine does: where a change stands between two figures it is what a reader computes from them."""
    comparison = compare(*in_turns(np.random.default_rng(seed), 1.0 + 0.1 * seed))
    for change in comparison.changes:
        if change.ratio is not None and not change.contradicted:
            assert change.ratio == pytest.approx(change.new / change.base, rel=0.0051)


def test_a_disturbed_tail_is_not_claimed_of_the_model() -> None:
    """A machine that preempts: of the slower side more queries cross the p95, which is then twenty times as long. Where
    both are invalid for what else ran, the median is told and the tail is not; where both are valid, it is."""
    rng = np.random.default_rng(3)
    sides = []
    for side, ms, share in (("base", 4.0, 0.03), ("new", 5.0, 0.08)):
        latency = []
        for _ in range(6):
            queries = ms * MS * np.exp(0.01 * rng.standard_normal(400))
            queries[rng.random(400) < share] += 100 * MS
            latency.append(np.rint(queries).astype(np.int64))
        sides.append(turned(side, latency))
    words = {c.metric: c.word for c in compare(*sides).changes}
    assert ("slower", "slower") == (words["latency_p50_ns"], words["latency_p95_ns"])
    busy = Verdict(False, False, (Reason("host_busy", "It is so."),))
    found = compare(*(replace(s, record=replace(s.record, verdict=busy)) for s in sides))
    claimed = {c.metric: (c.word, c.claimed) for c in found.changes}
    assert (("slower", True), ("cannot_tell", False)) == (claimed["latency_p50_ns"], claimed["latency_p95_ns"])
    (tail,) = [str(c.message) for c in found.changes if c.metric == "latency_p95_ns"]
    assert tail.endswith("Preemption determines the tail of a process, and taking turns does not cancel it.")


def test_a_disturbance_of_both_cancels() -> None:
    """A machine that makes processes differ by a fifth and more: the pairs' ratios stay within 2 % of the truth."""
    base, new = in_turns(np.random.default_rng(1), 1.05)
    found = p50(compare(base, new))
    assert np.log(found.base_values).std() > 0.15
    assert all(abs(ratio / 1.05 - 1) < 0.02 for ratio in found.pair_ratios)
    assert "slower" == found.word


@pytest.mark.long
def test_five_percent_are_found_where_processes_differ_by_a_fifth() -> None:
    """Of 100 seeded alternations with a slowdown of 5 %, 95 are called slower, and none faster."""
    rng = np.random.default_rng(2)
    words = [p50(compare(*in_turns(rng, 1.05))).word for _ in range(100)]
    assert words.count("slower") >= 95
    assert "faster" not in words


@pytest.mark.long
def test_without_pairs_the_same_runs_tell_nothing() -> None:
    """The same latencies as two runs of no alternation: in at most 5 of 50 is the slowdown of 5 % found."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(50):
        base, new = in_turns(rng, 1.05)
        alone = [
            replace(r, record=replace(r.record, plan=replace(r.record.plan, alternation=None))) for r in (base, new)
        ]
        found += p50(compare(*alone)).word == "slower"
    assert found <= 5


@pytest.mark.long
@pytest.mark.parametrize(("between", "pairs"), [(0.003, 10), (0.05, 10), (0.2, 6), (0.02, 5)])
def test_a_against_a_in_turns(between: float, pairs: int) -> None:
    """300 alternations of a model with itself under drift and bursts: 2 % or fewer name any difference."""
    rng, wrong = np.random.default_rng(pairs), 0
    for _ in range(300):
        changes = compare(*in_turns(rng, pairs=pairs, between=between)).changes
        wrong += any(change.word in ("slower", "faster", "better", "worse") for change in changes)
    assert wrong <= 6


class TestWhenItIsUsed:
    def test_what_falls_on_both_alike_bars_nothing(self) -> None:
        """A busy machine is what alternation is for; a wrong output still is one."""
        base, new = in_turns(np.random.default_rng(4), 1.05)
        for code, word in (("host_busy", "slower"), ("drift", "slower"), ("output_mismatch", "cannot_tell")):
            verdict = Verdict(False, False, (Reason(code, "It is so."),))
            assert word == p50(compare(base, replace(new, record=replace(new.record, verdict=verdict)))).word

    def test_another_group_is_not_paired(self) -> None:
        """Two runs that took turns with others are two runs, and so are two of one side."""
        rng = np.random.default_rng(5)
        base, new = in_turns(rng)
        other = replace(new.record, plan=replace(new.record.plan, alternation=Alternation("h", "new")))
        assert alternated(base.record, new.record)
        assert not alternated(base.record, other)
        assert not alternated(base.record, base.record)
        assert () == p50(compare(base, replace(new, record=other))).pair_ratios

    def test_blocks_that_do_not_add_up(self) -> None:
        """Block sizes edited apart from the queries are refused by name."""
        base, _ = in_turns(np.random.default_rng(6))
        samples = {**base.samples, "block_queries_3": base.samples["block_queries_3"] + 1}
        with pytest.raises(InputError, match=r"block_queries in samples.npz add up to 220 queries, but there are 200"):
            observe(replace(base, samples=samples))

    def test_metrics_without_blocks_are_paired_by_process(self) -> None:
        """Throughput: Student's t over the logarithms of each pair's own ratio, as SciPy has it."""
        base, new = in_turns(np.random.default_rng(7), 1.05)
        found = next(c for c in compare(base, new).changes if c.metric == "throughput_per_s")
        expected = stats.ttest_rel(np.log(found.new_values), np.log(found.base_values))
        assert found.p_different == pytest.approx(expected.pvalue)


class TestPairedRatio:
    def test_equal_errors_are_students_t(self) -> None:
        """Pairs that are equally well known, and differ more than that: the plain paired test."""
        logs = np.random.default_rng(1).normal(0.01, 0.05, 8)
        plain, weighted = paired_log_ratio(logs), paired_log_ratio(logs, [1e-4] * 8)
        expected = stats.ttest_1samp(logs, 0)
        assert plain.p_different() == pytest.approx(expected.pvalue)
        assert weighted.p_different() == pytest.approx(expected.pvalue, rel=1e-6)

    def test_worked_example(self) -> None:
        """Three pairs step by step: τ² by Sidik and Jonkman, weights 1/(v + τ²), the interval by Knapp and Hartung."""
        y, v = np.array([0.0, 0.1, 0.3]), np.array([0.01, 0.01, 0.02])
        crude = ((y - y.mean()) ** 2).mean()
        w = 1 / (v / crude + 1)
        tau = (w * (y - (w @ y) / w.sum()) ** 2).sum() / 2
        u = 1 / (v + tau)
        mean = (u @ y) / u.sum()
        error = math.sqrt(max(1.0, (u * (y - mean) ** 2).sum() / 2) / u.sum())
        found = paired_log_ratio(y, np.sqrt(v))
        assert (found.difference, found.error, found.df) == pytest.approx((mean, error, 2))

    def test_a_pair_that_is_hardly_known_weighs_little(self) -> None:
        """One pair far off, and known to be uncertain, does not hide what nine others agree on."""
        logs, errors = [0.05 + 0.001 * i for i in range(9)] + [-0.3], [0.003] * 9 + [0.2]
        assert paired_log_ratio(logs, errors).p_different() < 0.05 < 0.5 < paired_log_ratio(logs).p_different()

    @pytest.mark.parametrize("n", [5, 10])
    @pytest.mark.parametrize(("unequal", "between"), [(1.5, 0.002), (1.0, 0.005), (0.5, 0.01), (1.0, 0.02)])
    def test_the_interval_covers(self, n: int, unequal: float, between: float) -> None:
        """Pairs of very unequal errors, known only roughly: 95 % intervals hold the truth in 94 % or more."""
        rng, covered = np.random.default_rng(n), 0
        for _ in range(2000):
            errors = 0.005 * np.exp(rng.normal(0, unequal, n))
            logs = rng.normal(0, between, n) + errors * rng.standard_normal(n)
            guessed = errors * np.exp(rng.normal(0, 0.2, n))
            lo, hi = paired_log_ratio(logs, guessed).interval()
            covered += lo <= 1 <= hi
        assert covered >= 1880

    def test_one_pair_is_refused(self) -> None:
        """Without a spread there is nothing to be sure of."""
        with pytest.raises(ValueError, match="two are the least"):
            paired_log_ratio([0.1])

    def test_pairs_alike_are_sure(self) -> None:
        """Pairs that agree exactly differ for sure, or not at all; so do two sets."""
        assert (0.0, 1.0) == (paired_log_ratio([0.1] * 3).p_different(), paired_log_ratio([0.0] * 3).p_different())
        assert 1.0 == log_ratio([5.0, 5.0], [5.0, 5.0]).p_different()
