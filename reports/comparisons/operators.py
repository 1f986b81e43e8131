"""Operators whose time changed most, in words."""

from bench.comparison.comparison import Comparison
from bench.comparison.operators import OperatorChange
from bench.reports.view.sentences import Sentence
from bench.words import say, units

MATCHED = 0.5
"""Share of the base's time below which two profiles name their operators differently."""
LONGEST_NAME = 48


def operator_sentences(comparison: Comparison) -> tuple[Sentence, ...]:
    """Where to look, of two runs that were profiled; never a claim."""
    found = comparison.operators
    if found is None:
        return ()
    if found.matched < MATCHED:
        rest = say("comparison.operators.other_names", share=found.matched)
        return (Sentence(say("comparison.operators.lead"), rest, "plain"),)
    if not found.changes:
        return (Sentence(say("comparison.operators.lead"), say("comparison.operators.none"), "plain"),)
    told = []
    for part in dict.fromkeys(change.part for change in found.changes):
        named = [_changed(change) for change in found.changes if change.part == part]
        rest = say("comparison.operators.of", part=say(f"report.operators.part.{part}"), changes=named)
        told.append(Sentence(say("comparison.operators.lead"), rest, "plain"))
    return tuple(told)


def _changed(change: OperatorChange) -> str:
    name = units.clean(change.name)
    half = LONGEST_NAME // 2
    name = name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
    known = "new" if change.base_ns is None else "gone" if change.new_ns is None else "both"
    return say(
        f"comparison.operators.{known}",
        name=name,
        op=units.clean(change.op),
        base_ns=change.base_ns or 0,
        new_ns=change.new_ns or 0,
    )
