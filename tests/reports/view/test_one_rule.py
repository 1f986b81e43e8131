"""A report calls no run faster that a comparison does not, and gives the same change and interval."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.analysis.summary import summarise
from bench.comparison.comparison import Change, compare, compare_all
from bench.comparison.observe import observe
from bench.record.record import RecordedRun
from bench.reports.comparisons import words
from bench.reports.view.headline import headline
from bench.reports.view.matrix import matrices
from bench.reports.view.rows import numbered
from bench.testing.records import TARGET, fake_run

MS = 1_000_000
P50 = "latency_p50_ns"

SIDES = st.tuples(
    st.sampled_from([4.0, 4.04, 4.08, 4.12, 4.2, 4.8, 30.0]),
    st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.3, 1.0, 2.0]), min_size=1, max_size=7),
    st.sampled_from([0.0, 0.002, 0.01, 0.05]),
)
"""Median in ms, deviation of each process in units of the noise, and the noise."""


def made(target: str, side: tuple[float, list[float], float]) -> RecordedRun:
    """A run on ``target`` with a process of 20 equal queries for each deviation."""
    p50, deviations, noise = side
    latency = [np.full(20, round(p50 * MS * (1 + noise * z))) for z in deviations]
    run = fake_run(target, latency, target=replace(TARGET, id=target))
    record = run.record
    return replace(run, record=replace(record, summary=summarise(record.repeats, run.samples, record.plan.scenario)))


def said(runs: list[RecordedRun]) -> str:
    items = numbered(runs)
    (sentence,) = headline(matrices(items), items)
    return sentence.text


def p50(changes: tuple[Change, ...]) -> Change:
    return next(change for change in changes if change.metric == P50)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES)
def test_the_sentence_of_two_is_the_verdict_of_their_comparison(
    one: tuple[float, list[float], float], other: tuple[float, list[float], float]
) -> None:
    """Fastest where a comparison says slower, the same where it says so, and nothing where it cannot tell; the change
    and its interval are the comparison's, to the last digit."""
    runs = [made("a:a", one), made("b:b", other)]
    text = said(runs)
    base, new = sorted(runs, key=lambda run: (observed(run), run.record.plan.target.id))
    change = p50(compare(base, new).changes)
    claims = {"slower": "fastest on", "same": "are the same within ±3 %", "cannot_tell": "cannot be told apart"}
    assert [claims[change.word]] == [claim for claim in claims.values() if claim in text]
    if change.ratio is not None:
        assert f"{words.units.percent_change(change.ratio)}, 95 % interval {words.interval(change)}" in text
    if change.word == "slower":
        assert f"fastest on {base.record.plan.target.id}," in text


def observed(run: RecordedRun) -> float:
    """The geometric mean over processes, by which the better of two is the base."""
    values = [value for value in observe(run).values[P50] if value is not None]
    return float(np.exp(np.mean(np.log(values))))


@settings(deadline=None, max_examples=40)
@given(st.lists(SIDES, min_size=3, max_size=4))
def test_nobody_is_the_fastest_whom_a_comparison_cannot_tell_from_another(
    sides: list[tuple[float, list[float], float]],
) -> None:
    """Of three and four: the fastest is faster than each other in a comparison of all pairs, and in one of the two
    alone. Where one run is, the report says so."""
    names = [f"{letter}:{letter}" for letter in "abcd"[: len(sides)]]
    runs = dict(zip(names, (made(name, side) for name, side in zip(names, sides, strict=True)), strict=True))
    text = said(list(runs.values()))
    pairs = [(x, y) for i, x in enumerate(names) for y in names[i + 1 :]]
    family = compare_all([(observe(runs[x]), observe(runs[y])) for x, y in pairs])
    verdicts = {pair: p50(found.changes).word for pair, found in zip(pairs, family, strict=True)}
    back = {"slower": "faster", "faster": "slower"}
    verdicts |= {(y, x): back.get(word, word) for (x, y), word in verdicts.items()}
    winners = [x for x in names if all(verdicts[x, y] == "slower" for y in names if y != x)]
    assert [x for x in names if f"fastest on {x}," in text] == winners
    for winner in winners:
        for name in set(names) - {winner}:
            assert "slower" == p50(compare(runs[winner], runs[name]).changes).word
