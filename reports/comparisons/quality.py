"""The difference in quality between two runs, in words and rows."""

from bench.comparison.comparison import Comparison
from bench.comparison.quality import QualityChange
from bench.record.quality import Word
from bench.reports.comparisons.row import SIGNS, Row
from bench.reports.view.sentences import Sentence
from bench.reports.words.causes import Status
from bench.reports.words.quality import chance, difference_words, signed, test_name, title, value
from bench.words import say, sentence, units

_STATUS: dict[Word, Status] = {"same": "plain", "cannot_tell": "unjudged", "better": "valid", "worse": "failed"}


def quality_rows(comparison: Comparison) -> tuple[Row, ...]:
    """One a metric of quality, those that were not compared last."""
    found = comparison.quality
    if found is None:
        return ()
    left_out = [
        Row(
            (title(o.metric), *[units.MISSING] * 4, say("comparison.word.not_compared"), units.clean(str(o.reason))),
            "skipped",
            SIGNS["skipped"],
        )
        for o in found.omitted
    ]
    return (*(_row(change) for change in found.changes), *left_out)


def _row(change: QualityChange) -> Row:
    low_high = units.MISSING
    if change.interval95 is not None:
        low, high = (signed(end, change.unit) for end in change.interval95)
        low_high = _points(change, say("unit.from_to", low=low, high=high))
    figures = {"test": test_name(change.test), "chance": chance(change.p_value), "samples": change.n}
    note = say("comparison.quality.test", **figures)
    if change.samples_needed is not None:
        note = say("comparison.quality.test_needed", **figures, needed=change.samples_needed)
    cells = (
        title(change.metric),
        value(change.base, change.unit),
        value(change.new, change.unit),
        _points(change, signed(change.difference, change.unit)),
        low_high,
        say(f"comparison.word.{change.word}"),
        note,
    )
    return Row(cells, _STATUS[change.word], SIGNS[_STATUS[change.word]])


def _points(change: QualityChange, shown: str) -> str:
    """With its unit, where the figure is a fraction."""
    return say("comparison.quality.points", shown=shown) if change.unit == "share" else shown


def quality_sentences(comparison: Comparison) -> tuple[Sentence, ...]:
    """The leading metric's change and its certainty, or why there is none."""
    found = comparison.quality
    if found is None:
        return ()
    if not found.changes:
        reason = found.omitted[0].reason if found.omitted else sentence("comparison.quality.nothing")
        rest = say("comparison.quality.omitted.rest", reason=units.clean(str(reason)))
        return (Sentence(say("comparison.quality.omitted.lead"), rest, "unjudged"),)
    first = next((change for change in found.changes if change.word == "worse"), found.changes[0])
    figures = {
        "difference": difference_words(
            first.difference,
            first.unit,
            first.interval95,
            first.test,
            first.p_value,
            first.word,
            first.higher_is_better,
        ),
        "samples": first.n,
        "dataset": units.clean(found.dataset),
    }
    strong = say(
        "comparison.quality.lead",
        title=title(first.metric),
        base=value(first.base, first.unit),
        new=value(first.new, first.unit),
    )
    rest = say("comparison.quality.rest", **figures)
    if first.samples_needed is not None:
        rest = say("comparison.quality.rest_needed", **figures, needed=first.samples_needed)
    return (Sentence(strong, rest, _STATUS[first.word]),)
