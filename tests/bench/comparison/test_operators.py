"""Operators of two profiled runs: which changed most, and that nothing is decided by them."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import compare
from bench.comparison.operators import SHOWN, OperatorChange, operators_changed
from bench.record.operators import Operator, OperatorPart, OperatorProfile
from bench.record.record import RecordedRun
from bench.reports.comparisons.operators import operator_sentences
from bench.testing.records import fake_run
from bench.words import speaking

US = 1_000
Times = dict[str, int]


def profiled(record_id: str, *parts: tuple[str, Times]) -> RecordedRun:
    """A run of constant speed with parts of operators, name -> microseconds; none: it was not profiled."""
    run = fake_run(record_id, [np.full(20, 1_000_000)] * 6)
    made = [
        OperatorPart(part, 9, "median", tuple(Operator(name, "Conv", us * US) for name, us in times.items()))
        for part, times in parts
    ]
    found = OperatorProfile("fake", tuple(made)) if parts else None
    return replace(run, record=replace(run.record, operators=found))


BASE: Times = {"a": 100, "b": 50, "c": 30, "gone": 20}
NEW: Times = {"a": 40, "b": 51, "c": 70, "new": 9}


def test_the_largest_changes_come_first() -> None:
    """By absolute time; what changed by less than 1 % of the longer sum is left out."""
    found = operators_changed(*(profiled(n, ("inference", t)).record for n, t in (("b", BASE), ("n", NEW))))
    assert found is not None
    assert found.changes == (
        OperatorChange("inference", "a", "Conv", 100 * US, 40 * US),
        OperatorChange("inference", "c", "Conv", 30 * US, 70 * US),
        OperatorChange("inference", "gone", "Conv", 20 * US, None),
        OperatorChange("inference", "new", "Conv", None, 9 * US),
    )
    assert 180 / 200 == found.matched


def test_prompt_and_token_are_apart_and_each_has_its_largest() -> None:
    """A prompt's operators take a hundred times as long; a token's are not lost behind them."""
    before = profiled("b", ("prefill", dict.fromkeys("abcdefgh", 1_000)), ("decode", {"a": 10}))
    after = profiled("n", ("prefill", dict.fromkeys("abcdefgh", 1_500)), ("decode", {"a": 20}))
    found = operators_changed(before.record, after.record)
    assert found is not None
    assert ["prefill"] * SHOWN + ["decode"] == [change.part for change in found.changes]


@pytest.mark.parametrize(
    ("base", "new"),
    [((), (("inference", NEW),)), ((("prefill", BASE),), (("decode", NEW),)), ((), ())],
)
def test_only_two_profiles_of_the_same_part_are_compared(
    base: tuple[tuple[str, Times], ...], new: tuple[tuple[str, Times], ...]
) -> None:
    """Without them nothing is said."""
    one, other = profiled("b", *base), profiled("n", *new)
    assert operators_changed(one.record, other.record) is None
    assert () == operator_sentences(compare(one, other))


def test_cycles_of_an_emulator_are_compared_with_nothing() -> None:
    """They differ from run to run."""
    run = profiled("b", ("inference", BASE)).record
    part = replace(run.operators.parts[0], operators=(Operator("a", "Conv", cycles=5),)) if run.operators else None
    assert part is not None
    made = replace(run, operators=OperatorProfile("fake", (part,)))
    assert operators_changed(made, made) is None


def test_no_verdict_comes_of_it() -> None:
    """An operator that takes a hundred times as long changes no word and no status of a comparison."""
    one, other = profiled("b", ("inference", {"a": 10})), profiled("n", ("inference", {"a": 1_000}))
    with_profiles, without = compare(one, other), compare(profiled("b"), profiled("n"))
    assert replace(with_profiles, operators=None) == without


def test_the_sentence_says_how_certain_it_is() -> None:
    """In both languages; runtimes that name operators differently are not compared by name."""
    found = compare(profiled("b", ("inference", BASE)), profiled("n", ("inference", NEW)))
    (told,) = operator_sentences(found)
    assert told.text == (
        "Operators: largest changes of one inference: Conv a 100 µs → 40.0 µs; Conv c 30.0 µs → 70.0 µs; Conv gone "
        "20.0 µs (only in the base's profile); Conv new 9.00 µs (only in the new profile). Each side was profiled in "
        "one process, so this is no claim."
    )
    with speaking("ko"):
        (korean,) = operator_sentences(found)
    assert korean.text.startswith("연산자: 추론 1회에서 가장 많이 달라진 연산자는 Conv a 100 µs → 40.0 µs;")
    (other,) = operator_sentences(compare(profiled("b", ("inference", BASE)), profiled("n", ("inference", {"x": 9}))))
    assert "0 % of the base's time have the same name" in other.text
    (same,) = operator_sentences(compare(profiled("b", ("inference", BASE)), profiled("n", ("inference", BASE))))
    assert "none by 1 % of the time or more" in same.text
