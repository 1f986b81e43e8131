"""The stopping rules, driven by simulated latencies: no clock, no waiting."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import count, islice

import msgspec
import numpy as np
import pytest
from msgspec import Struct

from bench.comparison.rules import FEW
from bench.contracts import Scenario
from bench.measure import stopping
from bench.measure.staged.queries import passes_rule
from bench.record.record import StoppingRule
from bench.stats import convergence
from bench.stats.passes.settling import PASSES
from bench.stats.processes import MIN_SAMPLES
from bench.suite import presets
from bench.suite.presets import PRESETS, SECOND

Source = Callable[[int, int], np.ndarray]
"""(queries, elapsed_ns) -> latencies of so many more queries."""


class Played(Struct, frozen=True):
    """How a simulated repeat went."""

    samples: np.ndarray
    elapsed_ns: int
    looks: int


def play(next_batch: Callable[[np.ndarray, int, StoppingRule], int], rule: StoppingRule, source: Source) -> Played:
    """Run a phase to its end; every query takes exactly its latency."""
    samples, elapsed, looks = np.empty(0, np.int64), 0, 0
    while queries := next_batch(samples, elapsed, rule):
        more = source(queries, elapsed)
        samples, elapsed, looks = np.concatenate([samples, more]), elapsed + int(more.sum()), looks + 1
    return Played(samples, elapsed, looks)


def noise(middle_ns: float, spread: float, seed: int = 0) -> Source:
    """Log-normal latencies around ``middle_ns``."""
    rng = np.random.default_rng(seed)
    return lambda n, _: (middle_ns * rng.lognormal(0, spread, n)).astype(np.int64)


QUICK = PRESETS["quick"].rule


class TestPresets:
    @pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
    def test_slowest_model_still_has_its_percentile(self, preset: presets.Preset) -> None:
        """The least queries of all repeats together are enough for the percentile that the preset asks for."""
        assert preset.repeats.fewest * preset.rule.min_queries >= MIN_SAMPLES[preset.rule.percentile]

    @pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
    def test_a_record_can_be_the_base_of_a_comparison(self, preset: presets.Preset) -> None:
        """No preset measures fewer processes than odb compare needs a side, alone or in alternation."""
        assert min(preset.repeats.fewest, preset.pairs) >= FEW

    @pytest.mark.parametrize("name", list(PRESETS))
    def test_is_named_as_it_is_found(self, name: str) -> None:
        """A preset carries the name it is listed under."""
        assert name == PRESETS[name].name

    def test_stricter_asks_for_more(self) -> None:
        """From quick to strict: more processes, a higher percentile, a narrower interval, more time."""
        order = [PRESETS[name] for name in ("quick", "standard", "strict")]
        assert [(p.repeats.fewest, p.repeats.most) for p in order] == [(6, 24), (6, 24), (10, 20)]
        assert [(p.repeats.budget_ns or 0) // SECOND for p in order] == [30, 120, 900]
        assert [p.pairs for p in order] == [6, 10, 20]
        assert [p.rule.percentile for p in order] == [50, 90, 99]
        assert [p.rule.precision for p in order] == [0.1, 0.03, 0.02]
        assert [p.rule.max_duration_ns // SECOND for p in order] == [5, 10, 60]

    @pytest.mark.parametrize("rule", [presets.emulated_rule(), *(p.rule for p in PRESETS.values())])
    def test_can_be_written(self, rule: StoppingRule) -> None:
        """A rule survives JSON: it holds no infinity."""
        assert rule == msgspec.json.decode(msgspec.json.encode(rule), type=StoppingRule)


class TestSteadyState:
    @pytest.mark.parametrize("name", list(PRESETS))
    @pytest.mark.parametrize("middle_ns", [2e4, 1e6, 2e7])
    def test_calm_model_ends_soon_after_the_minimum(self, name: str, middle_ns: float) -> None:
        """A model of 1 % spread converges, and takes the minimum time and hardly more (or the maximum of queries)."""
        rule = PRESETS[name].rule
        played = play(stopping.next_batch, rule, noise(middle_ns, 0.01))
        assert convergence.converged(played.samples, rule)
        assert played.elapsed_ns <= 1.1 * rule.min_duration_ns
        assert played.elapsed_ns >= rule.min_duration_ns or len(played.samples) == rule.max_queries

    @pytest.mark.parametrize("name", list(PRESETS))
    @pytest.mark.parametrize("middle_ns", [1e6, 2e7, 1e8])
    def test_wild_model_ends_at_the_maximum(self, name: str, middle_ns: float) -> None:
        """A model that cannot converge uses its time up, and overshoots it by a tenth at most."""
        rule = msgspec.structs.replace(PRESETS[name].rule, precision=1e-6)
        played = play(stopping.next_batch, rule, noise(middle_ns, 0.5))
        assert not convergence.converged(played.samples, rule)
        assert 0.9 * rule.max_duration_ns <= played.elapsed_ns <= 1.1 * rule.max_duration_ns

    @pytest.mark.parametrize("name", list(PRESETS))
    def test_throttling_to_half_speed_is_within_the_maximum(self, name: str) -> None:
        """Queries that take twice as long from a third of the time on overshoot it by a tenth at most."""
        rule = msgspec.structs.replace(PRESETS[name].rule, precision=1e-6)
        base = noise(1e6, 0.2)
        played = play(
            stopping.next_batch, rule, lambda n, at: base(n, at) * (2 if at > rule.max_duration_ns / 3 else 1)
        )
        assert played.elapsed_ns <= 1.1 * rule.max_duration_ns

    @pytest.mark.parametrize("name", list(PRESETS))
    def test_query_longer_than_the_maximum(self, name: str) -> None:
        """A model slower than the whole time allowed still runs its least queries, and not one more."""
        rule = PRESETS[name].rule
        played = play(stopping.next_batch, rule, lambda n, _: np.full(n, 2 * rule.max_duration_ns))
        assert rule.min_queries == len(played.samples)

    def test_stops_at_the_maximum_of_queries(self) -> None:
        """A model of 1 µs ends at the maximum of queries, before the minimum of time."""
        played = play(stopping.next_batch, QUICK, noise(1_000, 0.1))
        assert QUICK.max_queries == len(played.samples)
        assert played.elapsed_ns < QUICK.min_duration_ns

    def test_looks_seldom(self) -> None:
        """100,000 queries are interrupted no more than a dozen times."""
        assert play(stopping.next_batch, QUICK, noise(1_000, 0.1)).looks <= 12

    def test_one_query_more_that_would_overshoot_is_not_run(self) -> None:
        """After the least queries, a query that would end over a tenth late is left out."""
        done = np.full(6, SECOND * 480 // 1000)
        assert stopping.next_batch(done, int(done.sum()), QUICK) == 0

    def test_stops_as_soon_as_it_converges_between_bounds(self) -> None:
        """Converged samples end a repeat from the minimum time on, and not before."""
        samples = np.tile([1_000_000, 1_000_001], 100)
        assert not stopping.finished(samples, QUICK.min_duration_ns - 1, QUICK)
        assert stopping.finished(samples, QUICK.min_duration_ns, QUICK)

    def test_wide_interval_goes_on(self) -> None:
        """Samples that vary by half are not finished at the minimum time."""
        samples = np.tile([1_000_000, 1_500_000], 100)
        assert not stopping.finished(samples, QUICK.min_duration_ns, QUICK)

    def test_correlated_samples_need_more(self) -> None:
        """The same values in two plateaus are not converged, where shuffled with many more of one they are."""
        plateaus = np.repeat([1_000_000, 1_200_000], 500)
        mostly = np.random.default_rng(0).permutation(np.repeat([1_000_000, 1_200_000], [900, 100]))
        assert not convergence.converged(plateaus, QUICK)
        assert convergence.converged(mostly, QUICK)

    def test_nothing_measured(self) -> None:
        """Without samples nothing has converged, and the least queries come first."""
        nothing = np.empty(0, np.int64)
        assert not convergence.converged(nothing, QUICK)
        assert convergence.relative_width(nothing, 50) is None
        assert QUICK.min_queries == stopping.next_batch(nothing, 0, QUICK)

    def test_relative_width(self) -> None:
        """The width is that of the binomial interval over the estimate: ranks 40 to 61 of 1 … 100 around 51."""
        samples = np.random.default_rng(0).permutation(np.arange(1, 101))
        assert convergence.relative_width(samples, 50) == (61 - 40) / 51

    @pytest.mark.process
    def test_leaves_scipy_alone(self) -> None:
        """The measuring process never imports SciPy, which would show in the memory it measures."""
        code = (
            "import sys, numpy as np; from bench.measure import stopping as s;"
            "from bench.suite import presets as p;"
            "r = p.PRESETS['standard'].rule; s.next_batch(np.arange(1, 1000), 2 * p.SECOND, r);"
            "s.next_warmup_batch(np.arange(1, 1000), p.SECOND, r);"
            "print([m for m in sys.modules if m.startswith('scipy')])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestWarmup:
    def test_steady_model(self) -> None:
        """A model steady from the start warms up for a tenth of the maximum, whatever its speed."""
        for middle_ns in (1e4, 1e6):
            played = play(stopping.next_warmup_batch, QUICK, noise(middle_ns, 0.01))
            assert convergence.steady(played.samples, QUICK)
            assert QUICK.warmup_max_duration_ns / 10 <= played.elapsed_ns < QUICK.warmup_max_duration_ns

    def test_model_that_speeds_up(self) -> None:
        """Queries that take ten times as long for the first 0.2 s are not steady before that is over."""
        played = play(stopping.next_warmup_batch, QUICK, lambda n, at: np.full(n, 10**7 if at < 2 * 10**8 else 10**6))
        assert played.elapsed_ns > 2 * 10**8
        assert convergence.steady(played.samples, QUICK)

    def test_model_that_never_settles(self) -> None:
        """Queries that slow down for ever end at the maximum time (and a tenth at most), unsteady."""
        growing = count(10**6, 5 * 10**4)
        played = play(stopping.next_warmup_batch, QUICK, lambda n, _: np.array([next(growing) for _ in range(n)]))
        assert QUICK.warmup_max_duration_ns <= played.elapsed_ns <= 1.1 * QUICK.warmup_max_duration_ns
        assert not convergence.steady(played.samples, QUICK)

    def test_query_longer_than_the_maximum(self) -> None:
        """One query is enough to warm up a model slower than the time allowed, and it is not called steady."""
        played = play(stopping.next_warmup_batch, QUICK, lambda n, _: np.full(n, 5 * SECOND))
        assert len(played.samples) == 1
        assert not convergence.steady(played.samples, QUICK)

    def test_passes_longer_than_the_maximum(self) -> None:
        """Three passes are run though two fill the time: the first was cold, and the other two agree."""
        longest = QUICK.warmup_max_duration_ns
        passes, rule = iter([longest * 9 // 10, *[longest * 6 // 10] * 9]), passes_rule(QUICK, 14)
        of_passes = partial(stopping.next_warmup_batch, settling=PASSES)
        played = play(of_passes, rule, lambda n, _: np.array(list(islice(passes, n))))
        assert 3 == len(played.samples)
        assert PASSES.steady(played.samples, rule)
        assert 1 == len(play(of_passes, passes_rule(presets.emulated_rule(), 14), noise(1e9, 0.3)).samples)

    def test_at_least_one_query(self) -> None:
        """A warm-up without a query is not over, even when its time is."""
        assert not stopping.warmup_done(np.empty(0, np.int64), 10 * SECOND, QUICK)

    @pytest.mark.parametrize("queries", [0, 1, 3])
    def test_too_few_to_be_steady(self, queries: int) -> None:
        """Fewer than two windows of two are never steady."""
        assert not convergence.steady(np.full(queries, 100), QUICK)

    def test_tolerance_is_between_windows(self) -> None:
        """Two windows 5 % apart agree; 6 % apart they do not."""
        assert convergence.steady(np.array([100, 100, 105, 105]), QUICK)
        assert not convergence.steady(np.array([100, 100, 106, 106]), QUICK)


class TestOtherRules:
    def test_emulated(self) -> None:
        """An emulator is asked for one query to warm up and three more, and for no precision."""
        rule = presets.emulated_rule()
        slow = noise(1e9, 0.3)
        assert len(play(stopping.next_warmup_batch, rule, slow).samples) == 1
        assert len(play(stopping.next_batch, rule, slow).samples) == 3
        assert not convergence.asks_convergence(rule)

    @pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
    def test_text_generation(self, preset: presets.Preset) -> None:
        """Generations of 2 s end after the least queries or the maximum time, and all together have a median."""
        rule = presets.text_generation_rule(preset.rule)
        played = play(stopping.next_batch, rule, noise(2e9, 0.02))
        assert rule.percentile == 50
        assert preset.repeats.fewest * rule.min_queries >= MIN_SAMPLES[50]
        assert played.elapsed_ns <= max(1.1 * rule.max_duration_ns, 1.1 * rule.min_queries * 2e9)

    @pytest.mark.parametrize(
        ("scenario", "repeats", "queries"),
        [
            (Scenario("chat", parameters={"turns": 3}), 1, 11),
            (Scenario("chat", parameters={"turns": 3}), 6, 6),
            (Scenario("concurrent", parameters={"users": 4}), 6, 8),
            (Scenario("concurrent", parameters={"users": 64}), 1, 704),
            (Scenario(), 1, 6),
        ],
    )
    def test_each_turn_and_each_user_has_a_median(self, scenario: Scenario, repeats: int, queries: int) -> None:
        """All processes together give each as many queries as a median needs, if users take turns fairly."""
        assert presets.OF_A_MEDIAN == MIN_SAMPLES[50]
        assert presets.text_generation_rule(PRESETS["quick"].rule, scenario, repeats).min_queries == queries

    def test_fixed_count(self) -> None:
        """A rule with as many least as most queries runs exactly those, and asks for no convergence."""
        rule = msgspec.structs.replace(QUICK, min_queries=40, max_queries=40)
        assert len(play(stopping.next_batch, rule, noise(1e6, 0.1)).samples) == 40
        assert not convergence.asks_convergence(rule)
        assert convergence.asks_convergence(QUICK)
