"""Caches, answers that change and clocks that do, provoked in real processes and absent from honest ones."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analysis.verdict.times import CACHED_ALPHA, CACHED_RATIO
from bench.contracts import Scenario
from bench.execution.suite_run import run_suite
from bench.machine.clocks import CoreClocks
from bench.passes.cached_results import moved_along, recall
from bench.passes.determinism import compare_tensors, compare_token_runs
from bench.plugins import discover
from bench.record.record import Reason, RecordedRun
from bench.stats.speed_up import speed_up
from bench.suite.suite import ModelAsk, Suite, TargetAsk

PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "suspicious.py"
TEXT = Scenario(prompt_tokens=8, generate_tokens=3)

Measure = Callable[..., RecordedRun]


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """``measure(model, device, root)``: one repeat on the suspicious target."""

    def measured(model: str, device: str, root: Path = Path("/")) -> RecordedRun:
        suite = Suite(
            models=(ModelAsk(model),),
            targets=(TargetAsk(f"odd:{device}"),),
            scenarios=(TEXT,),
            repeats=1,
            max_seconds=0.5,
        )
        (tmp_path / "out").mkdir(exist_ok=True)
        return run_suite(suite, discover([PLUGIN]), tmp_path / "out", cache=tmp_path / "cache", root=root)[0]

    return measured


def reasons(run: RecordedRun) -> dict[str, Reason]:
    assert run.record.verdict is not None
    return {reason.code: reason for reason in run.record.verdict.reasons}


@pytest.mark.process
@pytest.mark.parametrize(("model", "device"), [("fake", "cache"), ("fake", "last"), ("fake-decoder", "cache")])
def test_a_cache_is_found(measure: Measure, model: str, device: str) -> None:
    """Answers kept by input, the last answer kept, and a cache of prefixes, each in a real worker.

    Measured prompts never come twice, so a cache of prefixes is said, and does not spoil the figures.
    """
    found = reasons(measure(model, device))["cached_results"]
    assert found.figures["ratio"] < 0.5
    assert (model == "fake") is found.invalidates


@pytest.mark.process
@pytest.mark.parametrize("model", ["fake", "fake-decoder"])
def test_an_honest_target_is_not_accused(measure: Measure, model: str) -> None:
    """Two milliseconds of work whatever is asked: no cache, nothing that changes, and the evidence is kept."""
    run = measure(model, "honest")
    assert not {"cached_results", "nondeterministic_output"} & set(reasons(run))
    assert run.record.determinism is not None
    assert run.record.determinism.identical
    assert run.record.repeated_input is not None
    assert len(run.record.repeated_input.fresh_ns) >= 6


@pytest.mark.process
@pytest.mark.parametrize(("model", "device", "weighs"), [("fake", "random", True), ("fake", "rounding", False)])
def test_tensors_that_change(measure: Measure, model: str, device: str, weighs: bool) -> None:
    """Noise like the signal makes the verdict negative; noise like rounding is told."""
    found = reasons(measure(model, device))["nondeterministic_output"]
    assert weighs == found.invalidates


@pytest.mark.process
def test_tokens_that_change(measure: Measure) -> None:
    """Greedy tokens drawn anew: the first that differs is named."""
    found = reasons(measure("fake-decoder", "random"))["nondeterministic_output"]
    assert (1, True) == (found.figures["first_difference"], found.invalidates)


class TestClocks:
    def tree(self, root: Path, *khz: int) -> list[Path]:
        files = []
        for i, value in enumerate(khz):
            files.append(root / f"sys/devices/system/cpu/cpufreq/policy{i}/scaling_cur_freq")
            files[-1].parent.mkdir(parents=True, exist_ok=True)
            files[-1].write_text(f"{value}\n")
        return files

    @pytest.mark.process
    def test_the_fastest_core_is_read_during_a_repeat(self, measure: Measure, tmp_path: Path) -> None:
        """From the recorded tree: a reading after every batch, in MHz, and no reason as it does not change."""
        self.tree(tmp_path / "root", 800_000, 2_600_000)
        run = measure("fake-decoder", "honest", tmp_path / "root")
        assert {2600.0} == set(run.record.repeats[0].frequency_mhz)
        assert "frequency_changed" not in reasons(run)

    @pytest.mark.process
    def test_unreadable_is_silent_and_said(self, measure: Measure, tmp_path: Path) -> None:
        """No cpufreq: no readings, no reason, and the environment says that it is unavailable."""
        (tmp_path / "root").mkdir()
        run = measure("fake-decoder", "honest", tmp_path / "root")
        assert () == run.record.repeats[0].frequency_mhz
        assert "cpufreq" in str(run.record.environment.unavailable["frequency_mhz"])
        assert "frequency_changed" not in reasons(run)

    def test_readings_follow_the_clock(self, tmp_path: Path) -> None:
        """Each look is a reading; one that vanishes or is no number is left out."""
        first, _ = self.tree(tmp_path, 2_000_000, 1_000_000)
        clocks = CoreClocks(tmp_path)
        clocks.look()
        first.write_text("nonsense")
        clocks.look()
        assert [2000.0, 1000.0] == clocks.readings_mhz


class TestRecall:
    def test_a_round_is_new_again_and_known(self) -> None:
        """Each round times a new input, the same at once, and the known one before or after; it was seen twice before.

        Each call follows a rest after its input was set.
        """
        asked: list[Any] = []
        now = [0]

        def call_of(one: int) -> Callable[[], None]:
            asked.append(one)

            def call() -> None:
                assert "rest" == asked[-1]
                now[0] += 100 if asked.count(one) == 1 else 10

            return call

        found = recall(call_of, 0, iter(range(1, 7)), lambda: now[0], lambda: asked.append("rest"))
        order = [one for one in asked if one != "rest"]
        assert [0, 0] == order[:2]
        turns = [tuple(order[i : i + 3]) for i in range(2, len(order), 3)]
        assert {(0, i, i) for i in range(1, 7)} | {(i, i, 0) for i in range(1, 7)} >= set(turns)
        assert 2 == len({turn.index(0) for turn in turns})
        assert ((100,) * 6, (10,) * 6, (10,) * 6) == (found.fresh_ns, found.again_ns, found.recalled_ns)

    def test_all_inputs_are_made_before_any_is_timed(self) -> None:
        """Making one takes time in which threads fall asleep: it never lies between two timed calls."""
        events: list[str] = []

        def made() -> Iterator[int]:
            for i in range(1, 30):
                events.append("made")
                yield i

        recall(lambda one: lambda: events.append("timed"), 0, made(), lambda: 0, lambda: None)
        assert ["made"] * 16 + ["timed"] * (2 + 3 * 16) == events

    def test_a_slow_model_gets_the_least_rounds(self) -> None:
        """Once two seconds are over, six rounds are enough."""
        clock = iter(range(0, 10**13, 10**10))
        found = recall(lambda one: lambda: None, 0, iter(range(1, 50)), lambda: next(clock), lambda: None)
        assert 6 == len(found.fresh_ns)

    def test_new_inputs_keep_their_values(self) -> None:
        """Values are moved along, so that each input is new and none leaves its range."""
        feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
        moved = list(moved_along(feeds))
        assert len(moved) == len({m["x"].tobytes() for m in moved}) >= 16
        assert all(sorted(m["x"].ravel()) == list(range(6)) for m in moved)

    def test_a_constant_input_has_no_new_ones(self) -> None:
        """Where all values are equal, that is why nothing is told."""
        assert [] == list(moved_along({"x": np.zeros((1, 300))}))
        assert "too few different inputs could be made" == str(recall(lambda one: lambda: None, 0, iter([])).reason)


class TestSpeedUp:
    def test_noise_is_not_a_cache(self) -> None:
        """Of 2,000 sets of 16 rounds without a cache, heavy-tailed, none passes both limits."""
        rng = np.random.default_rng(1)
        wrong = 0
        for _ in range(2000):
            fresh, seen = (1e6 * (1 + 0.3 * rng.pareto(1.5, (2, 16)))).astype(int)
            found = speed_up(fresh.tolist(), seen.tolist())
            assert found is not None
            wrong += found.ratio < 0.7 and found.p_value < 0.001
        assert 0 == wrong

    @pytest.mark.long
    @pytest.mark.parametrize("rounds", [6, 16])
    @pytest.mark.parametrize("stay", [0.5, 0.8, 0.95])
    def test_a_busy_machine_is_not_a_cache(self, rounds: int, stay: float) -> None:
        """A machine that changes between its own speed and a third of it, staying in each for one call or for many:
        of 4,000 passes without a cache fewer than one in a hundred is accused, in either of the two comparisons."""
        rng = np.random.default_rng(5)
        accused = 0
        for _ in range(4000):
            changes = rng.random(3 * rounds) > stay
            slow = (changes.cumsum() + rng.integers(2)) % 2 == 1
            took = 1e6 * np.where(slow, 3.0, 1.0) * (1 + 0.1 * rng.pareto(1.5, 3 * rounds))
            turns = took.reshape(rounds, 3)
            early = rng.random(rounds) < 0.5
            fresh = np.where(early, turns[:, 1], turns[:, 0])
            again = np.where(early, turns[:, 2], turns[:, 1])
            known = np.where(early, turns[:, 0], turns[:, 2])
            pairs = [speed_up(fresh.astype(int).tolist(), seen.astype(int).tolist()) for seen in (again, known)]
            accused += any(f is not None and f.ratio < CACHED_RATIO and f.p_value < CACHED_ALPHA for f in pairs)
        assert accused <= 40

    @pytest.mark.parametrize("rounds", [6, 16])
    def test_a_cache_on_a_busy_machine_is_found(self, rounds: int) -> None:
        """A cache that answers in a twentieth of the time is found in nine of ten passes on the same machine."""
        rng = np.random.default_rng(6)
        found = 0
        for _ in range(400):
            took = 1e6 * np.where(rng.random((2, rounds)) < 0.3, 3.0, 1.0)
            seen = speed_up(took[0].astype(int).tolist(), (took[1] / 20).astype(int).tolist())
            found += seen is not None and seen.ratio < CACHED_RATIO and seen.p_value < CACHED_ALPHA
        assert found >= 360

    def test_agrees_with_scipy(self) -> None:
        """The p-value is SciPy's one-sided paired t test on logarithms."""
        from scipy import stats

        rng = np.random.default_rng(2)
        fresh, seen = rng.integers(900, 1100, 12), rng.integers(700, 1000, 12)
        expected = stats.ttest_rel(np.log(seen), np.log(fresh), alternative="less").pvalue
        found = speed_up(fresh.tolist(), seen.tolist())
        assert found is not None
        assert found.p_value == pytest.approx(expected)

    def test_too_few_rounds(self) -> None:
        """Five rounds tell nothing."""
        assert speed_up([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]) is None


def test_nan_is_the_same_again() -> None:
    """NaN where NaN was is no difference; another type is one."""
    nan = np.array([np.nan, 1.0], np.float32)
    assert compare_tensors({"y": nan}, {"y": nan.copy()}, "float32").identical
    assert not compare_tensors({"y": nan}, {"y": nan.astype(np.float64)}, "float32").identical


def test_text_and_types_that_numpy_lacks_are_the_same_again() -> None:
    """Words kept in a file are those of the session; another word and another bfloat16 differ."""
    import ml_dtypes

    kept, words = np.array(["고양이", "개"]), np.array(["고양이", "개"], object)
    assert compare_tensors({"y": kept}, {"y": words}, "float32").identical
    assert not compare_tensors({"y": kept}, {"y": words[::-1]}, "float32").identical
    half = np.array([1.5], ml_dtypes.bfloat16)
    assert compare_tensors({"y": half}, {"y": half.copy()}, "float32").identical
    assert not compare_tensors({"y": half}, {"y": -half}, "float32").identical


def test_a_shorter_generation_differs_where_it_ends() -> None:
    """The position after the shorter one."""
    assert 3 == compare_token_runs((1, 2, 3), (1, 2)).first_difference
