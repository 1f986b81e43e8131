"""Pairs that are measured until a comparison is decided: when it ends, with which answer, and that it stays so."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from bench.comparison.comparison import Change, Comparison, compare, compare_all
from bench.comparison.observe import observe
from bench.comparison.sequential import standing
from bench.record.evidence import Alternation, RepeatRule, Until
from bench.record.record import Reason, RecordedRun, Verdict
from bench.reports.comparisons.words import sentences
from bench.stats.sequential import look_at, looks, spent
from bench.store.contradictions import contradictions
from bench.testing.records import fake_run

MS = 1_000_000
UNTIL = Until(tolerance=0.03, among=1, most=30)
NAMED = ("faster", "slower", "better", "worse")


def sides(ratios: Sequence[float], until: Until | None = UNTIL, group: str = "g") -> tuple[RecordedRun, RecordedRun]:
    """Two runs in turns whose pairs have these ratios; processes differ by a tenth, which both of a pair share."""
    shared = 4 * MS * (1 + 0.1 * np.sin(np.arange(len(ratios))))
    of = {"base": shared, "new": shared * np.asarray(ratios)}
    made = {}
    for side, figures in of.items():
        turns = Alternation(group, "base" if side == "base" else "new", until=until)
        made[side] = fake_run(side, [np.full(80, round(f)) for f in figures], alternation=turns)
    return made["base"], made["new"]


def scattered(ratio: float, sd: float, pairs: int, seed: int = 1) -> list[float]:
    logs = np.random.default_rng(seed).normal(math.log(ratio), sd, pairs)
    return [math.exp(log) for log in logs]


def measured(ratios: Sequence[float], until: Until = UNTIL) -> tuple[RecordedRun, RecordedRun]:
    """As ``odb run --until decided`` would leave them: measured from look to look, until it ends."""
    for pairs in looks(min(until.most, len(ratios))):
        until = standing(*sides(ratios[:pairs], until), until).until
        if until.ended is not None:
            break
    base, new = sides(ratios[:pairs], until)
    rule = RepeatRule(4, until.most)
    ended = [
        replace(
            run,
            record=replace(
                run.record, repeats_ended="comparison", plan=replace(run.record.plan, repeats=4, repeat_rule=rule)
            ),
        )
        for run in (base, new)
    ]
    return ended[0], ended[1]


def until_of(run: RecordedRun) -> Until:
    turns = run.record.plan.alternation
    assert turns is not None
    assert turns.until is not None
    return turns.until


def lead(comparison: Comparison) -> Change:
    return next(change for change in comparison.changes if change.metric == "latency_p50_ns")


class TestWhenItEnds:
    @pytest.mark.parametrize(
        ("ratio", "sd", "word", "at_most"),
        [(1.10, 0.01, "slower", 5), (0.90, 0.01, "faster", 5), (1.0, 0.005, "same", 5), (1.05, 0.03, "slower", 30)],
    )
    def test_at_the_first_look_that_decides(self, ratio: float, sd: float, word: str, at_most: int) -> None:
        """A tenth is told from nothing with four or five pairs of ten, and nothing is the same with five."""
        base, new = measured(scattered(ratio, sd, 30))
        until, found = until_of(base), lead(compare(base, new))
        assert ("decided", word) == (until.ended, found.word)
        assert len(base.record.repeats) == until.looks[-1] <= at_most
        assert until.looks == tuple(n for n in looks(30) if n <= until.looks[-1])
        assert (until.spent_different, until.spent_same) == pytest.approx(spent(until.looks))

    def test_between_looks_nothing_is_decided(self) -> None:
        """Six pairs that would be enough: the next look comes with the seventh."""
        now = standing(*sides(scattered(1.2, 0.001, 6)), UNTIL)
        assert (None, ()) == (now.until.ended, now.until.looks)
        assert now.change is not None
        assert now.change.ratio == pytest.approx(1.2, rel=0.01)

    def test_one_pair_shows_nothing(self) -> None:
        """Before the second pair there is no interval to be shown."""
        now = standing(*sides([1.5]), UNTIL)
        assert now.change is not None
        assert (None, None) == (now.change.ratio, now.until.ended)

    def test_at_the_maximum(self) -> None:
        """So much noise that nothing can be told ends at the last look, undecided."""
        base, new = measured(scattered(1.02, 0.1, 12), replace(UNTIL, most=12))
        assert ("most", (4, 5, 7, 9, 12)) == (until_of(base).ended, until_of(base).looks)
        assert "cannot_tell" == lead(compare(base, new)).word

    def test_out_of_time(self) -> None:
        """After six pairs the look at seven is taken early, and ends it whatever it finds."""
        noisy, clear = (sides(scattered(ratio, 0.05, 6)) for ratio in (1.0, 2.0))
        assert ("time", (6,)) == _ended(standing(*noisy, UNTIL, out_of_time=True).until)
        assert ("decided", (6,)) == _ended(standing(*clear, UNTIL, out_of_time=True).until)

    def test_what_may_not_be_claimed_is_not_waited_for(self) -> None:
        """Wrong outputs do not become right with more pairs: the first look ends it."""
        base, new = sides(scattered(1.0, 0.05, 4))
        wrong = Verdict(False, False, (Reason("output_mismatch", "It is so."),))
        found = standing(base, replace(new, record=replace(new.record, verdict=wrong)), UNTIL)
        assert ("not_claimed", (4,)) == _ended(found.until)


def _ended(until: Until) -> tuple[str | None, tuple[int, ...]]:
    return until.ended, until.looks


class TestTheSameAnswerLater:
    def test_the_records_are_not_tested_as_if_the_number_had_been_fixed(self) -> None:
        """``odb compare`` of the two: each p-value is Student's over the fraction of its look, corrected by Holm."""
        ratios = scattered(1.06, 0.015, 5)
        found, fixed = lead(compare(*sides(ratios))), lead(compare(*sides(ratios, None)))
        alone = stats.ttest_1samp(np.log(found.pair_ratios), 0).pvalue
        assert found.p_different == pytest.approx(alone / look_at(5).different)
        assert fixed.p_different == pytest.approx(alone)
        assert found.interval is not None
        assert fixed.interval is not None
        assert found.interval[0] < fixed.interval[0] < fixed.interval[1] < found.interval[1]

    @pytest.mark.parametrize("seed", range(5))
    def test_decided_with_others_stays_decided(self, seed: int) -> None:
        """Five pairs of runs in one command, each decided by itself before the others: all of them judged together
        give the same answers."""
        until = replace(UNTIL, among=5)
        ratios = (0.9, 1.0, 1.04, 1.1, 1.3)
        pairs = [measured(scattered(r, 0.01, 30, 10 * seed + i), until) for i, r in enumerate(ratios)]
        together = compare_all([(observe(base), observe(new)) for base, new in pairs])
        for comparison, (base, new) in zip(together, pairs, strict=True):
            now = standing(base, new, replace(until, most=len(base.record.repeats))).change
            assert now is not None
            decided = until_of(base).ended == "decided"
            assert decided == (now.word in ("faster", "slower", "same"))
            assert not decided or lead(comparison).word == now.word

    def test_a_fixed_number_is_judged_as_before(self) -> None:
        """Records without looks have neither fractions nor chance in their p-values."""
        comparison = compare(*sides([1.1, 1.1, 1.1], None))
        assert (None, "slower") == (comparison.until, lead(comparison).word)

    def test_three_pairs_alike_are_not_enough(self) -> None:
        """Where the time ended after three: processes of two speeds fall the same way too often."""
        found = lead(compare(*sides([1.2, 1.2, 1.2])))
        assert "cannot_tell" == found.word
        assert str(found.message).startswith("With so few pairs, the processes of identical systems may all differ")

    def test_four_pairs_are_not_called_too_few(self) -> None:
        """That four repeats a side claim nothing is true of records that did not take turns, and only of them."""
        base, new = measured(scattered(1.2, 0.01, 30))
        apart = [
            replace(run, record=replace(run.record, plan=replace(run.record.plan, alternation=None)))
            for run in (base, new)
        ]
        codes = [{reason.code for reason in compare(*pair).comparability.reasons} for pair in ((base, new), apart)]
        assert [False, True] == ["few_repeats" in found for found in codes]

    def test_the_report_says_how_it_ended(self) -> None:
        """The number of looks, why it ended, and that the probability holds for all of them."""
        told = " ".join(sentence.text for sentence in sentences(compare(*measured(scattered(1.1, 0.01, 30)))))
        assert "tested 1 time while pairs were measured" in told
        assert "measuring ended because the leading metric was decided" in told


