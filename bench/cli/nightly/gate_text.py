"""What a gate found, for a terminal: what is worse, by how much, since when and what to do; then counts, and the rate
that the gate states."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analysis.metrics import METRICS
from bench.gate.finding import Gate, MachineShift, MetricFinding, SeriesFinding, Stated, Word
from bench.nights.events import Event
from bench.printable import clean
from bench.words import say
from bench.words.cells import wrapped
from bench.words.units import (
    NO_BREAK,
    change_interval,
    figure,
    percent_change,
    points,
    points_interval,
    rough_percent,
    together,
)

FEWEST_CELLS = 40
QUIET: tuple[Word, ...] = ("same", "new")
"""Words of series that are counted and not listed."""
MOST_LISTED = 12  # series of one word; the rest is counted
BY_NAME = {metric.name: metric for metric in METRICS}


def gate_text(gate: Gate, width: int) -> str:
    """All that a person needs, in lines of at most ``width`` cells, the answer first."""
    wide = max(width, FEWEST_CELLS)
    lines = [*_indented(str(gate.reason), 0, wide), ""]
    for shift in gate.machines:
        lines += [*machine_lines(shift, wide), ""]
    for word, findings in _by_word(gate).items():
        if word not in QUIET:
            lines += [*_word(word, findings, wide), ""]
    lines += _indented(_counts(gate), 0, wide)
    lines += _indented(stated_words(gate.stated), 0, wide)
    return "\n".join(lines)


def _by_word(gate: Gate) -> dict[Word, list[SeriesFinding]]:
    found: dict[Word, list[SeriesFinding]] = {}
    for one in gate.findings:
        found.setdefault(one.word, []).append(one)
    return found


def _counts(gate: Gate) -> str:
    counts = Counter(one.word for one in gate.findings)
    listed = [say("gate.count", series=count, word=say(f"gate.word.{word}")) for word, count in counts.items()]
    return say("gate.counts", counts=listed)


def _word(word: Word, findings: Sequence[SeriesFinding], width: int) -> Iterator[str]:
    yield say(f"gate.heading.{word}", series=len(findings))
    for one in findings[:MOST_LISTED]:
        yield from _indented(clean(one.series.name), 2, width)
        for text in finding_words(one):
            yield from _indented(text, 4, width)
    if len(findings) > MOST_LISTED:
        yield from _indented(say("gate.and_more", series=len(findings) - MOST_LISTED), 2, width)
    yield from _indented(say(f"gate.remedy.{word}"), 2, width)


def finding_words(one: SeriesFinding) -> Iterator[str]:
    """By how much, since when, why this word, and what changed; a sentence each."""
    worse = [metric for metric in one.metrics if metric.word == "worse"]
    for metric in worse or one.metrics[:1]:
        yield metric_words(metric)
    if one.drift is not None and one.word != "drifting":
        yield say("gate.since", night=one.drift.night, ratio=1 + one.drift.change)
    for reason in one.reasons:
        yield clean(str(reason))
    if one.events:
        yield say("gate.changed", changed=[event_words(event) for event in one.events])


def metric_words(metric: MetricFinding) -> str:
    """``p50 +10.2 % (95 % interval +8.1 % to +12.4 %): 10.0 ms → 11.0 ms``."""
    of = BY_NAME[metric.metric]
    show, between = (points, points_interval) if of.fraction else (_ratio, _ratios)
    low, high = metric.interval or (metric.change, metric.change)
    text = say(
        "gate.metric",
        metric=of.title,
        change=show(metric.change),
        interval=between(low, high),
        base=figure(metric.base, of.unit),
        new=figure(metric.new, of.unit),
    )
    if metric.residual is None:
        return text
    return say("gate.metric.beyond", first=text, ratio=1 + metric.residual)


def _ratio(change: float) -> str:
    return percent_change(1 + change)


def _ratios(low: float, high: float) -> str:
    return change_interval(1 + low, 1 + high)


def machine_lines(shift: MachineShift, width: int) -> Iterator[str]:
    """That all series of a machine moved, by how much, and what is known to have changed."""
    yield from _indented(machine_words(shift), 0, width)
    changed = [event_words(event) for event in shift.changed]
    changed += [
        say("gate.condition", name=name, base=f"{before:.4g}", new=f"{after:.4g}")
        for name, (before, after) in shift.conditions.items()
    ]
    text = say("gate.changed", changed=changed) if changed else say("gate.machine.nothing_known")
    yield from _indented(text, 2, width)


def machine_words(shift: MachineShift) -> str:
    return say(
        "gate.machine",
        machine=clean(shift.machine) or say("gate.machine.unknown"),
        moved=shift.moved,
        series=shift.series,
        ratio=1 + shift.change,
    )


def event_words(event: Event) -> str:
    nothing = say("gate.nothing")
    return say(
        "gate.event",
        what=clean(event.what),
        before=clean(event.before or "") or nothing,
        after=clean(event.after or "") or nothing,
    )


def stated_words(stated: Stated | None) -> str:
    """The rate of false alarms and the smallest change found, measured on the history."""
    if stated is None or not stated.nights or stated.rate_at_most is None:
        return say("gate.stated.none")
    figures = {"nights": stated.nights, "red": stated.false_alarms, "most": rough_percent(stated.rate_at_most)}
    text = say("gate.stated", suspects=stated.suspects, **figures)
    if stated.smallest_change is None:
        return text
    return say("gate.stated.with_change", first=text, smallest=rough_percent(stated.smallest_change))


def _indented(text: str, spaces: int, width: int) -> Iterator[str]:
    for number, line in enumerate(wrapped(together(text), width - spaces)):
        yield " " * (spaces + 2 * (number > 0 and spaces == 0)) + line.replace(NO_BREAK, " ")
