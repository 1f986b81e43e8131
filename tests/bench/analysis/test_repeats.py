"""How many repeats: the decision by itself, its statistics by simulation, and whole suites in rounds."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.repeats import Seen, ended, is_disturbed, looks, precise, seen_of, set_aside, why_more
from bench.comparison.rules import FEW as FEWEST_TO_COMPARE
from bench.execution.suite_run import Listener, run_suite
from bench.machine.load import HostLoad
from bench.plugins import Catalog, discover
from bench.record.evidence import RepeatRule
from bench.record.record import Phases, RecordedRun, Repeat, SampleArrays, Scenario
from bench.store.records import load_records
from bench.suite.presets import PRESETS, SECOND
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.testing import plugins
from bench.testing.records import fake_run
from bench.words import Sentence

RULE = PRESETS["quick"].repeats
PRECISION = 0.1


def seen(*figures: float, took_s: float = 1.0) -> list[Seen]:
    return [Seen(figure, took_ns=round(took_s * SECOND)) for figure in figures]


ALIKE = seen(*[100.0, 101.0] * 12)
APART, FAR = seen(*[100.0, 150.0] * 12), seen(*[100.0, 200.0] * 12)
DISTURBED = [replace(one, disturbed=True) for one in ALIKE]


class TestDecision:
    def test_it_looks_each_time_there_are_a_third_more(self) -> None:
        """From the fewest to the most."""
        assert (6, 8, 11, 15, 20, 24) == looks(RULE)
        assert (10, 14, 19, 20) == looks(PRESETS["strict"].repeats)
        assert (7,) == looks(RepeatRule(7, 7))

    @pytest.mark.parametrize(
        ("rule", "repeats", "expected"),
        [
            (RULE, ALIKE[:5], None),
            (RULE, ALIKE[:6], "precise"),
            (RULE, APART[:6], None),
            (RULE, APART[:20], None),
            (RULE, APART[:23], None),
            (RULE, APART, "precise"),
            (RULE, FAR, "most"),
            (RULE, seen(*[100.0, 150.0] * 3, took_s=5.0), "budget"),
            (RULE, seen(*[100.0, 150.0] * 2, took_s=50.0), None),
            (RULE, DISTURBED[:5], None),
            (RULE, DISTURBED[:6], "busy"),
            (RULE, [*DISTURBED[:2], *ALIKE[:5]], None),
            (RULE, [*DISTURBED[:2], *ALIKE[:6]], "precise"),
            (RepeatRule(3, 3), APART[:2], None),
            (RepeatRule(3, 3), APART[:3], "fixed"),
            (RepeatRule(3, 3), DISTURBED[:3], "fixed"),
        ],
    )
    def test_why_it_ends(self, rule: RepeatRule, repeats: list[Seen], expected: str | None) -> None:
        """Precise, at the most, out of time, too busy, or fixed by the user; never below the fewest."""
        assert expected == ended(rule, repeats, PRECISION)

    def test_the_last_two_processes_have_no_say(self) -> None:
        """Six that agree only thanks to the last two do not end the run; nor do six of which the last two disagree."""
        wide = [100.0, 112.0, 100.0, 112.0]
        assert not precise(seen(*wide, 106.0, 106.0), PRECISION, RULE.most)
        assert not precise(seen(100.0, 100.0, 100.0, 100.0, 130.0, 130.0), PRECISION, RULE.most)
        assert precise(seen(100.0, 101.0, 100.0, 101.0, 100.0, 101.0), PRECISION, RULE.most)

    def test_what_takes_no_time_is_not_measured_more_often(self) -> None:
        """A p50 of 0 is the timer's matter."""
        assert "precise" == ended(RULE, seen(*[0.0] * 6), PRECISION)

    def test_one_that_did_not_settle_is_outnumbered(self) -> None:
        """One restless repeat is one of eleven before the run ends; three can never be few, and are not waited for."""
        restless = [replace(ALIKE[0], restless=True), *ALIKE[1:]]
        assert [None, None, "precise"] == [ended(RULE, restless[:n], PRECISION) for n in looks(RULE)[:3]]
        many = [replace(one, restless=True) for one in ALIKE[:3]] + ALIKE[3:]
        assert "precise" == ended(RULE, many[:6], PRECISION)

    def test_only_disturbed_repeats_are_set_aside(self) -> None:
        """Where the fewest were measured without them, and the number was not fixed; whatever the latencies."""
        disturbed = [True, False, False, True, False, False, False, False]
        assert (0, 3) == set_aside(RULE, disturbed)
        assert () == set_aside(RULE, disturbed[:-1])
        assert () == set_aside(RepeatRule(8, 8), disturbed)

    def test_a_repeat_beyond_the_fewest_is_explained(self) -> None:
        """What is still missing, in a few words."""
        assert "" == str(why_more(RULE, APART[:5], PRECISION))
        assert "known to 26 %; 10 % is required" == str(why_more(RULE, APART[:6], PRECISION))
        assert "others used the machine during 2" == str(why_more(RULE, [*DISTURBED[:2], *ALIKE[:4]], PRECISION))
        restless = [replace(ALIKE[0], restless=True), *ALIKE[1:6]]
        assert "1 did not settle" == str(why_more(RULE, restless, PRECISION))


