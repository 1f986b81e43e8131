"""Who of a group is the fastest, who cannot be told from it, and who takes no part."""

import itertools
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.summary import summarise
from bench.comparison import ranking
from bench.comparison.comparison import compare, compare_all
from bench.comparison.observe import observe
from bench.comparison.ranking import Ranking, rank
from bench.record.evidence import Alternation
from bench.record.record import Reason, RecordedRun, Scenario, Verdict
from bench.testing.records import TARGET, fake_run

MS = 1_000_000


def summed(run: RecordedRun) -> RecordedRun:
    """The run with the summary that its samples give."""
    record = run.record
    return replace(run, record=replace(record, summary=summarise(record.repeats, run.samples, record.plan.scenario)))


def on(target: str, *p50_ms: float, target_fields: dict[str, Any] | None = None, **plan: Any) -> RecordedRun:
    """A run on ``target`` whose processes are of 20 equal queries each."""
    planned = replace(TARGET, id=target, **(target_fields or {}))
    latency = [np.full(20, round(p50 * MS)) for p50 in p50_ms]
    return summed(fake_run(f"on-{target}", latency, target=planned, **plan))


def close(p50_ms: float, processes: int = 5) -> list[float]:
    """Processes that differ by a thousandth."""
    return [p50_ms * (1 + i / 1000) for i in range(processes)]


def noisy(p50_ms: float) -> list[float]:
    return [p50_ms * factor for factor in (0.9, 1.0, 1.1, 0.95, 1.05)]


def ranked(*runs: RecordedRun) -> Ranking:
    (found,) = rank([runs])
    return found


class TestWhoIsFastest:
    def test_it_is_decided_against_every_other(self) -> None:
        """Of three, in the order of their figures, each with the ratio and interval of a comparison."""
        runs = [on("c", *close(8)), on("a", *close(4)), on("b", *close(5))]
        (contest,) = ranked(*runs).contests
        assert (1, (1, 2, 0), ()) == (contest.fastest, contest.runs, contest.open)
        family = compare_all([(observe(runs[i]), observe(runs[j])) for i, j in ((1, 2), (1, 0), (2, 0))])
        for against, pair in zip(contest.against, family, strict=False):
            change = next(c for c in pair.changes if c.metric == contest.metric)
            assert (against.word, against.ratio, against.interval) == (change.word, change.ratio, change.interval)

    def test_one_that_is_open_leaves_no_fastest(self) -> None:
        """Shown to be faster than one of two, it is not the fastest."""
        (contest,) = ranked(on("a", *close(4)), on("b", *noisy(4.1)), on("c", *close(8))).contests
        assert (None, 0) == (contest.fastest, contest.leader)
        assert ["cannot_tell", "slower"] == [one.word for one in contest.against]

    def test_the_same_is_no_second_place(self) -> None:
        """Within the tolerance nobody is the fastest, and that is decided."""
        (contest,) = ranked(on("a", *close(4)), on("b", *close(4.01))).contests
        assert (None, ["same"]) == (contest.fastest, [one.word for one in contest.open])

    @pytest.mark.parametrize(
        ("sides", "why", "needed"),
        [
            ((close(4, 2), close(5, 2)), "few_processes", 5),
            ((close(4, 2), close(5, 5)), "few_processes", 5),
            ((close(4, 1), close(40, 5)), "one_process", 5),
            (([1.0, 4.0, 9.0], [1.0, 4.1, 9.0]), "noise", None),
            (([3.98, 4.0, 4.02, 4.03, 3.97], [4.07, 4.09, 4.11, 4.12, 4.14]), "near_tolerance", 46),
        ],
    )
    def test_why_it_cannot_be_told(self, sides: Any, why: str, needed: int | None) -> None:
        """Too few processes to tell at all, noise, or a difference about as large as the tolerance."""
        (contest,) = ranked(on("a", *sides[0]), on("b", *sides[1])).contests
        (one,) = contest.open
        assert ("cannot_tell", why, needed) == (one.word, one.why, one.needed)
        assert (len(sides[0]), len(sides[1])) == one.processes
        found = compare(on("a", *sides[0]), on("b", *sides[1])).changes
        assert needed == (next(c for c in found if c.metric == contest.metric).repeats_needed or needed)

    def test_two_processes_tell_more_than_a_machines_speeds(self) -> None:
        """A factor of ten from two a side on, as a comparison says it."""
        (contest,) = ranked(on("a", *close(4, 2)), on("b", *close(40, 2))).contests
        assert (0, True) == (contest.fastest, contest.against[0].beyond_speeds)

    def test_offline_more_is_better(self) -> None:
        """The highest throughput leads."""
        (contest,) = ranked(
            *(on(t, *close(p50), scenario=Scenario("offline", lanes=1)) for t, p50 in (("a", 8), ("b", 4)))
        ).contests
        assert ("throughput_per_s", 1) == (contest.metric, contest.fastest)
        assert contest.against[0].ratio == pytest.approx(0.5, rel=0.01)

    def test_text_is_ranked_by_time_per_token(self) -> None:
        """What answers later and then faster is the fastest, as a comparison leads with it."""
        runs = [
            summed(fake_run(target, *text(first, gap), target=replace(TARGET, id=target)))
            for target, first, gap in (("late", 400, 2), ("early", 10, 4))
        ]
        (contest,) = ranked(*runs).contests
        assert ("tpot_ns", 0) == (contest.metric, contest.fastest)


