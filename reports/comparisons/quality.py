"""The difference in quality between two runs, in words and rows."""

from bench.compare.comparison import Comparison
from bench.compare.quality import QualityChange
from bench.record.quality import Word
from bench.reports.comparisons.row import Row
from bench.reports.view.headline import Sentence
from bench.reports.words.causes import Status
from bench.reports.words.quality import chance, difference_words, signed, title, value
from bench.words import units

_STATUS: dict[Word, Status] = {"same": "plain", "cannot_tell": "unjudged", "better": "valid", "worse": "failed"}
_SIGNS: dict[Word, str] = {"same": "=", "cannot_tell": "?", "better": "✓", "worse": "✕"}


def quality_rows(comparison: Comparison) -> tuple[Row, ...]:
    """One a metric of quality, those that were not compared last."""
    found = comparison.quality
    if found is None:
        return ()
    changes = [_row(change) for change in found.changes]
    left_out = [
        Row(
            (title(o.metric), *[units.MISSING] * 4, "not compared", units.clean(str(o.reason))),
            "not compared",
            "skipped",
            "–",
        )
        for o in found.omitted
    ]
    return (*changes, *left_out)


def _row(change: QualityChange) -> Row:
    word = "cannot tell" if change.word == "cannot_tell" else change.word
    points = " points" if change.unit == "share" else ""
    low_high = units.MISSING
    if change.interval95 is not None:
        low_high = " to ".join(signed(end, change.unit) for end in change.interval95) + points
    cells = (
        title(change.metric),
        value(change.base, change.unit),
        value(change.new, change.unit),
        signed(change.difference, change.unit) + points,
        low_high,
        word,
        f"{change.test} {chance(change.p_value)}, {units.counted(change.n, 'sample')}{_needed(change)}",
    )
    return Row(cells, word, _STATUS[change.word], _SIGNS[change.word])


def _needed(change: QualityChange) -> str:
    return "" if change.samples_needed is None else f"; about {units.grouped(change.samples_needed)} are needed"


def quality_sentences(comparison: Comparison) -> tuple[Sentence, ...]:
    """The leading metric's change and its certainty, or why there is none."""
    found = comparison.quality
    if found is None:
        return ()
    if not found.changes:
        reason = str(found.omitted[0].reason) if found.omitted else "no metric in common"
        return (Sentence("Quality not compared:", f"{units.clean(reason)}.", "unjudged"),)
    first = next((change for change in found.changes if change.word == "worse"), found.changes[0])
    words = difference_words(
        first.difference,
        first.unit,
        first.interval95,
        first.test,
        first.p_value,
        first.word,
        first.higher_is_better,
    )
    pair = f"{title(first.metric)} {value(first.base, first.unit)} → {value(first.new, first.unit)}"
    samples = f"{units.counted(first.n, 'sample')} of {units.clean(found.dataset)}"
    return (Sentence(f"Quality: {pair},", f"{words}{_needed(first)}. On the same {samples}.", _STATUS[first.word]),)