class TestContradictions:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"looks": (5,)}, "looks is 5"),
            ({"looks": ()}, "looks is"),
            ({"spent_different": 0.1}, "spent 0.1 of an error rate"),
            ({"most": 40}, "most is 40"),
            ({"ended": "most"}, "most is 30"),
        ],
    )
    def test_looks_that_were_not_made(self, changes: dict[str, Any], told: str) -> None:
        """A record that states other looks than its repeats had, or less spent, contradicts itself."""
        base, _ = measured(scattered(1.1, 0.01, 30))
        turns = base.record.plan.alternation
        assert turns is not None
        assert turns.until is not None
        assert [] == [str(one) for one in contradictions(base.record, base.samples)]
        edited = replace(turns, until=replace(turns.until, **changes))
        record = replace(base.record, plan=replace(base.record.plan, alternation=edited))
        assert any(told in str(one) for one in contradictions(record, base.samples))


@pytest.mark.long
@pytest.mark.parametrize("sd", [0.01, 0.04])
def test_a_against_a_until_decided(sd: float) -> None:
    """Of 100 models compared with themselves through the whole comparison, at most two name any difference."""
    wrong = 0
    for seed in range(100):
        found = compare(*measured(scattered(1.0, sd, 30, seed)))
        wrong += any(change.word in NAMED for change in found.changes)
    assert wrong <= 2