def text(first_ms: float, gap_ms: float) -> tuple[list[Any], list[Any]]:
    """Five processes of 20 generations of 8 tokens: whole queries, and the time of each token."""
    tokens = []
    for i in range(5):
        gaps = np.full((20, 8), round(gap_ms * MS * (1 + i / 1000)))
        gaps[:, 0] = round(first_ms * MS)
        tokens.append(gaps.cumsum(axis=1))
    return [t[:, -1] for t in tokens], tokens


class TestWhoTakesNoPart:
    def test_each_reason(self) -> None:
        """What failed, is emulated, has no verdict, is invalid, or has a newer run of the same."""
        good, other = on("a", *close(4)), on("b", *close(5))
        record = good.record
        busy = Reason("host_busy", "busy")
        older = replace(record, record_id="old", created_utc="2026-05-03T10:11:12+00:00")
        emulated = replace(record.plan, target=replace(record.plan.target, id="e", emulated=True))
        apart = [
            replace(record, status="failed"),
            replace(record, plan=emulated),
            replace(record, verdict=None),
            replace(record, verdict=Verdict(False, False, (busy,))),
            older,
        ]
        found = ranked(good, other, *(replace(good, record=r) for r in apart))
        assert ["not_measured", "emulated", "not_judged", "not_valid", "older"] == [one.code for one in found.apart]
        assert [2, 3, 4, 5, 6] == [one.run for one in found.apart]
        assert (busy,) == found.apart[3].reasons
        assert [(0, 1)] == [contest.runs for contest in found.contests]

    def test_what_may_not_be_compared_has_a_contest_of_its_own(self) -> None:
        """With the reason; those of the other precision are ranked among themselves."""
        other = on("c", *close(1), target_fields={"executed_precision": "int8"})
        first, second = ranked(on("a", *close(4)), on("b", *close(5)), other).contests
        assert ((2,), (0, 1), 0) == (first.runs, second.runs, second.fastest)
        assert ["precision_differs"] == [reason.code for reason in second.refusals]

    def test_samples_that_are_missing_are_named(self) -> None:
        """A record whose array is gone takes no part, and the others are ranked."""
        bad = replace(on("c", *close(1)), samples={})
        found = ranked(on("a", *close(4)), on("b", *close(5)), bad)
        assert [(0, 1)] == [contest.runs for contest in found.contests]
        ((run, code, detail),) = [(one.run, one.code, one.detail) for one in found.apart]
        assert (2, "no_figure", True) == (run, code, "samples.npz holds no latency_ns_0" in str(detail))

    def test_a_single_run_is_not_observed(self) -> None:
        """Where there is nothing to compare with, no samples are needed."""
        (contest,) = ranked(replace(on("a", *close(4)), samples={})).contests
        assert ((0,), None, ()) == (contest.runs, contest.fastest, contest.against)