QUICK = PRESETS["quick"].rule


def repeat(latency_ns: np.ndarray, converged: bool = True) -> tuple[Repeat, dict[str, np.ndarray]]:
    """A repeat of queries one after another, as a worker leaves it."""
    arrays = {"latency_ns": latency_ns, "start_ns": latency_ns.cumsum() - latency_ns}
    facts = SampleArrays(len(latency_ns), {role: role for role in arrays})
    return Repeat(Phases(), samples=facts, duration_ns=int(latency_ns.sum()), converged=converged), arrays


class TestSeen:
    def test_of_a_calm_process(self) -> None:
        """Its p50; it settled, and nobody disturbed it."""
        calm = np.tile(np.arange(990, 1011), 30) * 1_000
        given = (*repeat(calm), Scenario("single-stream"), (QUICK, RULE))
        assert Seen(1_000_000.0) == seen_of(*given, 0.24)
        assert Seen(1_000_000.0, disturbed=True) == seen_of(*given, 0.25)

    def test_of_one_that_did_not_settle(self) -> None:
        """It did not converge, or its last third is slower by half than its first."""
        calm = np.tile(np.arange(990, 1011), 30) * 1_000
        single = Scenario("single-stream"), (QUICK, RULE), None
        assert seen_of(*repeat(calm, converged=False), *single).restless
        hot = np.concatenate([calm, calm * 3 // 2])
        assert seen_of(*repeat(hot), *single).restless

    def test_offline_it_is_the_throughput(self) -> None:
        """Queries a second over the window."""
        made, arrays = repeat(np.full(200, 10_000_000))
        found = seen_of(made, arrays, Scenario("offline", lanes=1), (QUICK, RULE), None)
        assert found.figure == pytest.approx(100.0)


Draw = Callable[[np.random.Generator, int], np.ndarray]


def lognormal(spread: float) -> Draw:
    """Logarithms of the figures of processes that differ by so much."""
    return lambda rng, count: rng.normal(0, spread, count)


def two_speeds(slow_share: float, gap: float) -> Draw:
    """Logarithms of the figures on a machine that is slower by ``gap`` in so many cases; the mean is 0."""
    return lambda rng, count: (rng.random(count) < slow_share) * gap - slow_share * gap + rng.normal(0, 0.01, count)


def coverage(draw: Draw, fixed: int | None = None, runs: int = 2_000) -> tuple[float, float]:
    """How often the interval between processes holds the truth when the run ended by the rule (or after a fixed number
    of repeats), and how many repeats that took on average."""
    from bench.stats.variance import known_to

    rng, held, repeats = np.random.default_rng(20261125), 0, 0
    for _ in range(runs):
        logs = draw(rng, RULE.most)
        figures = np.exp(logs)
        count = fixed or next(n for n in looks(RULE) if n == RULE.most or _precise(figures[:n]))
        reach = known_to(figures[:count].tolist())
        assert reach is not None
        held += abs(float(logs[:count].mean())) <= np.log1p(reach)
        repeats += count
    return held / runs, repeats / runs


def _precise(figures: np.ndarray) -> bool:
    return precise(seen(*figures.tolist()), PRECISION, RULE.most)


class TestCoverage:
    @pytest.mark.parametrize("spread", [0.02, 0.06, 0.1, 0.12, 0.15, 0.2])
    def test_the_interval_keeps_its_level_although_it_ends_the_run(self, spread: float) -> None:
        """Processes that differ log-normally: at least 92.5 % of 2,000 runs, whose standard error is 0.5 %."""
        held, repeats = coverage(lognormal(spread))
        assert held >= 0.925
        assert RULE.fewest <= repeats <= RULE.most

    @pytest.mark.parametrize("gap", [0.15, 0.4])
    def test_a_machine_of_two_speeds(self, gap: float) -> None:
        """Half of the processes slower by a sixth or by a half: at least 90 %, where three processes held 75 %."""
        held, _ = coverage(two_speeds(0.5, gap))
        before, _ = coverage(two_speeds(0.5, gap), fixed=3)
        assert held >= 0.90
        assert before <= 0.80

    def test_a_quiet_machine_takes_the_fewest(self) -> None:
        """Of processes that differ by 1 % no more are measured."""
        assert RULE.fewest == coverage(lognormal(0.01), runs=300)[1]

    def test_more_processes_make_valid_what_fewer_cannot(self) -> None:
        """On two speeds half apart six processes leave the figure at 25 % or more, which is not valid, in about a third
        of runs; by the rule in none of 1,000."""
        from bench.stats.variance import known_to

        rng, invalid = np.random.default_rng(1), Counter[str]()
        for _ in range(1_000):
            figures = np.exp(two_speeds(0.5, 0.4)(rng, RULE.most))
            count = next(n for n in looks(RULE) if n == RULE.most or _precise(figures[:n]))
            invalid["six"] += (known_to(figures[:6].tolist()) or 0) > 0.25
            invalid["rule"] += (known_to(figures[:count].tolist()) or 0) > 0.25
        assert 300 <= invalid["six"] <= 380
        assert 0 == invalid["rule"]


# ------------------------------------------------------------------------------------------------ whole suites

WRITTEN = Path(__file__).resolve().parents[2] / "plugins" / "written.py"
SHORT = RepeatRule(FEWEST_TO_COMPARE, 9, 100 * SECOND)


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[RecordedRun]]:
    """``rounds("ab", busy=…, figures=…)``: runs named a and b, five to nine repeats of a twentieth of a second, on a
    machine of which others use ``busy`` in turn. The decision sees ``figures`` in turn: repeats are measured for real,
    but how fast this machine is just now must not decide a test; each took a second of ``budget_s``."""

    def measure(
        names: str,
        busy: tuple[float, ...] = (0.0,),
        figures: tuple[float, ...] = (100.0,),
        listener: Listener | None = None,
        repeats: int | None = None,
        budget_s: int = 100,
    ) -> list[RecordedRun]:
        rule = replace(SHORT, budget_ns=budget_s * SECOND)
        quick = PRESETS["quick"]
        brief = replace(quick, repeats=rule, rule=replace(quick.rule, warmup_max_duration_ns=SECOND // 20))
        for module in ("suite.plan", "store.plan_contradictions"):
            monkeypatch.setattr(f"bench.{module}.PRESETS", {"quick": brief})
        shares, told = iter(busy * 100), iter(figures * 100)
        monkeypatch.setattr(HostLoad, "busy_share_of_others", lambda *_: next(shares))
        monkeypatch.setattr(
            "bench.execution.one_run.seen_of",
            lambda *given, took_ns: Seen(next(told), disturbed=is_disturbed(given[-1]), took_ns=SECOND),
        )
        options = [{"log": str(tmp_path / "log"), "name": name} for name in names]
        suite = Suite(
            models=(ModelAsk("fake"),),
            targets=tuple(TargetAsk("written:cpu", given) for given in options),
            max_seconds=0.05,
            repeats=repeats,
        )
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return run_suite(suite, _catalog(), out, cache=tmp_path / "cache", listener=listener)

    return measure


def _catalog() -> Catalog:
    return discover([WRITTEN, Path(plugins.__file__)])


@pytest.mark.long
@pytest.mark.usefixtures("in_process")
class TestRounds:
    def test_runs_are_prepared_first_and_then_take_turns(
        self, rounds: Callable[..., list[RecordedRun]], tmp_path: Path
    ) -> None:
        """Each run's passes come before the first repeat of any; then one repeat of each, round by round."""
        recorded = rounds("ab", repeats=3)
        opened = "".join((tmp_path / "log").read_text().split())
        assert opened.endswith("ababab")
        assert "ab" == opened[:-6].replace("aa", "a").replace("aa", "a").replace("bb", "b").replace("bb", "b")
        assert ["a", "b"] == [r.record.plan.target.options_requested["name"] for r in recorded]
        assert ["fixed", "fixed"] == [r.record.repeats_ended for r in recorded]

    def test_processes_that_differ_are_measured_more_often(
        self, rounds: Callable[..., list[RecordedRun]], tmp_path: Path
    ) -> None:
        """The run of two speeds gets the most that its rule allows; the one beside it, at one speed, the fewest."""
        told = (100.0, 100.0, 100.0, 150.0) * 2 + (100.0, 100.0, 150.0, 100.0, 150.0, 100.0)
        calm, restless = (r.record for r in rounds("ab", figures=told))
        assert (5, "precise") == (len(calm.repeats), calm.repeats_ended)
        assert (9, "most") == (len(restless.repeats), restless.repeats_ended)
        assert SHORT == restless.plan.repeat_rule
        assert restless.summary.latency_ns is not None
        assert 9 == len(restless.summary.latency_ns.repeat_p50)
        assert (tmp_path / "log").read_text().split()[-4:] == ["b"] * 4

    def test_a_run_goes_on_in_the_time_that_another_left(
        self, rounds: Callable[..., list[RecordedRun]], tmp_path: Path
    ) -> None:
        """Seven seconds each: a run at one speed ends after five repeats; the two at two speeds use their own seven,
        and share what it left."""
        told = (*((100.0,) * 4 + (150.0,) * 2) * 2, *(100.0,) * 3, *(100.0, 150.0) * 8)
        records = [r.record for r in rounds("abc", figures=told, budget_s=7)]
        assert [(5, "precise"), (8, "budget"), (8, "budget")] == [(len(r.repeats), r.repeats_ended) for r in records]
        assert "bcbcbc" == "".join((tmp_path / "log").read_text().split())[-6:]

    def test_a_run_takes_no_time_that_nobody_left(self, rounds: Callable[..., list[RecordedRun]]) -> None:
        """Both differ, and both end when their own time is up; the fewest repeats are measured although it is less."""
        told = (100.0, 100.0, 150.0, 150.0)
        ends = [(len(r.record.repeats), r.record.repeats_ended) for r in rounds("ab", figures=told, budget_s=6)]
        assert [(6, "budget")] * 2 == ends
        ends = [(len(r.record.repeats), r.record.repeats_ended) for r in rounds("ab", figures=told, budget_s=2)]
        assert [(5, "budget")] * 2 == ends

    def test_a_disturbed_repeat_is_set_aside_and_measured_again(
        self, rounds: Callable[..., list[RecordedRun]], tmp_path: Path
    ) -> None:
        """The second and third repeats fall into other work: they are in the record, in no figure, and it is said."""
        (recorded,) = rounds("a", busy=(0.0, 0.9, 0.3, *[0.0] * 97))
        record = recorded.record
        assert [0.9, 0.3] == [repeat.cpu_busy_share for repeat in record.set_aside]
        assert [0.0] * 5 == [repeat.cpu_busy_share for repeat in record.repeats]
        assert record.summary.latency_ns is not None
        assert 5 == len(record.summary.latency_ns.repeat_p50)
        kept = sum(len(array) for array in recorded.arrays("latency_ns"))
        assert kept == record.summary.latency_ns.n
        every = [r.samples.arrays["latency_ns"] for r in (*record.repeats, *record.set_aside) if r.samples is not None]
        assert {f"latency_ns_{i}" for i in range(7)} == set(every)
        assert set(every) <= set(recorded.samples)
        assert record.verdict is not None
        (loaded,) = load_records(tmp_path / "out")
        assert (record.set_aside, record.verdict) == (loaded.record.set_aside, loaded.record.verdict)
        assert set(recorded.samples) == set(loaded.samples)
        codes = {reason.code: reason.invalidates for reason in record.verdict.reasons}
        assert "host_busy" not in codes
        assert False is codes["repeats_set_aside"]

    def test_a_busy_machine_sets_nothing_aside(self, rounds: Callable[..., list[RecordedRun]]) -> None:
        """Where every repeat is disturbed the run ends early, keeps them all, and is not valid for it."""
        (recorded,) = rounds("a", busy=(0.5,))
        record = recorded.record
        assert (5, (), "busy") == (len(record.repeats), record.set_aside, record.repeats_ended)
        assert record.verdict is not None
        assert "host_busy" in record.verdict.invalidating

    def test_an_interrupt_keeps_the_repeats_of_every_run(
        self, rounds: Callable[..., list[RecordedRun]], tmp_path: Path
    ) -> None:
        """Ctrl-C in the second round: both runs leave a record with what they had."""

        class Impatient(Listener):
            turns = 0

            def step(self, text: Sentence | str) -> None:
                if str(text) == "repeat 2 of 5":
                    self.turns += 1
                    if self.turns == 2:
                        raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rounds("ab", listener=Impatient())
        records = {r.record.plan.target.options_requested["name"]: r.record for r in load_records(tmp_path / "out")}
        assert {"a": 2, "b": 1} == {name: len(record.repeats) for name, record in records.items()}
        for name, done in (("a", 2), ("b", 1)):
            failure = records[name].failure
            assert failure is not None
            assert "interrupted" == failure.kind
            assert f"interrupted after {done} of at least 5 repeats" == failure.message


def test_a_slowdown_between_two_default_runs_is_red() -> None:
    """As many processes as the default preset measures at least, ten times slower the second time: that is claimed."""
    from bench.comparison.comparison import compare
    from bench.comparison.folders import Findings
    from bench.comparison.outcome import outcome

    rng, processes = np.random.default_rng(5), RULE.fewest
    base = [(1e6 * rng.lognormal(0, 0.02, 300)).astype(np.int64) for _ in range(processes)]
    pair = [fake_run(name, [factor * part for part in base]) for name, factor in (("base", 1), ("new", 10))]
    found = compare(*pair)
    assert found.worse
    assert 1 == outcome(Findings(0.03, (found,))).status