class TestTurns:
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_pairs_that_took_turns_are_compared_as_such(self, order: tuple[int, int]) -> None:
        """The ratio is that of the pairs, whichever is the faster one and whichever comes first: the machine's speed,
        which changes from pair to pair, cancels."""
        speeds = (1.0, 2.0, 1.5, 3.0, 1.2)
        base = on("a", *(5 * s for s in speeds), alternation=Alternation("g", "base"))
        new = on("b", *(4 * s * (1 + i / 1000) for i, s in enumerate(speeds)), alternation=Alternation("g", "new"))
        runs = [(base, new)[i] for i in order]
        (contest,) = ranked(*runs).contests
        assert contest.fastest is not None
        assert "b" == runs[contest.fastest].record.plan.target.id
        assert contest.against[0].in_turns
        change = next(c for c in compare(base, new).changes if c.metric == contest.metric)
        assert ("faster", contest.against[0].ratio) == (change.word, pytest.approx(1 / (change.ratio or 0)))


class TestManyRuns:
    def test_beyond_eight_the_best_is_compared_with_each(self) -> None:
        """A decided best of twelve is the fastest, and 28 + 4 pairs were looked at."""
        runs = [on(f"t{i}", *close(4 + i)) for i in range(12)]
        (contest,) = ranked(*runs).contests
        assert (0, 11) == (contest.fastest, len(contest.against))

    def test_the_number_of_pairs_grows_with_the_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of 60 runs: each with each of the best eight, and the best with each of the other 52."""
        looked_at: list[int] = []

        def counting(pairs: Any, tolerance: float) -> Any:
            looked_at.append(len(pairs))
            return compare_all(pairs, tolerance)

        monkeypatch.setattr(ranking, "compare_all", counting)
        (contest,) = ranked(*(on(f"t{i}", 4.0 + i, 4.1 + i) for i in range(60))).contests
        assert ([28 + 52], 60) == (looked_at, len(contest.runs))

    def test_of_many_kinds_the_rest_is_named(self) -> None:
        """Nine precisions make eight contests, and one run with the reason."""
        runs = [on(f"t{i}", *close(4 + i), target_fields={"executed_precision": f"p{i}"}) for i in range(9)]
        found = ranked(*runs)
        assert (8, [(8, "not_comparable")]) == (len(found.contests), [(one.run, one.code) for one in found.apart])

    def test_all_groups_are_one_family(self) -> None:
        """A difference that is decided in a report of its own may be open among forty others, as in one comparison of
        as many pairs."""
        group = [on("a", *noisy(4)), on("b", *noisy(5.3))]
        alone, among = rank([group])[0], rank([group] * 40)[0]
        assert [0, None] == [found.contests[0].fastest for found in (alone, among)]
        pairs = [(observe(group[0]), observe(group[1]))] * 40
        change = next(c for c in compare_all(pairs)[0].changes if c.metric == "latency_p50_ns")
        assert (change.word, change.p_corrected) == ("cannot_tell", among.contests[0].against[0].p_corrected)


def test_a_larger_family_only_takes_back() -> None:
    """Whoever is the fastest in a group is called faster by a comparison with each other alone."""
    rng = np.random.default_rng(3)
    decided = 0
    for _ in range(30):
        runs = [on(t, *(m * np.exp(0.02 * rng.standard_normal(5)))) for t, m in zip("abc", (4, 4.4, 5), strict=True)]
        for contest in ranked(*runs).contests:
            for run in () if contest.fastest is None else contest.runs[1:]:
                decided += 1
                found = compare(runs[contest.leader], runs[run])
                assert "slower" == next(c.word for c in found.changes if c.metric == contest.metric)
    assert decided > 10


def test_no_group_and_an_empty_group() -> None:
    """Nothing is ranked where there is nothing."""
    assert ((), (Ranking(),)) == (rank([]), rank([[]]))
    assert [] == list(itertools.chain.from_iterable(found.apart for found in rank([[], []])))
